"""All rows, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterable

from . import calls, checking, memory, roles, small_costs, streams
from .row import Row

__all__ = ["ROWS", "chosen"]

ROWS: tuple[Row, ...] = (
    *streams.ROWS,
    *calls.ROWS,
    *roles.ROWS,
    *checking.ROWS,
    *small_costs.ROWS,
    *memory.ROWS,
)


def chosen(words: Iterable[str]) -> list[Row]:
    """Return the rows whose key holds one of the words; all without words."""
    words = list(words)
    return [row for row in ROWS if not words or any(word in row.key for word in words)]
