"""A report as pictures, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..tables import plain
from .optional import import_optional
from .report import LegReport, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_of"]

_COLORS = ("#5b9e1f", "#3b6fb6", "#d98324", "#8a5fb0", "#3f9c9c", "#a2574f")
"""Of providers in the order in which they come: told apart with any kind of colour vision, on white."""

_STATES = {"closed": "#c4dcae", "half-open": "#f0b33c", "open": "#cc3b33"}
_NO_DATA = "nothing yet"
_LONGEST_NAME = 34


def figure_of(report: Report) -> Figure:
    """Return the figure of a report; pyplot and its list of open figures take no part.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    figures = import_optional("matplotlib.figure", "plot")

    class ReportFigure(figures.Figure):  # type: ignore[misc, name-defined]  # known at run time only
        """A figure that a notebook shows although pyplot has not made it."""

        def _repr_png_(self) -> bytes:
            held = io.BytesIO()
            self.savefig(held, format="png", dpi=110)
            return held.getvalue()

    breakers = list(dict.fromkeys(change.breaker for change in report.breaker_changes))
    heights = [max(2.2, 0.6 + 0.42 * len(report.roles)), max(1.9, 0.9 + 0.34 * len(breakers))]
    heights.insert(1, max(2.2, 0.6 + 0.3 * len([leg for leg in report.legs if leg.p50_seconds is not None])))
    figure: Figure = ReportFigure(figsize=(11, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=heights)
    providers = list(dict.fromkeys(leg.provider for leg in report.legs))
    colors = {provider: _COLORS[place % len(_COLORS)] for place, provider in enumerate(providers)}
    shares, costs = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _plot_by_role(shares, report, colors, [100 * (leg.share or 0) for leg in report.legs], "Answers per role", "%")
    shares.set_xlim(0, 100)
    _plot_by_role(costs, report, colors, [leg.cost or 0 for leg in report.legs], _cost_title(report), "dollars")
    if any(leg.cost for leg in report.legs):
        costs.locator_params(axis="x", nbins=4)  # Small amounts have long labels.
    _plot_latency(figure.add_subplot(grid[1, :]), report, colors)
    _plot_breakers(figure.add_subplot(grid[2, :]), report, breakers)
    if providers:
        handles, _ = shares.get_legend_handles_labels()
        figure.legend(handles, providers, loc="outside upper center", ncols=len(providers), frameon=False)
    return figure


def _cost_title(report: Report) -> str:
    return "Cost per role" if report.totals.is_cost_whole else "Cost per role, as far as it is known"


def _plot_by_role(
    axes: Axes, report: Report, colors: dict[str, str], values: Sequence[float], title: str, unit: str
) -> None:
    """Draw a bar for each role, with a part for each provider."""
    roles = [role.role for role in report.roles]
    sums = {(role, provider): 0.0 for role in roles for provider in colors}
    for leg, value in zip(report.legs, values, strict=True):
        sums[leg.role, leg.provider] += value
    left = [0.0] * len(roles)
    for provider, color in colors.items():
        widths = [sums[role, provider] for role in roles]
        axes.barh(range(len(roles)), widths, left=left, color=color, label=provider, height=0.62)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    _finish(axes, [_shortened(role) for role in roles], title, unit, has_data=any(left))


def _plot_latency(axes: Axes, report: Report, colors: dict[str, str]) -> None:
    """Draw a line from the median to the 95th percentile of each leg, on a scale of decades."""
    legs: list[LegReport] = [leg for leg in report.legs if leg.p50_seconds is not None]
    for place, leg in enumerate(legs):
        assert leg.p50_seconds is not None
        assert leg.p95_seconds is not None
        color = colors[leg.provider]
        axes.plot([leg.p50_seconds, leg.p95_seconds], [place, place], color=color, linewidth=3, alpha=0.5)
        axes.plot([leg.p50_seconds], [place], "o", color=color, markersize=7)
        axes.plot([leg.p95_seconds], [place], "|", color=color, markersize=13, markeredgewidth=3)
    names = [f"{_shortened(leg.role)}  {_shortened(leg.model.rpartition('/')[2])}" for leg in legs]
    if legs:
        axes.set_xscale("log")
        # Labels at 1, 2 and 5 of each decade: most legs lie within one.
        axes.xaxis.set_major_locator(import_optional("matplotlib.ticker", "plot").LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
    _finish(axes, names, "Latency of answers: half (dot) and 95 % (bar) took no longer", "seconds", has_data=bool(legs))


def _plot_breakers(axes: Axes, report: Report, breakers: Sequence[str]) -> None:
    """Draw what state each breaker was in; before the first change that is known, it was closed."""
    for place, breaker in enumerate(breakers):
        start, state = 0.0, "closed"
        ends: list[tuple[float, str]] = [
            (change.at_seconds, change.state) for change in report.breaker_changes if change.breaker == breaker
        ]
        for end, following in [*ends, (report.seconds, "")]:
            axes.barh(place, max(end - start, 0.0), left=start, color=_STATES[state], height=0.55)
            if state == "half-open":  # A probe is over in no time, and has to be seen all the same.
                axes.vlines(start, place - 0.275, place + 0.275, color=_STATES[state], linewidth=3, zorder=3)
            start, state = end, following or state
    _finish(axes, [_breaker_name(name) for name in breakers], "Breakers", "", has_data=bool(breakers))
    axes.set_xlabel("seconds since the manager was built")
    if breakers:
        axes.set_xlim(0, max(report.seconds, 1e-9))
        patches = import_optional("matplotlib.patches", "plot")
        handles = [patches.Patch(color=color, label=state) for state, color in _STATES.items()]
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9)


def _finish(axes: Axes, names: Sequence[str], title: str, unit: str, *, has_data: bool) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(unit)
    # Names are not to be read as formulas, and fonts have no control characters.
    axes.set_yticks(range(len(names)), [plain(name).replace("$", r"\$") for name in names])
    if names:
        axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=True, axis="x", color="#e3e3e3")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not has_data:
        axes.set_xticks([])
        options: dict[str, Any] = {"ha": "center", "va": "center", "color": "#707070", "transform": axes.transAxes}
        axes.text(0.5, 0.5, _NO_DATA, **options)


def _breaker_name(name: str) -> str:
    """Return a breaker's name without the maker of the model, which is the longest part and says least."""
    endpoint, kind = name, ""
    for suffix in ("/credentials", "/quality"):
        if name.endswith(suffix):
            endpoint, kind = name.removesuffix(suffix), f" ({suffix[1:]})"
    return f"{_shortened(endpoint.partition(':')[2].rpartition('/')[2])}{kind}"


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME // 2]}…{name[-_LONGEST_NAME // 2 :]}"
