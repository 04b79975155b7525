"""What it costs to check a streamed tool call of 2 kB before anybody sees it."""

from __future__ import annotations

from typing import Any

from langchain_nvgateway.answers import Answer, Call, Holding, contract_of, flaw_in
from langchain_nvgateway.chat_models.wire_answers import CallPieces, completed_calls

from .answers import CALL_DELTAS
from .history import EDIT
from .measuring import compare, cpu_of
from .models import Bench
from .row import Measurement, Row
from .streams import chunks, stream_turns

__all__ = ["ROWS", "share"]


def share(bench: Bench, *, rounds: int = 15) -> Measurement:
    """Return what is done for the check alone, as a share of the whole call."""
    checked: Any = bench.nim("tool").bind_tools([EDIT])
    request = {"tools": checked.kwargs["tools"]}
    compared = compare(
        cpu_of(lambda: _check(request, CALL_DELTAS)), cpu_of(lambda: list(checked.stream("Hi"))), rounds=rounds
    )
    ours, theirs = (seconds * 1e3 for seconds in compared[:2])
    return Measurement(compared.ratio, f"{ours:.2f} of {theirs:.2f} ms")


def _checked(bench: Bench) -> Measurement:
    one, other = (bench.nim("tool", strict_answers=strict).bind_tools([EDIT]) for strict in (True, False))
    return chunks(stream_turns(one, other), len(CALL_DELTAS))


def _check(request: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
    """Do all that is done for the check alone."""
    contract = contract_of(request)
    holding, calls = Holding(contract), CallPieces()
    for delta in deltas:
        pieces = delta.get("tool_calls")
        if pieces:
            calls.add(pieces)
        holding.holds(delta.get("content") or "", is_call=bool(pieces))
    joined = calls.joined()
    answer = Answer("", [Call(call["function"]["name"], call["function"]["arguments"]) for call in joined], "stop")
    if flaw_in(answer, contract):
        raise AssertionError("a good call was refused")
    completed_calls(joined)


ROWS = (
    Row(
        "check-share",
        "the check of a streamed tool call of 2 kB",
        "the whole call",
        share,
        0.15,
        0.1,
        slack=0.02,
        is_main=True,
    ),
    Row("check-stream", "that stream, checked", "the same, unchecked", _checked, 1.0),
)
