"""The metrics, and how each event changes them."""

from __future__ import annotations

from opentelemetry.metrics import Meter

from ..events import AnswerRejected, AttemptEnded, EgressDenied, Event, FellBack, TokenRefreshed, TokenRefreshFailed
from .names import Attributes, Names

__all__ = ["Instruments"]

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Boundaries of the histogram, as the GenAI semantic conventions have them for this metric."""


class Instruments:
    """The counters and the histogram of one meter.

    Args:
        meter: Where they are made.
        names: Attributes.
    """

    def __init__(self, meter: Meter, names: Names) -> None:
        self._names = names
        self._attempts = meter.create_counter("nvgateway.attempts", "{attempt}", "Attempts by what became of them")
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._fallbacks = meter.create_counter("nvgateway.fallbacks", "{fallback}", "Calls that went on to another leg")
        self._rejected = meter.create_counter(
            "nvgateway.rejected_answers", "{answer}", "Answers that nobody gets to see"
        )
        self._denials = meter.create_counter("nvgateway.egress_denials", "{denial}", "Requests that the policy stopped")
        self._refreshes = meter.create_counter("nvgateway.token_refreshes", "{refresh}", "Requests for a new token")

    def count(self, event: Event) -> None:
        """Count an event, if it is one that counts."""
        match event:
            case AttemptEnded():
                self._count_attempt(event)
            case FellBack():
                self._fallbacks.add(1, {**self._names.of_leg(event), "error.type": event.kind})
            case AnswerRejected():
                self._rejected.add(1, self._names.of_leg(event))
            case EgressDenied():
                self._denials.add(1, self._names.of_leg(event))
            case TokenRefreshed():
                self._refreshes.add(1, {"nvgateway.outcome": "succeeded"})
            case TokenRefreshFailed():
                self._refreshes.add(1, {"nvgateway.outcome": "failed", "error.type": event.error})

    def _count_attempt(self, event: AttemptEnded) -> None:
        attributes: Attributes = {**self._names.of_leg(event), "nvgateway.outcome": event.outcome}
        if event.kind and event.outcome != "cancelled":  # Which is no failure.
            attributes["error.type"] = event.kind
        self._attempts.add(1, attributes)
        if event.outcome != "skipped":
            self._seconds.record(event.seconds, {**attributes, "gen_ai.operation.name": "chat"})
