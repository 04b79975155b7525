"""The rules by which a breaker and its circuit in the fleet come to agree: pure, without I/O or a clock."""

from __future__ import annotations

from dataclasses import dataclass

from ..breaker import BreakerState, SharedCircuit
from .steps import Answer, Holder, Step

__all__ = ["Standing", "next_step", "reaction"]

_OPEN, _CLOSED, _HALF_OPEN = BreakerState.OPEN, BreakerState.CLOSED, BreakerState.HALF_OPEN

_LOOKS_AFTER_LOSS = 2
_NOT_TOLD = -1


@dataclass(frozen=True, slots=True)
class Standing:
    """How a breaker stands to the fleet."""

    fleet_generation: int = 0
    """The fleet's generation that it was last in step with; 0 before it has seen one."""

    own_generation: int = 0
    """The breaker's generation at that time; another one by now means that it has something to say."""

    holds: bool = False
    """Whether the lease of the probe is this process's."""

    is_taken: bool = False
    """Whether it is another one's, or waits for another one."""

    must_pass_on: bool = False
    """Whether others have waited for long enough for a right that this process does not use."""

    just_passed_on: bool = False
    """Whether it did so in the last step."""

    looks_left: int = 0
    """Times to look only, after the data was lost: first the process that probes, if there is one, shall tell."""


def next_step(own: SharedCircuit, standing: Standing, *, wants: bool, is_view_old: bool, is_idle: bool) -> Step:
    """Return what to do with the fleet's circuit.

    Args:
        own: The circuit of this process's breaker.
        standing: How it stood after the last step.
        wants: Whether a call of this process would have been the probe.
        is_view_old: Whether the fleet has not been seen lately, so that an opening is judged by its time.
        is_idle: Whether this process makes no calls, and so leaves the probe to others.
    """
    base = standing.fleet_generation
    if own.state is _HALF_OPEN:
        if standing.must_pass_on and not own.probes_out:
            return Step("release", base, own)
        return Step("claim", base, own, wants=wants)
    if own.generation != standing.own_generation:
        if own.state is _OPEN:
            return Step("open", 0 if is_view_old else base, own)
        return Step("reset" if own.closed_for is None else "close", base, own)
    if own.state is _OPEN and not own.seconds_left:
        if standing.must_pass_on:
            return Step("release", base, own)
        if standing.looks_left:
            return Step("look", base, own)
        # Ahead of any call, so that the first one after the open time need not wait for Redis.
        if wants or not (is_idle or standing.is_taken or standing.just_passed_on):
            return Step("claim", base, own, wants=wants)
    return Step("glance" if own.state is _CLOSED else "look", base, own)


def _after_loss(own: SharedCircuit, standing: Standing) -> Standing:
    """Return how a breaker stands when the fleet has no circuit: the data was lost, or nothing was ever shared."""
    if own.state is _CLOSED:
        return Standing(0, standing.own_generation)
    if own.state is _OPEN and not own.seconds_left:
        left = standing.looks_left - 1 if standing.looks_left else _LOOKS_AFTER_LOSS if standing.fleet_generation else 0
        return Standing(0, own.generation, is_taken=left > 0, looks_left=left)
    return Standing(0, _NOT_TOLD)


def reaction(step: Step, standing: Standing, answer: Answer) -> tuple[Standing, SharedCircuit | None]:
    """Return how the breaker stands after a step, and the circuit that it has to become, if it has to.

    Args:
        step: What was done, with the breaker's circuit at that time.
        standing: How it stood before.
        answer: What came of it.
    """
    own = step.circuit
    if not answer.generation:
        return _after_loss(own, standing), None
    after = Standing(
        answer.generation,
        own.generation,
        holds=answer.holder is Holder.ME,
        is_taken=answer.holder is Holder.OTHER or (answer.holder is Holder.NOBODY and answer.is_wanted),
        must_pass_on=answer.holder is Holder.ME and answer.is_wanted and not answer.hold_left,
        just_passed_on=step.verb == "release" and answer.is_done,
    )
    is_in_step = answer.is_done or answer.generation == standing.fleet_generation
    if is_in_step and own.state is _HALF_OPEN:
        return after, None
    if answer.is_done or (is_in_step and own.generation == standing.own_generation):
        return after, None
    if not standing.fleet_generation and own.state is answer.circuit.state is _CLOSED:
        return after, None  # Both are closed, and calls that are under way shall count.
    return after, answer.circuit
