"""What is raised when an exchange fails."""

from __future__ import annotations

__all__ = ["TransportError"]


class TransportError(Exception):
    """No whole answer came: the connection failed, a limit ran out, or the peer broke the protocol.

    Never leaves the package: the request path turns it into the typed error of the model.

    Args:
        message: What happened.
        timed_out: Whether time ran out.
        is_locked_out: Whether the proxy has refused our credentials: the same ones once more may lock an account.
    """

    def __init__(self, message: str, *, timed_out: bool = False, is_locked_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out
        self.is_locked_out = is_locked_out
