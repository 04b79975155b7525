"""The arithmetic of rules 1, 3, 4 and 5, at its exact edges (design, section 14)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.starfleet import exchange
from langchain_nvgateway.starfleet.schedule import (
    NO_TOKEN,
    HeldToken,
    HoldOff,
    Invalidations,
    Moment,
    TokenState,
)

START = Moment(1024.0, 2.0**30)
LIVES = st.floats(min_value=1e-3, max_value=1e9)
SHARES = st.floats(min_value=0, max_value=1, exclude_max=True)


def held(life: float, draw: float = 0.0) -> HeldToken:
    """A token that was asked for at `START`."""
    return HeldToken.from_answer("fake-token-1", expires_in=life, asked_at=START, draw=draw)


def just_before(moment: Moment) -> Moment:
    """The last readings before a moment."""
    return Moment(math.nextafter(moment.monotonic, -math.inf), math.nextafter(moment.wall, -math.inf))


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 540.0), (0.5, 585.0), (1.0, 630.0)])
def test_refresh_of_a_900_s_token_is_due_after_60_to_70_percent(draw: float, seconds: float) -> None:
    """The draw moves the refresh between 540 and 630 s."""
    assert held(900, draw).refresh_at.monotonic - START.monotonic == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("life", "near_end", "useless"),
    [
        (900, 840, 890),
        (3600, 3540, 3590),
        (600, 540, 590),
        (200, 180, 190),
        (100, 90, 95),
        (10, 9, 9.5),
        (1, 0.9, 0.95),
    ],
)
def test_last_parts_of_a_life(life: float, near_end: float, useless: float) -> None:
    """Near the end is the last min(60 s, 10 %), useless the last min(10 s, 5 %)."""
    token = held(life)

    assert token.near_end_at.monotonic - START.monotonic == pytest.approx(near_end)
    assert token.useless_at.monotonic - START.monotonic == pytest.approx(useless)


@given(LIVES, SHARES)
def test_states_change_at_their_exact_moments(life: float, draw: float) -> None:
    """Just before a moment the old state holds, at it the new one."""
    token = held(life, draw)

    assert token.state(START) is TokenState.FRESH
    assert token.state(just_before(token.refresh_at)) is TokenState.FRESH
    assert token.state(token.refresh_at) is TokenState.STALE
    assert token.state(just_before(token.useless_at)) is TokenState.STALE
    assert token.state(token.useless_at) is TokenState.EXPIRED


@given(LIVES, SHARES)
def test_moments_of_a_life_are_in_order(life: float, draw: float) -> None:
    """However short a life is, the refresh is due before the end is near, and that before it is useless."""
    token = held(life, draw)

    assert token.refresh_at.monotonic <= token.near_end_at.monotonic <= token.useless_at.monotonic
    assert token.useless_at.monotonic <= token.ends_at.monotonic


@given(LIVES, st.floats(min_value=-1e6, max_value=1e6))
def test_earlier_clock_decides(life: float, jump: float) -> None:
    """Whichever clock says that a moment has come is believed."""
    token = held(life)
    after_jump = Moment(START.monotonic, START.wall + jump)
    after_sleep = Moment(START.monotonic + jump, START.wall)

    assert token.ends_at.has_come(after_jump) == (after_jump.wall >= token.ends_at.wall)
    assert token.ends_at.has_come(after_sleep) == (after_sleep.monotonic >= token.ends_at.monotonic)


def test_no_token_is_absent_and_its_refresh_is_due() -> None:
    """The stand-in for a missing token needs no `None` test on the fast path."""
    assert NO_TOKEN.state(START) is TokenState.ABSENT
    assert NO_TOKEN.refresh_at.has_come(START)


def hold_seconds(failures: int, *, is_refusal: bool, retry_after: float | None = None) -> list[float]:
    """Seconds of the hold-off after each of some failures in a row."""
    hold_off, found = HoldOff(), []
    for _ in range(failures):
        hold_off = hold_off.after_failure(0.0, is_refusal=is_refusal, retry_after=retry_after)
        found.append(hold_off.remaining(0.0))
    return found


def test_transient_failures_hold_for_1_s_doubling_to_30_s() -> None:
    """Each further failure in a row doubles the time without a request."""
    assert hold_seconds(7, is_refusal=False) == [1, 2, 4, 8, 16, 30, 30]


def test_refusals_hold_for_30_s_doubling_to_300_s() -> None:
    """Refused credentials are left alone for much longer."""
    assert hold_seconds(6, is_refusal=True) == [30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize(("asked", "seconds"), [(0.5, 1.0), (20.0, 20.0), (300.0, 300.0), (301.0, 300.0), (1e9, 300.0)])
def test_longer_retry_after_holds_up_to_300_s(asked: float, seconds: float) -> None:
    """A server can lengthen the hold-off, not shorten it, and not beyond five minutes."""
    assert hold_seconds(1, is_refusal=False, retry_after=asked) == [seconds]


def test_doubling_has_no_end_in_an_overflow() -> None:
    """After thousands of failures the hold-off is still its longest."""
    assert HoldOff(transient_failures=100_000).after_failure(0.0, is_refusal=False, retry_after=None).until == 30.0


def test_hold_off_is_over_at_its_exact_end() -> None:
    """At its last moment nothing of it remains."""
    hold_off = HoldOff().after_failure(8.0, is_refusal=False, retry_after=None)

    assert hold_off.remaining(math.nextafter(9.0, 0.0)) > 0
    assert hold_off.remaining(9.0) == 0


def test_only_two_invalidations_in_a_row_are_free() -> None:
    """Two act at once; further ones need 1, 2, 4, … 30 s since the last that acted."""
    row: Invalidations | None = Invalidations()
    now, waits = 100.0, []
    for _ in range(9):
        assert row is not None
        wait = next(w for w in (0, 1, 2, 4, 8, 16, 30) if row.next_at(now + w))
        if wait:
            assert row.next_at(math.nextafter(now + wait, 0.0)) is None
        waits.append(wait)
        now += wait
        row = row.next_at(now)

    assert waits == [0, 0, 1, 2, 4, 8, 16, 30, 30]


def test_row_of_invalidations_ends_after_a_minute() -> None:
    """More than 60 s after the last one that acted, two are free again."""
    row = Invalidations(count=9, last=100.0)

    assert row.next_at(160.0) == Invalidations(10, 160.0)
    assert row.next_at(160.5) == Invalidations(1, 160.5)


@pytest.mark.parametrize(("tries", "draw", "share"), [(1, 0.0, 1), (1, 1.0, 2), (2, 0.0, 2), (2, 1.0, 4)])
def test_pauses_between_tries_grow_and_are_spread(tries: int, draw: float, share: float) -> None:
    """0.1 to 0.2 s after the first, 0.2 to 0.4 s after the second."""
    assert exchange.pause_after(tries, draw) == share * exchange.FIRST_PAUSE
