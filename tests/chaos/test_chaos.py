"""A short run among the tests; `make soak` is the long one."""

from __future__ import annotations

import os
from collections.abc import Callable

from .figures import figures
from .plan import PHASES, Plan
from .run import run

SEED = 20261125
CALLS = 700


def test_whatever_goes_wrong_every_call_ends_as_promised(record_property: Callable[[str, object], None]) -> None:
    """No call is lost, no broken tool call comes through, no two legs speak in one stream, and nothing is left."""
    plan = Plan(int(os.environ.get("CHAOS_SEED", SEED)), CALLS, disturbances=21)
    verdict = run(plan)

    record_property("figures", "; ".join(f"{name}: {value}" for name, value in figures(verdict)))
    assert not verdict.problems, figures(verdict)
    # What goes wrong did go wrong.
    assert len(verdict.faults) > 60
    assert len(verdict.disturbances) > 3
    assert verdict.results["answered"] > CALLS / 4


def test_the_same_seed_is_the_same_run() -> None:
    """What is asked and what goes wrong depends on nothing else; another seed is another run."""
    plan, again, other = Plan(1, 500), Plan(1, 500), Plan(2, 500)
    assert [plan.call(number) for number in range(500)] == [again.call(number) for number in range(500)]
    assert _faults(plan) == _faults(again) != _faults(other)
    assert {plan.phase_of(number) for number in range(500)} == set(range(len(PHASES)))


def _faults(plan: Plan) -> list[str | None]:
    return [plan.fault(service, number, 0) for service in ("nim", "gateway") for number in range(plan.calls)]
