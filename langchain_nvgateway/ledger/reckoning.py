"""From what a ledger has counted to a report: shares, money, sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .counts import LegCounts
from .prices import Price
from .records import BreakerChange, RecordedAttempt
from .report import LegReport, Report, RoleReport, Sums

__all__ = ["leg_report", "report_of"]

_SUMMED = (
    *("calls", "answered", "failed", "rejected", "interrupted", "cancelled", "skipped", "fallbacks"),
    *("input_tokens", "output_tokens", "lost_tokens", "uncounted"),
)


def leg_report(
    name: tuple[str, str, str], counts: LegCounts, *, prices: Mapping[str, Price], direct_model: str | None
) -> LegReport:
    """Return what there is to say of a leg, but for its share.

    Args:
        name: Role, provider and model.
        counts: What was counted.
        prices: Prices by `provider:model`.
        direct_model: What it is compared with, as `provider:model`.
    """
    role, provider, model = name
    outcomes = {str(outcome): count for outcome, count in counts.outcomes.items()}
    asked, said = counts.input_tokens, counts.output_tokens
    cost, is_whole = _cost(counts, prices.get(f"{provider}:{model}"))
    direct = prices.get(direct_model) if direct_model else None
    direct_cost = saving = None
    if cost is not None and direct is not None and (asked or said):
        direct_cost = direct.of(asked - counts.lost_input, said - counts.lost_output)
        saving = direct_cost - cost
    return LegReport(
        role=role,
        provider=provider,
        model=model,
        calls=sum(outcomes.values()) - outcomes.get("skipped", 0),
        **outcomes,
        fallbacks=counts.fallbacks,
        input_tokens=asked,
        output_tokens=said,
        lost_tokens=counts.lost_input + counts.lost_output,
        uncounted=counts.uncounted,
        cost=cost,
        is_cost_whole=is_whole,
        direct_cost=direct_cost,
        saving=saving,
        p50_seconds=counts.latency.quantile(0.5),
        p95_seconds=counts.latency.quantile(0.95),
    )


def report_of(
    legs: Sequence[LegReport],
    seconds: float,
    recent: Sequence[RecordedAttempt],
    changes: Sequence[BreakerChange],
    *,
    direct_models: Mapping[str, str],
) -> Report:
    """Return the report of some legs.

    Args:
        legs: The legs, in any order.
        seconds: Seconds that it covers.
        recent: The latest attempts.
        changes: The latest changes of breakers.
        direct_models: What each role is compared with, as `provider:model`.
    """
    of_roles: dict[str, list[LegReport]] = {}
    for leg in legs:
        of_roles.setdefault(leg.role, []).append(leg)
    roles = [
        RoleReport(role=role, direct_model=direct_models.get(role), **_summed(own)) for role, own in of_roles.items()
    ]
    return Report(
        seconds=seconds,
        legs=tuple(_with_share(leg, own) for own in of_roles.values() for leg in own),
        roles=tuple(roles),
        totals=Sums(**_summed(roles)),
        recent=tuple(recent),
        breaker_changes=tuple(changes),
        unpriced=tuple(
            dict.fromkeys(leg.name for leg in legs if leg.cost is None and leg.input_tokens + leg.output_tokens > 0)
        ),
    )


def _cost(counts: LegCounts, price: Price | None) -> tuple[float | None, bool]:
    """Return the dollars as far as they are known, and whether that is all."""
    asked, said = counts.input_tokens, counts.output_tokens
    if not asked and not said:
        return (None, False) if counts.uncounted else (0.0, True)
    if price is None:
        return None, False
    return price.of(asked, said), not counts.uncounted


def _summed(parts: Iterable[Sums]) -> dict[str, Any]:
    parts = list(parts)
    sums: dict[str, Any] = {name: sum(getattr(part, name) for part in parts) for name in _SUMMED}
    # What is not known is left out of the money, and said to be.
    for name in ("cost", "direct_cost", "saving"):
        known = [value for part in parts if (value := getattr(part, name)) is not None]
        sums[name] = sum(known) if known else None
    if not parts:
        sums["cost"] = 0.0
    return {**sums, "is_cost_whole": all(part.is_cost_whole for part in parts)}


def _with_share(leg: LegReport, of_role: Sequence[LegReport]) -> LegReport:
    answered = sum(other.answered for other in of_role)
    return replace(leg, share=leg.answered / answered if answered else None)
