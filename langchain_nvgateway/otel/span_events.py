"""What the current span is told of a call."""

from __future__ import annotations

from opentelemetry import trace

from ..events import AnswerRejected, AttemptEnded, CircuitClosed, CircuitHalfOpen, CircuitOpened, Event, FellBack
from .names import Attributes, Names

__all__ = ["add_span_event"]


def add_span_event(event: Event, names: Names) -> None:
    """Put an event on the current span, if it is one that belongs there and somebody records the span."""
    span = trace.get_current_span()
    if not span.is_recording():
        return
    told = _told(event, names)
    if told:
        name, attributes = told
        span.add_event(name, attributes)


def _told(event: Event, names: Names) -> tuple[str, Attributes] | None:
    match event:
        case FellBack():
            to = names.of_model(event.to_provider, event.to_model)
            next_leg = {f"nvgateway.next.{name}": value for name, value in to.items()}
            return "nvgateway.fallback", {**names.of_leg(event), "error.type": event.kind, **next_leg}
        case AnswerRejected():
            return "nvgateway.answer_rejected", names.of_leg(event)
        case AttemptEnded(outcome="failed" | "interrupted" as outcome):
            attributes = {**names.of_leg(event), "nvgateway.outcome": outcome}
            return "nvgateway.attempt_failed", {**attributes, **({"error.type": event.kind} if event.kind else {})}
        case CircuitOpened():
            return "nvgateway.circuit_opened", {**names.of_circuit(event.breaker), "nvgateway.reason": event.reason}
        case CircuitHalfOpen():
            return "nvgateway.circuit_half_open", names.of_circuit(event.breaker)
        case CircuitClosed():
            return "nvgateway.circuit_closed", {**names.of_circuit(event.breaker), "nvgateway.reason": event.reason}
    return None
