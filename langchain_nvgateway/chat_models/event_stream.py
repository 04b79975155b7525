"""Server-sent events from bytes (WHATWG HTML, section 9.2), as far as chat completions use them."""

from __future__ import annotations

__all__ = ["MAX_EVENT_BYTES", "EventDecoder", "EventTooLargeError"]

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Longest event that is accepted; a chunk of a completion is far below."""


class EventTooLargeError(ValueError):
    """An event, or a line that never ends, is longer than `MAX_EVENT_BYTES`."""


class EventDecoder:
    """Turn pieces of a response body, cut anywhere, into the data of the events in it."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._data: list[bytes] = []
        self._after_carriage_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that ends in this piece.

        Raises:
            EventTooLargeError: An event grows beyond `MAX_EVENT_BYTES`.
        """
        if self._after_carriage_return and piece[:1] == b"\n":
            piece = piece[1:]
        if piece:
            self._after_carriage_return = piece.endswith(b"\r")
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, newline, tail = piece.rpartition(b"\n")
        if not newline:
            self._keep(piece)
            return []
        whole = b"".join((*self._rest, head))
        self._rest, self._rest_size = [], 0
        self._keep(tail)
        return self._events(whole.split(b"\n"))

    def end(self) -> list[bytes]:
        """Return the data of an event that the stream's end left without its closing blank line."""
        whole = b"".join(self._rest)
        self._rest, self._rest_size = [], 0
        return self._events([whole, b""])

    def _keep(self, piece: bytes) -> None:
        self._rest_size += len(piece)
        if self._rest_size > MAX_EVENT_BYTES:
            raise EventTooLargeError
        if piece:
            self._rest.append(piece)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b"data:"):
                value = line[5:]
                self._data.append(value[1:] if value[:1] == b" " else value)
                if len(self._data) > 1 and sum(map(len, self._data)) > MAX_EVENT_BYTES:
                    raise EventTooLargeError
        return events
