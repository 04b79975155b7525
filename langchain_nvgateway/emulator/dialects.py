"""How the Gateway and NIM each write a completion."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

_SAFE = {"filtered": False, "severity": "safe"}
SAFE_RESULTS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
"""What Azure's content filter says of harmless text."""
PROMPT_RESULTS = [{"prompt_index": 0, "content_filter_results": SAFE_RESULTS}]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The fields in which two writers of the same format differ."""

    id_prefix: str
    id_bytes: int
    call_id_prefix: str
    call_id_bytes: int
    body_extras: dict[str, Any] = field(default_factory=dict)
    """Further fields of a whole completion."""
    chunk_extras: dict[str, Any] = field(default_factory=dict)
    """Further fields of each chunk of a stream."""
    choice_extras: dict[str, Any] = field(default_factory=dict)
    """Further fields of each choice."""
    opening_events: tuple[dict[str, Any], ...] = ()
    """What a stream begins with, before any choice."""

    def completion_id(self) -> str:
        """Make up the id of a completion."""
        return _make_id(self.id_prefix, self.id_bytes)

    def call_id(self) -> str:
        """Make up the id of a tool call."""
        return _make_id(self.call_id_prefix, self.call_id_bytes)


_numbers = itertools.count(1)
_SALT = secrets.token_hex(16)


def _make_id(prefix: str, length: int) -> str:
    # A counter after a salt is unique and much cheaper than asking for randomness each time.
    number = f"{next(_numbers):x}"
    return f"{prefix}{_SALT[: length - len(number)]}{number}"


def now() -> int:
    """Return the `created` time of a completion: seconds since the epoch."""
    return int(time.time())


AZURE = Dialect(
    id_prefix="chatcmpl-",
    id_bytes=29,
    call_id_prefix="call_",
    call_id_bytes=24,
    body_extras={
        "system_fingerprint": "fp_emulated",
        "prompt_filter_results": PROMPT_RESULTS,
    },
    chunk_extras={"system_fingerprint": "fp_emulated"},
    choice_extras={"content_filter_results": SAFE_RESULTS},
    opening_events=(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": PROMPT_RESULTS,
        },
    ),
)
"""Azure OpenAI, as the Gateway passes it on."""

VLLM = Dialect(
    id_prefix="chatcmpl-",
    id_bytes=32,
    call_id_prefix="chatcmpl-tool-",
    call_id_bytes=32,
    body_extras={"prompt_logprobs": None},
)
"""vLLM, which hosted NIM runs on."""
