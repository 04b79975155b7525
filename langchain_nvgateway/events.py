"""What happened, as frozen dataclasses without message content, and those who want to know.

The tree:

    Event
    ├── TokenRefreshed                     a new access token from Starfleet
    ├── TokenRefreshFailed                 no new access token (a detail)
    ├── CircuitOpened, CircuitHalfOpen, CircuitClosed
    └── LegEvent
        ├── FellBack                       a leg failed, and the next one is asked
        ├── LegSkipped                     a leg was not asked
        ├── AnswerRejected                 a leg's answer is unusable
        ├── EgressDenied                   the policy keeps a role from a provider
        └── AttemptEnded                   what became of a leg in one call (a detail)

Details are for those who count. They come with every call, and only listeners that ask for them hear of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

from .attempts import Outcome

__all__ = [
    "AnswerRejected",
    "AttemptEnded",
    "CircuitClosed",
    "CircuitHalfOpen",
    "CircuitOpened",
    "EgressDenied",
    "Event",
    "FellBack",
    "LegEvent",
    "LegSkipped",
    "Listener",
    "Listeners",
    "TokenRefreshFailed",
    "TokenRefreshed",
]

_logger = logging.getLogger("langchain_nvgateway")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; it never holds a message, an answer or a secret."""

    level: ClassVar[int] = logging.INFO
    """How it is logged."""

    is_detail: ClassVar[bool] = False
    """Whether only those hear of it who ask for details."""

    @property
    def log_level(self) -> int:
        """How this one is logged."""
        return self.level


@dataclass(frozen=True, slots=True)
class TokenRefreshed(Event):
    """Starfleet gave a new access token."""

    level: ClassVar[int] = logging.DEBUG

    host: str
    """Host of the token endpoint."""

    def __str__(self) -> str:
        return f"New token from Starfleet at {self.host}"


@dataclass(frozen=True, slots=True)
class TokenRefreshFailed(Event):
    """Starfleet gave no new access token; what is held serves on for as long as it is good."""

    level: ClassVar[int] = logging.DEBUG
    is_detail: ClassVar[bool] = True

    host: str
    """Host of the token endpoint."""

    error: str
    """Class of the error."""

    def __str__(self) -> str:
        return f"No new token from Starfleet at {self.host} ({self.error})"


@dataclass(frozen=True, slots=True)
class CircuitOpened(Event):
    """A breaker opened: no call goes out any more."""

    level: ClassVar[int] = logging.WARNING

    breaker: str
    """Name of the breaker: `provider:model`, or that with `/credentials` or `/quality`."""

    reason: str
    """Why: see `langchain_nvgateway.breaker.Reason`."""

    open_seconds: float
    """For how long."""

    def __str__(self) -> str:
        return f"Circuit {self.breaker} opened for {self.open_seconds:.1f} s ({self.reason})"


@dataclass(frozen=True, slots=True)
class CircuitHalfOpen(Event):
    """The open time is over and a probe goes out."""

    breaker: str

    def __str__(self) -> str:
        return f"Circuit {self.breaker} is half-open: a probe goes out"


@dataclass(frozen=True, slots=True)
class CircuitClosed(Event):
    """A breaker closed: all calls go out again."""

    breaker: str

    reason: str
    """Why: see `langchain_nvgateway.breaker.Reason`."""

    def __str__(self) -> str:
        return f"Circuit {self.breaker} closed ({self.reason})"


@dataclass(frozen=True, slots=True)
class LegEvent(Event):
    """Something about one leg of a role."""

    role: str
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class FellBack(LegEvent):
    """A leg failed, and the next one is asked."""

    kind: str
    """Kind of the failure: see `langchain_nvgateway.failures.FailureKind`."""

    error: str
    """Class of the error."""

    to_provider: str
    to_model: str

    @property
    def log_level(self) -> int:
        """Credentials that are refused mend themselves never: somebody has to act."""
        return logging.ERROR if self.kind == "credentials" else logging.WARNING

    def __str__(self) -> str:
        return (
            f"{self.role}: {self.provider}:{self.model} failed ({self.kind}, {self.error}), "
            f"so {self.to_provider}:{self.to_model} is asked"
        )


@dataclass(frozen=True, slots=True)
class LegSkipped(LegEvent):
    """A leg was not asked."""

    reason: str

    def __str__(self) -> str:
        return f"{self.role}: {self.provider}:{self.model} is skipped: {self.reason}"


@dataclass(frozen=True, slots=True)
class AnswerRejected(LegEvent):
    """A leg's answer is unusable, and nobody gets to see it."""

    level: ClassVar[int] = logging.WARNING

    reason: str
    """What is wrong with it, in words of ours."""

    input_tokens: int | None = None
    """Tokens of the question, which are paid for all the same; `None` when the service did not count."""

    output_tokens: int | None = None
    """Tokens of the answer that nobody gets to see."""

    def __str__(self) -> str:
        return f"{self.role}: the answer of {self.provider}:{self.model} is rejected: {self.reason}"


@dataclass(frozen=True, slots=True)
class EgressDenied(LegEvent):
    """The policy keeps a role from a provider; nothing was sent."""

    level: ClassVar[int] = logging.WARNING

    host: str
    """Host that would have been reached."""

    def __str__(self) -> str:
        return f"{self.role}: {self.provider}:{self.model} at {self.host} is denied by the egress policy"


@dataclass(frozen=True, slots=True)
class AttemptEnded(LegEvent):
    """What became of a leg in one call, skipped ones too; told after whatever else the leg's end brings with it."""

    level: ClassVar[int] = logging.DEBUG
    is_detail: ClassVar[bool] = True

    outcome: Outcome

    kind: str | None
    """Kind of the failure: see `langchain_nvgateway.failures.FailureKind`; `None` without one."""

    seconds: float
    """How long it took; 0 when it was skipped."""

    input_tokens: int | None
    """Tokens of the question; `None` when nobody counted them."""

    output_tokens: int | None
    """Tokens of the answer; `None` when nobody counted them."""

    def __str__(self) -> str:
        why = f" ({self.kind})" if self.kind else ""
        return f"{self.role}: {self.provider}:{self.model} {self.outcome}{why} after {self.seconds:.3f} s"


Listener = Callable[[Event], object]


class Listeners:
    """Tell everybody who wants to know what happened, and the `langchain_nvgateway` logger.

    Each listener gets the events of one thread in their order; one that raises breaks nothing.
    """

    def __init__(self) -> None:
        self._listeners: tuple[tuple[Listener, bool], ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Listener, *, details: bool = False) -> Callable[[], None]:
        """Call `listener` with each event from now on; call what is returned to end that.

        Args:
            listener: What to call.
            details: Whether it wants to hear of details as well.
        """
        with self._lock:
            self._listeners = (*self._listeners, (listener, details))

        def remove() -> None:
            with self._lock:
                self._listeners = tuple(known for known in self._listeners if known[0] is not listener)

        return remove

    @property
    def want_details(self) -> bool:
        """Whether anybody wants to hear of details; otherwise they need not be told."""
        return any(details for _, details in self._listeners) or _logger.isEnabledFor(logging.DEBUG)

    def token_refreshed(self, host: str) -> None:
        """Tell of a new token; a `StarfleetTokenProvider` calls it."""
        self.tell(TokenRefreshed(host))

    def token_refresh_failed(self, host: str, error: Exception) -> None:
        """Tell of a refresh that failed; a `StarfleetTokenProvider` calls it."""
        self.tell(TokenRefreshFailed(host, type(error).__name__))

    def tell(self, event: Event) -> None:
        """Log an event and pass it on."""
        level = event.log_level
        if _logger.isEnabledFor(level):
            _logger.log(level, "%s", event, extra={"event": type(event).__name__, **asdict(event)})
        for listener, wants_details in self._listeners:
            if event.is_detail and not wants_details:
                continue
            try:
                listener(event)
            except Exception:
                _logger.exception("A listener failed on %s", type(event).__name__)
