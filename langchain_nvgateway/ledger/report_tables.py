"""A report as tables with a few words below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from ..tables import Row, html_note, html_table, plain, text_table
from .amounts import cost_text, count_text, dollars, seconds_text, share_text, span_text
from .report import LegReport, Report, Sums

__all__ = ["html_of", "text_of"]

_WHO = ("asked", "answered", "share", "failed", "rejected", "skipped", "went on")
_COST = ("tokens in", "tokens out", "cost $", "p50 s", "p95 s")
_WIDTH = 100
_EMPTY = "Nobody has been asked yet."


def text_of(report: Report) -> str:
    """Return two tables of at most 100 columns: who answered, and what it cost."""
    if not report.legs:
        return _EMPTY
    tables = [text_table((title, *columns), _grouped(report, cells), width=_WIDTH) for title, columns, cells in _TABLES]
    lines = [line for words in _words(report) for line in textwrap.wrap(words, _WIDTH, break_on_hyphens=False)]
    return "\n\n".join((*tables, "\n".join(map(plain, lines))))


def html_of(report: Report) -> str:
    """Return the same two tables: one of all columns is wider than a notebook."""
    if not report.legs:
        return html_note(_EMPTY)
    tables = [html_table((title, *columns), _grouped(report, cells)) for title, columns, cells in _TABLES]
    return "".join((*tables, *map(html_note, _words(report))))


def _grouped(report: Report, cells: Callable[[Sums], Sequence[str]]) -> list[Row]:
    rows = []
    for role in report.roles:
        rows.append(Row((role.role, *cells(role)), is_strong=True))
        legs = [leg for leg in report.legs if leg.role == role.role]
        rows += [Row((leg.name, *cells(leg)), is_indented=True) for leg in legs]
    return [*rows, Row(("all", *cells(report.totals)), is_strong=True)]


def _who(sums: Sums) -> tuple[str, ...]:
    counts = (sums.failed + sums.interrupted, sums.rejected, sums.skipped, sums.fallbacks)
    share = share_text(sums.share) if isinstance(sums, LegReport) else ""
    return count_text(sums.calls), count_text(sums.answered), share, *map(count_text, counts)


def _cost(sums: Sums) -> tuple[str, ...]:
    tokens = count_text(sums.input_tokens), count_text(sums.output_tokens)
    latency = (sums.p50_seconds, sums.p95_seconds) if isinstance(sums, LegReport) else None
    return *tokens, cost_text(sums), *(map(seconds_text, latency) if latency else ("", ""))


_TABLES = (("who answered", _WHO, _who), ("what it cost", _COST, _cost))


def _words(report: Report) -> list[str]:
    """Return what the numbers do not say by themselves."""
    totals = report.totals
    words = [_money(report)]
    if totals.lost_tokens:
        words.append(f"Rejected and failed answers took {totals.lost_tokens:,} of the tokens, which are paid for, too.")
    if totals.uncounted:
        words.append(f"Answers that came without a count of tokens, at an unknown cost: {totals.uncounted:,}.")
    if totals.cancelled:
        words.append(f"Calls whose caller went away: {totals.cancelled:,}.")
    words += [
        f"{name} has no price, so what it cost is unknown: set manager.prices[{name!r}] = (input, output), "
        "in dollars per million tokens."
        for name in report.unpriced
    ]
    return words


def _money(report: Report) -> str:
    totals = report.totals
    cost = "unknown" if totals.cost is None else f"{'' if totals.is_cost_whole else 'at least '}${dollars(totals.cost)}"
    told = f"Cost over {span_text(report.seconds)}: {cost}."
    if totals.direct_cost is None or totals.saving is None:
        return told
    models = ", ".join(
        dict.fromkeys(role.direct_model for role in report.roles if role.direct_cost and role.direct_model)
    )
    saved = f"${dollars(abs(totals.saving))} {'saved' if totals.saving >= 0 else 'more was paid'}"
    if totals.direct_cost and totals.saving >= 0:
        saved += f" ({share_text(totals.saving / totals.direct_cost)})".replace(" %", "%")
    return f"{told} The same answers from {models or 'the direct vendor'}: ${dollars(totals.direct_cost)}; {saved}."
