"""What is said to a proxy before it passes bytes on, and what its answer means (RFC 9110 §9.3.6); without I/O."""

from __future__ import annotations

import ssl

from .answers import AnswerReader
from .outlet import Proxy, written_host
from .requests import USER_AGENT, Place
from .transport_error import TransportError

__all__ = ["Tunnel", "connect_failure"]

_WANTS_CREDENTIALS = 407


class Tunnel:
    """A way to a place through a proxy, which hears nothing but this one request.

    Args:
        proxy: The proxy.
        place: Where the tunnel leads.
    """

    def __init__(self, proxy: Proxy, place: Place) -> None:
        self.proxy = proxy
        self.is_open = False
        self._target = written_host(place.host, place.port)
        self._answers = AnswerReader()

    def request(self) -> bytes:
        """Return what the proxy is sent; holds its password."""
        lines = [f"CONNECT {self._target} HTTP/1.1", f"Host: {self._target}", f"User-Agent: {USER_AGENT}"]
        if self.proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.proxy.authorization.get_secret_value()}")
        return "\r\n".join((*lines, "\r\n")).encode("ascii")

    def feed(self, data: bytes) -> None:
        """Take what the proxy has sent; nothing means that it has closed the connection.

        Raises:
            TransportError: There will be no tunnel.
        """
        pieces = data.splitlines(keepends=True) or [b""]
        try:
            # By lines, so that the head ends with a piece: what comes behind it is in another one.
            while pieces and not self._answers.has_head:
                self._answers.feed(pieces.pop(0))
                self._answers.check()
        except TransportError as error:
            problem: str | None = f"gave no answer: {error}"
        else:
            problem = self._verdict(has_more=bool(pieces)) if self._answers.has_head else None
        if problem:
            self._answers.close()
            text = f"the proxy {self.proxy} (NVGATEWAY_PROXY) {problem}"
            raise TransportError(text, is_locked_out=self._answers.status == _WANTS_CREDENTIALS) from None

    def _verdict(self, *, has_more: bool) -> str | None:
        """Open the tunnel, or return why not; what the proxy says beyond its status is not to be trusted."""
        status = self._answers.status
        if status == _WANTS_CREDENTIALS:
            return "refused with status 407: check its user and password"
        if not 200 <= status < 300:
            return f"refused a connection to {self._target} with status {status}"
        if has_more:
            return "sent bytes of its own into the tunnel"
        self.is_open = True
        self._answers.close()
        return None


def connect_failure(error: Exception, tunnel: Tunnel | None) -> TransportError:
    """Return the error for a connection that there is none of.

    Args:
        error: What happened.
        tunnel: The tunnel that the connection was to go through, if any.
    """
    proxy = f"the proxy {tunnel.proxy} (NVGATEWAY_PROXY)" if tunnel else ""
    through = f" through {proxy}" if tunnel else ""
    if isinstance(error, TimeoutError):
        return TransportError(f"no connection in time{through}", timed_out=True)
    what = str(error) or type(error).__name__
    if tunnel and not tunnel.is_open:
        return TransportError(f"ConnectError: {proxy} cannot be reached: {what}")
    is_unknown = isinstance(error, ssl.SSLCertVerificationError)
    hint = "; an authority of your company belongs in NVGATEWAY_CA_BUNDLE" if is_unknown else ""
    return TransportError(f"ConnectError{through}: {what}{hint}")
