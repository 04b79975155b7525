"""A call takes as long as it may, and no longer."""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache

from langchain_nvgateway import ConfigurationError, InvalidResponseError
from langchain_nvgateway.failures import FailureKind, failure_of

from ..chat_models.calling import Call, soon
from .conftest import Vendor
from .test_failures import failure_in
from .vendor_server import Reply, Request


def test_the_timeout_of_a_call_limits_it(vendor: Vendor, call: Call) -> None:
    """A call may set a shorter time than its model."""
    vendor.server.will(vendor.dialect.begins_only(then="silent"))
    model = vendor.model(timeout=60.0)
    with soon():
        failure = failure_in(call, model, timeout=0.3)
    assert failure_of(failure).kind is FailureKind.AVAILABILITY


@pytest.mark.parametrize("limits", [{"timeout": 3.0}, {"first_token_timeout": 3.0}, {"timeout": None}])
def test_limits_are_not_sent(vendor: Vendor, call: Call, limits: dict[str, Any]) -> None:
    """The limits of a call are no parameters for the service, and no limits for the length of a stream."""
    call(vendor.model(), **limits)
    (request,) = vendor.server.requests
    assert b"timeout" not in request.body.lower()
    assert "x-server-timeout" not in request.headers


def test_retries_stay_within_the_timeout(vendor: Vendor, call: Call) -> None:
    """The timeout is for all attempts together."""
    vendor.server.will(vendor.dialect.fails(503, Retry_After="0.2"))
    model = vendor.model(max_retries=1000, timeout=0.7)
    with soon():
        failure_in(call, model)
    assert 2 <= len(vendor.server.requests) < 10


def test_bytes_do_not_make_up_for_an_answer(vendor: Vendor, call: Call) -> None:
    """A service that trickles keepalives but no token runs out of time like a silent one."""
    comments = tuple(b": keepalive\n\n" for _ in range(5))
    vendor.server.will(Reply(events=comments, then="silent"))
    model = vendor.model(timeout=0.4)
    with soon():
        failure_in(call, model)


def test_the_first_token_has_a_limit_of_its_own(vendor: Vendor, call_stream: Call) -> None:
    """A stream that opens but brings no token is given up early."""
    vendor.server.will(vendor.dialect.begins_only(then="silent"))
    model = vendor.model(timeout=60.0, first_token_timeout=0.3)
    with soon():
        failure = failure_in(call_stream, model)
    assert failure_of(failure).kind is FailureKind.AVAILABILITY


def test_later_tokens_have_the_time_of_the_call(vendor: Vendor) -> None:
    """Once a stream has begun, the limit of the first token is over; a reader who takes time is no silence."""
    vendor.server.will(vendor.dialect.halts("Hello ", "there"))
    chunks = vendor.model(timeout=20.0, first_token_timeout=0.5).stream("Hello")
    text = ""
    while not text:
        text += next(chunks).text
    time.sleep(0.6)
    vendor.server.may_go_on.set()
    assert text + "".join(chunk.text for chunk in chunks) == "Hello there"


@pytest.mark.parametrize("vendor", ["anthropic", "google-genai"], indirect=True)
def test_an_answer_without_an_end_is_given_up(vendor: Vendor, call: Call) -> None:
    """More than 64 MiB, as they are read, are none; it counts as a broken answer, so that others are asked."""
    dialect, words = vendor.dialect, ("x" * (1 << 20),) * 65
    headers = {"Content-Encoding": "gzip"}

    def answer(request: Request) -> Reply:
        events = (*dialect.opening(), *dialect.text_events(words), *dialect.ending("text"))
        body = b"".join(events) if request.wants_stream else dialect.whole([*words], None)
        body = gzip.compress(body, 1)
        return Reply(events=(body,), headers=headers) if request.wants_stream else Reply(body=body, headers=headers)

    vendor.server.will(answer)
    failure = failure_in(call, vendor.model(max_retries=2, timeout=60.0))
    assert isinstance(failure, InvalidResponseError)
    assert failure.reason == "more than 64 MiB"
    assert failure_of(failure).kind is FailureKind.AVAILABILITY
    assert len(vendor.server.requests) == 1


@pytest.mark.parametrize("vendor", ["anthropic", "google-genai"], indirect=True)
def test_a_long_answer_is_read(vendor: Vendor, call: Call) -> None:
    """Far beyond what any model writes."""
    vendor.server.will(vendor.dialect.says("x" * 1_000_000, "y" * 1_000_000))
    assert len(call(vendor.model()).text) == 2_000_000


@pytest.mark.parametrize(
    "wrong", [{"timeout": 0}, {"timeout": "soon"}, {"first_token_timeout": -1}, {"max_retries": -1}]
)
def test_limits_that_make_no_sense_are_refused(vendor: Vendor, wrong: dict[str, Any]) -> None:
    """A limit that is none is named when the model is built."""
    with pytest.raises(ConfigurationError) as caught:
        vendor.model(**wrong)
    assert caught.value.setting in wrong


@pytest.mark.parametrize("vendor", ["anthropic", "google-genai"], indirect=True)
@pytest.mark.parametrize("word", ["and so on ", ""])
def test_a_stream_that_never_ends_is_given_up(vendor: Vendor, call_stream: Call, word: str) -> None:
    """After twenty times the longest silence, though it flows; sooner if nothing is in what flows."""
    begin = (*vendor.dialect.opening(), *vendor.dialect.text_events(("well ",)))
    vendor.server.will(Reply(events=begin, again=vendor.dialect.text_events((word,))[-1]))
    with soon(12.0):
        failure = failure_in(call_stream, vendor.model(timeout=0.2, first_token_timeout=5.0))
    assert failure_of(failure).kind is FailureKind.AVAILABILITY


def test_limits_are_no_part_of_a_question(vendor: Vendor) -> None:
    """A role gives each call what is left of its time; LangChain's cache has the answer all the same."""
    model = vendor.model(cache=InMemoryCache())
    texts = [model.invoke("hello", timeout=seconds, first_token_timeout=seconds).text for seconds in (20.0, 19.9)]
    assert texts == ["Hello there"] * 2
    assert len(vendor.server.requests) == 1
