"""The figures of a run, for people: lines of text, and a table for the README."""

from __future__ import annotations

from collections.abc import Iterator

from .verdict import Verdict

__all__ = ["figures", "markdown"]

_ENDINGS = {
    "answered": "answered, by one leg and word for word",
    "all failed": "`AllProvidersFailedError`: no leg could answer",
    "refused": "typed error of the request itself",
    "interrupted": "`StreamInterruptedError` with what was seen",
    "left": "left by their callers",
}


def figures(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what a run was, as pairs of a name and a value."""
    plan, results, met = verdict.plan, verdict.results, verdict.faults
    early, late = [
        [left.mebibytes for left in lefts if left]
        for lefts in ([one.early for one in verdict.findings], [one.late for one in verdict.findings])
    ]
    growth = [f"{after - before:+.0f}" for before, after in zip(early, late, strict=True)]
    callers = f"{plan.workers} processes, each {plan.threads} threads and {plan.loops} loops of {plan.tasks} tasks"
    return [
        ("seed", str(plan.seed)),
        ("calls", f"{plan.calls:,} of {callers}"),
        *((f"… {what}", f"{results[result]:,}") for result, what in _ENDINGS.items()),
        ("faults met", f"{sum(met.values()):,}, of {len(met)} kinds among {len(verdict.known_faults)}"),
        ("token requests", f"{len(verdict.token_requests):,}"),
        ("beside that", ", ".join(f"{what} {count} times" for what, count in sorted(verdict.disturbances.items()))),
        ("broken tool calls let through", str(sum(1 for _ in _broken(verdict)))),
        ("time for a call", _times(verdict)),
        ("good answers lost to revoked tokens", str(len(verdict.without_token))),
        ("good answers too late", str(len(verdict.too_late))),
        ("all circuits closed again after", f"{max(one.settling_seconds for one in verdict.findings):.1f} s"),
        ("threads, tasks left", str(sum(len(one.late.threads) for one in verdict.findings if one.late))),
        ("growth of the processes", f"{', '.join(growth)} MiB"),
        ("time for all", f"{verdict.seconds:.0f} s"),
        ("problems", str(len(verdict.problems))),
    ]


def markdown(verdict: Verdict) -> str:
    """Return the figures as a table for the README."""
    return "\n".join(["| what | |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures(verdict))])


def _broken(verdict: Verdict) -> Iterator[str]:
    found = [problem for outcome in verdict.outcomes for problem in outcome.problems]
    yield from (problem for problem in found if problem.startswith(("calls of", "invalid calls")))
    yield from (problem for one in verdict.findings for problem in one.problems if problem.startswith("the tool ran"))


def _times(verdict: Verdict) -> str:
    middle, most, nearly_all, longest = (verdict.seconds_within(share) for share in (0.5, 0.95, 0.99, 1.0))
    limit = f"limit {verdict.plan.request_timeout:.0f} s"
    return f"p50 {middle:.3f} s, p95 {most:.2f} s, p99 {nearly_all:.2f} s, longest {longest:.1f} s ({limit})"
