"""Whether an answer can be used: strict JSON, the tools' schemas, nothing missing, nothing leaked into the text."""

from __future__ import annotations

from .contract import PLAIN, Contract, asked_in, contract_in, contract_of
from .holding import Hold, Holding
from .messages import (
    answer_of,
    calls_something,
    check_answer,
    error_of,
    new_call_id,
    says_more,
    schema_of,
    with_call_ids,
)
from .strict_json import unfenced
from .verdict import Answer, Call, Flaw, flaw_in

__all__ = [
    "PLAIN",
    "Answer",
    "Call",
    "Contract",
    "Flaw",
    "Hold",
    "Holding",
    "answer_of",
    "asked_in",
    "calls_something",
    "check_answer",
    "contract_in",
    "contract_of",
    "error_of",
    "flaw_in",
    "new_call_id",
    "says_more",
    "schema_of",
    "unfenced",
    "with_call_ids",
]
