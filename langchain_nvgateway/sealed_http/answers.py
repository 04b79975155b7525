"""Answers from the bytes of a connection (RFC 9112), in bounded memory."""

from __future__ import annotations

import httptools

from .transport_error import TransportError

__all__ = ["AnswerReader"]

MAX_SILENT_BYTES = 128 * 1024
"""Longest head; also of hints before it, and of extensions and trailers in a body: all that brings nothing of it."""

_NOT_HTTP = "the exchange is not valid HTTP"
_NO_ANSWER = "Server disconnected without sending a response"
_CUT = "peer closed connection without sending complete message body"


class AnswerReader:
    """Reads the answers of one connection, one after the other; a parser calls its `on_` methods.

    What is wrong is a value until somebody asks for what is missing: what came before it has arrived.
    """

    def __init__(self) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._has_leftover = False
        self.expect()

    def expect(self) -> None:
        """Get ready for the answer to the next request."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_head = False
        self.is_complete = False
        self._is_hint = False
        self._may_reuse = False
        self._ends_with_connection = False
        self._body: list[bytes] = []
        self._silent_bytes = 0
        self._problem: str | None = None

    @property
    def may_reuse(self) -> bool:
        """Whether the connection is fit for another request: its answer is read, and nothing came behind it."""
        return self.is_complete and self._may_reuse and not self._has_leftover

    def feed(self, data: bytes) -> None:
        """Take what has arrived; nothing means that the connection has ended."""
        if not data:
            self._end()
            return
        self._silent_bytes += len(data)
        parser = self._parser  # Another thread may close this meanwhile.
        try:
            if parser is not None:
                parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # Its text quotes what was received, in Python's notation, where no secret is found again.
            self._fail(_NOT_HTTP)
        if self._silent_bytes > MAX_SILENT_BYTES:
            self._fail(_NOT_HTTP)

    def body(self) -> bytes:
        """Return what has come of the body since the last time.

        Raises:
            TransportError: Nothing has, and nothing will.
        """
        if self._body:
            pieces, self._body = self._body, []
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._problem and not self.is_complete:
            raise TransportError(self._problem) from None
        return b""

    def check(self) -> None:
        """Let an exchange go on that may still bring an answer.

        Raises:
            TransportError: It will not.
        """
        if self._problem and not self.has_head:
            raise TransportError(self._problem) from None

    def close(self) -> None:
        """Let go of the parser, which holds this object as well; an answer that is not whole by now never will be."""
        self._parser = None

    def _end(self) -> None:
        self._may_reuse = False
        if self.has_head and self._ends_with_connection and self._parser is not None:
            self.is_complete = True
        else:
            self._fail(_CUT if self.has_head else _NO_ANSWER)

    def _fail(self, problem: str) -> None:
        self._may_reuse = False
        self._problem = self._problem or problem

    # -- What the parser calls ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Notice what nobody has asked for."""
        self._has_leftover = self._has_leftover or self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind the body are passed over."""
        if self.has_head:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Find out how the body ends (RFC 9112 §6.3)."""
        assert self._parser is not None
        if self.has_head:
            return
        self.status = self._parser.get_status_code()
        if self.status < 100:  # RFC 9110 §15: the first digit is the class of the answer.
            self._fail(_NOT_HTTP)
            return
        self._is_hint = 100 <= self.status < 200
        if self._is_hint:
            return
        coding = self.headers.get("transfer-encoding", "").lower()
        if coding not in ("", "chunked"):
            self._fail(_NOT_HTTP)
            return
        self.has_head = True
        has_end = bool(coding) or "content-length" in self.headers or self.status in (204, 304)
        self._ends_with_connection = not has_end
        self._may_reuse = has_end and self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if not self._has_leftover:
            self._silent_bytes = 0
            self._body.append(data)

    def on_message_complete(self) -> None:
        """Notice the end of an answer, or of a hint before it (RFC 9110 §15.2)."""
        if self._is_hint:
            self._is_hint, self.headers = False, {}
        else:
            self.is_complete = True
