"""A breaker driven at random against the rules, written down as plainly as they can be."""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from langchain_nvgateway.breaker import CircuitBreaker, Permit

from .conftest import FAILURE, Clock, refusal

WINDOW = 60.0


@dataclass
class Call:
    """A call that went out."""

    era: int
    began: float
    is_probe: bool
    verdict: str = ""
    is_dropped: bool = False


@dataclass
class Model:
    """The rules of the design, over everything that ever happened."""

    threshold: int
    rate: float
    minimum: int
    opens_for: float
    multiplier: float
    longest: float
    probes: int
    lease: float
    era: int = 0
    phase: str = "closed"
    calls: list[Call] = field(default_factory=list)
    counted: list[tuple[int, float, bool]] = field(default_factory=list)
    """Era, time and success of each verdict of a closed circuit."""
    row: int = 0
    opened_at: float = -math.inf
    open_for: float = 0.0
    closed_at: float = -math.inf
    openings: int = 0

    def state(self, now: float) -> str:
        if self.phase == "open" and now >= self.opened_at + self.open_for:
            return "half-open"
        return self.phase

    def probes_out(self, now: float) -> list[Call]:
        return [
            call
            for call in self.calls
            if call.is_probe and call.era == self.era and not call.verdict and not call.is_dropped
            if now < call.began + self.lease
        ]

    def admits(self, now: float) -> bool:
        if self.state(now) == "half-open":
            return self.phase == "open" or len(self.probes_out(now)) < self.probes
        return self.state(now) == "closed"

    def call(self, now: float) -> Call:
        if self.phase == "open":
            self.phase, self.era = "half-open", self.era + 1
        call = Call(self.era, now, is_probe=self.phase == "half-open")
        self.calls.append(call)
        return call

    def window(self, now: float) -> list[bool]:
        latest_era = max((era for era, _, _ in self.counted), default=0)
        return [good for era, time, good in self.counted if era == latest_era and now - time < WINDOW]

    def failure_rate(self, now: float) -> float | None:
        window = self.window(now)
        return window.count(False) / len(window) if len(window) >= self.minimum else None

    def open(self, now: float, *, asked: float | None, opens: str, is_failure: bool = True) -> None:
        if self.is_healthy(now):
            self.openings = 0
        if is_failure or self.phase == "closed":
            self.openings += 1
        seconds = self.opens_for
        for _ in range(self.openings - 1):
            seconds *= self.multiplier
        if asked is not None:
            seconds = asked if opens == "at-once" else max(seconds, asked)
        self.open_for = self.longest if opens == "for-maximum" else min(seconds, self.longest)
        self.phase, self.era, self.opened_at = "open", self.era + 1, now

    def is_healthy(self, now: float) -> bool:
        return self.phase == "closed" and now - self.closed_at >= self.open_for

    def judge(self, call: Call, verdict: str, now: float, *, asked: float | None, opens: str) -> None:
        if call.verdict:
            return
        is_late = call.era != self.era or (call.is_probe and now >= call.began + self.lease)
        call.verdict = "late" if is_late else verdict
        if call.verdict in ("late", "neutral"):
            return
        self.row = 0 if verdict == "success" else self.row + 1
        if call.is_probe:
            self.judge_probe(verdict, now, asked=asked, opens=opens)
            return
        self.counted.append((self.era, now, verdict == "success"))
        rate = self.failure_rate(now)
        must_open = self.row >= self.threshold or (rate is not None and rate >= self.rate)
        if must_open or (verdict == "failure" and opens != "at-threshold"):
            is_failure = verdict == "failure"
            self.open(now, asked=asked if is_failure else None, opens=opens if is_failure else "at-threshold")

    def judge_probe(self, verdict: str, now: float, *, asked: float | None, opens: str) -> None:
        if verdict == "failure":
            self.open(now, asked=asked, opens=opens)
            return
        successes = [call for call in self.calls if call.era == self.era and call.verdict == "success"]
        if len(successes) >= self.probes:
            self.phase, self.era, self.closed_at = "closed", self.era + 1, now
            self.counted.clear()


class BreakerLife(RuleBasedStateMachine):
    """Time passes, calls go out, end well or badly or not at all, early or late, and somebody pulls the levers."""

    @initialize(
        threshold=st.integers(1, 4),
        rate=st.sampled_from([0.3, 0.5, 1.0]),
        minimum=st.integers(2, 6),
        opens_for=st.sampled_from([2.0, 30.0]),
        multiplier=st.sampled_from([1, 1.5, 2.0]),
        longest=st.sampled_from([30.0, 100.0]),
        probes=st.integers(1, 3),
        lease=st.sampled_from([5.0, 300.0]),
    )
    def build(
        self,
        *,
        threshold: int,
        rate: float,
        minimum: int,
        opens_for: float,
        multiplier: float,
        longest: float,
        probes: int,
        lease: float,
    ) -> None:
        """Start closed."""
        self.clock = Clock()
        self.calls: list[tuple[Permit, Call]] = []
        self.model = Model(threshold, rate, minimum, opens_for, multiplier, longest, probes, lease)
        self.breaker = CircuitBreaker(
            "x",
            failure_threshold=threshold,
            failure_rate=rate,
            minimum_calls=minimum,
            window_seconds=WINDOW,
            open_seconds=opens_for,
            open_multiplier=multiplier,
            max_open_seconds=longest,
            jitter=0,
            half_open_probes=probes,
            probe_lease_seconds=lease,
            clock=self.clock,
        )

    # No step is shorter than a part of the window: so the breaker counts to the moment, as the model does.
    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 5.0, 25.0, 30.0, 59.5, 60.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        """A little or a lot."""
        self.clock.advance(seconds)

    @rule()
    def open_time_ends(self) -> None:
        """To the moment, by what the breaker says."""
        self.clock.advance(self.breaker.snapshot().retry_after or 0.0)

    @rule()
    def call_is_made(self) -> None:
        """It goes out if the rules admit it."""
        is_admitted = self.model.admits(self.clock.now)
        if is_admitted:
            self.calls.append((self.breaker.acquire(), self.model.call(self.clock.now)))
        else:
            error = refusal(self.breaker)
            assert error.retry_after == self.breaker.snapshot().retry_after

    @precondition(lambda self: self.calls)
    @rule(
        which=st.integers(0, 9),
        verdict=st.sampled_from(["success", "failure", "failure", "neutral"]),
        asked=st.sampled_from([None, None, 0.5, 40.0, 1e9]),
        opens=st.sampled_from(["at-threshold", "at-threshold", "at-threshold", "at-once", "for-maximum"]),
    )
    def call_is_judged(self, which: int, verdict: str, asked: float | None, opens: str) -> None:
        """One of the last ones, perhaps late, perhaps again."""
        permit, call = self.calls[-1 - which % len(self.calls)]
        if verdict == "failure":
            permit.failure(FAILURE, retry_after=asked, opens=opens)  # type: ignore[arg-type]
        else:
            getattr(permit, verdict)()
        self.model.judge(call, verdict, self.clock.now, asked=asked, opens=opens)

    @rule(verdicts=st.lists(st.booleans(), min_size=1, max_size=8))
    def calls_come_and_go(self, verdicts: list[bool]) -> None:
        """One after the other."""
        for is_good in verdicts:
            before = len(self.calls)
            self.call_is_made()
            if len(self.calls) > before:
                self.call_is_judged(0, "success" if is_good else "failure", None, "at-threshold")

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 9))
    def permit_is_dropped(self, which: int) -> None:
        """With or without a verdict."""
        _, call = self.calls.pop(-1 - which % len(self.calls))
        if not call.verdict:
            call.is_dropped = True
        gc.collect(0)

    @rule()
    def breaker_is_reset(self) -> None:
        """By hand."""
        self.breaker.reset()
        model = self.model
        model.phase, model.era, model.row, model.openings = "closed", model.era + 1, 0, 0
        model.open_for, model.closed_at = 0.0, -math.inf
        model.counted.clear()

    @rule()
    def breaker_is_opened(self) -> None:
        """By hand."""
        self.breaker.force_open()
        self.model.open(self.clock.now, asked=None, opens="at-threshold", is_failure=False)

    @invariant()
    def breaker_is_as_the_rules_say(self) -> None:
        """In all that it shows."""
        if not hasattr(self, "model"):
            return
        now, model, snapshot = self.clock.now, self.model, self.breaker.snapshot()
        assert self.breaker.state == snapshot.state == model.state(now)
        assert snapshot.consecutive_failures == model.row
        assert snapshot.failure_rate == model.failure_rate(now)
        assert snapshot.reopenings == (0 if model.is_healthy(now) else max(model.openings - 1, 0))
        assert (snapshot.retry_after is None) is model.admits(now)
        if model.state(now) == "open":
            assert snapshot.retry_after == model.opened_at + model.open_for - now
        elif snapshot.retry_after is not None:
            assert snapshot.retry_after == min(call.began for call in model.probes_out(now)) + model.lease - now


TestBreakerLife = BreakerLife.TestCase
TestBreakerLife.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
