"""From the SDK's keyword arguments to the bytes of a request."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import NOT_GIVEN
from openai.lib._parsing._completions import type_to_response_format_param
from pydantic import BaseModel

from langchain_nvgateway.chat_models.payloads import RequestParts, is_reasoning_model, request_parts

_SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 2},
}
_MESSAGES = [{"role": "user", "content": "Hi"}]


class Point(BaseModel):
    """A point."""

    x: int


def _parts(
    *, own_headers: dict[str, Any] | None = None, own_query: dict[str, Any] | None = None, **payload: Any
) -> RequestParts:
    return request_parts({"model": "gpt-4o", **payload}, headers=own_headers or {}, query=own_query or {})


def _body(**payload: Any) -> Any:
    return json.loads(_parts(**payload).body)


def test_plain_payload_is_the_body() -> None:
    """What langchain-openai built arrives as it is."""
    payload = {"messages": _MESSAGES, "temperature": 0.5, "max_tokens": 7, "stream": True, "stop": ["\n"]}

    assert _body(**payload) == {"model": "gpt-4o", **payload}


def test_payload_is_not_changed() -> None:
    """The same payload may be sent again."""
    payload = {"model": "o1", "max_tokens": 7, "temperature": 1, "extra_body": {"a": 1}, "timeout": 3}
    before = json.dumps(payload)

    request_parts(payload, headers={}, query={})

    assert json.dumps(payload) == before


@pytest.mark.parametrize(
    ("model", "is_reasoning"),
    [
        ("o1", True),
        ("o1-mini", True),
        ("o3", True),
        ("o3-mini-2025-01-31", True),
        ("o4-mini", True),
        ("O3", True),
        ("gpt-5", True),
        ("gpt-5-mini", True),
        ("gpt-5-2025-08-07", True),
        ("GPT-5-NANO", True),
        ("gpt-5-chat", False),
        ("gpt-5-chat-latest", False),
        ("gpt-4o", False),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("openai/gpt-oss-120b", False),
        ("olmo", False),
        ("meta/llama-4-scout-17b-16e-instruct", False),
        ("", False),
    ],
)
def test_reasoning_models_are_known_by_name(model: str, is_reasoning: bool) -> None:
    """The o-series and gpt-5, but not the chat variant of the latter."""
    assert is_reasoning_model(model) is is_reasoning


@pytest.mark.parametrize("model", ["o3-mini", "gpt-5"])
def test_reasoning_models_get_what_they_take(model: str) -> None:
    """No sampling parameters, and the limit under its other name."""
    assert _body(model=model, max_tokens=7, seed=1, **_SAMPLING) == {
        "model": model,
        "max_completion_tokens": 7,
        "seed": 1,
    }


def test_explicit_limit_of_a_reasoning_model_stays() -> None:
    """Both names given: the one that the model knows wins."""
    assert _body(model="o1", max_tokens=7, max_completion_tokens=9) == {"model": "o1", "max_completion_tokens": 9}


def test_other_models_keep_their_parameters() -> None:
    """Nothing is adapted that need not be."""
    assert _body(max_tokens=7, **_SAMPLING) == {"model": "gpt-4o", "max_tokens": 7, **_SAMPLING}


@pytest.mark.parametrize("marker", [NOT_GIVEN, openai.Omit()], ids=["NotGiven", "Omit"])
def test_markers_of_the_sdk_are_left_out(marker: Any) -> None:
    """In the payload; they are no JSON."""
    assert _body(temperature=marker, messages=_MESSAGES) == {"model": "gpt-4o", "messages": _MESSAGES}


def test_empty_list_of_tools_is_left_out() -> None:
    """LangChain's agents bind one when they have no tools; services refuse it."""
    assert _body(tools=[], tool_choice="auto", parallel_tool_calls=False) == {"model": "gpt-4o"}


def test_omitted_header_is_not_sent() -> None:
    """`Omit` takes a default header away, as in the SDK, and is not sent as the name of an object."""
    parts = _parts(own_headers={"X-Team": "a", "X-Other": "b"}, extra_headers={"X-Team": openai.Omit()})

    assert parts.headers == {"x-other": "b"}


def test_extra_body_is_merged() -> None:
    """Over what LangChain set, as in the SDK."""
    assert _body(temperature=1, extra_body={"temperature": 2, "nvext": {"a": 1}}) == {
        "model": "gpt-4o",
        "temperature": 2,
        "nvext": {"a": 1},
    }


@pytest.mark.parametrize("name", ["extra_body", "extra_headers", "extra_query"])
def test_absent_extras_are_no_part_of_the_body(name: str) -> None:
    """`None` is the SDK's default for them."""
    parts = _parts(**{name: None})

    assert json.loads(parts.body) == {"model": "gpt-4o"}
    assert (parts.headers, parts.query, parts.limits) == ({}, {}, {})


def test_timeout_is_no_part_of_the_body() -> None:
    """It is the client's business; `None` is no limit."""
    assert _parts(timeout=3).limits == {"timeout": 3}
    parts = _parts(timeout=None, first_token_timeout=2)

    assert parts.limits == {"timeout": None, "first_token_timeout": 2}
    assert json.loads(parts.body) == {"model": "gpt-4o"}


def test_headers_of_the_call_win_over_those_of_the_model() -> None:
    """As in the SDK; numbers become text."""
    parts = _parts(own_headers={"X-A": "1", "X-B": "1"}, extra_headers={"X-B": 2})

    assert parts.headers == {"x-a": "1", "x-b": "2"}


def test_headers_of_one_name_are_one_header() -> None:
    """The case of a header's name means nothing."""
    parts = _parts(own_headers={"X-Team": "model"}, extra_headers={"x-team": "call"})

    assert list(parts.headers.values()) == ["call"]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "API-KEY",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "correlationId",
        "Content-Type",
    ],
)
def test_headers_that_are_ours_cannot_be_replaced(name: str) -> None:
    """Neither the credentials nor the framing."""
    assert _parts(own_headers={name: "x"}, extra_headers={name.upper(): "y"}).headers == {}


def test_query_is_encoded() -> None:
    """The call's own over the model's."""
    parts = _parts(own_query={"a": "1", "b": "x&y=z#"}, extra_query={"a": 2})

    assert parts.query == {"a": "2", "b": "x&y=z#"}


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (None, ""), (1.5, "1.5")])
def test_query_is_written_as_the_sdk_writes_it(value: Any, text: str) -> None:
    """Services know `true`, not Python's `True`."""
    assert _parts(extra_query={"flag": value}).query == {"flag": text}


def test_response_format_given_as_a_class_is_its_schema() -> None:
    """Strict, as `beta.chat.completions.parse` sends it; the class is kept for the answer."""
    parts = _parts(response_format=Point)

    assert parts.schema is Point
    assert json.loads(parts.body)["response_format"] == json.loads(json.dumps(type_to_response_format_param(Point)))


def test_response_format_given_as_a_dict_stays() -> None:
    """No class, nothing to parse into."""
    parts = _parts(response_format={"type": "json_object"})

    assert parts.schema is None
    assert json.loads(parts.body)["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\udfff\ud800"], ids=ascii)
def test_lone_surrogate_does_not_stop_a_request(text: str) -> None:
    """Text from a broken tool arrives with a question mark in its place."""
    content = _body(messages=[{"role": "user", "content": text}])["messages"][0]["content"]

    assert "?" in content
    assert len(content) == len(text)


def test_text_is_sent_as_utf_8() -> None:
    """Half the bytes of escapes, and nothing lost."""
    assert "Zoë 你好 🎉".encode() in _parts(messages=[{"role": "user", "content": "Zoë 你好 🎉"}]).body


def test_secrets_of_a_request_are_not_shown() -> None:
    """`repr` ends up in logs."""
    parts = _parts(messages=[{"role": "user", "content": "hunter1"}], extra_headers={"X-Key": "hunter2"})

    assert "hunter" not in repr(parts)
