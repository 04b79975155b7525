"""What it costs to check a streamed tool call of 2 kB before anybody sees it."""

from __future__ import annotations

import json
from typing import Any

from langchain_nvgateway import ChatNIM
from langchain_nvgateway.answers import Answer, Call, Holding, contract_of, flaw_in
from langchain_nvgateway.chat_models.wire_answers import CallPieces, completed_calls

from .measuring import compare
from .servers import serving

__all__ = ["measure"]

EDIT: dict[str, Any] = {
    "title": "edit_file",
    "description": "Change a file.",
    "type": "object",
    "properties": {
        "path": {"type": "string", "pattern": r"^[\w./-]+$"},
        "edits": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "old": {"type": "string"},
                    "new": {"type": "string"},
                    "line": {"type": "integer", "minimum": 1},
                    "kind": {"enum": ["replace", "insert", "delete"]},
                },
                "required": ["old", "new", "kind"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["path", "edits"],
}
ARGUMENTS = {
    "path": "src/session.py",
    "edits": [
        {"old": f"line {n}: " + "before " * 10, "new": f"line {n}: " + "behind " * 10, "line": n + 1, "kind": "replace"}
        for n in range(9)
    ],
}
PIECE = 5
"""Characters of the arguments in a chunk, about a token."""


def measure(*, rounds: int = 15) -> dict[str, float]:
    """Return the share of the check in a streamed call, and its cost against the same stream unchecked."""
    text = json.dumps(ARGUMENTS)
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "edit_file", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": text[at : at + PIECE]}} for at in range(0, len(text), PIECE)]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"tool_calls": [first]}]
    deltas += [{"tool_calls": [piece]} for piece in pieces]
    with serving(chunks=deltas, finish_reason="tool_calls") as env:
        endpoint = {"api_key": env["NVIDIA_NIM_API_KEY"], "base_url": env["NVIDIA_NIM_BASE_URL"]}
        checked = ChatNIM(**endpoint).bind_tools([EDIT])
        unchecked = ChatNIM(**endpoint, strict_answers=False).bind_tools([EDIT])
        against = compare(
            lambda: list(checked.stream("Edit it")), lambda: list(unchecked.stream("Edit it")), rounds=rounds, runs=3
        )
        request = {"tools": checked.kwargs["tools"]}  # type: ignore[attr-defined]  # a binding has them
        alone = compare(lambda: _check(request, deltas), lambda: list(checked.stream("Edit it")), rounds=rounds, runs=3)
    return {
        "bytes": float(len(text)),
        "chunks": float(len(deltas) + 1),
        "share of the check in a streamed call": alone.ratio,
        "a checked stream against an unchecked one": against.ratio,
    }


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
