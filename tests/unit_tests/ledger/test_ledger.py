"""What is taken down, in how much memory, and by how many at once."""

from __future__ import annotations

import gc
import os
import signal
import threading
import tracemalloc
from typing import Any

import pytest

from langchain_nvgateway.attempts import Attempt, Outcome
from langchain_nvgateway.events import CircuitClosed, CircuitHalfOpen, CircuitOpened, FellBack, TokenRefreshed
from langchain_nvgateway.ledger import LIST_PRICES, OTHER_MODELS, OTHER_ROLES, Ledger, LegReport, Price, Report

NIM = ("nvidia-nim", "meta/llama-4-scout-17b-16e-instruct")
GATEWAY = ("nvidia-gateway", "gpt-4o")
DIRECT = {"planner": "openai:gpt-5"}


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def attempt(leg: tuple[str, str] = NIM, outcome: Outcome = "answered", seconds: float = 1.0) -> Attempt:
    return Attempt(*leg, outcome, None, seconds)


def usage(asked: Any, said: Any) -> dict[str, Any]:
    return {"input_tokens": asked, "output_tokens": said}


def report_of(ledger: Ledger) -> Report:
    return ledger.report(LIST_PRICES, DIRECT)


def leg_of(ledger: Ledger, leg: tuple[str, str] = NIM) -> LegReport:
    (found,) = [found for found in report_of(ledger).legs if (found.provider, found.model) == leg]
    return found


# -- Sums ------------------------------------------------------------------------------------------------------


def test_every_outcome_is_counted_apart() -> None:
    """A skipped leg was not asked."""
    ledger = Ledger()
    outcomes: tuple[Outcome, ...] = ("answered", "failed", "rejected", "skipped", "interrupted", "cancelled")
    for count, outcome in enumerate(outcomes, start=1):
        for _ in range(count):
            ledger.record("planner", attempt(outcome=outcome))
    leg = leg_of(ledger)
    assert [getattr(leg, outcome) for outcome in outcomes] == [1, 2, 3, 4, 5, 6]
    assert leg.calls == 1 + 2 + 3 + 5 + 6


def test_tokens_of_rejected_answers_are_paid_for() -> None:
    """They are in the sums, in the cost, and named apart."""
    ledger = Ledger()
    ledger.record("planner", attempt(outcome="rejected"), usage(1000, 200))
    ledger.record("planner", attempt(), usage(3000, 400))
    leg = leg_of(ledger)
    assert (leg.input_tokens, leg.output_tokens, leg.lost_tokens) == (4000, 600, 1200)
    assert leg.cost == pytest.approx((4000 * 0.10 + 600 * 0.25) / 1e6)


def test_a_saving_counts_what_somebody_got() -> None:
    """The direct vendor would have been asked once: what was rejected makes the saving smaller, not larger."""
    ledger = Ledger()
    ledger.record("planner", attempt(outcome="rejected"), usage(1000, 200))
    ledger.record("planner", attempt(GATEWAY), usage(1000, 300))
    totals = report_of(ledger).totals
    direct = (1000 * 1.25 + 300 * 10.00) / 1e6
    assert totals.direct_cost == pytest.approx(direct)
    spent = (1000 * 0.10 + 200 * 0.25 + 1000 * 2.50 + 300 * 10.00) / 1e6
    assert totals.saving == pytest.approx(direct - spent)


def test_an_unknown_price_is_never_nothing() -> None:
    """The cost is unknown, the sum is a part only, and the report says which price to set."""
    ledger = Ledger()
    ledger.record("planner", attempt(), usage(1_000_000, 0))
    ledger.record("planner", attempt(("nvidia-nim", "vendor/new")), usage(10, 10))
    report = report_of(ledger)
    assert leg_of(ledger, ("nvidia-nim", "vendor/new")).cost is None
    assert report.totals.cost == pytest.approx(0.10)
    assert not report.totals.is_cost_whole
    assert report.unpriced == ("nvidia-nim:vendor/new",)
    assert "unknown" in str(report)
    assert "≥ 0.1000" in str(report)
    assert "manager.prices['nvidia-nim:vendor/new']" in str(report).replace("\n", " ")


@pytest.mark.parametrize(
    "counted", [None, {}, usage(None, 5), usage(5, None), usage(-1, 5), usage(True, "x"), "many", 7]
)
def test_an_answer_without_a_count_costs_an_unknown_amount(counted: Any) -> None:
    """Whatever a chat model says in the place of a count, no call fails of it."""
    ledger = Ledger()
    ledger.record("planner", attempt(), usage(100, 100))
    ledger.record("planner", attempt(), counted)
    leg = leg_of(ledger)
    assert (leg.uncounted, leg.is_cost_whole) == (1, False)
    assert "at least $" in str(report_of(ledger))


def test_an_error_without_a_count_is_free() -> None:
    """Services do not charge for them."""
    ledger = Ledger()
    ledger.record("planner", attempt(outcome="failed"))
    leg = leg_of(ledger)
    assert (leg.cost, leg.is_cost_whole, leg.uncounted) == (0.0, True, 0)


def test_shares_are_of_the_answers_of_the_role() -> None:
    """Other roles do not matter."""
    ledger = Ledger()
    for leg in (NIM, NIM, NIM, GATEWAY):
        ledger.record("planner", attempt(leg))
    ledger.record("router", attempt(GATEWAY))
    shares = [(leg.role, leg.provider, leg.share) for leg in report_of(ledger).legs]
    assert shares == [
        ("planner", "nvidia-nim", 0.75),
        ("planner", "nvidia-gateway", 0.25),
        ("router", "nvidia-gateway", 1.0),
    ]


def test_latency_is_that_of_answers() -> None:
    """A failure that took long says nothing of how long an answer takes."""
    ledger = Ledger()
    ledger.record("planner", attempt(seconds=2.0))
    ledger.record("planner", attempt(outcome="failed", seconds=60.0))
    leg = leg_of(ledger)
    assert (leg.p50_seconds, leg.p95_seconds) == (2.0, 2.0)


def test_a_report_stays_as_it_was_made() -> None:
    """Later calls and other prices are for the next one."""
    ledger, prices = Ledger(), dict(LIST_PRICES)
    ledger.record("planner", attempt(), usage(1_000_000, 0))
    report = ledger.report(prices, DIRECT)
    before = report.to_dict()
    ledger.record("planner", attempt(), usage(1_000_000, 0))
    prices["nvidia-nim:" + NIM[1]] = Price(5, 5)
    assert report.to_dict() == before
    assert ledger.report(prices, DIRECT).totals.cost == pytest.approx(10.0)


def test_a_role_without_a_direct_model_has_no_saving() -> None:
    """Rather than one of nothing."""
    ledger = Ledger()
    ledger.record("code-critic", attempt(), usage(100, 100))
    (role,) = report_of(ledger).roles
    assert (role.direct_model, role.direct_cost, role.saving) == (None, None, None)
    assert "saved" not in str(report_of(ledger))


# -- What happened when ----------------------------------------------------------------------------------------


def test_changes_of_breakers_are_kept_with_their_time() -> None:
    """By the ledger's own clock, from when it was made."""
    clock = Clock()
    ledger = Ledger(clock=clock)
    for seconds, event in (
        (1, CircuitOpened("nvidia-nim:m", "failures-in-a-row", 180.0)),
        (180, CircuitHalfOpen("nvidia-nim:m")),
        (2, CircuitClosed("nvidia-nim:m", "probes-succeeded")),
        (1, TokenRefreshed("host")),
    ):
        clock.now += seconds
        ledger.hear(event)
    report = report_of(ledger)
    changes = [(change.at_seconds, change.state, change.open_seconds) for change in report.breaker_changes]
    assert changes == [(1, "open", 180.0), (181, "half-open", None), (183, "closed", None)]
    assert report.seconds == 184


def test_fallbacks_are_counted_at_the_leg_that_failed() -> None:
    """As the event tells it."""
    ledger = Ledger()
    ledger.record("planner", attempt(outcome="failed"))
    ledger.hear(FellBack("planner", *NIM, "availability", "OutageError", *GATEWAY))
    assert leg_of(ledger).fallbacks == 1


def test_latest_attempts_say_what_each_cost() -> None:
    """And when it was over."""
    clock = Clock()
    ledger = Ledger(clock=clock)
    clock.now += 5
    ledger.record("planner", attempt(GATEWAY, seconds=2.0), usage(100, 10))
    ledger.record("planner", attempt(outcome="rejected"))
    first, second = report_of(ledger).recent
    assert (first.at_seconds, first.seconds, first.input_tokens, first.output_tokens) == (5, 2.0, 100, 10)
    assert first.cost == pytest.approx((100 * 2.5 + 10 * 10) / 1e6)
    assert (second.outcome, second.cost) == ("rejected", None)


# -- Bounds ----------------------------------------------------------------------------------------------------


def record_many(ledger: Ledger, start: int) -> None:
    """Take down 10,000 attempts at 5,000 models that nobody has named before."""
    for number in range(10_000):
        role, name = f"role-{number % 50}", f"model-{start + number // 2}"
        ledger.record(role, attempt(("nvidia-nim", name)), usage(1, 1))
        ledger.hear(CircuitOpened(f"nvidia-nim:{name}", "forced", 1.0))


def test_memory_does_not_grow_with_models_that_runs_name() -> None:
    """Ten thousand calls of five thousand new models take no more than the first ten thousand did."""
    ledger = Ledger()
    tracemalloc.start()
    try:
        record_many(ledger, 0)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        record_many(ledger, 5_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000
    assert len(report_of(ledger).legs) < 33 * 66
    assert len(report_of(ledger).recent) == 1000
    assert len(report_of(ledger).breaker_changes) == 500


def test_what_is_beyond_the_bounds_is_put_together_and_not_lost() -> None:
    """Sums stay right; what the others cost is unknown."""
    ledger = Ledger()
    record_many(ledger, 0)
    report = report_of(ledger)
    assert report.totals.calls == report.totals.input_tokens == 10_000
    assert {OTHER_ROLES} < {role.role for role in report.roles}
    assert OTHER_MODELS in {leg.model for leg in report.legs}
    assert f"nvidia-nim:{OTHER_MODELS}" in report.unpriced


def test_models_of_one_role_take_no_room_of_another() -> None:
    """However many a run names, the usual ones are counted by name."""
    ledger = Ledger()
    for number in range(1000):
        ledger.record("planner", attempt(("nvidia-nim", f"model-{number}")))
    ledger.record("router", attempt())
    assert report_of(ledger).legs[-1].model == NIM[1]


# -- Many at once ----------------------------------------------------------------------------------------------


def test_no_attempt_of_many_threads_is_lost() -> None:
    """While somebody asks for reports all the time."""
    ledger, is_over = Ledger(), threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            totals = report_of(ledger).totals
            assert totals.calls == totals.answered == totals.input_tokens == totals.output_tokens

    def call() -> None:
        for number in range(2000):
            ledger.record(f"role-{number % 7}", attempt((NIM[0], f"model-{number % 5}")), usage(1, 1))

    asking = threading.Thread(target=ask)
    calling = [threading.Thread(target=call) for _ in range(8)]
    for thread in (asking, *calling):
        thread.start()
    for thread in calling:
        thread.join()
    is_over.set()
    asking.join()
    assert report_of(ledger).totals.calls == 16_000


def test_an_attempt_may_come_in_the_midst_of_another() -> None:
    """The collector closes an abandoned stream wherever its thread is: nothing waits for itself."""
    ledger = Ledger()

    def record_within() -> None:
        with ledger._lock:
            ledger.record("planner", attempt())

    thread = threading.Thread(target=record_within, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert report_of(ledger).totals.calls == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_can_go_on_counting() -> None:
    """Although a thread of its parent was in the midst of it."""
    ledger, is_held, may_end = Ledger(), threading.Event(), threading.Event()

    def hold() -> None:
        with ledger._lock:
            is_held.set()
            may_end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    child = os.fork()
    if not child:
        signal.alarm(20)
        ledger.record("planner", attempt())
        os._exit(report_of(ledger).totals.calls)
    may_end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
