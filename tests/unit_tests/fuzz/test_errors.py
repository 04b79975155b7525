"""Whatever a service answers, the wait that it asks for is a number of seconds, or nothing."""

from __future__ import annotations

import math
import pickle
from email.utils import format_datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_nvgateway import NVGatewayError
from langchain_nvgateway.chat_models.service_errors import error_from_answer, error_from_event
from langchain_nvgateway.failures import failure_of, retry_after_seconds
from langchain_nvgateway.starfleet.outcomes import Failure, Grant
from langchain_nvgateway.starfleet.token_answer import Answer, judge

from .mutations import JSON_NOISE, mutated
from .streams import CALL

BODIES = [
    b'{"error": {"code": 429, "message": "Try again in 5 seconds", "innererror": {"code": "content_filter"}}}',
    b'{"detail": [{"loc": ["body", 1], "msg": "no"}], "title": "Bad Request", "status": 422}',
    b'{"error": "invalid_client", "error_description": "retry after 250 ms"}',
    b'{"object": "error", "message": "maximum context length", "type": "BadRequestError", "code": 400}',
    b'{"access_token": "fake-token", "expires_in": 900, "token_type": "bearer"}',
    b"<html><body>502 Bad Gateway, please retry in 2.5 sec</body></html>",
]
NOISE = st.binary(max_size=3) | st.sampled_from(
    [
        *JSON_NOISE,
        b"9" * 400,
        b"\xc2\xb2",
        b"\xd9\xa3",
        b"retry after ",
        b"try again in 1e5 s",
        b" seconds",
    ]
)
ANY_BODY = st.binary(max_size=60) | st.sampled_from(BODIES).flatmap(lambda body: mutated(body, NOISE))
_NUMBERS = st.integers().map(str) | st.floats().map(str) | st.floats().map(lambda number: f"{number:.3f}")
_DATES = st.datetimes().map(format_datetime)
_LATIN = st.text(st.characters(max_codepoint=255), max_size=20)
_DIGITS = st.sampled_from(
    ["1", "0", "1_0", "٣", "²", "9" * 400, "-0", "1e308", "0x10", "+5", ".5", "infinity", "1e-400"]
)
_WAITS = _NUMBERS | _LATIN | _DIGITS | _DATES.flatmap(lambda date: mutated(date, _LATIN, most=2))
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-request-id", "nvcf-reqid", "date"])
    | st.text("abcxyz-", min_size=1, max_size=8),
    _WAITS,
    max_size=4,
)
STATUSES = st.integers(200, 599) | st.sampled_from([400, 401, 403, 404, 407, 413, 429, 503, 529])


def is_wait(value: object) -> bool:
    """Whether this is a time that one can wait."""
    return value is None or (isinstance(value, float | int) and math.isfinite(value) and value >= 0)


@given(HEADERS, _LATIN | _WAITS.map(lambda wait: f"Please retry after {wait} seconds"))
def test_the_wait_is_finite_and_never_negative(headers: dict[str, str], text: str) -> None:
    """From headers and from words."""
    assert is_wait(retry_after_seconds(headers, text))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(STATUSES, HEADERS, ANY_BODY)
def test_any_answer_makes_a_typed_error(status: int, headers: dict[str, str], body: bytes) -> None:
    """One that can be printed, pickled and judged."""
    for error in (error_from_answer(CALL, status, headers, body), error_from_event(CALL, body)):
        assert isinstance(error, NVGatewayError)
        assert is_wait(error.retry_after)
        assert is_wait(failure_of(error).retry_after)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.retry_after) == (type(error), str(error), error.retry_after)
        str(error).encode()


@given(STATUSES, HEADERS, ANY_BODY)
def test_any_answer_of_the_token_endpoint_is_judged(status: int, headers: dict[str, str], body: bytes) -> None:
    """It is a token with a life, or a failure with a wait."""
    outcome = judge(Answer(status, headers, body), secrets=("fake-secret",), wall_now=1_700_000_000.0)
    if isinstance(outcome, Grant):
        assert outcome.token
        assert math.isfinite(outcome.expires_in)
    else:
        assert isinstance(outcome, Failure)
        assert is_wait(outcome.retry_after)
        outcome.what.encode()
