"""One endpoint of a role: a chat model behind its circuits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from .breaker import BreakerState, CircuitBreaker, Permit
from .chat_models.time_limits import MOST_TIMEOUTS
from .errors import CircuitOpenError
from .failures import Failure, FailureKind
from .history import clean_history, dialect_of

__all__ = ["AbsentLeg", "Leg", "LegBreakers", "Permits", "common_profile"]


@dataclass(frozen=True, slots=True)
class LegBreakers:
    """The three circuits of an endpoint, shared by all roles that use it."""

    availability: CircuitBreaker
    credentials: CircuitBreaker

    quality: CircuitBreaker
    """Concerns calls with tools or a schema only."""

    def admit(self, *, is_strict: bool) -> Permits:
        """Return the permits for one call.

        Args:
            is_strict: Whether the call has tools or a schema.

        Raises:
            CircuitOpenError: One of the circuits lets no call through.
        """
        availability = self.availability.acquire()
        credentials: Permit | None = None
        try:
            credentials = self.credentials.acquire()
            return Permits(availability, credentials, self._quality_permit(is_strict=is_strict), is_strict=is_strict)
        except CircuitOpenError:
            availability.neutral()
            if credentials:
                credentials.neutral()
            raise

    def retry_after(self, *, is_strict: bool) -> float | None:
        """Return the seconds until all circuits that concern the call let it through, `None` if they do now."""
        concerned = (self.availability, self.credentials, *((self.quality,) if is_strict else ()))
        waits = [breaker.snapshot().retry_after for breaker in concerned if breaker.state is not BreakerState.CLOSED]
        return max((wait for wait in waits if wait is not None), default=None)

    def _quality_permit(self, *, is_strict: bool) -> Permit | None:
        # Plain text is let through while the circuit is open, and is no probe: that it is fine says nothing of tools.
        if not is_strict and self.quality.state is not BreakerState.CLOSED:
            return None
        try:
            return self.quality.acquire()
        except CircuitOpenError:
            if is_strict:
                raise
            return None  # It opened just now.


class Permits:
    """The right to make one call, which takes its verdict; the first one counts."""

    __slots__ = ("_availability", "_credentials", "_is_strict", "_quality")

    def __init__(self, availability: Permit, credentials: Permit, quality: Permit | None, *, is_strict: bool) -> None:
        self._availability = availability
        self._credentials = credentials
        self._quality = quality
        self._is_strict = is_strict

    def success(self) -> None:
        """The leg answered, and its answer can be used."""
        self._availability.success()
        self._credentials.success()
        if self._quality is None:
            return
        if self._is_strict:
            self._quality.success()
        elif self._quality.lease is not None:
            self._quality.neutral()  # No other need say so: a permit that is dropped is neutral.

    def begun(self) -> None:
        """The leg was answering when its reader left: it can be reached, and what it would have said is open."""
        self._availability.success()
        self._credentials.success()
        self.neutral()

    def failure(self, failure: Failure, error: BaseException) -> None:
        """Let the circuit that the failure concerns count it."""
        match failure.kind:
            case FailureKind.AVAILABILITY:
                self._availability.failure(error, retry_after=_wait(failure), opens="at-threshold")
            case FailureKind.RATE_LIMIT:
                self._availability.failure(error, retry_after=_wait(failure), opens="at-once")
            case FailureKind.MISSING:
                self._availability.failure(error, retry_after=_wait(failure), opens="for-maximum")
            case FailureKind.CREDENTIALS:
                self._credentials.failure(error, retry_after=_wait(failure), opens="at-threshold")
            case FailureKind.QUALITY:
                self._availability.success()
                self._credentials.success()
                if self._quality:
                    self._quality.failure(error, retry_after=_wait(failure), opens="at-threshold")
            case _:
                pass
        self.neutral()

    def neutral(self) -> None:
        """The call says nothing about the leg."""
        for permit in (self._availability, self._credentials, self._quality):
            if permit:
                permit.neutral()


class Leg:
    """A chat model, its name, and its circuits.

    Args:
        provider: Name of the provider.
        model: Name of the model.
        chat_model: The chat model; a fake in tests.
        breakers: Circuits of the endpoint.
        takes_timeout: Whether its calls take a `timeout` in seconds and, in streams, a `first_token_timeout`.
    """

    def __init__(
        self, provider: str, model: str, chat_model: BaseChatModel, breakers: LegBreakers, *, takes_timeout: bool
    ) -> None:
        self.provider = provider
        self.model = model
        self.chat_model = chat_model
        self.breakers = breakers
        self.takes_timeout = takes_timeout
        self.judges_answers = getattr(chat_model, "strict_answers", False) is True
        """Whether the chat model gives no answer that cannot be used; else the role judges it."""
        self._cleans_history = hasattr(chat_model, "clean_history")
        self.refuses_tools = _profile(chat_model).get("tool_calling") is False
        """Whether it is known not to call tools: from the model's profile, or since the service said so."""

    def __repr__(self) -> str:
        return f"Leg({self.name!r})"

    @property
    def name(self) -> str:
        """`provider:model`."""
        return f"{self.provider}:{self.model}"

    @property
    def window(self) -> int | None:
        """Tokens that the model takes at most, `None` if nobody knows."""
        window = _profile(self.chat_model).get("max_input_tokens")
        return window if isinstance(window, int) else None

    @property
    def answers_are_new(self) -> bool:
        """Whether nobody else has its answers, as those of a fake or of LangChain's cache may be given again."""
        cache = getattr(self.chat_model, "cache", True)
        return self.judges_answers and (cache is False or (cache is None and get_llm_cache() is None))

    def conversation(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """Return a conversation as the model can take it; our own chat models see to that themselves."""
        return messages if self._cleans_history else clean_history(messages, dialect_of(self.provider))

    def limits(self, seconds: float) -> dict[str, Any]:
        """Return the keyword arguments by which a call of the model ends in time.

        Args:
            seconds: What is left of the time for the whole call.
        """
        return {"timeout": seconds} if self.takes_timeout else {}

    def limits_of_streamed_whole(self, seconds: float) -> dict[str, Any]:
        """Return what else ends a stream in time whose reader waits for the whole.

        Args:
            seconds: What is left of the time for the whole call.
        """
        # Models that hold nothing back let the role see for itself how time goes by.
        return {"whole_timeout": seconds} if self.takes_timeout and self.judges_answers else {}

    def stream_limits(self, seconds: float, *, silence_seconds: float) -> dict[str, Any]:
        """Return the keyword arguments by which a stream of the model begins in time, and goes on.

        Args:
            seconds: What is left of the time until something has to be seen.
            silence_seconds: How long it may pause after that.
        """
        if not self.takes_timeout:
            return {}
        own = getattr(self.chat_model, "first_token_timeout", None)
        limits = {"first_token_timeout": seconds if own is None else min(own, seconds), "timeout": silence_seconds}
        return {**limits, "unseen_timeout": seconds} if self.judges_answers else limits

    def longest_pause(self, silence_seconds: float) -> float:
        """Return the seconds that may go by between two chunks once something of a stream was seen.

        Args:
            silence_seconds: How long the service may say nothing.
        """
        # Models that hold back calls say nothing while a long one comes, and see for themselves whether it still does.
        return MOST_TIMEOUTS * silence_seconds if self.takes_timeout and self.judges_answers else silence_seconds


@dataclass(frozen=True, slots=True)
class AbsentLeg:
    """A leg that a role would have, and why it takes no part."""

    provider: str
    model: str

    reason: str
    """In words."""


def common_profile(legs: Sequence[Leg]) -> dict[str, Any] | None:
    """Return what all of some legs can do, `None` if nothing is known.

    The window is the smallest that is known: what fits into it may be sent to any leg.
    """
    windows = [leg.window for leg in legs if leg.window]
    profiles = [_profile(leg.chat_model) for leg in legs]
    names = ("tool_calling", "structured_output", "image_inputs", "reasoning_output")
    abilities = {name: True for name in names if all(profile.get(name) is True for profile in profiles)}
    return {**({"max_input_tokens": min(windows)} if windows else {}), **abilities} or None


def _wait(failure: Failure) -> float | None:
    # Negative: nobody asked to wait, and the circuit shall not look at the error for itself.
    return -1.0 if failure.retry_after is None else failure.retry_after


def _profile(chat_model: BaseChatModel) -> dict[str, Any]:
    profile = getattr(chat_model, "profile", None)
    return profile if isinstance(profile, dict) else {}
