"""What each call is and which faults it meets: functions of the seed and of the call's number alone."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from langchain_nvgateway.emulator import CORRUPTIONS, Emulator, Fault

__all__ = ["PHASES", "CallPlan", "Kind", "Plan"]

Kind: TypeAlias = Literal["text", "call", "two calls", "schema", "json", "agent"]

ROLES = ("router", "planner", "programmer", "reviewer", "summarizer")
KINDS: tuple[Kind, ...] = ("text", "call", "two calls", "schema", "json", "agent")
KIND_WEIGHTS = (35, 30, 10, 8, 7, 10)

PHASES: tuple[tuple[str, float, float], ...] = (
    ("fair", 0.02, 0.01),
    ("showers", 0.2, 0.1),
    ("NIM is down", 0.95, 0.05),
    ("fair", 0.05, 0.05),
    ("the Gateway is down", 0.05, 0.95),
    ("showers", 0.15, 0.15),
    ("storm", 0.5, 0.5),
    ("fair", 0.02, 0.01),
)
"""What the calls go through, in equal parts: name, and how often requests to NIM and to the Gateway meet a fault."""

TOKENS_BETWEEN_FAULTS = 1
TOKENS_BETWEEN_REFUSALS = 4

CALLS_FOR_REFUSALS = 2_000
"""In shorter runs no credentials are refused: that counts for half a minute, which would be all of the run."""

ADJUSTED = {
    # Long enough that no client waits for the end, short enough to be over soon.
    "slow_drip": Fault("slow_drip", interval=0.3),
    "drip_headers": Fault("drip_headers", interval=0.3),
    "rate_limited": Fault("rate_limited", retry_after=0.4),
    "rate_limited_ms": Fault("rate_limited_ms", retry_after=0.4),
    "rate_limited_in_body": Fault("rate_limited_in_body", retry_after=0.4),
}
WEIGHTS = {
    # In most calls there is nobody to see the beginning of a stream.
    "cut_stream": 6.0,
    "disconnect_mid_stream": 6.0,
    "reset_mid_stream": 6.0,
    "error_in_stream": 6.0,
    "malformed_event": 6.0,
    # These cost much time or work.
    "hang": 0.4,
    "hang_mid_stream": 0.4,
    "slow_drip": 0.4,
    "drip_headers": 0.4,
    "pending_forever": 0.4,
    "huge": 0.3,
    "gzip_bomb": 0.3,
}
"""How often faults come in comparison with the others."""

TAKES_MODEL_OUT = {"not_found", "not_found_plain", "gone", "deployment_not_found"}
"""Faults that open a circuit for half an hour: only for those whose clocks make such jumps."""

TOKEN_REFUSALS = {
    "invalid_client_400", "invalid_client_401", "invalid_client_403", "invalid_scope", "invalid_request",
    "unsupported_grant_type", "unauthorized_client", "not_found", "echo_secret",
}  # fmt: skip
"""Faults of the token endpoint after which nobody asks it for half a minute or more: for those as well."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call of a role."""

    seed: int
    number: int
    role: str
    kind: Kind
    is_async: bool
    is_stream: bool
    holds_all: bool
    has_history: bool
    """Whether earlier turns with broken calls and long ids stand before it."""
    leaves: bool
    """Whether its caller goes away before the end."""

    def random(self, purpose: str) -> random.Random:
        """Return chance for one purpose of this call."""
        return random.Random(f"{self.seed} {self.number} {purpose}")


@dataclass(frozen=True)
class Plan:
    """A run; everything that is left to chance comes from the seed.

    Args:
        seed: Where chance begins.
        calls: How many calls.
        workers: How many processes make them, each every so manieth.
        threads: How many threads of each ask in the sync styles.
        loops: How many event loops each has, in threads of their own.
        tasks: How many tasks of each loop ask in the async styles.
    """

    seed: int
    calls: int
    workers: int = 3
    threads: int = 4
    loops: int = 2
    tasks: int = 3
    disturbances: int = 50
    """How often something happens to tokens, clocks, Redis and processes."""

    request_timeout: float = 3.0
    first_token_timeout: float = 1.0
    open_seconds: float = 0.02
    failure_threshold: int = 3

    def call(self, number: int) -> CallPlan:
        """Return the call of a number."""
        chance = random.Random(f"{self.seed} call {number}")
        kind = chance.choices(KINDS, KIND_WEIGHTS)[0]
        return CallPlan(
            seed=self.seed,
            number=number,
            role=chance.choice(ROLES),
            kind=kind,
            is_async=chance.random() < 0.5,
            is_stream=kind in ("text", "call", "two calls") and chance.random() < 0.5,
            holds_all=chance.random() < 0.15,
            has_history=chance.random() < 0.3,
            leaves=chance.random() < 0.05,
        )

    def is_alone(self, worker: int) -> bool:
        """Whether a worker has no fleet; its clocks jump."""
        return worker % self.workers == self.workers - 1

    def numbers(self, worker: int) -> range:
        """Return the numbers of a worker's calls."""
        return range(worker, self.calls, self.workers)

    def phase_of(self, number: int) -> int:
        """Return which of the phases a call goes through."""
        return min(number * len(PHASES) // self.calls, len(PHASES) - 1)

    def fault(self, service: str, number: int, request: int) -> str | None:
        """Return the fault that a request of a call meets.

        Args:
            service: `nim` or `gateway`.
            number: The call's.
            request: How manieth request of this call to this service it is.
        """
        _, nim, gateway = PHASES[self.phase_of(number)]
        chance = random.Random(f"{self.seed} {service} {number} {request}")
        if chance.random() >= (nim if service == "nim" else gateway):
            return None
        names, weights = self._faults[service]
        name = chance.choices(names, weights)[0]
        return "unavailable" if name in TAKES_MODEL_OUT and not self.is_alone(number) else name

    @cached_property
    def _faults(self) -> dict[str, tuple[Sequence[str], Sequence[float]]]:
        emulator = Emulator()
        names = {
            service.name: [*service.fault_names, *sorted(CORRUPTIONS)] for service in (emulator.nim, emulator.gateway)
        }
        return {service: (known, [WEIGHTS.get(name, 1.0) for name in known]) for service, known in names.items()}

    def faults_of(self, service: str) -> frozenset[str]:
        """Return the names of all faults of a service."""
        return frozenset(self._faults[service][0])

    @cached_property
    def token_faults(self) -> Sequence[str | None]:
        """What token requests meet, in turn, but for refusals; each fault once before any comes again."""
        names = set(Emulator().starfleet.fault_names) - TOKEN_REFUSALS
        return self._with_pauses(names, TOKENS_BETWEEN_FAULTS)

    @cached_property
    def token_refusals(self) -> Sequence[str | None]:
        """What token requests meet of those whose clocks jump."""
        if self.calls < CALLS_FOR_REFUSALS:
            return [None]
        return self._with_pauses(TOKEN_REFUSALS, TOKENS_BETWEEN_REFUSALS)

    def _with_pauses(self, faults: Iterable[str], pauses: int) -> list[str | None]:
        names = sorted(faults)
        random.Random(f"{self.seed} tokens").shuffle(names)
        return [fault for name in names for fault in (*[None] * pauses, name)]
