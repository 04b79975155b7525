"""Tables, as aligned text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Row", "html_note", "html_table", "plain", "text_table"]

_GAP = 2
_INDENT = " "
_LONG = 60
_NO_MATH = "tex2jax_ignore mathjax_ignore"
"""Classes of what Jupyter is not to set as formulas: it takes what is between two dollar signs for one."""

_RULE = "1px solid rgba(128, 128, 128, 0.5)"
_TABLE = (
    "border-collapse: collapse; margin: 0.4em 0; color: inherit; font-size: inherit; font-variant-numeric: tabular-nums"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    cells: Sequence[str]

    is_strong: bool = False
    """Whether it is a sum, or a heading of the rows below."""

    is_indented: bool = False
    """Whether it belongs to a heading above it."""


def plain(text: str) -> str:
    """Return a text in one line, without the control characters by which it could change a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def text_table(titles: Sequence[str], rows: Iterable[Row], *, left: int = 1, width: int = 100) -> str:
    """Return a table as lines of text.

    Args:
        titles: Titles of the columns.
        rows: Rows of as many cells.
        left: How many columns are flush left; the others are flush right.
        width: Columns of the terminal; what is too wide has its first column cut in the middle.
    """
    lines = [list(map(plain, titles))]
    for row in rows:
        first, *others = map(plain, row.cells)
        lines.append([_INDENT + first if row.is_indented else first, *others])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = width - sum(widths[1:])
    gap = _GAP if widths[0] <= room - _GAP * (len(widths) - 1) else 1
    widths[0] = max(min(widths[0], room - gap * (len(widths) - 1)), len(titles[0]), _GAP)
    return "\n".join(
        (" " * gap)
        .join(
            _cut(cell, size).ljust(size) if place < left else cell.rjust(size)
            for place, (cell, size) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in lines
    )


def html_table(titles: Sequence[str], rows: Iterable[Row], *, left: int = 1) -> str:
    """Return a table as HTML that looks right on light and on dark ground; everything in it is escaped.

    Args:
        titles: Titles of the columns.
        rows: Rows of as many cells.
        left: How many columns are flush left; the others are flush right.
    """
    lines = [_line("th", titles, left, f"; border-bottom: {_RULE}")]
    for row in rows:
        strong = f"; border-top: {_RULE}; font-weight: bold" if row.is_strong else ""
        lines.append(_line("td", row.cells, left, strong, is_indented=row.is_indented))
    head, *body = lines
    return f'<table class="{_NO_MATH}" style="{_TABLE}"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>'


def html_note(text: str) -> str:
    """Return a line beside a table as HTML, escaped."""
    return f'<div class="{_NO_MATH}" style="margin: 0.3em 0">{html.escape(plain(text))}</div>'


def _line(tag: str, cells: Sequence[str], left: int, style: str, *, is_indented: bool = False) -> str:
    made = []
    for place, cell in enumerate(cells):
        align = "left" if place < left else "right"
        # Names and numbers stay in one piece; reasons may be wrapped.
        wrap = "normal" if len(cell) > _LONG else "nowrap"
        inner = "2px 8px 2px 24px" if is_indented and place == 0 else "2px 8px"
        look = f"text-align: {align}; padding: {inner}; white-space: {wrap}{style}"
        made.append(f'<{tag} style="{look}">{html.escape(plain(cell))}</{tag}>')
    return f"<tr>{''.join(made)}</tr>"


def _cut(text: str, width: int) -> str:
    """Return a text that fits, cut in the middle: names differ at both ends."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"
