"""The chunks of a chat completion from the bytes of a streamed answer.

Failures are values here (`failure`), raised by the chat model: a traceback that shows local variables must
not show the bytes of a server that echoes secrets.
"""

from __future__ import annotations

from typing import Any

from ..errors import ContentFilteredError, NVGatewayError, StreamInterruptedError
from .call_numbers import MOST_CALLS, CallNumbers
from .envelopes import (
    AnyChunk,
    BrokenEnvelopeError,
    as_chunk,
    checked_chunk,
    checked_completion,
    has_content,
    is_error,
    parsed_event,
    parsed_json,
    plain_text,
)
from .event_stream import MAX_EVENT_BYTES, EventDecoder, EventTooLargeError
from .service_errors import (
    Call,
    error_from_broken_answer,
    error_from_event,
    error_from_filter,
    error_without_answer,
)

__all__ = ["ChunkReader"]

MAX_STREAM_BYTES = 64 * 1024 * 1024
"""More than that is no answer of a chat model."""

_LEAST_EVENT_BYTES = 256
"""What an event counts for at least: as a chunk it takes far more memory than it has bytes."""


class ChunkReader:
    """Turn pieces of a body into checked chunks; knows whether the answer has begun and is complete.

    Args:
        call: What errors say about the call.
        headers: Headers of the answer; a server that does not stream answers with one JSON object.
        takes_texts: Whether a chunk that brings nothing but text may be returned as that text.
    """

    def __init__(self, call: Call, headers: dict[str, str], *, takes_texts: bool = True) -> None:
        self._call = call
        self._headers = headers
        self._decoder = EventDecoder()
        content_type = headers.get("content-type", "").lower()
        self._is_whole = "json" in content_type or "html" in content_type
        self._takes_texts = takes_texts and not self._is_whole
        self._whole = bytearray()
        self._size = 0
        self._is_empty = True
        self._calls = CallNumbers()
        self._answer: int | None = None
        """Index of the choice that is the answer: of several, the one that begins first."""
        self.has_begun = False
        self.is_finished = False
        self.is_done = False
        self.failure: NVGatewayError | None = None

    def feed(self, piece: bytes) -> list[AnyChunk]:
        """Return the chunks that end in this piece, up to a failure."""
        if self._is_whole:
            self._whole += piece
            if len(self._whole) > MAX_EVENT_BYTES:
                self._fail(f"more than {MAX_EVENT_BYTES >> 20} MiB")
            return []
        try:
            events = self._decoder.feed(piece)
        except EventTooLargeError:
            self._fail(f"an event of more than {MAX_EVENT_BYTES >> 20} MiB")
            return []
        self._size += max(len(piece), len(events) * _LEAST_EVENT_BYTES)
        if self._size > MAX_STREAM_BYTES:
            self._fail(f"more than {MAX_STREAM_BYTES >> 20} MiB")
            return []
        return self._chunks(events)

    def end(self, problem: str | None = None, *, timed_out: bool = False) -> list[AnyChunk]:
        """Return the last chunks when the body is over.

        Args:
            problem: Why it ended, when that was not the server's will.
            timed_out: Whether time ran out.
        """
        if self.failure:
            return []
        if self._is_whole and not problem:
            return self._chunks([bytes(self._whole)])
        chunks = [] if problem else self._chunks(self._decoder.end())
        if self._is_empty and not problem:
            self._fail("an empty stream")
        if not self.is_finished and not self.failure:
            if self.is_done or not problem:
                problem = "the stream ended without a finish reason"
            self.failure = self._interrupted(problem, timed_out=timed_out and not self.is_done)
        return chunks

    def _chunks(self, events: list[bytes]) -> list[AnyChunk]:
        chunks: list[AnyChunk] = []
        for event in events:
            self._is_empty = False
            if event.strip() == b"[DONE]":
                self.is_done = True
            elif not self.is_done and not self.failure:
                chunk = self._chunk(event)
                if chunk is not None:
                    chunks.append(chunk)
        return chunks

    def _chunk(self, event: bytes) -> AnyChunk | None:
        try:
            chunk = parsed_json(event) if self._is_whole else parsed_event(event)
            text = plain_text(chunk, self._answer) if self._takes_texts else None
            if text is not None:
                self.has_begun = self.has_begun or bool(text)
                return text
            if is_error(chunk):
                self._stop(self._reported(error_from_event(self._call, event)))
                return None
            chunk = as_chunk(checked_completion(chunk)) if self._is_whole else checked_chunk(chunk)
        except BrokenEnvelopeError as problem:
            self._fail(str(problem), event)
            return None
        chunk["choices"] = list(filter(self._is_of_answer, chunk["choices"]))[:1]
        for choice in chunk["choices"]:
            self._calls.number(choice["delta"].get("tool_calls") or ())
            if self._calls.are_too_many:
                self._fail(f"more than {MOST_CALLS} tool calls")
                return None
            finish_reason = choice.get("finish_reason")
            if finish_reason == "content_filter":
                self.failure = error_from_filter(self._call)
                return None
            self.is_finished = self.is_finished or bool(finish_reason)
        self.has_begun = self.has_begun or has_content(chunk)
        return chunk

    def _is_of_answer(self, choice: dict[str, Any]) -> bool:
        index = choice.get("index")
        if not isinstance(index, int):
            return True
        self._answer = index if self._answer is None else self._answer
        return index == self._answer

    def _fail(self, reason: str, body: bytes = b"") -> None:
        if self.has_begun:
            self._stop(self._interrupted(f"the service sent {reason}"))
        else:
            self._stop(error_from_broken_answer(self._call, 200, self._headers, body, reason))

    def _stop(self, failure: NVGatewayError) -> None:
        # A complete answer stays one, whatever comes after it.
        self.is_done = self.is_finished
        self.failure = None if self.is_finished else failure

    def _interrupted(self, problem: str, *, timed_out: bool = False) -> NVGatewayError:
        if not self.has_begun:
            return error_without_answer(self._call, problem, timed_out=timed_out)
        return StreamInterruptedError(
            f"{self._call.who}: the answer broke off: {problem}. What came is in `.partial`; ask again.",
            correlation_id=self._call.correlation_id,
        )

    def _reported(self, error: NVGatewayError) -> NVGatewayError:
        """Return the error for one that the service reports within the stream."""
        if not self.has_begun or isinstance(error, ContentFilteredError):
            return error
        interrupted = self._interrupted(f"the service reports: {getattr(error, 'message', error)}")
        interrupted.__cause__ = error
        return interrupted
