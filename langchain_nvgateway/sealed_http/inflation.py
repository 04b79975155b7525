"""Bodies that a server compresses although nobody asked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from .transport_error import TransportError

__all__ = ["Inflater", "inflater_of"]

_MAX_EMPTY_MEMBERS = 16
"""Members without anything in them that may follow one another: 20 bytes make one, and none meets a limit of size."""


def inflater_of(encoding: str) -> Inflater | None:
    """Return what undoes a `Content-Encoding`, `None` if there is nothing to undo.

    Raises:
        TransportError: Nobody here can undo it.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise TransportError(f"an answer in the encoding {encoding[:40]!r}, which was not asked for")
    return Inflater()


class Inflater:
    """Undo the compression of a body, in pieces of bounded size."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._empty_members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body holds."""
        # In steps, so that a small piece that inflates to gigabytes meets the reader's own limit first.
        while data:
            if self._inflater.eof:  # Another member follows, RFC 1952 §2.2.
                self._empty_members += 1
                if self._empty_members > _MAX_EMPTY_MEMBERS:
                    raise TransportError("an answer with broken compression: there is nothing in it")
                self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                piece = self._inflater.decompress(data, 1 << 16)
            except zlib.error as error:
                raise TransportError(f"an answer with broken compression: {error}") from None
            if piece:
                self._empty_members = 0
                yield piece
            data = self._inflater.unconsumed_tail or self._inflater.unused_data

    def end(self) -> None:
        """Make sure that the body was whole."""
        if not self._inflater.eof:
            raise TransportError("an answer with broken compression: it is cut")
