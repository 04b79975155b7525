"""A process that makes its part of the calls from threads and event loops, and says what it left behind."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import logging
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from langchain_nvgateway import ChatNVGateway, ModelManager, NVGatewayError, StarfleetTokenProvider
from langchain_nvgateway.breaker import BreakerState

from .calling import Caller, Outcome
from .plan import ROLES, Plan
from .storm import OWN_TOKEN_PATH, JumpingClock

__all__ = ["Findings", "Victim", "Worker"]

PATIENCE = 600.0
SETTLING_SECONDS = 120.0
JUMPS = (0.1, 1.0, 250.0, 2_000.0)
CALLS_BETWEEN_JUMPS = 15
LONGEST_PAUSE = 1.0
"""Seconds that a caller waits when nobody could answer and it was told to."""

# Each is a fork of a process that has loaded the package and has no threads: as real as any other, and quick to start.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


@dataclass
class Left:
    """What is there after calls, when none is under way."""

    threads: list[str]
    sockets: int
    objects: int
    """Objects of this package."""
    mebibytes: float


@dataclass
class Findings:
    """What a worker has to say."""

    worker: int
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    early: Left | None = None
    late: Left | None = None
    settling_seconds: float = 0.0
    taken_down: int = 0
    """Calls in the manager's report."""


class Worker:
    """A process with a share of the calls.

    Args:
        plan: What calls there are.
        number: Which share it has.
        env: Where the services and Redis are.
    """

    def __init__(self, plan: Plan, number: int, env: dict[str, str]) -> None:
        self._pipe, end = _context.Pipe()
        self._process = _context.Process(target=_work, args=(end, plan, number, env), daemon=True)
        self._process.start()
        end.close()

    def wait_for_calls(self) -> None:
        """Wait until all calls are made."""
        self._receive()

    def settle(self) -> Findings:
        """Let it wait for all circuits to close, now that everything is well; return what it found."""
        self._pipe.send(None)
        findings = self._receive()
        self._process.join(PATIENCE)
        assert isinstance(findings, Findings), findings
        return findings

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _receive(self) -> Any:
        assert self._pipe.poll(PATIENCE), "a worker says nothing"
        return self._pipe.recv()


class Victim:
    """A process that makes calls of its own, holds probes and leases, and is killed again and again."""

    def __init__(self, plan: Plan, env: dict[str, str]) -> None:
        self._plan, self._env = plan, env
        self._start()

    def kill(self) -> None:
        """Kill it in the midst of its calls, and start another one."""
        self.close()
        self._start()

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        self._process = _context.Process(target=_suffer, args=(self._plan, self._env), daemon=True)
        self._process.start()


def _suffer(plan: Plan, env: dict[str, str]) -> None:
    _prepare(env)
    caller = Caller(ModelManager.from_env())
    with ThreadPoolExecutor(plan.threads) as pool:
        list(pool.map(lambda number: caller.ask(plan.call(number)), itertools.count(plan.calls)))


def _prepare(env: dict[str, str]) -> None:
    os.environ.update(env)
    logging.getLogger("langchain_nvgateway").addHandler(logging.NullHandler())


def _work(pipe: Connection, plan: Plan, number: int, env: dict[str, str]) -> None:
    _prepare(env)
    work = _Work(plan, number)
    work.make_calls()
    pipe.send(None)
    pipe.recv()
    work.settle()
    pipe.send(work.findings)


class _Work:
    def __init__(self, plan: Plan, number: int) -> None:
        self._plan = plan
        self._number = number
        self.findings = Findings(number)
        self._phase = 0
        self._clock = JumpingClock()
        self._wall_clock = JumpingClock()
        self._threads = {thread.name for thread in threading.enumerate()}
        self._manager = self._alone() if plan.is_alone(number) else ModelManager.from_env()
        self._caller = Caller(self._manager)

    def _alone(self) -> ModelManager:
        """Return a manager without a fleet, whose clocks jump, as do those of its tokens."""
        del os.environ["NVGATEWAY_REDIS_URL"]
        tokens = StarfleetTokenProvider(
            os.environ["STARFLEET_TOKEN_URL"].replace("/starfleet/token", OWN_TOKEN_PATH),
            os.environ["STARFLEET_ID"],
            os.environ["STARFLEET_SECRET"],
            clock=self._clock,
            wall_clock=self._wall_clock,
        )

        def gateway(role: str, model: str) -> BaseChatModel:
            limits = {"timeout": self._plan.request_timeout / 2, "first_token_timeout": self._plan.first_token_timeout}
            return ChatNVGateway(model=model, token_provider=tokens, max_retries=0, **limits)

        return ModelManager(models={"nvidia-gateway": gateway}, clock=self._clock)

    def make_calls(self) -> None:
        """Make the calls, and look at what is left when a fifth of them and when all of them are over."""
        numbers = self._plan.numbers(self._number)
        early = len(numbers) // 5
        self._make(numbers[:early])
        self.findings.early = self._left()
        self._make(numbers[early:])

    def settle(self) -> None:
        """Call both legs of all roles until they answer and all circuits are closed; then close the manager."""
        start = time.perf_counter()
        while not self._is_settled():
            if time.perf_counter() - start > SETTLING_SECONDS:
                open_ones = {name: breaker.snapshot() for name, breaker in self._manager.breakers.items()}
                self.findings.problems.append(f"circuits that stay open: {open_ones}")
                break
            time.sleep(0.05)  # Between polls: the open time of a fleet's circuits passes by the server's clock.
            self._clock.jump(100.0)
        self.findings.settling_seconds = time.perf_counter() - start
        self.findings.problems += self._caller.wrong_runs
        self.findings.taken_down = self._manager.report().totals.calls
        self._manager.close()
        self.findings.late = self._left()

    def _is_settled(self) -> bool:
        legs = [name for name in self._manager.breakers if not name.endswith(("/credentials", "/quality"))]
        for role, leg in itertools.product(ROLES, legs):
            try:
                self._caller.ask_leg(role, self._plan.calls + self._number, leg)
            except NVGatewayError:
                return False
        return all(breaker.state is BreakerState.CLOSED for breaker in self._manager.breakers.values())

    def _make(self, numbers: Iterable[int]) -> None:
        calls = [self._plan.call(number) for number in numbers]
        of_threads = _Shared(call for call in calls if not call.is_async)
        of_loops = _Shared(call for call in calls if call.is_async)

        def in_thread() -> None:
            for call in of_threads:
                time.sleep(self._note(self._caller.ask(call)))

        async def in_task() -> None:
            for call in of_loops:
                await asyncio.sleep(self._note(await self._caller.aask(call)))

        async def in_loop() -> None:
            await asyncio.gather(*(in_task() for _ in range(self._plan.tasks)))
            others = asyncio.all_tasks() - {asyncio.current_task()}
            self.findings.problems += [f"a task that is left: {task!r}" for task in others]

        with ThreadPoolExecutor(self._plan.threads + self._plan.loops) as pool:
            work = [pool.submit(in_thread) for _ in range(self._plan.threads)]
            work += [pool.submit(lambda: asyncio.run(in_loop())) for _ in range(self._plan.loops)]
        for done in work:
            done.result()

    def _note(self, outcome: Outcome) -> float:
        """Take down an outcome; return the seconds that its caller waits before the next call."""
        self.findings.outcomes.append(outcome)
        if len(self.findings.outcomes) % CALLS_BETWEEN_JUMPS == 0:
            chance = random.Random(f"{self._plan.seed} jump {outcome.number}")
            self._clock.jump(chance.choice(JUMPS))
            self._wall_clock.jump(chance.choice([-5_000.0, -1.0, 1.0, 60.0]))
        self._reset_after_phase(outcome.number)
        return min(outcome.retry_after, LONGEST_PAUSE)

    def _reset_after_phase(self, number: int) -> None:
        """Reset the fleet's circuits at the end of a phase, as operators may: their open times have grown meanwhile."""
        phase = self._plan.phase_of(number)
        if self._number == 0 and phase > self._phase:
            self._phase = phase
            self._manager.reset()

    def _left(self) -> Left:
        _wait_for(lambda: not self._other_threads())
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        objects = sum(str(type(one).__module__).startswith("langchain_nvgateway") for one in gc.get_objects())
        return Left(self._other_threads(), _sockets(), objects, _mebibytes())

    def _other_threads(self) -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name not in self._threads]


class _Shared:
    """An iterator that several threads may use."""

    def __init__(self, calls: Iterable[Any]) -> None:
        self._calls = iter(calls)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._lock:
            return next(self._calls)


def _wait_for(is_so: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)


def _sockets() -> int:
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += os.readlink(link).startswith("socket:")
        except FileNotFoundError:  # The one by which the folder was read.
            continue
    return found


def _mebibytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
