"""What a request for a token comes to: a grant or a failure, and the error that a failure becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import StarfleetAuthError, StarfleetError, StarfleetUnavailableError

__all__ = ["Failure", "Grant", "error_from"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as the server gave it."""

    token: str = field(repr=False)
    expires_in: float
    """Its life in seconds."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no token; holds no secret."""

    what: str
    """What happened, as the middle of a sentence."""

    advice: str = "check STARFLEET_TOKEN_URL and the network if this goes on"
    """What to do, as the end of a sentence."""

    status_code: int | None = None
    retry_after: float | None = None
    """Seconds that the server asked to wait."""

    is_refusal: bool = False
    """Whether the server has judged the credentials, so that the same request would fail again."""

    is_locked_out: bool = False
    """Whether the proxy has judged its own, which the same request may lock."""

    @property
    def is_final(self) -> bool:
        """Whether nothing is to be asked again soon."""
        return self.is_refusal or self.is_locked_out


def error_from(failure: Failure, *, host: str, hold_seconds: float) -> StarfleetError:
    """Return the error that callers see.

    Args:
        failure: What happened.
        host: Host of the token endpoint.
        hold_seconds: For how long no other request is sent.
    """
    retry_after = max(hold_seconds, failure.retry_after or 0.0)
    if failure.is_refusal:
        msg = (
            f"Starfleet at {host} {failure.what}. The same credentials are not tried again for {hold_seconds:.0f} s; "
            f"{failure.advice}, or call update_secret() with a new secret."
        )
        return StarfleetAuthError(msg, status_code=failure.status_code, retry_after=retry_after)
    msg = (
        f"No token from Starfleet at {host}: {failure.what}. It is asked again after {hold_seconds:.0f} s at the "
        f"earliest; {failure.advice}."
    )
    data = {"is_retryable": False} if failure.is_locked_out else {}
    return StarfleetUnavailableError(msg, status_code=failure.status_code, retry_after=retry_after, **data)
