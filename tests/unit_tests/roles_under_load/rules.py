"""The rules of falling back and of circuits, written down once more and as plainly as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

__all__ = ["KINDS", "Circuit", "Expected", "Leg", "expected_of"]

OPEN, LONGEST = 180.0, 1800.0
THRESHOLD = 2

Kind = Literal["availability", "credentials", "quality", "context", "raised", "answer"]

KINDS: dict[str, tuple[Kind, float | None]] = {
    "text": ("answer", None),
    "call": ("answer", None),
    "text and call": ("answer", None),
    "down": ("availability", None),
    "cut before text": ("availability", None),
    "cut after text": ("availability", None),
    "cut in call": ("availability", None),
    "unknown error": ("availability", None),
    "timeout": ("availability", None),
    "limited": ("availability", 30.0),
    "limited briefly": ("availability", 0.5),
    "limited after text": ("availability", 30.0),
    "refused": ("credentials", None),
    "missing": ("availability", LONGEST),
    "empty": ("quality", None),
    "broken call": ("quality", None),
    "text and broken call": ("quality", None),
    "too long": ("context", None),
    "invalid": ("raised", None),
    "filtered": ("raised", None),
    "filtered after text": ("raised", None),
    "bug": ("raised", None),
    "interrupt": ("raised", None),
    "interrupt after text": ("raised", None),
    "cancelled": ("raised", None),
}
"""What each behaviour is, and for how long it opens a circuit by itself."""

SEEN = {"cut after text", "limited after text", "text and broken call", "unfinished text"}
"""What fails after a reader of a stream has seen text."""


@dataclass
class Circuit:
    """A breaker; between calls no probe is out."""

    in_a_row: int = 0
    open_until: float | None = None

    def state(self, now: float) -> str:
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half-open"

    def succeed(self) -> None:
        self.in_a_row, self.open_until = 0, None

    def fail(self, now: float, at_once: float | None) -> None:
        self.in_a_row += 1
        if at_once is not None or self.state(now) == "half-open" or self.in_a_row >= THRESHOLD:
            self.open_until = now + (OPEN if at_once is None else at_once)


@dataclass
class Leg:
    """A leg of the role."""

    provider: str
    window: int | None = None
    availability: Circuit = field(default_factory=Circuit)
    credentials: Circuit = field(default_factory=Circuit)
    quality: Circuit = field(default_factory=Circuit)

    def admits(self, now: float, *, is_strict: bool) -> bool:
        concerned = [self.availability, self.credentials, *([self.quality] if is_strict else [])]
        return all(circuit.state(now) != "open" for circuit in concerned)


@dataclass
class Expected:
    """What a call does."""

    result: str = "all failed"
    """Who answers, or `raised`, `interrupted`, `too long`, `all failed`."""

    asked: list[str] = field(default_factory=list)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[str, ...]]:
        """What listeners hear, in no order."""
        skipped = [("skipped", provider) for provider, outcome in self.attempts if outcome == "skipped"]
        fell_back = [("fell back", *pair) for pair in pairwise(self.asked)]
        return sorted([*skipped, *fell_back, *(("rejected", provider) for provider in self.rejected)])


def expected_of(
    legs: Sequence[Leg], behaviours: Sequence[str], *, now: float, is_strict: bool, is_stream: bool, holds_all: bool
) -> Expected:
    """Return what a call does, and let the circuits count it."""
    expected = Expected()
    failures: list[Kind] = []
    too_small = 0
    for leg, behaviour in zip(legs, behaviours, strict=True):
        is_no_larger = bool(too_small and leg.window and leg.window <= too_small)
        if failures.count("quality") > 2 or is_no_larger or not leg.admits(now, is_strict=is_strict):
            expected.attempts.append((leg.provider, "skipped"))
            continue
        expected.asked.append(leg.provider)
        kind, at_once = _kind(behaviour, is_stream=is_stream)
        _count(leg, kind, at_once, now, is_strict=is_strict)
        if kind == "quality":
            expected.rejected.append(leg.provider)
        if kind == "answer":
            expected.attempts.append((leg.provider, "answered"))
            expected.result = leg.provider
            return expected
        if kind == "raised":
            expected.result = "raised"
            return expected
        if is_stream and behaviour in SEEN and not holds_all:
            expected.result = "interrupted"
            return expected
        expected.attempts.append((leg.provider, "rejected" if kind == "quality" else "failed"))
        failures.append(kind)
        if kind == "context":
            too_small = max(too_small, leg.window or 0)
    if failures and set(failures) == {"context"}:
        expected.result = "too long"
    return expected


def _kind(behaviour: str, *, is_stream: bool) -> tuple[Kind, float | None]:
    if behaviour.startswith("unfinished"):
        return ("availability" if is_stream else "answer"), None
    return KINDS[behaviour]


def _count(leg: Leg, kind: Kind, at_once: float | None, now: float, *, is_strict: bool) -> None:
    if kind == "answer":
        leg.availability.succeed()
        leg.credentials.succeed()
        if is_strict:
            leg.quality.succeed()
    elif kind == "quality":
        # The service did answer.
        leg.availability.succeed()
        leg.credentials.succeed()
        if is_strict or leg.quality.state(now) == "closed":
            leg.quality.fail(now, at_once)
    elif kind == "availability":
        leg.availability.fail(now, at_once)
    elif kind == "credentials":
        leg.credentials.fail(now, at_once)
