"""The results as a table, in the terminal and for the README."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from .results import Result, Results
from .row import Row

__all__ = ["readme_table", "shown", "terminal_table"]

_WIDE = 116
"""Columns from which on there is room for what is behind the values."""

_STYLES = {"goal": "green", "bar": "", "missed": "bold red", "-": "dim"}


def shown(row: Row, value: float | None) -> str:
    """Return a value with its unit, in the digits that mean something."""
    if value is None:
        return ""
    digits = {"KiB": 0, "s": 3}.get(row.unit, 2 if abs(value) < 10 else 1)
    return f"{value:.{digits}f} {row.unit}".rstrip()


def bound(row: Row, value: float | None) -> str:
    """Return a bar or a goal with its direction, in the unit of the value."""
    if value is None:
        return ""
    return f"{'≥' if row.better == 'higher' else '≤'} {value:g}"


def verdict(row: Row, result: Result) -> Text:
    """Return what is to be said of a result, by its worse half."""
    reached = {row.verdict(value) for value in (result.idle, result.busy) if value is not None}
    worse = next(name for name in ("missed", "bar", "goal", "-") if name in reached)
    return Text(worse, _STYLES[worse])


def terminal_table(rows: Iterable[Row], results: Results, *, width: int) -> Table:
    """Return the table for a terminal of so many columns."""
    is_wide = width >= _WIDE
    table = Table(box=SIMPLE_HEAD, padding=0)
    # Rich would take room from what must not be cut as well, so the first two get what the others leave.
    table.add_column("what", width=36 if is_wide else 24)
    table.add_column("against", width=16 if is_wide else 15)
    for heading, columns in (("idle", 7), ("busy", 7), ("bar", 6), ("goal", 6)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=columns)
    table.add_column("meets", no_wrap=True, min_width=6)
    if is_wide:
        table.add_column("behind it", style="dim")
    for row in rows:
        result = results.rows.get(row.key)
        if result is None:
            continue
        cells: list[str | Text] = [row.name.replace("`", ""), row.against]
        cells += [shown(row, result.idle), shown(row, result.busy), bound(row, row.bar), bound(row, row.goal)]
        cells += [verdict(row, result), *([result.note] if is_wide else [])]
        table.add_row(*cells)
    return table


def readme_table(rows: Iterable[Row], results: Results) -> str:
    """Return the main rows in Markdown."""
    lines = ["| what | against | idle | busy | bar | goal |", "|---|---|---|---|---|---|"]
    for row in rows:
        if row.is_main and row.key in results.rows:
            result = results.rows[row.key]
            cells = [row.name, row.against, shown(row, result.idle), shown(row, result.busy)]
            lines.append(f"| {' | '.join([*cells, bound(row, row.bar), bound(row, row.goal)])} |")
    told = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    return "\n".join([*lines, "", f"Measured on {results.machine}, with {told}.", ""])
