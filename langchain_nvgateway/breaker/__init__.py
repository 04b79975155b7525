"""Circuit breakers: whether an endpoint is worth calling.

The rules are pure: `rules` (settings, lengths of time), `counts` (failures in a row, sliding window),
`circuit` (states and their transitions), `openings` (what an error means). `circuit_breaker` is the shell
with the lock and the clock, `forks` frees the lock in a child; `permit`, `guard`, `listening` and `snapshot` are
what its users hold.
"""

from __future__ import annotations

from .circuit import BreakerState
from .circuit_breaker import CircuitBreaker
from .guard import Guard
from .listening import Reason, Transition
from .openings import Opening, opening_of
from .permit import Permit
from .shared import ProbeGate, SharedCircuit, SharedCircuitBreaker
from .snapshot import BreakerSnapshot

__all__ = [
    "BreakerSnapshot",
    "BreakerState",
    "CircuitBreaker",
    "Guard",
    "Opening",
    "Permit",
    "ProbeGate",
    "Reason",
    "SharedCircuit",
    "SharedCircuitBreaker",
    "Transition",
    "opening_of",
]
