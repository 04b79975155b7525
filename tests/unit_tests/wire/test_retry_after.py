"""How long a service asks its callers to wait."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_nvgateway.failures import retry_after_seconds

from .cpu import grows_linearly

NOW = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT."""


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine in another part of the world."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after-ms": "350"}, 0.35),
        ({"x-ms-retry-after-ms": "350"}, 0.35),
        ({"retry-after-ms": "350", "retry-after": "9"}, 0.35),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-1"}, 0.0),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after-ms": "inf"}, None),
        ({"retry-after": "7, 7"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:10 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 99999 07:28:10 GMT"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_headers_say_how_long(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or milliseconds; what is no number of seconds says nothing."""
    assert retry_after_seconds(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:10 UTC", 10.0),
        ("Wed, 21 Oct 2015 07:28:10 +0000", 10.0),
        ("Wed, 21 Oct 2015 07:28:10 -0000", 10.0),
        ("Wed, 21 Oct 2015 03:28:10 -0400", 10.0),
        ("Wed, 21 Oct 2015 03:28:10 EDT", 10.0),
        ("Wed, 21 Oct 2015 07:28:10", 10.0),
        ("Wednesday, 21-Oct-15 07:28:10 GMT", 10.0),
        ("Wed Oct 21 07:28:10 2015", 10.0),
    ],
)
def test_date_is_read_wherever_the_machine_stands(machine_zone: str, date: str, seconds: float) -> None:
    """HTTP dates are in GMT (RFC 9110 §5.6.7), in all three of its forms, with or without a zone."""
    assert retry_after_seconds({"retry-after": date}, now=NOW) == seconds


def test_date_is_counted_from_now() -> None:
    """Without another time given, the machine's own counts."""
    seconds = retry_after_seconds({"retry-after": formatdate(time.time() + 100, usegmt=True)})

    assert seconds is not None
    assert 50 < seconds <= 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please retry after 7 seconds.", 7.0),
        ("please RETRY AFTER 1 second", 1.0),
        ("Rate limit reached. Please try again in 20s. Visit us.", 20.0),
        ("Please try again in 350ms.", 0.35),
        ("Please try again in 1.5 s", 1.5),
        ("Please try again in 6.127s.", 6.127),
        ("retry after 3 secs", 3.0),
        ("retry in 900 milliseconds", 0.9),
        ("retry after\n 12 seconds", 12.0),
        ("Please retry after 7 cups", None),
        ("Please retry after 7", None),
        ("Please retry after seven seconds", None),
        ("Please retry after -7 seconds", None),
        ("7 seconds", None),
        ("", None),
    ],
)
def test_text_says_how_long(text: str, seconds: float | None) -> None:
    """The words of Azure and of OpenAI."""
    assert retry_after_seconds({}, text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("Please retry after 2 minutes.", 120.0), ("Please try again in 1m30s.", 90.0)]
)
def test_minutes_in_text_are_not_seconds(text: str, seconds: float) -> None:
    """Whoever does not understand minutes keeps quiet instead of taking them for less."""
    assert retry_after_seconds({}, text) in (None, seconds)


def test_header_wins_over_text() -> None:
    """The header is the protocol's, the text is anyone's."""
    assert retry_after_seconds({"retry-after": "3"}, "Please retry after 7 seconds") == 3.0


def test_unreadable_header_leaves_the_text() -> None:
    """A header that says nothing does not hide what the text says."""
    assert retry_after_seconds({"retry-after": "soon"}, "Please retry after 7 seconds") == 7.0


_NAMES = st.sampled_from(["retry-after", "retry-after-ms", "x-ms-retry-after-ms"])
_VALUES = (
    st.text(max_size=30)
    | st.text(alphabet="0123456789-+:., eWdOctGMT\t()", max_size=40)
    | st.floats().map(str)
    | st.integers().map(str)
    | st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S +9999"))
)


@given(st.dictionaries(_NAMES, _VALUES), st.text(max_size=60))
@example({}, "retry after " + "9" * 400 + " seconds")
@example({"retry-after": "9" * 5000}, "")
@example({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, "")
@example({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, "")
def test_any_answer_gives_a_finite_wait_or_none(headers: dict[str, str], text: str) -> None:
    """Nothing that a server sends raises, and no wait is negative or endless."""
    seconds = retry_after_seconds(headers, text)

    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@pytest.mark.parametrize("piece", ["retry ", "retry", " ", "retry after 1", "try again in 9.9", "1"])
def test_hostile_text_is_searched_in_linear_time(piece: str) -> None:
    """An error body may have a quarter of a megabyte."""
    assert grows_linearly(lambda size: retry_after_seconds({}, "retry after " + piece * size), 2000)
