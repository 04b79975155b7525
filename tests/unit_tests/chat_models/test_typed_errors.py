"""Every error body of the wire facts becomes the typed error that LangChain and `openai` users expect."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from langchain_core import exceptions as lc

from langchain_nvgateway import ContentFilteredError, InvalidResponseError, NVGatewayError
from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint, error_of


@dataclass(frozen=True)
class Case:
    """One fault and what it has to become."""

    service: str
    fault: str
    kind: type[Exception]
    openai_kind: type[Exception]
    status: int | None
    retryable: bool
    words: str = ""


BAD, DENIED, UNKNOWN = lc.ModelInvalidRequestError, lc.ModelPermissionDeniedError, lc.ModelNotFoundError
OUTAGE, LIMITED, SLOW = lc.ModelAPIError, lc.ModelRateLimitError, lc.ModelTimeoutError

GATEWAY = [
    ("unauthorized", lc.ModelAuthenticationError, openai.AuthenticationError, 401, False, "the access token is not"),
    ("token_expired", lc.ModelAuthenticationError, openai.AuthenticationError, 401, False, "the token has expired"),
    ("forbidden", DENIED, openai.PermissionDeniedError, 403, False, "not entitled to this model"),
    ("deployment_not_found", UNKNOWN, openai.NotFoundError, 404, False, "deployment for this resource does not"),
    ("not_found", UNKNOWN, openai.NotFoundError, 404, False, "Resource not found"),
    ("timeout_408", SLOW, openai.APIStatusError, 408, True, "The operation was timeout"),
    ("conflict", OUTAGE, openai.ConflictError, 409, True, "Conflict"),
    ("gone", UNKNOWN, openai.APIStatusError, 410, False, "The model has been retired"),
    ("payload_too_large", BAD, openai.APIStatusError, 413, False, "Payload too large"),
    ("validation_422", BAD, openai.UnprocessableEntityError, 422, False, "Unprocessable entity"),
    ("rate_limited", LIMITED, openai.RateLimitError, 429, True, "Please retry after 2 seconds"),
    ("rate_limited_ms", LIMITED, openai.RateLimitError, 429, True, "Please retry after 2 seconds"),
    ("rate_limited_in_body", LIMITED, openai.RateLimitError, 429, True, "Please retry after 2 seconds"),
    ("bad_request", BAD, openai.BadRequestError, 400, False, "Invalid value for 'top_p'"),
    ("context_length_exceeded", lc.ContextOverflowError, openai.BadRequestError, 400, False, "maximum context length"),
    ("content_filter", BAD, openai.BadRequestError, 400, False, "content management policy"),
    ("internal_error", OUTAGE, openai.InternalServerError, 500, True, "had an error while processing"),
    ("unavailable", OUTAGE, openai.InternalServerError, 503, True, "temporarily unavailable"),
    ("gateway_timeout", OUTAGE, openai.InternalServerError, 504, True, "Gateway timeout"),
    ("overloaded_529", OUTAGE, openai.InternalServerError, 529, True, "overloaded"),
]
NIM = [
    ("tools_unsupported_flat", BAD, openai.BadRequestError, 400, False, "Tool use has not been enabled"),
    ("auto_tool_choice_unsupported", BAD, openai.BadRequestError, 400, False, "--enable-auto-tool-choice"),
    ("degraded", OUTAGE, openai.InternalServerError, 400, True, "DEGRADED function cannot be invoked"),
    ("malformed_history", BAD, openai.BadRequestError, 400, False, "Expecting ',' delimiter"),
    ("bad_request", BAD, openai.BadRequestError, 400, False, "top_k must be -1"),
    ("context_length_exceeded", lc.ContextOverflowError, openai.BadRequestError, 400, False, "maximum context length"),
    ("unauthorized", lc.ModelAuthenticationError, openai.AuthenticationError, 401, False, "Authentication failed"),
    ("forbidden", DENIED, openai.PermissionDeniedError, 403, False, "Authorization failed"),
    ("not_found", UNKNOWN, openai.NotFoundError, 404, False, "Not found for account"),
    ("not_found_plain", UNKNOWN, openai.NotFoundError, 404, False, "404 page not found"),
    ("timeout_408", SLOW, openai.APIStatusError, 408, True, "The request timed out"),
    ("gone", UNKNOWN, openai.APIStatusError, 410, False, "has reached its end of life on 2026-01-15"),
    ("payload_too_large", BAD, openai.APIStatusError, 413, False, "The request is too large"),
    ("validation_422", BAD, openai.UnprocessableEntityError, 422, False, "body.temperature: Input should be less"),
    ("rate_limited", LIMITED, openai.RateLimitError, 429, True, "Too Many Requests"),
    ("internal_error", OUTAGE, openai.InternalServerError, 500, True, "Internal server error"),
    ("engine_core", OUTAGE, openai.InternalServerError, 500, True, "EngineCore encountered an issue"),
    ("empty_500", OUTAGE, openai.InternalServerError, 500, True, "answered 500"),
    ("single_tool_calls", BAD, openai.BadRequestError, 500, False, "only supports single tool-calls at once"),
    ("unavailable", OUTAGE, openai.InternalServerError, 503, True, "No healthy worker"),
    ("gateway_timeout", OUTAGE, openai.InternalServerError, 504, True, "did not answer in time"),
]
BROKEN = lc.ModelError, openai.APIResponseValidationError
LOST = lc.ModelConnectionError, openai.APIConnectionError
EITHER = [
    ("html_200", *BROKEN, 200, True, "an HTML page"),
    ("empty_200", *BROKEN, 200, True, "empty"),
    ("malformed_json", *BROKEN, 200, True, "not JSON"),
    ("invalid_utf8", *BROKEN, 200, True, ""),
    ("bad_gateway_html", OUTAGE, openai.InternalServerError, 502, True, "an HTML page"),
    ("disconnect", *LOST, None, True, "disconnected"),
    ("reset", *LOST, None, True, ""),
    ("garbage", *LOST, None, True, ""),
    ("bad_chunk_framing", *LOST, None, True, ""),
]
CASES = [
    *(Case("gateway", *row) for row in GATEWAY),
    *(Case("nim", *row) for row in NIM),
    *(Case(service, *row) for row in EITHER for service in ("gateway", "nim")),
]


def _named(case: Case) -> str:
    return f"{case.service}-{case.fault}"


@pytest.mark.parametrize("case", CASES, ids=_named)
def test_a_fault_becomes_the_error_of_its_kind(case: Case, emu: Any, call: Call) -> None:
    """Kind, `openai` class, status, retryability, server's words, model and id are all there, in each call style."""
    endpoint = Endpoint(case.service, emu)
    endpoint.service.fail_always(case.fault, route="chat")
    model = endpoint.model()
    error = error_of(call, model, config={"metadata": {"correlation_id": "id-of-the-call"}})
    assert isinstance(error, case.kind)
    assert isinstance(error, case.openai_kind)
    assert error.status_code == case.status
    assert error.is_retryable is case.retryable  # type: ignore[attr-defined]
    assert case.words in str(error)
    assert endpoint.model_name in str(error)
    assert error.correlation_id == "id-of-the-call"


def test_every_fault_of_the_services_own_catalogues_has_a_case(emu: Any) -> None:
    """A fault that the emulator learns is not forgotten here."""
    elsewhere = {  # Faults that are no error answers, or have tests of their own beside this file.
        *("hang", "hang_mid_stream", "disconnect_mid_stream", "reset_mid_stream", "cut_stream", "no_done", "done_only"),
        *("error_in_stream", "malformed_event", "content_filter_finish", "length_finish", "error_object_200"),
        *(
            "empty_choices",
            "null_choices",
            "missing_choices",
            "null_message",
            "missing_message",
            "empty_content",
            "slow_drip",
        ),
        *("drip_headers", "connection_close", "redirect", "huge", "gzip_bomb", "echo_secret", "empty_202"),
        *("content_length_too_long", "content_length_too_short", "pending_202", "pending_forever"),
        "content_filter_in_stream",
    }
    for service in ("gateway", "nim"):
        covered = {case.fault for case in CASES if case.service == service}
        assert set(getattr(emu, service).fault_names) - covered - elsewhere == set()


@pytest.mark.parametrize(
    "fault", ["empty_choices", "null_choices", "missing_choices", "null_message", "missing_message"]
)
def test_a_whole_answer_without_a_message_is_a_broken_envelope(
    fault: str, endpoint: Endpoint, call_whole: Call
) -> None:
    """No IndexError, TypeError or KeyError reaches the caller."""
    endpoint.service.fail_always(fault, route="chat")
    error = error_of(call_whole, endpoint.model())
    assert isinstance(error, InvalidResponseError)
    assert error.reason
    assert error.raw


def test_an_error_object_with_status_200_is_the_error_that_it_says(endpoint: Endpoint, call: Call) -> None:
    """The code within the object stands for the status that the service failed to send."""
    endpoint.service.fail_always(Fault("error_in_stream", after=0), route="chat")
    error = error_of(call, endpoint.model())
    assert isinstance(error, openai.InternalServerError)
    assert "Internal server error" in str(error)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (Fault("rate_limited", retry_after=40), 40.0),
        (Fault("rate_limited_ms", retry_after=41.5), 41.5),
        (Fault("rate_limited_in_body", retry_after=42), 42.0),
        (Fault("rate_limited", headers={"retry-after": "Fri, 01 Jan 1999 00:00:00 GMT"}), 0.0),
        (Fault("rate_limited_ms", headers={"retry-after-ms": "soon"}), 2.0),
        (Fault("internal_error"), None),
        (Fault("internal_error", headers={"retry-after": "43"}), 43.0),
        (Fault("internal_error", headers={"retry-after": "nan"}), None),
        (Fault("internal_error", headers={"retry-after": "inf"}), None),
        (Fault("internal_error", headers={"retry-after": "-3"}), 0.0),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else str(value),
)
def test_the_wait_that_the_service_asks_for_is_on_the_error(
    fault: Fault, seconds: float | None, gateway: Endpoint, call: Call
) -> None:
    """Header in seconds, milliseconds or as a date, or words in the body; nothing where nobody said."""
    gateway.service.fail_always(fault, route="chat")
    assert error_of(call, gateway.model()).retry_after == seconds


def test_an_error_survives_pickling_and_copying(endpoint: Endpoint, call: Call) -> None:
    """A worker process gets the same error as its parent."""
    endpoint.service.fail_always(Fault("rate_limited", retry_after=7), route="chat")
    error: Any = error_of(call, endpoint.model())
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert (again.status_code, again.retry_after, again.correlation_id) == (429, 7.0, error.correlation_id)
        assert again.response.status_code == 429
        assert again.body == error.body


def test_an_error_has_what_openai_users_look_at(gateway: Endpoint, call: Call) -> None:
    """`code`, `param`, `body`, `response` and `message` are filled as the SDK fills them."""
    gateway.service.fail_always("bad_request", route="chat")
    error: Any = error_of(call, gateway.model())
    assert (error.code, error.param, error.type) == ("invalid_value", "top_p", "invalid_request_error")
    assert error.body["param"] == "top_p"
    assert error.response.json()["error"]["code"] == "invalid_value"
    assert error.message.startswith("Invalid value for 'top_p'")
    assert error.request.method == "POST"


def test_the_servers_words_are_cut_at_500_characters(endpoint: Endpoint, call: Call) -> None:
    """A page of stack trace does not flood the log."""
    endpoint.service.fail_always(Fault(status=500, body={"error": {"message": "word " * 1000}}), route="chat")
    error = error_of(call, endpoint.model())
    assert str(error).count("word") == 100
    assert len(str(error)) < 700


def test_an_error_is_no_child_of_another_exception(endpoint: Endpoint, call: Call) -> None:
    """What the HTTP library raised, with its locals, is not chained."""
    endpoint.service.fail_always("disconnect", route="chat")
    error = error_of(call, endpoint.model())
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_content_filters_refusal_has_its_own_error(gateway: Endpoint, call: Call) -> None:
    """The 400 form is a `ContentFilteredError` and names the prompt."""
    gateway.service.fail_always("content_filter", route="chat")
    error = error_of(call, gateway.model())
    assert isinstance(error, ContentFilteredError)
    assert error.code == "content_filter"  # type: ignore[attr-defined]


def test_a_missing_setting_is_named_when_the_model_is_built(monkeypatch: pytest.MonkeyPatch, emu: Any) -> None:
    """The error comes as itself, not wrapped by pydantic."""
    for name in ("STARFLEET_ID", "STARFLEET_SECRET", "STARFLEET_TOKEN_URL"):
        with monkeypatch.context() as patched:
            patched.delenv(name)
            with pytest.raises(NVGatewayError, match=name):
                Endpoint("gateway", emu).model()
    monkeypatch.delenv("NVIDIA_NIM_API_KEY")
    with pytest.raises(NVGatewayError, match="NVIDIA_NIM_API_KEY"):
        Endpoint("nim", emu).model()
