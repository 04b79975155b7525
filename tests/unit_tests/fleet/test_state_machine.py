"""Processes of a fleet driven at random over a real server: they come to agree, and one of them probes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from langchain_nvgateway.breaker import BreakerState, Permit, SharedCircuitBreaker
from langchain_nvgateway.errors import CircuitOpenError
from langchain_nvgateway.fleet.circuit_lua import SCRIPT
from langchain_nvgateway.fleet.member import Member
from langchain_nvgateway.fleet.schema import CHANGES_KEY, LEASE_SECONDS, circuit_key
from langchain_nvgateway.fleet.steps import answer_from, arguments

from ..breaker.conftest import FAILURE, Clock
from .valkey import Valkey

KEY = circuit_key("x", "here")
COUNT = 3
TIMES = ("until", "at", "lease", "since", "want")


class Process:
    """A breaker and its member, which look when a rule says so.

    Args:
        valkey: Where they meet.
        clock: The time of all.
    """

    is_lost = False

    def __init__(self, valkey: Valkey, clock: Clock) -> None:
        self.valkey = valkey
        self.member = Member(KEY, self, clock=clock)
        self.breaker = SharedCircuitBreaker(
            "x", gate=self.member, clock=clock, jitter=0, open_seconds=10.0, max_open_seconds=100.0
        )
        self.member.guard(self.breaker)
        self.clock = clock
        self.seen = ""

    def start(self) -> None:
        """Do nothing: rules let it look."""

    def wake(self) -> None:
        """Do nothing either."""

    def look(self, *, is_idle: bool = False) -> None:
        """Do what the thread does."""
        step = self.member.next_step(is_idle=is_idle)
        assert step
        sent_at = self.clock.now
        told = self.seen, *arguments(step, self.member.owner)
        self.seen, (reply,) = self.valkey.client.eval(SCRIPT.text, 2, CHANGES_KEY, KEY, *told)
        self.member.take(answer_from(reply), sent_at=sent_at)

    @property
    def holds(self) -> bool:
        """Whether Redis has granted it the probe."""
        return self.member._granted_until > self.clock.now


@dataclass
class Call:
    """A call that went out."""

    process: Process
    permit: Permit = field(repr=False)


class FleetLife(RuleBasedStateMachine):
    """Time passes, calls end well or badly or never, processes die, data is lost, and somebody pulls the levers."""

    valkey: Valkey

    @initialize()
    def begin(self) -> None:
        """Start without data."""
        self.valkey.client.flushall()
        self.clock = Clock()
        self.processes = [Process(self.valkey, self.clock) for _ in range(COUNT)]
        self.calls: list[Call] = []
        self.flushed_at = -1e9

    @rule(which=st.integers(0, COUNT - 1))
    def call_is_made(self, which: int) -> None:
        """It goes out or not."""
        process = self.processes[which]
        with suppress(CircuitOpenError):
            self.calls.append(Call(process, process.breaker.acquire()))

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 9), verdict=st.sampled_from(["success", "failure", "failure", "neutral"]))
    def call_is_judged(self, which: int, verdict: str) -> None:
        """One of the last ones, perhaps late."""
        call = self.calls.pop(-1 - which % len(self.calls))
        if verdict == "failure":
            call.permit.failure(FAILURE, retry_after=-1.0)
        else:
            getattr(call.permit, verdict)()

    @rule(which=st.integers(0, COUNT - 1), is_idle=st.booleans())
    def process_looks(self, which: int, is_idle: bool) -> None:
        """Whenever it does."""
        self.processes[which].look(is_idle=is_idle)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.5, 10.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        """Here and on the server."""
        self.clock.advance(seconds)
        found = self.valkey.client.hgetall(KEY)
        moved = {name: max(int(found[name]) - round(seconds * 1000), 0) for name in TIMES if name in found}
        if moved:
            self.valkey.client.hset(KEY, mapping=moved)

    @rule(which=st.integers(0, COUNT - 1))
    def process_dies(self, which: int) -> None:
        """Another one starts in its place."""
        dead = self.processes[which]
        self.calls = [call for call in self.calls if call.process is not dead]
        self.processes[which] = Process(self.valkey, self.clock)

    @rule()
    def data_is_lost(self) -> None:
        """All of it."""
        self.valkey.client.flushall()
        self.flushed_at = self.clock.now

    @rule(which=st.integers(0, COUNT - 1), lever=st.sampled_from(["reset", "force_open"]))
    def lever_is_pulled(self, which: int, lever: str) -> None:
        """In one of them."""
        getattr(self.processes[which].breaker, lever)()

    @rule()
    def all_look(self) -> None:
        """Then all agree."""
        for _ in range(3):
            for process in self.processes:
                process.look()
        is_closed = {process.breaker.shared().state is BreakerState.CLOSED for process in self.processes}
        assert len(is_closed) == 1
        if not self.valkey.client.exists(KEY):
            assert is_closed == {True}
            return
        generation = int(self.valkey.client.hget(KEY, "gen"))
        assert {process.member._standing.fleet_generation for process in self.processes} == {generation}

    @invariant()
    def one_has_the_lease(self) -> None:
        """Unless the data was lost while one had it."""
        if hasattr(self, "processes") and self.clock.now - self.flushed_at > LEASE_SECONDS:
            assert sum(process.holds for process in self.processes) <= 1


def test_fleet_keeps_its_promises_whatever_happens(shared_valkey: Valkey) -> None:
    """In any order of everything."""
    FleetLife.valkey = shared_valkey
    case = FleetLife.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
    case().runTest()
