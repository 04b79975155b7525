"""What happened, as frozen dataclasses without message content, and those who want to know.

The tree:

    Event
    ├── TokenRefreshed                     a new access token from Starfleet
    ├── CircuitOpened, CircuitHalfOpen, CircuitClosed
    └── LegEvent
        ├── FellBack                       a leg failed, and the next one is asked
        ├── LegSkipped                     a leg was not asked
        ├── AnswerRejected                 a leg's answer is unusable
        └── EgressDenied                   the policy keeps a role from a provider
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

__all__ = [
    "AnswerRejected",
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
    "TokenRefreshed",
]

_logger = logging.getLogger("langchain_nvgateway")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; it never holds a message, an answer or a secret."""

    level: ClassVar[int] = logging.INFO
    """How it is logged."""

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


Listener = Callable[[Event], object]


class Listeners:
    """Tell everybody who wants to know what happened, and the `langchain_nvgateway` logger.

    Each listener gets the events of one thread in their order; one that raises breaks nothing.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each event from now on; call what is returned to end that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def remove() -> None:
            with self._lock:
                self._listeners = tuple(known for known in self._listeners if known is not listener)

        return remove

    def token_refreshed(self, host: str) -> None:
        """Tell of a new token; a `StarfleetTokenProvider` calls it."""
        self.tell(TokenRefreshed(host))

    def tell(self, event: Event) -> None:
        """Log an event and pass it on."""
        level = event.log_level
        if _logger.isEnabledFor(level):
            _logger.log(level, "%s", event, extra={"event": type(event).__name__, **asdict(event)})
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _logger.exception("A listener failed on %s", type(event).__name__)
