"""What an error says about the endpoint that was called."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Literal

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelRateLimitError,
)

from ..errors import CircuitOpenError

__all__ = ["Opening", "Setback", "opening_of"]

Opening = Literal["at-threshold", "at-once", "for-maximum"]
"""When a failure opens a closed circuit, and for how long.

`at-threshold`: with the failures before it, for the open period; a `Retry-After` is the floor.
`at-once`: by itself, for its `Retry-After`, also when that is shorter, and without one for the open period.
`for-maximum`: by itself, for `max_open_seconds`.
"""


@dataclass(frozen=True, slots=True)
class Setback:
    """What a circuit needs to know of a failure."""

    opening: Opening = "at-threshold"

    retry_after: float | None = None
    """Seconds that the service asked to wait."""


_CAUSED_BY_REQUEST = (ModelInvalidRequestError, ContextOverflowError)
_PROGRAMMING_ERRORS = (TypeError, AttributeError, NameError, AssertionError)
_NOTHING_WAS_CALLED = (CancelledError, CircuitOpenError)


def opening_of(error: BaseException) -> Opening | None:
    """Return what `error` does to a circuit, `None` when it says nothing about the endpoint.

    A rate limit (429) opens at once, a model that is unknown (404) or retired (410) for the maximum, any other
    failure at the threshold. Neutral are cancellation and whatever else is no `Exception`, LangGraph's control
    flow, errors that the request caused, programming errors, and another circuit that is open.
    """
    if isinstance(error, BaseExceptionGroup):
        return _opening_of_group(error)
    if _is_neutral(error):
        return None
    status = getattr(error, "status_code", None)
    if status == 429 or isinstance(error, ModelRateLimitError):
        return "at-once"
    if status in (404, 410) or isinstance(error, ModelNotFoundError):
        return "for-maximum"
    return "at-threshold"


def _opening_of_group(group: BaseExceptionGroup[BaseException]) -> Opening | None:
    # Several calls failed, each in its own way: together they are an ordinary failure, if any of them is one.
    is_failure = isinstance(group, Exception) and any(map(opening_of, group.exceptions))
    return "at-threshold" if is_failure else None


def _is_neutral(error: BaseException) -> bool:
    if isinstance(error, BaseException) and not isinstance(error, Exception):
        return True
    if isinstance(error, _CAUSED_BY_REQUEST + _PROGRAMMING_ERRORS + _NOTHING_WAS_CALLED):
        return True
    # By name: LangGraph may not be installed, and then no error is its.
    return any(
        kind.__name__ == "GraphBubbleUp" and kind.__module__.startswith("langgraph") for kind in type(error).__mro__
    )
