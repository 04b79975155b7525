"""A row of the benchmarks: what is measured, and what it has to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from .models import Bench

__all__ = ["Measurement", "NotMeasuredError", "Row", "Verdict"]

Verdict = Literal["goal", "bar", "missed", "-"]
"""Whether the goal is met, only the bar, or neither; `-` where there is no bar."""


class Measurement(NamedTuple):
    """What came of measuring a row once."""

    value: float
    """A ratio, or what the row's unit says."""

    note: str = ""
    """What is behind it, in few words."""


class NotMeasuredError(Exception):
    """A row cannot be measured here, since something is not installed."""


@dataclass(frozen=True)
class Row:
    """One thing that is measured."""

    key: str
    """Its name in the stored result and on the command line."""

    name: str
    """What is measured."""

    against: str
    """What it is compared with; empty for an absolute value."""

    measure: Callable[[Bench], Measurement]
    """Measures it once."""

    bar: float | None = None
    """What it has to keep."""

    goal: float | None = None
    """What it is meant to reach."""

    unit: str = ""
    """Unit of the value; empty for a ratio."""

    better: Literal["lower", "higher"] = "lower"
    """Which way is an improvement."""

    slack: float = 0.0
    """A change that is too small to speak of, in the unit."""

    is_main: bool = False
    """Whether it is measured on a busy machine as well, and stands in the README."""

    def is_kept(self, value: float, bound: float) -> bool:
        """Whether a value keeps to a bound."""
        return value >= bound if self.better == "higher" else value <= bound

    def verdict(self, value: float) -> Verdict:
        """Say which of goal and bar a value meets."""
        if self.bar is None:
            return "-"
        if self.goal is not None and self.is_kept(value, self.goal):
            return "goal"
        return "bar" if self.is_kept(value, self.bar) else "missed"
