"""The table of the design, row by row: what happened, its kind, and how long to wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx as httpx1
import httpx2
import openai
import pydantic
import pytest
import requests
from langchain_core import exceptions as langchain_errors
from langchain_openai.chat_models import base as langchain_openai

from langchain_nvgateway import errors
from langchain_nvgateway.chat_models import service_errors
from langchain_nvgateway.failures import Failure, FailureKind, failure_of, is_content_filter, is_control_flow
from langchain_nvgateway.http_family import httpx

from . import vendors

URL = "https://integrate.api.nvidia.com/v1/chat/completions"
CALL = service_errors.Call("NVIDIA NIM", "meta/llama", URL, "id-1")

AVAILABILITY, RATE_LIMIT, CREDENTIALS = FailureKind.AVAILABILITY, FailureKind.RATE_LIMIT, FailureKind.CREDENTIALS
MISSING, QUALITY, CONTEXT = FailureKind.MISSING, FailureKind.QUALITY, FailureKind.CONTEXT
REQUEST, BUG, CONTROL_FLOW = FailureKind.REQUEST, FailureKind.BUG, FailureKind.CONTROL_FLOW
NO_TOOLS = "Tool use has not been enabled, because it is unsupported by meta/llama."
NO_AUTO_CHOICE = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


def ours(status: int, body: Any = "", **headers: str) -> BaseException:
    """The error of our own chat models."""
    text = body if isinstance(body, str) else json.dumps(body)
    return service_errors.error_from_answer(CALL, status, headers, text.encode())


def openai_error(status: int, body: Any = None, **headers: str) -> BaseException:
    """The error that the openai SDK makes of an answer."""
    response = httpx.Response(status, headers=headers, json=body, request=httpx.Request("POST", URL))
    return openai.OpenAI(api_key="key")._make_status_error_from_response(response)


def openai_stream_error(**body: Any) -> BaseException:
    """The error that the openai SDK makes of an error object in a stream: it has no status."""
    return openai.APIError(body.get("message", "An error occurred"), httpx.Request("POST", URL), body=body)


def langchain_error(status: int, body: Any = None, **headers: str) -> BaseException:
    """The error that langchain-openai makes of it."""
    error = openai_error(status, body, **headers)
    try:
        if isinstance(error, openai.BadRequestError):
            langchain_openai._handle_openai_bad_request(error)
        try:
            raise error
        except openai.APIError as raised:
            langchain_openai._handle_openai_api_error(raised)
    except openai.APIError as converted:
        return converted
    raise AssertionError


def httpx_status_error(family: Any, status: int, body: bytes = b"", **headers: str) -> BaseException:
    """The error of `raise_for_status`, whose text says nothing of the body."""
    response = family.Response(status, headers=headers, content=body, request=family.Request("POST", URL))
    try:
        response.raise_for_status()
    except family.HTTPStatusError as error:
        return error  # type: ignore[no-any-return]
    raise AssertionError


def invalid_reply() -> BaseException:
    """Pydantic's error on a reply."""
    try:
        pydantic.TypeAdapter(int).validate_python("[429] no number")
    except pydantic.ValidationError as error:
        return error
    raise AssertionError


def broken_json() -> BaseException:
    """The error on a body that is no JSON."""
    try:
        json.loads("<html>")
    except json.JSONDecodeError as error:
        return error
    raise AssertionError


FILTERED = {"error": {"code": "content_filter", "param": "prompt", "message": "no", "innererror": {"code": "x"}}}
DEGRADED = {"status": 400, "title": "Bad Request", "detail": "Function id 'f': DEGRADED function cannot be invoked"}
TOO_LONG = {
    "error": {"code": "context_length_exceeded", "message": "This model's maximum context length is 8192 tokens."}
}
QUOTA = {"error": {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded your quota"}}
RETRY_INFO = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]


class QualityError(errors.InvalidResponseError):
    """Stands for `ToolCallCorruptedError` and its like."""

    is_quality = True


CircuitOpenError = type("CircuitOpenError", (errors.NVGatewayError,), {"__module__": "langchain_nvgateway.errors"})

ROWS: dict[str, list[tuple[str, Callable[[], BaseException], FailureKind, float | None]]] = {
    "the service cannot be reached": [
        ("refused", ConnectionRefusedError, AVAILABILITY, None),
        ("reset", ConnectionResetError, AVAILABILITY, None),
        ("timeout", TimeoutError, AVAILABILITY, None),
        ("no such host", lambda: socket.gaierror(-2, "Name or service not known"), AVAILABILITY, None),
        ("certificate", lambda: ssl.SSLCertVerificationError("unable to get local issuer"), AVAILABILITY, None),
        ("network is down", lambda: OSError(100, "Network is down"), AVAILABILITY, None),
        ("httpx", lambda: httpx1.ConnectError("no"), AVAILABILITY, None),
        ("httpx cut", lambda: httpx1.RemoteProtocolError("peer closed connection"), AVAILABILITY, None),
        ("httpx2", lambda: httpx2.ReadTimeout("no"), AVAILABILITY, None),
        ("httpx2 cut", lambda: httpx2.RemoteProtocolError("peer closed connection"), AVAILABILITY, None),
        ("requests", lambda: requests.ConnectionError("no"), AVAILABILITY, None),
        ("requests stream", lambda: requests.exceptions.StreamConsumedError("a TypeError too"), AVAILABILITY, None),
        ("aiohttp", lambda: vendors.AiohttpPayloadError("not enough data"), AVAILABILITY, None),
        ("openai", lambda: openai.APIConnectionError(request=httpx.Request("POST", URL)), AVAILABILITY, None),
        ("openai timeout", lambda: openai.APITimeoutError(httpx.Request("POST", URL)), AVAILABILITY, None),
        ("LangChain", lambda: langchain_errors.ModelConnectionError("no"), AVAILABILITY, None),
        ("LangChain timeout", lambda: langchain_errors.ModelTimeoutError("no"), AVAILABILITY, None),
        ("ours", lambda: service_errors.error_without_answer(CALL, "no route", timed_out=False), AVAILABILITY, None),
        ("ours, late", lambda: service_errors.error_without_answer(CALL, "late", timed_out=True), AVAILABILITY, None),
        ("ours, cut", lambda: errors.StreamInterruptedError("cut"), AVAILABILITY, None),
        ("gRPC", lambda: vendors.grpc_error(vendors.GrpcStatus.UNAVAILABLE), AVAILABILITY, None),
    ],
    "the service is broken": [
        *((f"ours {status}", lambda status=status: ours(status), AVAILABILITY, None) for status in (408, 425, 409)),
        *((f"ours {status}", lambda status=status: ours(status), AVAILABILITY, None) for status in (500, 503, 529)),
        *((f"openai {code}", lambda code=code: openai_error(code), AVAILABILITY, None) for code in (408, 500, 529)),
        ("LangChain 503", lambda: langchain_error(503, **{"Retry-After": "9"}), AVAILABILITY, 9.0),
        ("LangChain", lambda: langchain_errors.ModelAPIError("no"), AVAILABILITY, None),
        ("httpx 502", lambda: httpx_status_error(httpx1, 502), AVAILABILITY, None),
        ("httpx2 502", lambda: httpx_status_error(httpx2, 502), AVAILABILITY, None),
        ("aiohttp 503", lambda: vendors.aiohttp_error(503, **{"Retry-After": "4"}), AVAILABILITY, 4.0),
        ("ChatNVIDIA 500", lambda: vendors.chat_nvidia_error(500, "Internal Server Error"), AVAILABILITY, None),
        ("ChatNVIDIA stream", lambda: Exception("InternalServerError: EngineCore"), AVAILABILITY, None),
        (
            "Anthropic 529",
            lambda: vendors.anthropic_error(vendors.AnthropicOverloadedError, 529, "overloaded_error", "Overloaded"),
            AVAILABILITY,
            None,
        ),
        (
            "Anthropic stream",
            lambda: vendors.anthropic_error(vendors.AnthropicStatusError, 200, "overloaded_error", "Overloaded"),
            AVAILABILITY,
            None,
        ),
        (
            "Gemini 503",
            lambda: vendors.genai_error(503, "UNAVAILABLE", "overloaded", cls=vendors.GenaiServerError),
            AVAILABILITY,
            None,
        ),
        ("ours, DEGRADED", lambda: ours(400, DEGRADED), AVAILABILITY, None),
        ("openai, DEGRADED", lambda: openai_error(400, DEGRADED), AVAILABILITY, None),
        ("LangChain, DEGRADED", lambda: langchain_error(400, DEGRADED), AVAILABILITY, None),
        ("DEGRADED as 404", lambda: langchain_error(404, DEGRADED), AVAILABILITY, None),
        ("ChatNVIDIA, DEGRADED", lambda: Exception("[400] Bad Request\nDEGRADED function"), AVAILABILITY, None),
        ("httpx, DEGRADED", lambda: httpx_status_error(httpx1, 400, b"DEGRADED function"), AVAILABILITY, None),
        ("a status nobody knows", lambda: openai_error(418), AVAILABILITY, None),
        ("ours, 405", lambda: ours(405), AVAILABILITY, None),
        ("sent elsewhere", lambda: errors.EgressDeniedError("no", host="elsewhere.example"), AVAILABILITY, None),
    ],
    "the answer is no reply": [
        ("ours", lambda: errors.InvalidResponseError("no choices"), AVAILABILITY, None),
        (
            "ours and openai's",
            lambda: service_errors.error_from_broken_answer(CALL, 200, {}, b"", "nothing"),
            AVAILABILITY,
            None,
        ),
        ("no JSON", broken_json, AVAILABILITY, None),
        ("no choices", lambda: KeyError("Response missing 'choices' key"), AVAILABILITY, None),
        ("empty choices", lambda: IndexError("list index out of range"), AVAILABILITY, None),
        ("an error object", lambda: ValueError({"message": "boom", "code": 500}), AVAILABILITY, None),
        ("a limit as an error object", lambda: ValueError({"message": "slow", "code": "429"}), RATE_LIMIT, None),
        (
            "in a stream",
            lambda: openai_stream_error(type="server_error", message="try again in 7 s"),
            AVAILABILITY,
            7.0,
        ),
        (
            "no valid response",
            lambda: openai.APIResponseValidationError(httpx.Response(200, request=httpx.Request("POST", URL)), None),
            AVAILABILITY,
            None,
        ),
    ],
    "too many requests": [
        ("ours", lambda: ours(429, **{"retry-after": "7"}), RATE_LIMIT, 7.0),
        ("ours, no word", lambda: ours(429, {"status": 429, "title": "Too Many Requests"}), RATE_LIMIT, None),
        ("openai", lambda: openai_error(429, QUOTA, **{"Retry-After": "7"}), RATE_LIMIT, 7.0),
        ("openai, Azure", lambda: openai_error(429, QUOTA, **{"retry-after-ms": "350"}), RATE_LIMIT, 0.35),
        (
            "LangChain, in the text",
            lambda: langchain_error(429, {"error": {"message": "Please retry after 12 seconds."}}),
            RATE_LIMIT,
            12.0,
        ),
        ("in a stream", lambda: openai_stream_error(code="rate_limit_exceeded"), RATE_LIMIT, None),
        ("status in a stream", lambda: openai_stream_error(code=429), RATE_LIMIT, None),
        ("httpx", lambda: httpx_status_error(httpx1, 429, **{"Retry-After": "3"}), RATE_LIMIT, 3.0),
        ("httpx2", lambda: httpx_status_error(httpx2, 429, **{"Retry-After": "3"}), RATE_LIMIT, 3.0),
        ("ChatNVIDIA", lambda: vendors.chat_nvidia_error(429, "Too Many Requests"), RATE_LIMIT, None),
        (
            "ChatNVIDIA's headers",
            lambda: vendors.chat_nvidia_error(429, "Too Many Requests", **{"Retry-After": "5"}),
            RATE_LIMIT,
            5.0,
        ),
        (
            "Anthropic stream",
            lambda: vendors.anthropic_error(vendors.AnthropicStatusError, 200, "rate_limit_error", "no"),
            RATE_LIMIT,
            None,
        ),
        ("Gemini", lambda: vendors.genai_error(429, "RESOURCE_EXHAUSTED", "quota", RETRY_INFO), RATE_LIMIT, 34.5),
        (
            "LangChain's Gemini",
            lambda: vendors.langchain_genai_error(
                vendors.GoogleRateLimitError, vendors.genai_error(429, "RESOURCE_EXHAUSTED", "quota", RETRY_INFO)
            ),
            RATE_LIMIT,
            34.5,
        ),
        ("google.api_core", vendors.api_core_exhausted, RATE_LIMIT, 34.0),
        ("gRPC", lambda: vendors.grpc_error(vendors.GrpcStatus.RESOURCE_EXHAUSTED), RATE_LIMIT, None),
        ("Bedrock", lambda: vendors.boto_error(429, "ThrottlingException"), RATE_LIMIT, 3.0),
        ("by name", lambda: vendors.shape("vendor.errors", "TooManyRequestsError")("no"), RATE_LIMIT, None),
        ("by word", lambda: RuntimeError("You exceeded your current quota"), RATE_LIMIT, None),
    ],
    "not let in": [
        ("Starfleet refuses", lambda: errors.StarfleetAuthError("no"), CREDENTIALS, None),
        ("Starfleet is down", lambda: errors.StarfleetUnavailableError("no", retry_after=5.0), CREDENTIALS, 5.0),
        ("Starfleet, closed", lambda: errors.StarfleetError("closed"), CREDENTIALS, None),
        *((f"ours {status}", lambda status=status: ours(status), CREDENTIALS, None) for status in (401, 402, 403)),
        ("openai 401", lambda: openai_error(401), CREDENTIALS, None),
        ("LangChain 403", lambda: langchain_error(403), CREDENTIALS, None),
        ("ChatNVIDIA 401", lambda: vendors.chat_nvidia_error(401, "Unauthorized"), CREDENTIALS, None),
        (
            "Anthropic without credit",
            lambda: vendors.anthropic_error(
                vendors.AnthropicInvalidRequestError,
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
            ),
            CREDENTIALS,
            None,
        ),
        (
            "Anthropic 402",
            lambda: vendors.anthropic_error(vendors.AnthropicPaymentRequiredError, 402, "billing_error", "pay"),
            CREDENTIALS,
            None,
        ),
        (
            "Anthropic without a key",
            lambda: TypeError('"Could not resolve authentication method. Expected either api_key or auth_token"'),
            CREDENTIALS,
            None,
        ),
        (
            "Gemini, a bad key is a 400",
            lambda: vendors.langchain_genai_error(
                vendors.GoogleInvalidRequestError,
                vendors.genai_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
            ),
            CREDENTIALS,
            None,
        ),
        ("Google, none", lambda: vendors.DefaultCredentialsError("no"), CREDENTIALS, None),
        ("Google, odd", lambda: vendors.InvalidTypeOfCredentials("no"), CREDENTIALS, None),
        ("Google, expired", lambda: vendors.RefreshError("no"), CREDENTIALS, None),
        ("gRPC", lambda: vendors.grpc_error(vendors.GrpcStatus.UNAUTHENTICATED), CREDENTIALS, None),
    ],
    "no such model": [
        ("ours 404", lambda: ours(404, "404 page not found"), MISSING, None),
        ("ours 410", lambda: ours(410), MISSING, None),
        ("openai 404", lambda: openai_error(404), MISSING, None),
        ("openai 410", lambda: openai_error(410), MISSING, None),
        ("LangChain", lambda: langchain_error(404), MISSING, None),
        ("ChatNVIDIA", lambda: vendors.chat_nvidia_error(404, "Not Found"), MISSING, None),
        ("in a stream", lambda: openai_stream_error(code="model_not_found"), MISSING, None),
        ("gRPC", lambda: vendors.grpc_error(vendors.GrpcStatus.NOT_FOUND), MISSING, None),
    ],
    "the reply is unusable": [
        ("ours", lambda: QualityError("cut call"), QUALITY, None),
        ("pydantic", invalid_reply, QUALITY, None),
        ("a parser", lambda: langchain_errors.OutputParserException("no JSON"), QUALITY, None),
        ("openai, cut", lambda: vendors.shape("openai", "LengthFinishReasonError")("length limit"), QUALITY, None),
    ],
    "too long": [
        ("ours", lambda: ours(400, TOO_LONG), CONTEXT, None),
        ("openai", lambda: openai_error(400, TOO_LONG), CONTEXT, None),
        ("LangChain", lambda: langchain_error(400, TOO_LONG), CONTEXT, None),
        ("LangChain's class", lambda: langchain_errors.ContextOverflowError("no"), CONTEXT, None),
        ("in a stream", lambda: openai_stream_error(message="Your input exceeds the context window"), CONTEXT, None),
        ("ChatNVIDIA", lambda: Exception("[400] Bad Request\nThis model's maximum context length is 9"), CONTEXT, None),
        (
            "Anthropic",
            lambda: vendors.anthropic_error(
                vendors.AnthropicInvalidRequestError, 400, "invalid_request_error", "prompt is too long: 9 tokens > 8"
            ),
            CONTEXT,
            None,
        ),
        (
            "Gemini",
            lambda: vendors.genai_error(400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed (9)"),
            CONTEXT,
            None,
        ),
        ("LangChain's Gemini", lambda: vendors.GoogleContextOverflowError("no"), CONTEXT, None),
    ],
    "a wrong request": [
        *((f"ours {status}", lambda status=status: ours(status), REQUEST, None) for status in (400, 413, 422)),
        *((f"openai {code}", lambda code=code: openai_error(code), REQUEST, None) for code in (400, 413, 422)),
        ("LangChain", lambda: langchain_error(400), REQUEST, None),
        ("LangChain's class", lambda: langchain_errors.ModelInvalidRequestError("no"), REQUEST, None),
        ("ChatNVIDIA", lambda: vendors.chat_nvidia_error(422, "Unprocessable Entity"), REQUEST, None),
        ("gRPC", lambda: vendors.grpc_error(vendors.GrpcStatus.INVALID_ARGUMENT), REQUEST, None),
        ("a setting", lambda: errors.ConfigurationError("no", setting="NVGATEWAY_PLANNER_MODELS"), REQUEST, None),
    ],
    "a model without tools": [
        ("NIM", lambda: ours(400, {"error": NO_TOOLS}), FailureKind.UNSUPPORTED, None),
        ("vLLM", lambda: ours(400, {"error": {"message": NO_AUTO_CHOICE}}), FailureKind.UNSUPPORTED, None),
        ("openai", lambda: openai_error(400, {"error": {"message": NO_AUTO_CHOICE}}), FailureKind.UNSUPPORTED, None),
        ("ChatNVIDIA", lambda: Exception(f"[400] Bad Request\n{NO_TOOLS}"), FailureKind.UNSUPPORTED, None),
    ],
    "a content filter": [
        ("ours", lambda: errors.ContentFilteredError("no"), REQUEST, None),
        ("ours 400", lambda: ours(400, FILTERED), REQUEST, None),
        ("ours, finish reason", lambda: service_errors.error_from_filter(CALL), REQUEST, None),
        ("openai", lambda: openai_error(400, FILTERED), REQUEST, None),
        ("LangChain", lambda: langchain_error(400, FILTERED), REQUEST, None),
        ("in a stream", lambda: openai_stream_error(code="content_filter"), REQUEST, None),
        ("ChatNVIDIA", lambda: Exception(f"[400] Bad Request\n{FILTERED}"), REQUEST, None),
        (
            "openai's parser",
            lambda: vendors.shape("openai", "ContentFilterFinishReasonError")("no"),
            REQUEST,
            None,
        ),
        (
            "Anthropic",
            lambda: vendors.anthropic_error(
                vendors.AnthropicInvalidRequestError,
                400,
                "invalid_request_error",
                "Output blocked by content filtering policy",
            ),
            REQUEST,
            None,
        ),
    ],
    "no failure": [
        ("cancelled", asyncio.CancelledError, CONTROL_FLOW, None),
        ("cancelled future", concurrent.futures.CancelledError, CONTROL_FLOW, None),
        ("Ctrl-C", KeyboardInterrupt, CONTROL_FLOW, None),
        ("exit", SystemExit, CONTROL_FLOW, None),
        ("generator closed", GeneratorExit, CONTROL_FLOW, None),
        ("end", StopIteration, CONTROL_FLOW, None),
        ("async end", StopAsyncIteration, CONTROL_FLOW, None),
        ("trio", lambda: vendors.shape("trio", "Cancelled", BaseException)(), CONTROL_FLOW, None),
    ],
    "a mistake in a program": [
        ("TypeError", lambda: TypeError("no"), BUG, None),
        ("AttributeError", lambda: AttributeError("no"), BUG, None),
        ("NameError", lambda: UnboundLocalError("no"), BUG, None),
        ("AssertionError", lambda: AssertionError("no"), BUG, None),
    ],
    "in no row": [
        ("RuntimeError", lambda: RuntimeError("no"), AVAILABILITY, None),
        ("ValueError", lambda: ValueError("no"), AVAILABILITY, None),
        ("ours", lambda: errors.NVGatewayError("closed"), AVAILABILITY, None),
        ("anything", lambda: vendors.shape("somewhere", "OddError")("no"), AVAILABILITY, None),
        ("with a wait", lambda: errors.NVGatewayError("all failed", retry_after=3.0), AVAILABILITY, 3.0),
        ("breaker", lambda: CircuitOpenError("open", retry_after=12.0), FailureKind.CIRCUIT_OPEN, 12.0),
    ],
}
CASES = [
    pytest.param(factory, kind, wait, id=f"{row}-{name}")
    for row, cases in ROWS.items()
    for name, factory, kind, wait in cases
]


@pytest.mark.parametrize(("factory", "kind", "wait"), CASES)
def test_each_exception_is_in_its_row(
    factory: Callable[[], BaseException], kind: FailureKind, wait: float | None
) -> None:
    """The same trouble is of the same kind, whichever package tells of it, and says how long to wait."""
    assert failure_of(factory()) == Failure(kind, wait)


@pytest.mark.parametrize(("factory", "kind", "wait"), CASES)
def test_raised_exceptions_are_judged_alike(
    factory: Callable[[], BaseException], kind: FailureKind, wait: float | None
) -> None:
    """Having been raised changes nothing."""
    error = factory()
    with pytest.raises(type(error)) as caught:
        raise error
    assert failure_of(caught.value) == Failure(kind, wait)
    assert is_control_flow(caught.value) is (kind is CONTROL_FLOW)


@pytest.mark.parametrize(
    ("kind", "falls_back", "counts"),
    [
        (AVAILABILITY, True, True),
        (RATE_LIMIT, True, True),
        (CREDENTIALS, True, True),
        (MISSING, True, True),
        (QUALITY, True, True),
        (CONTEXT, True, False),
        (FailureKind.UNSUPPORTED, True, False),
        (FailureKind.CIRCUIT_OPEN, True, False),
        (REQUEST, False, False),
        (BUG, False, False),
        (CONTROL_FLOW, False, False),
    ],
)
def test_the_kind_settles_what_follows(kind: FailureKind, falls_back: bool, counts: bool) -> None:
    """Whether another model may be asked, and whether a circuit counts it."""
    failure = Failure(kind)
    assert (failure.falls_back, failure.counts) == (falls_back, counts)
    assert failure.needs_larger_window is (kind is CONTEXT)


@pytest.mark.parametrize(
    ("factory", "row"), [(factory, row) for row, cases in ROWS.items() for _, factory, *_ in cases]
)
def test_a_content_filter_is_told_from_other_refusals(factory: Callable[[], BaseException], row: str) -> None:
    """Only that row is one."""
    assert is_content_filter(factory()) is (row == "a content filter")


def test_a_date_is_counted_from_the_given_time() -> None:
    """`Retry-After` as a date needs no clock."""
    error = openai_error(429, **{"Retry-After": "Wed, 21 Oct 2015 07:28:10 GMT"})
    assert failure_of(error, now=1_445_412_480.0).retry_after == 10.0


@pytest.mark.parametrize("said", [float("nan"), float("inf"), True, "soon", object(), 10**400])
def test_what_is_no_number_of_seconds_is_no_wait(said: Any) -> None:
    """An odd `retry_after` of a foreign error is as none."""
    error = RuntimeError("no")
    error.retry_after = said  # type: ignore[attr-defined]
    assert failure_of(error).retry_after is None


def test_a_digit_too_many_is_no_wait() -> None:
    """A number without end in a text does not become an endless wait."""
    assert failure_of(RuntimeError(f"retry after {'9' * 400} seconds")).retry_after is None
