"""The kinds of failure, each with its consequences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Failure", "FailureKind"]


class FailureKind(StrEnum):
    """What went wrong; of several failures at once, the one furthest down decides."""

    CIRCUIT_OPEN = "circuit-open"
    """The endpoint's breaker let nothing through, so nothing new is known about the endpoint."""

    AVAILABILITY = "availability"
    """The service cannot be reached, is broken, or answers with something that is no reply."""

    RATE_LIMIT = "rate-limit"
    """Too many requests or tokens, or a quota that is used up."""

    CREDENTIALS = "credentials"
    """The service, or the one that gives out its tokens, does not let this client in."""

    MISSING = "missing"
    """The model is unknown or retired: an availability failure that will last."""

    QUALITY = "quality"
    """The model's reply is unusable: a broken tool call, a schema not met, an empty answer."""

    UNSUPPORTED = "unsupported"
    """The model cannot do what the call asks for, such as calling tools; another one may."""

    CONTEXT = "context"
    """The conversation does not fit into the model's window."""

    REQUEST = "request"
    """The caller has to change something: no other model will do better."""

    BUG = "bug"
    """A programming error, to be raised at once."""

    CONTROL_FLOW = "control-flow"
    """No failure at all: a cancellation, an interrupt, the end of an iterator. It passes through untouched."""


_RAISED = frozenset({FailureKind.REQUEST, FailureKind.BUG, FailureKind.CONTROL_FLOW})
_UNCOUNTED = _RAISED | {FailureKind.CONTEXT, FailureKind.UNSUPPORTED, FailureKind.CIRCUIT_OPEN}


@dataclass(frozen=True, slots=True)
class Failure:
    """What an exception says about the call that it ended."""

    kind: FailureKind

    retry_after: float | None = None
    """Seconds after which the service wants to be asked again; `None` when it did not say."""

    @property
    def falls_back(self) -> bool:
        """Whether another model may be asked; see `needs_larger_window`."""
        return self.kind not in _RAISED

    @property
    def needs_larger_window(self) -> bool:
        """Whether only a model with a larger window may be asked."""
        return self.kind is FailureKind.CONTEXT

    @property
    def counts(self) -> bool:
        """Whether a circuit of the endpoint counts it; which one is for the kind to say."""
        return self.kind not in _UNCOUNTED
