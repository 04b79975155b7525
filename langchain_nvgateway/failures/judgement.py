"""The verdict on an exception together with those beneath it: causes, contexts, members of a group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .evidence import Evidence, attribute, traceback_of
from .kinds import Failure, FailureKind
from .table import is_filter, is_interrupt, kind_of

__all__ = ["failure_of", "is_content_filter", "is_control_flow"]

_MAX_ERRORS = 100
"""Exceptions that are looked at, in all chains and groups together."""

_WEIGHT = {kind: weight for weight, kind in enumerate(FailureKind)}


def failure_of(error: BaseException, *, now: float | None = None) -> Failure:
    """Return what kind of failure an exception is, and how long to wait.

    The exception itself decides. Where it says nothing, what it was raised from does, then what was being
    handled in the same call. A group is what its gravest member is. What nobody recognises is taken for a
    failure of the service. Never raises, whatever the exception is like.

    Args:
        error: The exception that ended the call.
        now: The time in seconds since 1970, to count from to a `Retry-After` that is a date.
    """
    return _verdict(error, now, {}).failure


def is_control_flow(error: BaseException) -> bool:
    """Whether the exception is no failure but a cancellation or an interrupt, to be passed on untouched.

    So are groups with one among their members, and exceptions raised from LangGraph's interrupts, from
    `KeyboardInterrupt` or `SystemExit`. A `TimeoutError` raised from a cancellation is a failure: that is how
    timeouts work.
    """
    return failure_of(error).kind is FailureKind.CONTROL_FLOW


def is_content_filter(error: BaseException) -> bool:
    """Whether a service's content filter stopped the prompt or the answer; true of a `ContentFilteredError` too."""
    verdict = _verdict(error, None, {})
    return verdict.failure.kind is FailureKind.REQUEST and is_filter(verdict.evidence)


class _Verdict(NamedTuple):
    failure: Failure
    evidence: Evidence
    """The exception that decided."""


class _Link(NamedTuple):
    error: BaseException
    is_hidden: bool
    """Whether it is beneath a `raise … from None`."""


def _verdict(error: BaseException, now: float | None, seen: dict[int, BaseException]) -> _Verdict:
    chain = list(_chain(error, seen))
    judged = [(link, Evidence(link.error, outermost=link.error is error)) for link in chain]
    for link, evidence in judged:
        if is_interrupt(evidence) and not link.is_hidden:
            return _Verdict(Failure(FailureKind.CONTROL_FLOW), evidence)
    for place, (link, evidence) in enumerate(judged):
        verdict = _verdict_on_group(link.error, now, seen)
        kind = verdict.failure.kind if verdict else kind_of(evidence)
        if not kind or (kind is FailureKind.CONTROL_FLOW and link.is_hidden):
            continue
        return verdict or _Verdict(Failure(kind, _wait(judged[place:], kind, now)), evidence)
    unknown = FailureKind.AVAILABILITY
    return _Verdict(Failure(unknown, _wait(judged, unknown, now)), judged[0][1])


def _verdict_on_group(error: BaseException, now: float | None, seen: dict[int, BaseException]) -> _Verdict | None:
    verdicts = [_verdict(member, now, seen) for member in _members(error) if _is_new(member, seen)]
    if not verdicts:
        return None
    gravest = max(verdicts, key=lambda verdict: _WEIGHT[verdict.failure.kind])
    kind = gravest.failure.kind
    waits = [verdict.failure.retry_after for verdict in verdicts if verdict.failure.kind is kind]
    longest = max((wait for wait in waits if wait is not None), default=None)
    return _Verdict(Failure(kind, longest), gravest.evidence)


def _members(error: BaseException) -> tuple[BaseException, ...]:
    members = attribute(error, "exceptions") if issubclass(type(error), BaseExceptionGroup) else ()
    return tuple(filter(_is_error, members[:_MAX_ERRORS])) if type(members) is tuple else ()


def _wait(judged: list[tuple[_Link, Evidence]], kind: FailureKind, now: float | None) -> float | None:
    """Return the wait that the deciding exception or one beneath it names: SDKs keep headers at the bottom."""
    if kind in (FailureKind.BUG, FailureKind.CONTROL_FLOW):
        return None
    return next((wait for wait in (evidence.wait(now) for _, evidence in judged) if wait is not None), None)


def _chain(error: BaseException, seen: dict[int, BaseException]) -> Iterator[_Link]:
    """Yield the exception and those beneath it, each once."""
    link: _Link | None = _Link(error, is_hidden=False)
    while link:
        seen[id(link.error)] = link.error
        yield link
        if _members(link.error):
            return  # What a group was raised from is as a rule one of its members, and they are judged one by one.
        beneath = _beneath(link)
        link = beneath if beneath and _is_new(beneath.error, seen) else None


def _beneath(link: _Link) -> _Link | None:
    cause = attribute(link.error, "__cause__")
    if _is_error(cause):
        return _Link(cause, link.is_hidden)
    context = attribute(link.error, "__context__")
    if not _is_error(context) or not _was_caught_within(context, link.error):
        return None
    # ChatNVIDIA raises `from None`: what is hidden still knows the headers.
    return _Link(context, link.is_hidden or attribute(link.error, "__suppress_context__") is True)


def _was_caught_within(context: BaseException, error: BaseException) -> bool:
    """Whether a context was handled by the call that raised the error, and not by somebody who made that call.

    A model that is asked in an `except` block gets the exception handled there as the context of its own
    ones, which says nothing about the model. An exception's traceback starts where it was caught.
    """
    caught = next(traceback_of(context), None)
    frames = [step.tb_frame for step in traceback_of(error)]
    return caught is None or not frames or any(frame is caught.tb_frame for frame in frames)


def _is_error(thing: object) -> bool:
    return issubclass(type(thing), BaseException)


def _is_new(error: BaseException, seen: dict[int, BaseException]) -> bool:
    return id(error) not in seen and len(seen) < _MAX_ERRORS
