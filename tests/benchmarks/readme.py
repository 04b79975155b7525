"""The README's figures of speed, which are those that are stored."""

from __future__ import annotations

import re

from .catalogue import ROWS
from .results import Results
from .server import ROOT
from .table import readme_table

__all__ = ["README", "renewed"]

README = ROOT / "README.md"
_BEGIN, _END = "<!-- make bench-store writes this -->\n", "<!-- end of what make bench-store writes -->\n"


_SHARE = re.compile(r"(?<=A check takes about )\d+(?= % of)")


def renewed(readme: str, results: Results) -> str:
    """Return a README with the figures of these results and all else as it is."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError("The README has no place for the table of speed.")
    readme = before + begin + readme_table(ROWS, results) + end + after
    share = results.rows.get("check-share")
    return _SHARE.sub(f"{share.idle * 100:.0f}", readme) if share else readme
