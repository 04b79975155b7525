"""NIM's 202: the answer is polled, within the limits, at the right place only."""

from __future__ import annotations

import pytest
from langchain_core.exceptions import ModelTimeoutError

from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint, error_of, soon
from .raw_server import serving


@pytest.mark.parametrize("polls", [0, 1, 3])
def test_an_answer_that_takes_long_is_polled(polls: int, nim: Endpoint, call: Call) -> None:
    """The caller sees an answer like any other."""
    nim.service.fail_next(Fault("pending_202", polls=polls))
    assert call(nim.model()).text
    status = [request for request in nim.service.requests if request.route == "status"]
    assert len(status) == polls + 1
    assert {request.method for request in status} == {"GET"}
    assert len(nim.chats) == 1


def test_an_answer_that_never_comes_is_a_timeout(nim: Endpoint, call: Call) -> None:
    """Polling ends with the call's own limit, and the call is not sent twice."""
    nim.service.fail_always("pending_forever", route="chat")
    with soon():
        error = error_of(call, nim.model(timeout=0.5, first_token_timeout=0.5, max_retries=2))
    assert isinstance(error, ModelTimeoutError)
    assert error.is_retryable
    assert len(nim.chats) == 1


def test_a_failure_while_polling_is_the_failure_of_the_call(nim: Endpoint, call: Call) -> None:
    """The status URL has errors like any other."""
    nim.service.fail_next("pending_202", route="chat")
    nim.service.fail_next("engine_core", route="status")
    assert error_of(call, nim.model()).status_code == 500


def test_a_location_on_another_host_is_not_followed(nim: Endpoint, call: Call) -> None:
    """The status URL is a setting, not the server's choice."""
    with serving(b"", status="200 OK") as sink:
        nim.service.fail_next(Fault("pending_202", polls=1, headers={"location": f"{sink.origin}/steal"}), route="chat")
        assert call(nim.model()).text
        assert sink.heads == []


@pytest.mark.parametrize(
    "request_id",
    ["../../../nim/v1/models", "a/b", "a?b=c", "a#b", "http://elsewhere.invalid/", "%2e%2e", "a b", "", "x" * 129, "é"],
)
def test_a_request_id_that_is_no_id_leads_nowhere(request_id: str, nim: Endpoint, call: Call) -> None:
    """No request is built from what a server makes up."""
    with serving(b"", status="202 Accepted", headers={"NVCF-REQID": request_id}) as server:
        with soon():
            error = error_of(call, server.model(timeout=2, first_token_timeout=2))
        assert len(server.heads) == 1
    assert error.is_retryable  # type: ignore[attr-defined]


def test_a_202_without_an_id_is_a_broken_answer(nim: Endpoint, call: Call) -> None:
    """There is nothing to ask for."""
    nim.service.fail_always("empty_202", route="chat")
    with soon():
        error = error_of(call, nim.model())
    assert error.status_code in (200, 202)
    assert error.is_retryable  # type: ignore[attr-defined]


def test_the_status_url_is_on_the_origin_of_the_base_url_by_default(
    nim: Endpoint, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NIM of one's own answers for itself."""
    monkeypatch.delenv("NVIDIA_NIM_STATUS_URL")
    nim.service.fail_next(Fault("pending_202", polls=1))
    assert call(nim.model()).text
    assert nim.service.requests[-1].path.startswith("/v2/nvcf/pexec/status/")


def test_the_gateway_is_not_polled(gateway: Endpoint, call: Call) -> None:
    """A 202 of the Gateway is no chat completion."""
    gateway.service.fail_always(Fault(status=202, body=b"", headers={"nvcf-reqid": "abc"}), route="chat")
    error_of(call, gateway.model())
    assert len(gateway.service.requests) == 1
