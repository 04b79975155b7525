"""What is tried again, how often, and after how long."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from langchain_nvgateway import ChatNIM, ChatNVGateway, NVGatewayError
from langchain_nvgateway.chat_models.call_flow import CallPlan, _delay_before_retry
from langchain_nvgateway.chat_models.service_errors import error_from_answer
from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint, error_of, soon

AT_ONCE = {"retry-after-ms": "1"}
PASSING = Fault(status=503, body={"error": {"message": "down"}}, headers=AT_ONCE)


@pytest.mark.parametrize(("max_retries", "attempts"), [({}, 2), ({"max_retries": 0}, 1), ({"max_retries": 3}, 4)])
def test_a_failure_is_tried_again_as_often_as_max_retries_says(
    max_retries: dict[str, int], attempts: int, endpoint: Endpoint, call: Call
) -> None:
    """Once by default, never with 0, three times with 3."""
    endpoint.service.fail_always(PASSING, route="chat")
    model = endpoint.model(**{"max_retries": 1, **max_retries})
    error_of(call, model)
    assert len(endpoint.chats) == attempts


def test_one_retry_is_the_default(endpoint: Endpoint) -> None:
    """A model that says nothing about retries has one."""
    assert ChatNIM().max_retries == ChatNVGateway().max_retries == 1


def test_a_passing_failure_is_not_seen_by_the_caller(endpoint: Endpoint, call: Call) -> None:
    """The second attempt answers."""
    endpoint.service.fail_next(PASSING)
    assert "answer" in call(endpoint.model(max_retries=1)).text
    assert [request.status for request in endpoint.chats] == [503, 200]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=408, headers=AT_ONCE),
        Fault(status=409, headers=AT_ONCE),
        Fault(status=425, headers=AT_ONCE),
        Fault("rate_limited", headers=AT_ONCE),
        Fault("internal_error", headers=AT_ONCE),
        Fault("bad_gateway_html", headers=AT_ONCE),
        Fault(status=529, headers=AT_ONCE),
        Fault("disconnect"),
        Fault("reset"),
        Fault("html_200"),
        Fault("empty_200"),
        Fault("malformed_json"),
        Fault("content_length_too_long"),
        Fault("missing_choices"),
        Fault("cut_stream", after=0),
        Fault("disconnect_mid_stream", after=0),
        Fault("error_in_stream", after=0),
        Fault("malformed_event", after=0),
    ],
    ids=lambda fault: fault.name or str(fault.status),
)
def test_what_a_retry_may_help_is_tried_again(fault: Fault, endpoint: Endpoint, call: Call) -> None:
    """Connection trouble, timeouts of the service, overload, broken envelopes, streams that never began."""
    endpoint.service.fail_next(fault)
    assert call(endpoint.model(max_retries=1)).text
    assert len(endpoint.chats) in ((1, 2) if fault.name in ("cut_stream", "content_length_too_long") else (2,))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 418, 422])
def test_what_a_retry_cannot_help_is_not_tried_again(status: int, nim: Endpoint, call: Call) -> None:
    """A wrong request stays wrong, whatever `Retry-After` says."""
    nim.service.fail_always(Fault(status=status, headers=AT_ONCE), route="chat")
    error_of(call, nim.model(max_retries=3))
    assert len(nim.chats) == 1


def test_a_filtered_answer_is_not_tried_again(endpoint: Endpoint, call: Call) -> None:
    """The same prompt meets the same filter."""
    endpoint.service.fail_always(Fault("content_filter_finish", after=0), route="chat")
    error_of(call, endpoint.model(max_retries=3))
    assert len(endpoint.chats) == 1


def test_the_wait_that_the_service_asks_for_is_kept(endpoint: Endpoint, call: Call) -> None:
    """The second attempt is not earlier than `Retry-After`, so that it is not refused again."""
    endpoint.service.fail_next(Fault(status=429, headers={"retry-after-ms": "300"}))
    call(endpoint.model(max_retries=1))
    first, second = endpoint.chats
    assert second.at - first.at >= 0.29


@pytest.mark.parametrize("seconds", [34, 300, 1e9])
def test_a_longer_wait_than_30_seconds_fails_at_once(seconds: float, endpoint: Endpoint, call: Call) -> None:
    """The caller has better things to do, and the error says how long it would take."""
    endpoint.service.fail_always(Fault(status=429, headers={"retry-after": f"{seconds:g}"}), route="chat")
    with soon():
        error = error_of(call, endpoint.model(max_retries=3, timeout=600))
    assert error.retry_after == seconds
    assert len(endpoint.chats) == 1


@pytest.mark.parametrize(("seconds", "is_waited_for"), [(29.9, True), (30, True), (30.1, False), (31, False)])
def test_30_seconds_are_the_longest_wait(seconds: float, is_waited_for: bool, gateway: Endpoint) -> None:
    """Exactly, and before jitter, which only ever lengthens it."""
    path = gateway.model()._path
    plan = CallPlan(
        service="service",
        model="model",
        url="http://127.0.0.1/",
        headers={},
        body=b"",
        correlation_id="id",
        stream=False,
        max_retries=1,
        deadline=Deadline(600),
        origins=path.http.origins,
    )
    error = error_from_answer(plan.call(), 429, {"retry-after": f"{seconds:g}"}, b"")
    delays = [_delay_before_retry(error, 0, plan) for _ in range(100)]
    assert [delay is not None for delay in delays] == [is_waited_for] * 100
    assert all(delay is None or delay >= seconds for delay in delays)


def test_a_wait_that_does_not_fit_into_the_timeout_fails_at_once(endpoint: Endpoint, call: Call) -> None:
    """Nobody waits for a retry that could not be answered in time."""
    endpoint.service.fail_always(Fault(status=429, headers={"retry-after": "20"}), route="chat")
    with soon():
        error_of(call, endpoint.model(max_retries=3, timeout=10))
    assert len(endpoint.chats) == 1


def test_retries_stay_within_the_timeout(endpoint: Endpoint, call: Call) -> None:
    """`timeout` is for the whole call, so many retries with waits end with it."""
    endpoint.service.fail_always(Fault(status=503, headers={"retry-after-ms": "100"}), route="chat")
    with soon():
        error_of(call, endpoint.model(max_retries=1000, timeout=0.5))
    assert 1 < len(endpoint.chats) <= 6


def test_with_retry_starts_whole_calls(endpoint: Endpoint, call_whole: Call) -> None:
    """LangChain's own retries come on top, each with an id of its own."""
    endpoint.service.fail_next(PASSING, times=2)
    model = endpoint.model().with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    assert call_whole(model).text
    assert len(endpoint.chats) == 3


@pytest.mark.parametrize("setting", ["max_retries"])
@pytest.mark.parametrize("value", [-1])
def test_a_negative_number_of_retries_is_refused(setting: str, value: Any, endpoint: Endpoint) -> None:
    """The message names the setting."""
    with pytest.raises(NVGatewayError, match=setting):
        endpoint.model(**{setting: value})


def test_waiting_does_not_hold_up_the_event_loop(endpoint: Endpoint) -> None:
    """Other tasks run while one call waits for its retry."""
    endpoint.service.fail_next(Fault(status=429, headers={"retry-after-ms": "300"}))
    model = endpoint.model(max_retries=1)

    async def main() -> float:
        slow = asyncio.create_task(model.ainvoke("slow"))
        await asyncio.to_thread(endpoint.service.wait_for_requests, 1, route="chat")
        start = time.monotonic()
        await asyncio.sleep(0)
        elapsed = time.monotonic() - start
        await slow
        return elapsed

    assert asyncio.run(main()) < 0.25
