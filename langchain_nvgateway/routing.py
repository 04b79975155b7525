"""Who is asked next: the one place where a role's call goes from leg to leg.

A `Route` does no I/O. Its drivers, sync and async, ask it for a `Turn`, make the turn's call in whichever style,
and tell it what came of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata

from .attempts import Attempt, Outcome
from .bindings import Attached, Binding
from .errors import (
    AllProvidersFailedError,
    CircuitOpenError,
    ContentFilteredError,
    EgressDeniedError,
    InvalidResponseError,
    StreamInterruptedError,
)
from .events import AnswerRejected, EgressDenied, Event, FellBack, LegSkipped
from .failures import Failure, FailureKind, failure_of, is_content_filter
from .leg import AbsentLeg, Leg, Permits
from .redaction import shown

__all__ = ["MAX_QUALITY_FALLBACKS", "Route", "Turn"]

MAX_QUALITY_FALLBACKS = 2
"""How often a call goes on to another leg because an answer is unusable."""

_SHOWN = 200
"""Characters of an error's text that an attempt keeps."""

_HARDLY_ANY_SECONDS = 0.001
"""A limit of time that is over; 0 would be no limit."""

_OUTCOMES: Mapping[FailureKind, Outcome] = MappingProxyType(
    {FailureKind.QUALITY: "rejected", FailureKind.CONTROL_FLOW: "cancelled"}
)


class Turn:
    """One leg's turn in a call."""

    __slots__ = ("attached", "leg", "on_end", "permits", "started", "usage")

    def __init__(self, leg: Leg, attached: Attached, permits: Permits, started: float) -> None:
        self.leg = leg
        self.attached = attached
        self.permits = permits
        self.started = started
        self.usage: UsageMetadata | None = None
        """Tokens that the leg has cost so far, as far as it has said; its driver notes them."""
        self.on_end: Callable[[Outcome], None] | None = None
        """Called with what came of it."""


class Route:
    """The way of one call through the legs of a role.

    Args:
        role: Name of the role.
        legs: The legs in their order, and those that take no part.
        binding: What is asked of each.
        is_strict: Whether the call has tools or a schema.
        seconds: Time for the whole call.
        correlation_id: The call's id, for errors.
        tell: Called with each event.
        record: Called with the role, each attempt, and the tokens that it cost.
    """

    def __init__(
        self,
        role: str,
        legs: Sequence[Leg | AbsentLeg],
        *,
        binding: Binding,
        is_strict: bool,
        seconds: float,
        correlation_id: str,
        tell: Callable[[Event], None],
        record: Callable[[str, Attempt, UsageMetadata | None], None],
    ) -> None:
        self.role = role
        self._legs = legs
        self._rest = iter(legs)
        self._binding = binding
        self._is_strict = is_strict
        self._correlation_id = correlation_id
        self._tell = tell
        self._record = record
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._attempts: list[Attempt] = []
        self._failures: list[_LegFailure] = []

    def seconds_left(self) -> float:
        """Return what is left of the time for the whole call, hardly anything if it is over."""
        return max(self._ends_at - time.monotonic(), _HARDLY_ANY_SECONDS)

    def check_time(self) -> None:
        """Let a call go on whose time is not over.

        Raises:
            TimeoutError: It is.
        """
        if time.monotonic() >= self._ends_at:
            raise TimeoutError

    def next_turn(self) -> Turn:
        """Return the turn of the next leg that can be asked.

        Raises:
            AllProvidersFailedError: There is none.
            ContextOverflowError: The conversation is too long for every leg.
        """
        for leg in self._rest:
            if isinstance(leg, AbsentLeg):
                self._take_down(Attempt(leg.provider, leg.model, "skipped", leg.reason, 0.0))
                continue
            turn = self._turn_of(leg)
            if turn:
                self._tell_of_fallback(turn.leg)
                return turn
        raise self._nobody_answered()

    def answered(self, turn: Turn) -> dict[str, Any]:
        """Count a usable answer, and return what it says about itself: `response_metadata["nvgateway"]`."""
        turn.permits.success()
        self._note(turn, "answered")
        self._failures.clear()  # Their tracebacks hold this route.
        attempts = [attempt.to_dict() for attempt in self._attempts]
        return {"role": self.role, "provider": turn.leg.provider, "model": turn.leg.model, "attempts": attempts}

    def failed(self, turn: Turn, error: BaseException) -> None:
        """Count a failure; return if the next leg may be asked.

        Raises:
            BaseException: The error itself, when no other leg would do better: control flow, programming
                errors, and what the request is the cause of.
        """
        failure = self._count(turn, error, "failed")
        if not failure.falls_back:
            self._failures.clear()
            error = self._as_told(error)
            try:
                raise error
            finally:
                del error  # Or its traceback would hold this frame, and this frame the error.
        self._failures.append(_LegFailure(turn.leg, failure, error))

    def interrupted(self, turn: Turn, error: BaseException, partial: AIMessageChunk | None) -> BaseException:
        """Count a stream that broke off after its reader had seen a part; return what the reader gets."""
        failure = self._count(turn, error, "interrupted")
        if not failure.falls_back:
            return self._as_told(error)
        msg = (
            f"The stream of {turn.leg.name} for the role {self.role!r} broke off after a part of the answer was "
            f"seen: {_words(error)}. The part is in .partial; ask again, or have whole answers only with hold='all'."
        )
        interruption = StreamInterruptedError(
            msg, partial=partial, retry_after=failure.retry_after, correlation_id=self._correlation_id
        )
        interruption.__cause__ = error
        return interruption

    def left(self, turn: Turn, *, has_seen: bool) -> None:
        """Count a stream that its reader closed: a success if there was something to see."""
        if has_seen:
            turn.permits.begun()
        else:
            turn.permits.neutral()
        self._note(turn, "cancelled")

    def _turn_of(self, leg: Leg) -> Turn | None:
        """Return the leg's turn, or note why it is skipped."""
        reason = self._why_not(leg)
        if reason is None:
            try:
                attached = self._binding.attached_to(leg)
                return Turn(leg, attached, leg.breakers.admit(is_strict=self._is_strict), time.monotonic())
            except NotImplementedError:
                reason = f"{type(leg.chat_model).__name__} cannot do what the call asks for (bind tools, a schema)"
            except CircuitOpenError as error:
                reason = f"the circuit {error.name} is open for another {_rounded(error.retry_after or 0.0)} s"
        self._take_down(Attempt(leg.provider, leg.model, "skipped", reason, 0.0))
        self._tell(LegSkipped(self.role, leg.provider, leg.model, reason))
        return None

    def _why_not(self, leg: Leg) -> str | None:
        if self._is_strict and leg.refuses_tools:
            return "it cannot call tools"
        if not self._failures:
            return None
        if self.seconds_left() <= _HARDLY_ANY_SECONDS:
            return "no time is left for it"
        if self._kinds().count(FailureKind.QUALITY) > MAX_QUALITY_FALLBACKS:
            return "too many answers were unusable already"
        too_small = [failed.leg.window or 0 for failed in self._failures if failed.failure.needs_larger_window]
        if too_small and leg.window and leg.window <= max(too_small):
            return f"its window of {leg.window} tokens is no larger"
        return None

    def _count(self, turn: Turn, error: BaseException, outcome: Outcome) -> Failure:
        failure = failure_of(error)
        leg = turn.leg
        if isinstance(error, EgressDeniedError):
            error.role, error.leg = self.role, leg.name
            self._tell(EgressDenied(self.role, leg.provider, leg.model, error.host or "?"))
        if failure.kind is FailureKind.QUALITY:
            self._tell(self._rejection(leg, error))
        if failure.kind is FailureKind.AVAILABILITY and self._had_no_chance(turn):
            turn.permits.neutral()
        else:
            turn.permits.failure(failure, error)
        self._note(turn, _OUTCOMES.get(failure.kind, outcome), error, failure.kind)
        if failure.kind is FailureKind.UNSUPPORTED and self._is_strict:
            leg.refuses_tools = True
        return failure

    def _rejection(self, leg: Leg, error: BaseException) -> AnswerRejected:
        invalid = error if isinstance(error, InvalidResponseError) else None
        reason = (invalid.reason if invalid else None) or type(error).__name__
        usage = (invalid.usage_metadata if invalid else None) or {}
        tokens = usage.get("input_tokens"), usage.get("output_tokens")
        return AnswerRejected(self.role, leg.provider, leg.model, reason, *tokens)

    def _had_no_chance(self, turn: Turn) -> bool:
        """Whether the time for the whole call ended a leg that others had left less than half of it."""
        is_over = self.seconds_left() <= _HARDLY_ANY_SECONDS
        return is_over and bool(self._failures) and self._ends_at - turn.started < self._seconds / 2

    def _note(
        self, turn: Turn, outcome: Outcome, error: BaseException | None = None, kind: FailureKind | None = None
    ) -> None:
        if turn.on_end:
            turn.on_end(outcome)
        leg, seconds = turn.leg, time.monotonic() - turn.started
        words = _words(error) if error else None
        attempt = Attempt(leg.provider, leg.model, outcome, words, seconds, kind.value if kind else None)
        self._take_down(attempt, turn.usage or _usage_in(error))

    def _take_down(self, attempt: Attempt, usage: UsageMetadata | None = None) -> None:
        self._attempts.append(attempt)
        self._record(self.role, attempt, usage)

    def _tell_of_fallback(self, to: Leg) -> None:
        if self._failures:
            leg, failure, error = self._failures[-1]
            names = type(error).__name__, to.provider, to.model
            self._tell(FellBack(self.role, leg.provider, leg.model, failure.kind.value, *names))

    def _as_told(self, error: BaseException) -> BaseException:
        """Return the error as callers know it: a content filter is the same error at every vendor."""
        if isinstance(error, ContentFilteredError) or not is_content_filter(error):
            return error
        told = f"The content filter stopped the call: {_words(error)}. Change the request."
        filtered = ContentFilteredError(told, status_code=400, correlation_id=self._correlation_id)
        filtered.__cause__ = error
        return filtered

    def _kinds(self) -> list[FailureKind]:
        return [failed.failure.kind for failed in self._failures]

    def _nobody_answered(self) -> BaseException:
        failures, wait = list(self._failures), self._soonest()
        is_too_long = bool(failures) and set(self._kinds()) == {FailureKind.CONTEXT}
        self._failures.clear()
        if is_too_long:
            return failures[-1].error
        attempts = self._attempts
        told = "; ".join(map(str, attempts)) or "it has no models"
        advice = "Try again" if wait is None else f"Try again in {_rounded(wait)} s"
        error = AllProvidersFailedError(
            f"No model of the role {self.role!r} could answer: {told}. {advice}, or add a provider.",
            role=self.role,
            attempts=[attempt.to_dict() for attempt in attempts],
            retry_after=wait,
            correlation_id=self._correlation_id,
        )
        error.__cause__ = failures[0].error if failures else None
        return error

    def _soonest(self) -> float | None:
        """Return the seconds until some leg may be asked again, as far as anybody has said."""
        asked = {failed.leg: failed.failure.retry_after for failed in self._failures}
        waits = []
        for leg in self._legs:
            if isinstance(leg, Leg):
                both = leg.breakers.retry_after(is_strict=self._is_strict), asked.get(leg)
                waits.append(max((wait for wait in both if wait is not None), default=None))
        return min((wait for wait in waits if wait is not None), default=None)


class _LegFailure(NamedTuple):
    leg: Leg
    failure: Failure
    error: BaseException


def _usage_in(error: BaseException | None) -> Any:
    """Return the tokens that an error says were spent all the same."""
    return getattr(error, "usage_metadata", None) or getattr(getattr(error, "partial", None), "usage_metadata", None)


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _words(error: BaseException) -> str:
    if isinstance(error, OutputParserException):
        return type(error).__name__  # LangChain's parsers quote the answer.
    text = shown(str(error)) or ("the time was up" if isinstance(error, TimeoutError) else "")
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
