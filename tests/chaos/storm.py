"""The world around the calls: services that fail as planned, and what befalls tokens, clocks, Redis and processes."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from langchain_nvgateway.emulator import CORRUPTIONS, Emulator, Fault, RecordedRequest

from ..unit_tests.fleet.valkey import Valkey
from .plan import ADJUSTED, Plan
from .spoken import number_of, reply

__all__ = ["OWN_TOKEN_PATH", "JumpingClock", "Served", "Storm"]

Served: TypeAlias = dict[int, list[tuple[str, str | None]]]
"""For each call the service and the fault of each request, in the order in which they came."""

TOKEN_SECONDS = 2
"""What tokens are promised to live, so that there are many requests for them."""

TOKEN_LIFETIME = 600
"""What they do live, so that it is revocations and jumps of the clock that end them, and not a lie about their life."""

OWN_TOKEN_PATH = "/oauth/api/v1/ssa/default/token"
"""Where those ask for tokens whose clocks jump; there credentials may be refused, which counts for half a minute."""

LONGEST_FREEZE = 0.6


class JumpingClock:
    """Monotonic time that jumps ahead when told to."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def jump(self, seconds: float) -> None:
        """Let time pass at once."""
        self._ahead += seconds


class Storm:
    """The emulator and a Valkey server under a plan.

    Args:
        plan: What is to happen.
        kill: Kills a process that makes calls of its own, and starts another one.
    """

    def __init__(self, plan: Plan, kill: Callable[[], None]) -> None:
        self._plan = plan
        self._kill = kill
        self._clock = JumpingClock()
        self._token_faults = itertools.cycle(plan.token_faults)
        self._refusals = itertools.cycle(plan.token_refusals)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self.served: Served = defaultdict(list)
        self.token_requests: list[str | None] = []
        """The fault of each token request."""
        self.disturbances: Counter[str] = Counter()
        """What happened beside faults, and how often."""
        self.emulator = Emulator(clock=self._clock, max_recorded=1)
        self.valkey = Valkey()

    @contextmanager
    def raging(self) -> Iterator[None]:
        """Let all of it happen while the block runs; afterwards everything is well."""
        emulator = self.emulator
        emulator.starfleet.expires_in, emulator.starfleet.lifetime = TOKEN_SECONDS, TOKEN_LIFETIME
        for service in (emulator.nim, emulator.gateway):
            service.reply_always(reply)
            service.fail_always(self._fault, route="chat")
            service.corrupt_always(self._corruption)
        emulator.starfleet.fail_always(self._token_fault, route="token")
        happening = threading.Thread(target=self._happen, name="chaos-disturbances")
        happening.start()
        try:
            yield
        finally:
            self._is_over.set()
            happening.join()
            for one in emulator.services:
                one.heal()

    def close(self) -> None:
        """End both servers."""
        self.valkey.stop()

    def _fault(self, request: RecordedRequest) -> Fault | None:
        number = number_of(request)
        if number >= self._plan.calls:
            return None
        with self._lock:
            met = self.served[number]
            before = sum(service == request.service for service, _ in met)
            name = self._plan.fault(request.service, number, before)
            met.append((request.service, name))
        return None if name is None or name in CORRUPTIONS else ADJUSTED.get(name) or Fault(name)

    def _corruption(self, request: RecordedRequest) -> str | None:
        with self._lock:
            met = self.served[number_of(request)] or [("", None)]
            name = next(fault for service, fault in reversed(met) if service == request.service)
        return name if name in CORRUPTIONS else None

    def _token_fault(self, request: RecordedRequest) -> str | None:
        faults = self._refusals if request.path == OWN_TOKEN_PATH else self._token_faults
        with self._lock:
            name = next(faults)
            self.token_requests.append(name)
        return name

    def _happen(self) -> None:
        """Let something happen each time that a further part of the calls has begun."""
        chance = random.Random(f"{self._plan.seed} disturbances")
        things: Sequence[Callable[[random.Random], object]] = (
            self._revoke,
            self._jump,
            self._restart_valkey,
            self._freeze_valkey,
            self._flush_valkey,
            self._kill_one,
        )
        for step in range(1, self._plan.disturbances + 1):
            begun = step * self._plan.calls // (self._plan.disturbances + 1)
            while len(self.served) < begun:
                if self._is_over.wait(0.02):
                    return
            thing = chance.choice(things)
            thing(chance)
            self.disturbances[thing.__name__.strip("_").replace("_", " ")] += 1

    def _revoke(self, _: random.Random) -> None:
        self.emulator.starfleet.revoke()

    def _jump(self, chance: random.Random) -> None:
        self._clock.jump(chance.choice([0.5, 60.0, 2.0 * TOKEN_LIFETIME]))

    def _restart_valkey(self, _: random.Random) -> None:
        self.valkey.stop()
        self.valkey.start()

    def _freeze_valkey(self, chance: random.Random) -> None:
        self.valkey.freeze()
        self._is_over.wait(chance.uniform(0.1, LONGEST_FREEZE))
        self.valkey.thaw()

    def _flush_valkey(self, _: random.Random) -> None:
        self.valkey.client.flushall()

    def _kill_one(self, _: random.Random) -> None:
        self._kill()
