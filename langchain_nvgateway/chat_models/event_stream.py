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
        if not newline:
            self._keep(self._rest, piece)
            return []
        lines = b"".join((*self._rest, head)).split(b"\n")
        self._size -= sum(map(len, self._rest))
        self._rest = []
        events = self._events(lines)
        self._keep(self._rest, tail)
        return events

    def end(self) -> list[bytes]:
        """Return the data of an event that the stream's end left without its closing blank line."""
        lines = [b"".join(self._rest), b""]
        self._rest = []
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if self._is_first_line:
                self._is_first_line = False
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data, self._size = [], 0
            elif line.startswith(b"data:"):
                self._keep(self._data, line[5:].removeprefix(b" "))
            elif line == b"data":
                self._keep(self._data, b"")
        return events

    def _keep(self, place: list[bytes], piece: bytes) -> None:
        # A line without data takes memory, too.
        self._size += len(piece) + (place is self._data)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLargeError
        place.append(piece)
