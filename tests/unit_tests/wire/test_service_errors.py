"""Each answer of a service as the error that LangChain's and openai's users expect."""

# ruff: noqa: E501 - a table is read along its lines

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as langchain

from langchain_nvgateway import errors
from langchain_nvgateway.chat_models import error_classes
from langchain_nvgateway.chat_models.service_errors import (
    Call,
    error_from_answer,
    error_from_broken_answer,
    error_from_event,
    error_from_filter,
    error_without_answer,
)

SECRET = "hunter2-hunter2"
CALL = Call("NVIDIA NIM", "meta/llama", "https://host/v1/chat/completions", "id-1", (SECRET,))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "detail", "title", "code", "type", "innererror", "param", "loc", "msg", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def _problem(status: int, title: str, detail: str = "") -> dict[str, Any]:
    return {"status": status, "title": title} | ({"detail": detail} if detail else {})


@pytest.mark.parametrize(
    ("status", "body", "kinds", "is_retryable", "words"),
    [
        (400, {"error": "Tool use has not been enabled."}, (langchain.ModelInvalidRequestError, openai.BadRequestError), False, "Tool use has not"),
        (400, {"error": {"message": "bad", "type": "BadRequestError"}}, (langchain.ModelInvalidRequestError, openai.BadRequestError), False, "bad"),
        (400, _problem(400, "Bad Request", "Function id 'x': DEGRADED function cannot be invoked"), (langchain.ModelAPIError,), True, "DEGRADED"),
        (400, {"error": {"code": "content_filter", "message": "no"}}, (errors.ContentFilteredError, openai.BadRequestError), False, "no"),
        (400, {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}, "message": "no"}}, (errors.ContentFilteredError,), False, "no"),
        (400, {"error": {"code": "context_length_exceeded", "message": "too much"}}, (langchain.ContextOverflowError,), False, "too much"),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens"}}, (langchain.ContextOverflowError,), False, "8192"),
        (401, {"error": {"message": "token has expired"}}, (langchain.ModelAuthenticationError, openai.AuthenticationError), False, "expired"),
        (403, _problem(403, "Forbidden", "Authorization failed"), (langchain.ModelPermissionDeniedError, openai.PermissionDeniedError), False, "Authorization failed"),
        (404, {"error": {"code": "DeploymentNotFound", "message": "none"}}, (langchain.ModelNotFoundError, openai.NotFoundError), False, "none"),
        (404, b"404 page not found", (langchain.ModelNotFoundError, openai.NotFoundError), False, "404 page not found"),
        (405, b"", (langchain.ModelInvalidRequestError, openai.APIStatusError), False, "without a word"),
        (408, b"", (langchain.ModelTimeoutError, openai.APIStatusError), True, "without a word"),
        (409, b"{}", (openai.ConflictError,), True, "409"),
        (410, _problem(410, "Gone", "has reached its end of life"), (langchain.ModelNotFoundError,), False, "end of life"),
        (413, b"too large", (langchain.ModelInvalidRequestError,), False, "too large"),
        (422, {"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}]}, (langchain.ModelInvalidRequestError, openai.UnprocessableEntityError), False, "body.messages: Field required"),
        (425, b"", (langchain.ModelTimeoutError,), True, "425"),
        (429, _problem(429, "Too Many Requests"), (langchain.ModelRateLimitError, openai.RateLimitError), True, "Too Many Requests"),
        (500, {"error": {"message": "Internal server error", "code": 500}}, (langchain.ModelAPIError, openai.InternalServerError), True, "Internal server error"),
        (500, {"error": {"message": "This model only supports single tool-calls at once!"}}, (langchain.ModelInvalidRequestError,), False, "single tool-calls"),
        (502, b"<html><h1>Bad Gateway", (langchain.ModelAPIError,), True, "an HTML page"),
        (503, b"", (langchain.ModelAPIError,), True, "without a word"),
        (529, b"busy", (langchain.ModelAPIError,), True, "busy"),
        (418, b"teapot", (langchain.ModelInvalidRequestError,), False, "teapot"),
    ],
)  # fmt: skip
def test_answer_is_the_error_of_its_kind(
    status: int, body: Any, kinds: tuple[type, ...], is_retryable: bool, words: str
) -> None:
    """LangChain's class, openai's class, whether a retry may help, and the service's own words."""
    error = error_from_answer(CALL, status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())

    for kind in (errors.NVGatewayError, langchain.ModelError, *kinds):
        assert isinstance(error, kind)
    assert bool(error.is_retryable) is is_retryable
    assert words in str(error)
    assert str(error).startswith("NVIDIA NIM, model meta/llama: answered ")
    assert (error.status_code, error.correlation_id) == (status, "id-1")
    assert error.response.status_code == status


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, b"", 7.0),
        ({}, b'{"error": {"message": "Please retry after 9 seconds."}}', 9.0),
        ({"retry-after-ms": "1500"}, b"", 1.5),
        ({}, b"", None),
    ],
)
def test_wait_is_on_the_error(headers: dict[str, str], body: bytes, seconds: float | None) -> None:
    """As data and in the text."""
    error = error_from_answer(CALL, 429, headers, body)

    assert error.retry_after == seconds
    assert seconds is None or f"{seconds:g} s" in str(error)


@given(st.integers(400, 599), st.binary(max_size=200))
def test_any_bytes_make_an_error(status: int, body: bytes) -> None:
    """A service that is broken is reported, not joined."""
    _check(error_from_answer(CALL, status, {}, body))


_ODD_BODIES = {
    "deep": b"[" * 600 + b"]" * 600,
    "deep error": b'{"error":' * 600 + b"1" + b"}" * 600,
    "too deep for JSON": b"[" * 100_000,
    "long number": b'{"error": {"code": ' + b"9" * 5000 + b"}}",
    "long code": b'{"error": {"code": "' + b"9" * 5000 + b'"}}',
    "half a character": b'{"error": {"message": "\\ud800", "code": "\\ud800"}}',
    "superscript code": '{"error": {"code": "\u00b2"}}'.encode(),
    "arabic code": '{"error": {"code": "4\u0660\u0660"}}'.encode(),
    "UTF-16": '{"error": "x"}'.encode("utf-16"),
}


@pytest.mark.parametrize("kind", _ODD_BODIES)
def test_odd_body_makes_an_error(kind: str) -> None:
    """With an error status and with a good one."""
    _check(error_from_answer(CALL, 500, {}, _ODD_BODIES[kind]))
    _check(error_from_broken_answer(CALL, 200, {}, _ODD_BODIES[kind], "no chat completion"))


@pytest.mark.parametrize("kind", [kind for kind, body in _ODD_BODIES.items() if body.startswith(b'{"error"')])
def test_odd_error_object_makes_an_error(kind: str) -> None:
    """With status 200 or within a stream."""
    _check(error_from_event(CALL, _ODD_BODIES[kind]))


@given(_JSON, st.integers(400, 599))
def test_any_json_makes_an_error(value: Any, status: int) -> None:
    """Whatever stands where the message and the code should be."""
    _check(error_from_answer(CALL, status, {}, json.dumps(value).encode()))


@given(st.dictionaries(st.just("error"), _JSON, min_size=1))
def test_any_error_object_makes_an_error(event: dict[str, Any]) -> None:
    """In a body with status 200 or within a stream."""
    _check(error_from_event(CALL, json.dumps(event).encode()))


@given(st.binary(max_size=100), st.text(max_size=20))
def test_any_broken_answer_makes_an_error(body: bytes, reason: str) -> None:
    """With a good status."""
    error = error_from_broken_answer(CALL, 200, {}, body, reason)

    _check(error)
    assert isinstance(error, errors.InvalidResponseError)
    assert error.is_retryable


@pytest.mark.parametrize("value", ["caf\u00e9", "\xff\x80", "a" * 10_000, ""], ids=ascii)
@pytest.mark.parametrize("name", ["x-note", "content-type", "retry-after", "nvcf-reqid"])
def test_any_header_makes_an_error(name: str, value: str) -> None:
    """Headers are Latin-1 on the wire."""
    _check(error_from_answer(CALL, 500, {name: value}, b"{}"))


def _check(error: errors.NVGatewayError) -> None:
    """An error can be shown, logged, copied and pickled."""
    str(error).encode()
    repr(error)
    assert pickle.loads(pickle.dumps(error)).args == copy.deepcopy(error).args == error.args


@pytest.mark.parametrize(
    ("event", "kind", "status"),
    [
        ({"error": {"message": "busy", "code": 503}}, langchain.ModelAPIError, 503),
        ({"error": {"message": "slow down", "code": "429"}}, langchain.ModelRateLimitError, 429),
        ({"error": {"message": "no", "code": "content_filter"}}, errors.ContentFilteredError, 400),
        ({"error": {"message": "maximum context length is 5"}}, langchain.ContextOverflowError, 400),
        ({"error": {"message": "boom", "code": 200}}, errors.InvalidResponseError, 200),
        ({"error": {"message": "boom", "code": "boom"}}, errors.InvalidResponseError, 200),
        ({"error": "boom"}, errors.InvalidResponseError, 200),
    ],
)
def test_error_object_is_the_error_that_it_names(event: dict[str, Any], kind: type, status: int) -> None:
    """A status in its code counts as one; without it the answer is just broken."""
    error = error_from_event(CALL, json.dumps(event).encode())

    assert isinstance(error, kind)
    assert error.status_code == status


@pytest.mark.parametrize(
    ("timed_out", "kinds"),
    [
        (True, (langchain.ModelTimeoutError, openai.APITimeoutError)),
        (False, (langchain.ModelConnectionError, openai.APIConnectionError)),
    ],
)
def test_no_answer_is_the_error_of_its_kind(timed_out: bool, kinds: tuple[type, ...]) -> None:
    """Out of time, or out of reach."""
    error = error_without_answer(CALL, f"ConnectError: {SECRET}", timed_out=timed_out)

    assert all(isinstance(error, kind) for kind in kinds)
    assert error.is_retryable
    assert error.status_code is None
    assert SECRET not in str(error)
    _check(error)


def test_filtered_answer_is_an_error() -> None:
    """A finish reason, not a status."""
    error = error_from_filter(CALL)

    assert isinstance(error, errors.ContentFilteredError)
    assert error.is_retryable is False
    _check(error)


@pytest.mark.parametrize("where", ["text", "message", "key", "header", "nested"])
def test_echoed_secret_is_nowhere_on_the_error(where: str) -> None:
    """Not in the text, nor in any of the data, nor in the response that `openai`'s errors carry."""
    body: Any = {
        "text": f"you sent {SECRET}",
        "message": {"error": {"message": SECRET, "code": SECRET, "param": SECRET, "type": SECRET}},
        "key": {"error": {SECRET: 1}},
        "nested": {"error": {"message": "no", "sent": [{"headers": {"authorization": f"Bearer {SECRET}"}}]}},
    }.get(where, f"you sent {SECRET}")
    headers = {"x-echo": SECRET, "x-request-id": SECRET} if where == "header" else {}

    error = error_from_answer(CALL, 400, headers, json.dumps(body).encode())

    shown = repr(error) + str(error) + repr(vars(error)) + error.response.text + repr(error.response.headers)
    assert SECRET not in shown
    assert SECRET.encode() not in pickle.dumps(error)
    assert "authorization" not in error.request.headers


def test_request_id_is_on_the_error() -> None:
    """For the service's support."""
    assert error_from_answer(CALL, 500, {"nvcf-reqid": "r1", "x-request-id": "r2"}, b"").request_id == "r1"
    assert error_from_answer(CALL, 500, {"x-request-id": "r2"}, b"").request_id == "r2"


def test_every_class_survives_pickles_with_its_data() -> None:
    """Also those that no other test of this file meets."""
    kinds = [
        kind
        for kind in vars(error_classes).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.NVGatewayError)
        and kind.__module__ == error_classes.__name__
    ]
    assert len(kinds) == 25
    for kind in kinds:
        error = kind("text", status_code=400, retry_after=1.0, body={"a": 1})
        twin = pickle.loads(pickle.dumps(error))
        assert (type(twin), str(twin), twin.__dict__) == (kind, "text", error.__dict__)


def test_long_words_of_a_service_are_cut() -> None:
    """At 500 characters, with what to do next still behind them."""
    error = error_from_answer(CALL, 500, {}, b"word " * 10_000)

    assert len(str(error)) < 700
    assert str(error).endswith("… Try again.")
