"""Numbers of a report as people read them."""

from __future__ import annotations

from .report import Sums

__all__ = ["cost_text", "count_text", "dollars", "seconds_text", "share_text", "span_text"]

_NOTHING = "-"


def count_text(count: int) -> str:
    """Return a count, nothing much for 0."""
    return f"{count:,}" if count else _NOTHING


def share_text(share: float | None) -> str:
    """Return a share in percent; one that is not quite all never looks like all."""
    if share is None:
        return _NOTHING
    return f"{max(min(round(share * 100), 99 if share < 1 else 100), 1 if share > 0 else 0)} %"


def dollars(amount: float) -> str:
    """Return an amount with as many digits as it takes to be told from 0."""
    size = abs(amount)
    if size >= 1 or not size:
        return f"{amount:,.2f}"
    return f"{amount:.4f}" if size >= 0.01 else f"{amount:.6f}" if size >= 0.000_001 else f"{amount:.1e}"


def cost_text(sums: Sums) -> str:
    """Return a cost; `unknown` is not nothing, and `≥` says that there is more that nobody knows."""
    if sums.cost is None:
        return "unknown"
    if not sums.cost and sums.is_cost_whole:
        return _NOTHING
    return dollars(sums.cost) if sums.is_cost_whole else f"≥ {dollars(sums.cost)}"


def seconds_text(seconds: float | None) -> str:
    """Return seconds with two digits or more."""
    if seconds is None:
        return _NOTHING
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.3f}"


def span_text(seconds: float) -> str:
    """Return how long something has been going on."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} seconds"
