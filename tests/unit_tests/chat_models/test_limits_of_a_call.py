"""What a single call may set for itself, and what it may not."""

from __future__ import annotations

import pytest
from langchain_core.exceptions import ModelAuthenticationError, ModelInvalidRequestError, ModelTimeoutError

from langchain_nvgateway import ConfigurationError
from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint, error_of

SHORT = 0.2


def test_a_call_may_set_its_first_token_timeout(endpoint: Endpoint, call_stream: Call) -> None:
    """It limits the call and is not sent to the service."""
    endpoint.service.fail_next("hang")
    error = error_of(call_stream, endpoint.model(timeout=60), first_token_timeout=SHORT)
    assert isinstance(error, ModelTimeoutError)
    assert "first_token_timeout" not in endpoint.chats[0].json


def test_no_limit_for_a_call_is_no_limit(nim: Endpoint, call: Call) -> None:
    """`timeout=None` takes the limit of the model away, as it does when a model is built."""
    nim.service.latency = 2 * SHORT
    assert call(nim.model(timeout=SHORT, max_retries=0), timeout=None, first_token_timeout=None).text


def test_a_stream_of_several_answers_is_refused(nim: Endpoint, call_stream: Call) -> None:
    """LangChain would join them into one."""
    with pytest.raises(ConfigurationError, match="n"):
        call_stream(nim.model(), n=2)
    assert nim.chats == []


def test_the_version_is_in_the_url_once(gateway: Endpoint, call: Call) -> None:
    """A query of the user's own does not repeat it; the rest of that query is sent."""
    call(gateway.model(default_query={"api-version": "2023-05-15", "team": "a"}))
    (request,) = gateway.chats
    assert request.path.count("api-version") == 0
    assert request.query == {"team": "a", "api-version": "2024-12-01-preview"}


@pytest.mark.parametrize(("status", "kind"), [(400, ModelInvalidRequestError), (401, ModelAuthenticationError)])
def test_a_prompt_that_speaks_of_degraded_things_is_no_outage(
    status: int, kind: type, nim: Endpoint, call: Call
) -> None:
    """Only NIM's own complaint of a DEGRADED function is one."""
    nim.service.fail_always(Fault(status=status, body={"error": {"message": "Invalid value: 'a DEGRADED thing'"}}))
    assert isinstance(error_of(call, nim.model()), kind)
