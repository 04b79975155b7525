"""Server-sent events from bytes (WHATWG HTML, section 9.2), as far as chat completions use them."""

from __future__ import annotations

__all__ = ["MAX_EVENT_BYTES", "EventDecoder", "EventTooLargeError"]

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Longest event that is accepted; a chunk of a completion is far below."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLargeError(ValueError):
    """An event, or a line that never ends, is longer than `MAX_EVENT_BYTES`."""


class EventDecoder:
    """Turn pieces of a response body, cut anywhere, into the data of the events in it."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        """Bytes that are kept until a line or an event ends."""
        self._is_first_line = True
        self._after_carriage_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that ends in this piece.

        Raises:
            EventTooLargeError: An event grows beyond `MAX_EVENT_BYTES`.
        """
        if self._after_carriage_return and piece:
            self._after_carriage_return = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_carriage_return = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, newline, tail = piece.rpartition(b"\n")
        events: list[bytes] = []
        if newline:
            head = self._taken_rest() + head if self._rest else head
            events = self._events(head.split(b"\n"))
        if tail:
            self._grow(len(tail))
            self._rest.append(tail)
        return events

    def end(self) -> list[bytes]:
        """Return the data of an event that the stream's end left without its closing blank line."""
        return self._events([self._taken_rest(), b""])

    def _taken_rest(self) -> bytes:
        rest, self._rest = b"".join(self._rest), []
        self._size -= len(rest)
        return rest

    def _events(self, lines: list[bytes]) -> list[bytes]:
        if self._is_first_line:
            self._is_first_line = False
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        events = []
        for line in lines:
            if line:
                name, _, value = line.partition(b":")
                if name == b"data":
                    value = value.removeprefix(b" ")
                    self._grow(len(value) + 1)  # A line without data takes memory, too.
                    self._data.append(value)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data, self._size = [], 0
        return events

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLargeError
