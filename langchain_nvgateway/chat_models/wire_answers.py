"""Answers as they come over the wire, as answers to be judged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..answers import Answer, Call, new_call_id

__all__ = ["CallPieces", "answer_in", "call_in", "completed_calls", "says_more_in", "text_in"]


def answer_in(message: dict[str, Any], finish_reason: str | None) -> Answer:
    """Return what a whole message says, as far as it matters for the verdict."""
    calls = [call_in(call) for call in message.get("tool_calls") or ()]
    if message.get("function_call"):
        calls.append(call_in({"function": message["function_call"]}))
    return Answer(text_in(message), calls, finish_reason, has_more=says_more_in(message))


def call_in(call: dict[str, Any]) -> Call:
    """Return a call in OpenAI's form as one to be judged."""
    return Call(call["function"].get("name"), call["function"].get("arguments"))


def text_in(message: dict[str, Any]) -> str:
    """Return the text of a message or of a delta, whose content may be a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" if isinstance(part, dict) else part for part in content)


def says_more_in(message: dict[str, Any]) -> bool:
    """Whether a message or a delta says something that is neither text nor a call."""
    return bool(message.get("refusal") or message.get("audio"))


def completed_calls(calls: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return calls that passed as LangChain reads them: with an id, and with arguments even if there are none."""
    return [
        {
            **call,
            "id": call.get("id") or new_call_id(),
            "function": {**call["function"], "arguments": call["function"].get("arguments") or "{}"},
        }
        for call in calls
    ]


class CallPieces:
    """Joins the pieces of tool calls that a stream brings, each with the index of its call."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[dict[str, Any]]] = {}

    def add(self, deltas: Iterable[dict[str, Any]]) -> None:
        """Take the pieces in one delta."""
        for delta in deltas:
            self._pieces.setdefault(delta["index"], []).append(delta)

    def joined(self) -> list[dict[str, Any]]:
        """Return the calls so far, in the order of their indexes."""
        return [
            {
                "index": index,
                "id": next((piece["id"] for piece in pieces if piece.get("id")), None),
                "type": "function",
                "function": {name: _joined(pieces, name) for name in ("name", "arguments")},
            }
            for index, pieces in sorted(self._pieces.items())
        ]


def _joined(pieces: list[dict[str, Any]], name: str) -> Any:
    values = [piece["function"].get(name) for piece in pieces]
    strange = [value for value in values if not isinstance(value, str | None)]
    # What is no text cannot be joined, and is a flaw by itself.
    return strange[0] if strange else "".join(filter(None, values))
