"""A breaker's rounds through the manager while threads and tasks call the role."""

from __future__ import annotations

import pytest

from langchain_nvgateway import BreakerState, ModelManager
from langchain_nvgateway.emulator import Emulator, RecordedRequest
from langchain_nvgateway.events import CircuitClosed, CircuitHalfOpen, CircuitOpened

from .crowd import LONGEST_OPEN_SECONDS, NIM, OPEN_SECONDS, TASKS, THREADS, Clock, Crowd, check_legal, circuit_events

CALLS = 2 * (THREADS + TASKS)

by_whom = pytest.mark.parametrize(
    ("threads", "tasks"), [(THREADS, 0), (0, TASKS), (THREADS, TASKS)], ids=["threads", "tasks", "both"]
)


@by_whom
def test_the_full_round(emu: Emulator, threads: int, tasks: int) -> None:
    """Closed, open, half-open, open again for longer, half-open, closed; every call is answered all the way."""
    clock = Clock()
    manager = ModelManager(clock=clock)
    breaker, heard = manager.breakers[NIM], circuit_events(manager)

    def ask() -> list[str]:
        asked = Crowd(lambda _number: manager.model("planner"), threads=threads, tasks=tasks).ask(CALLS)
        assert [call.error for call in asked] == [None] * CALLS
        return [call.provider for call in asked]

    assert set(ask()) == {"nvidia-nim"}
    assert breaker.state is BreakerState.CLOSED

    emu.nim.fail_always("unavailable")
    before = len(emu.nim.requests)
    assert set(ask()) == {"nvidia-gateway"}
    assert breaker.state is BreakerState.OPEN
    assert 2 <= len(emu.nim.requests) - before <= threads + tasks

    clock.advance(1.1 * OPEN_SECONDS)
    before = len(emu.nim.requests)
    assert set(ask()) == {"nvidia-gateway"}
    assert breaker.state is BreakerState.OPEN
    assert len(emu.nim.requests) - before == 1

    emu.nim.heal()
    clock.advance(1.1 * OPEN_SECONDS)
    assert set(ask()) == {"nvidia-gateway"}
    assert len(emu.nim.requests) - before == 1

    clock.advance(1.1 * OPEN_SECONDS)
    assert "nvidia-nim" in ask()
    assert breaker.state is BreakerState.CLOSED
    assert set(ask()) == {"nvidia-nim"}
    assert [type(event) for event in heard] == [
        CircuitOpened,
        CircuitHalfOpen,
        CircuitOpened,
        CircuitHalfOpen,
        CircuitClosed,
    ]


@pytest.mark.parametrize("fault", ["internal_error", "disconnect", "degraded", "rate_limited"])
def test_many_rounds_of_failing_and_recovering(emu: Emulator, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NIM is up and down by turns while time runs: every call is answered and the circuit's steps are legal."""
    # The lease of a probe lasts for 72 calls of others, so that none ends while its probe waits for a turn.
    monkeypatch.setenv("NVGATEWAY_BREAKER_OPEN_SECONDS", "30")
    clock = Clock()
    manager = ModelManager(clock=clock)
    heard = circuit_events(manager)

    def is_down(_request: RecordedRequest) -> bool:
        return int(clock.now / 167) % 3 == 2

    emu.nim.fail_when(is_down, fault)
    crowd = Crowd(lambda _number: manager.model("planner"), after=lambda: clock.advance(5.0))
    asked = crowd.ask(400)

    assert [call.error for call in asked] == [None] * 400
    assert {call.provider for call in asked} == {"nvidia-nim", "nvidia-gateway"}
    check_legal(heard)

    emu.nim.heal()
    clock.advance(LONGEST_OPEN_SECONDS)
    assert manager.model("planner").invoke("again").response_metadata["nvgateway"]["provider"] == "nvidia-nim"
    assert manager.breakers[NIM].state is BreakerState.CLOSED
    assert {type(event) for event in heard} == {CircuitOpened, CircuitHalfOpen, CircuitClosed}


def test_roles_share_the_circuit_of_a_model(emu: Emulator) -> None:
    """What the callers of one role have learned holds for all roles."""
    manager = ModelManager(clock=Clock())
    emu.nim.fail_always("unavailable")
    Crowd(lambda _number: manager.model("planner")).ask(CALLS)
    before = len(emu.nim.requests)
    roles = ("router", "planner", "programmer", "reviewer", "summarizer")
    asked = Crowd(lambda number: manager.model(roles[number % len(roles)])).ask(CALLS)
    assert {call.provider for call in asked} == {"nvidia-gateway"}
    assert len(emu.nim.requests) == before
