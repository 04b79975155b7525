"""Writes a turn as the events of a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .dialects import Dialect, now
from .json_text import encode_text
from .logprobs import logprobs_of
from .replies import Call, Turn
from .responses import DONE, event
from .usage import count_usage

PIECE = 8
"""Characters of one piece of streamed arguments."""


class StreamWriter:
    """Writes the chunks of one completion; all share id, time and model.

    Args:
        turn: What the model says.
        model: The model's name in the answer.
        dialect: Who writes.
    """

    def __init__(self, turn: Turn, *, model: str, dialect: Dialect) -> None:
        self._turn = turn
        self._dialect = dialect
        self._envelope = {
            "id": turn.id or dialect.completion_id(),
            "object": "chat.completion.chunk",
            "created": now(),
            "model": turn.model or model,
            **dialect.chunk_extras,
        }

    def events(self, usage: Mapping[str, Any] | None) -> list[bytes]:
        """Write all events of the stream.

        Args:
            usage: What the last chunk reports; `None` for no such chunk.
        """
        written = [event(opening) for opening in self._dialect.opening_events]
        if self._turn.chunks is not None:
            written += self._raw_events(self._turn.chunks)
        else:
            for index, text in enumerate((self._turn.text, *self._turn.texts)):
                written.append(self._chunk({"role": "assistant", "content": ""}, index))
                written += self._text_events(text or "", index)
            if self._turn.message:
                written.append(self._chunk(dict(self._turn.message), 0))
            written += [self._chunk(delta, 0) for delta in self._call_deltas()]
        if self._turn.finish_reason is not None:
            choices = range(1 + len(self._turn.texts))
            written += [self._chunk({}, i, self._turn.finish_reason) for i in choices]
        if usage:
            written.append(event({**self._envelope, "choices": [], "usage": usage}))
        written.append(DONE)
        return written

    def _chunk(self, delta: Mapping[str, Any], index: int, finish: str | None = None) -> bytes:
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish,
        }
        return event({**self._envelope, "choices": [choice | self._dialect.choice_extras]})

    def _text_events(self, text: str, index: int) -> Iterator[bytes]:
        words = split_words(text)
        if self._turn.logprobs:
            for word in words:
                choice = {
                    "index": index,
                    "delta": {"content": word},
                    "logprobs": logprobs_of(word),
                    "finish_reason": None,
                }
                yield event({**self._envelope, "choices": [choice]})
            return
        # All chunks but their text are the same, so they are encoded once around a mark.
        mark = "\ufdd0"
        start, end = self._chunk({"content": mark}, index).split(encode_text(mark).encode())
        for word in words:
            try:
                yield start + encode_text(word).encode() + end
            except UnicodeEncodeError:
                yield self._chunk({"content": word}, index)

    def _call_deltas(self) -> Iterator[dict[str, Any]]:
        for index, call in enumerate(self._turn.calls):
            names = call.name_deltas or (call.name,)
            pieces = split_arguments(call.arguments)
            yield _first_delta(index, call, names[0])
            for name in names[1:]:
                yield {"tool_calls": [{"index": index, "function": {"name": name}}]}
            for piece in pieces:
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _raw_events(self, chunks: Any) -> Iterator[bytes]:
        for chunk in chunks:
            if "choices" in chunk:
                yield event({**self._envelope, **chunk})
            elif "error" in chunk:
                yield event(chunk)
            else:
                yield self._chunk(chunk, 0)


def stream_events(
    turn: Turn,
    body: Mapping[str, Any],
    *,
    model: str,
    dialect: Dialect,
    can_count: bool = True,
) -> list[bytes]:
    """Write a turn as the events of a stream, with usage if the request wants it.

    Args:
        turn: What the model says.
        body: The request.
        model: The model's name in the answer.
        dialect: Who writes.
        can_count: Whether this model reports usage in streams.
    """
    options = body.get("stream_options")
    asked = isinstance(options, dict) and options.get("include_usage") is True
    usage: Mapping[str, Any] | None = None
    if asked and can_count:
        usage = count_usage(body, turn) if turn.usage is None else turn.usage
    return StreamWriter(turn, model=model, dialect=dialect).events(usage)


def split_words(text: str) -> list[str]:
    """Split a text into pieces that join to it again: words with the blanks before them."""
    pieces = re.findall(r"\s*\S+", text)
    rest = text[sum(map(len, pieces)) :]
    return [*pieces, rest] if rest else pieces


def split_arguments(arguments: Any) -> list[Any]:
    """Split arguments into pieces, each JSON escape in the middle.

    Args:
        arguments: JSON text; anything else stays whole.
    """
    if not isinstance(arguments, str):
        return [arguments]
    pieces: list[str] = []
    start = 0
    while start < len(arguments):
        end = start + PIECE
        escape = arguments.find("\\", start, end)
        if escape >= 0:
            end = escape + 1
        pieces.append(arguments[start:end])
        start = end
    return pieces


def _first_delta(index: int, call: Call, name: str) -> dict[str, Any]:
    function = {"name": name, "arguments": ""}
    written = {"index": index, "id": call.id, "type": "function", "function": function}
    if call.id is None:
        del written["id"]
    return {"tool_calls": [written]}
