"""The README's table of speed, which is what is stored."""

from __future__ import annotations

from .server import ROOT

__all__ = ["README", "quoted", "with_table"]

README = ROOT / "README.md"
_BEGIN, _END = "<!-- make bench-store writes this -->\n", "<!-- end of what make bench-store writes -->\n"


def quoted(readme: str) -> str:
    """Return the table that a README has."""
    return readme.partition(_BEGIN)[2].partition(_END)[0]


def with_table(readme: str, table: str) -> str:
    """Return a README with another table."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError("The README has no place for the table of speed.")
    return before + begin + table + end + after
