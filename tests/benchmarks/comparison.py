"""What got worse since the stored result, and which bars are missed; noise is neither.

A ratio of turns that alternate differs by a few percent from run to run. So a row counts as worse from 20 % on, and one
that looks worse or just misses its bar is measured twice more: then the median of the three decides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, get_args

from .results import Result, Results
from .row import Measurement, Row

__all__ = ["Finding", "compared", "is_doubtful", "is_worse", "settled"]

_WORSE = 0.2


Kind = Literal[
    "worse than what is stored",
    "misses its bar",
    "could not be measured",
    "stored, but no longer there",
    "left out",
    "not stored yet",
    "not compared, since it was stored on another machine",
]


class Finding(NamedTuple):
    """Something to say about a row."""

    kind: Kind
    """What it is."""

    key: str
    """The row's."""

    details: str = ""
    """The values, or the reason."""

    @property
    def is_bad(self) -> bool:
        """Whether the run has failed because of it."""
        return self.kind in _BAD


_BAD = frozenset(get_args(Kind)[:4])


def is_worse(row: Row, value: float, stored: float) -> bool:
    """Whether a value is at least a fifth worse than the stored one, and by more than the row's slack."""
    loss = stored - value if row.better == "higher" else value - stored
    worst = _WORSE * abs(stored)
    return loss > row.slack and (loss > worst or math.isclose(loss, worst))


def is_doubtful(row: Row, value: float, stored: Results) -> bool:
    """Whether a value might be noise: it looks worse than the stored one, or misses its bar by less than a fifth."""
    before = stored.rows.get(row.key)
    if before is not None and is_worse(row, value, before.idle):
        return True
    if row.bar is None or row.is_kept(value, row.bar):
        return False
    return abs(value - row.bar) < _WORSE * row.bar


def settled(measure: Callable[[], Measurement], doubtful: Callable[[float], bool]) -> Measurement:
    """Measure, and twice more if the value is doubtful: the median of the three is what counts."""
    first = measure()
    if not doubtful(first.value):
        return first
    three = [first, measure(), measure()]
    middle = statistics.median(measurement.value for measurement in three)
    return next(measurement for measurement in three if measurement.value == middle)


def compared(
    rows: Iterable[Row], results: Results, stored: Results, *, absent: Mapping[str, str], is_complete: bool
) -> list[Finding]:
    """Return what is to be said about a run.

    Args:
        rows: The rows that were to be measured.
        results: What was measured.
        stored: What it is compared with.
        absent: Why rows were left out, by key.
        is_complete: Whether the rows are all there are.
    """
    rows = list(rows)
    findings: list[Finding] = []
    for row in rows:
        if row.key in absent:
            findings.append(Finding("left out", row.key, absent[row.key]))
        elif row.key not in results.rows:
            findings.append(Finding("could not be measured", row.key))
        else:
            findings += [*_missed_bars(row, results.rows[row.key]), *_change(row, results, stored)]
    if is_complete:
        gone = stored.rows.keys() - {row.key for row in rows}
        findings += [Finding("stored, but no longer there", key) for key in sorted(gone)]
    return findings


def _missed_bars(row: Row, result: Result) -> Iterator[Finding]:
    for value, state in ((result.idle, "idle"), (result.busy, "busy")):
        if value is not None and row.verdict(value) == "missed":
            sign = "<" if row.better == "higher" else ">"
            yield Finding("misses its bar", row.key, f"{state}, {value:.4g} {sign} {row.bar:g} {row.unit}".rstrip())


def _change(row: Row, results: Results, stored: Results) -> Iterator[Finding]:
    before, value = stored.rows.get(row.key), results.rows[row.key].idle
    if before is None:
        yield Finding("not stored yet", row.key)
    elif row.unit and results.machine != stored.machine:
        yield Finding("not compared, since it was stored on another machine", row.key)
    elif is_worse(row, value, before.idle):
        yield Finding("worse than what is stored", row.key, f"{value:.3g} after {before.idle:.3g} {row.unit}".rstrip())
