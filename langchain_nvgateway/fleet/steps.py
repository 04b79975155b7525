"""What a process does with a circuit of the fleet, and what comes of it: in and out of the Lua script."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from ..breaker import BreakerState, SharedCircuit

__all__ = ["Answer", "Holder", "Step", "Verb", "answer_from", "answers_from", "arguments"]

_CLOSED = SharedCircuit()

_LONGEST_MOMENT = 64
"""Bytes of the moment of the last write."""

_MOST = 2**53
"""Beyond that Lua's numbers have gaps. (Generations are microseconds of the clock at least.)"""

_MOST_OPENINGS = 1000

Verb = Literal["glance", "look", "open", "close", "reset", "claim", "release"]
"""What a process does with a circuit.

`look` reads it, `glance` unless nothing was written since the last look. `open` and `close` say what its breaker did,
`reset` that somebody closed it by hand. `claim` asks for the lease of the probe, or renews it; `release` gives it back.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What a process does with one circuit."""

    verb: Verb = "look"

    base: int = 0
    """Generation in which it saw the circuit; 0 when it has not seen it lately."""

    circuit: SharedCircuit = _CLOSED
    """The circuit of its own breaker."""

    wants: bool = False
    """Whether it has calls that would probe."""


class Holder(IntEnum):
    """Who has the lease of the probe."""

    NOBODY = 0
    ME = 1
    OTHER = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a step, and the circuit after it."""

    is_done: bool
    generation: int
    """0 when nobody shares the circuit."""

    circuit: SharedCircuit = _CLOSED
    holder: Holder = Holder.NOBODY

    hold_left: float = 0.0
    """Seconds for which the holder need not pass its right on."""

    is_wanted: bool = False
    """Whether another process waits for that."""


def arguments(step: Step, owner: str) -> tuple[str, ...]:
    """Return what the script is given for a step of a process."""
    circuit = step.circuit
    age = max(circuit.open_for - circuit.seconds_left, 0.0)
    numbers = _ms(circuit.seconds_left), _ms(circuit.open_for), str(circuit.openings), _ms(age)
    return step.verb, str(step.base), owner, *numbers, _flag(is_set=step.wants), _flag(is_set=bool(circuit.probes_out))


def answers_from(reply: Any, *, count: int) -> tuple[bytes, list[Answer | None]]:
    """Return when a circuit was last written, and what became of each step.

    Raises:
        ValueError: It is no reply of this script to so many steps.
    """
    if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list) or len(reply[1]) != count:
        raise ValueError("not a reply of the script")
    moment = reply[0]
    if not isinstance(moment, bytes) or len(moment) > _LONGEST_MOMENT:
        raise ValueError("not a moment of the script")
    return moment, [answer_from(part) for part in reply[1]]


def answer_from(reply: Any) -> Answer | None:
    """Return what the script's reply for one circuit says, `None` if it was not looked at.

    Raises:
        ValueError: It is no reply of this script.
    """
    if reply == []:
        return None
    if not isinstance(reply, list) or len(reply) < 2:
        raise ValueError("not a reply of the script")
    if not reply[1]:
        return Answer(is_done=False, generation=0)
    done, generation, state, left, length, openings, since, holder, hold_left, want = reply
    is_open = state in (b"open", "open")
    # One that was closed by hand remembers nothing of earlier openings.
    closed_for = None if is_open or not int(openings) else _seconds(since)
    circuit = SharedCircuit(
        BreakerState.OPEN if is_open else BreakerState.CLOSED,
        openings=_bounded(openings, _MOST_OPENINGS),
        open_for=_seconds(length),
        seconds_left=_seconds(left) if is_open else 0.0,
        closed_for=closed_for,
    )
    return Answer(bool(done), _bounded(generation), circuit, Holder(int(holder)), _seconds(hold_left), bool(want))


def _bounded(number: Any, most: int = _MOST) -> int:
    return min(max(int(number), 0), most)


def _seconds(milliseconds: Any) -> float:
    return _bounded(milliseconds) / 1000


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _flag(*, is_set: bool) -> str:
    return "1" if is_set else "0"
