"""What foreign chat models raise when a reply is broken: exceptions that look like programming errors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from langchain_nvgateway.failures import FailureKind, failure_of
from langchain_nvgateway.http_family import httpx

BROKEN: dict[str, Any] = {
    "HTML": "<html>",
    "nothing": "",
    "null": None,
    "a list": [1],
    "an error": {"error": {"message": "boom", "code": 500}},
    "no choices": {},
    "choices are null": {"choices": None},
    "choices are empty": {"choices": []},
    "a choice is a text": {"choices": ["x"]},
    "no message": {"choices": [{}]},
    "a call without a function": {"choices": [{"message": {"role": "assistant", "tool_calls": [{"function": None}]}}]},
    "usage is a text": {"choices": [{"message": {"role": "assistant", "content": "x"}}], "usage": "x"},
    "a delta is a text": {"choices": [{"delta": "x"}]},
}


def chat_openai(text: str, kind: str) -> ChatOpenAI:
    """A chat model whose service answers so."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={"content-type": kind}, text=text))
    client = httpx.Client(transport=transport)
    return ChatOpenAI(model="m", api_key="key", base_url="http://localhost/v1", http_client=client, max_retries=0)


def error_of(call: Callable[[], object]) -> Exception | None:
    """What the call raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, about the odd reply
        try:
            call()
        except Exception as error:
            return error
    return None


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_reply_is_the_services_failure(body: Any) -> None:
    """Whatever langchain-openai trips over, the caller has made no mistake."""
    text = body if isinstance(body, str) else json.dumps(body)
    error = error_of(lambda: chat_openai(text, "application/json").invoke("hi"))
    assert error is not None
    assert failure_of(error).kind is FailureKind.AVAILABILITY


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_stream_is_the_services_failure(body: Any) -> None:
    """Or it is taken for an empty one by langchain-openai; that is for others to notice."""
    text = body if isinstance(body, str) else json.dumps(body)
    model = chat_openai(f"data: {text}\n\ndata: [DONE]\n\n", "text/event-stream")
    error = error_of(lambda: list(model.stream("hi")))
    assert error is None or failure_of(error).kind is FailureKind.AVAILABILITY


@pytest.mark.parametrize(
    "message",
    [{"content": 5}, {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}],
    ids=str,
)
def test_a_message_of_the_wrong_form_is_the_models_failure(message: dict[str, Any]) -> None:
    """No message can be made of it."""
    body = json.dumps({"choices": [{"message": {"role": "assistant", **message}}]})
    error = error_of(lambda: chat_openai(body, "application/json").invoke("hi"))
    assert error is not None
    assert failure_of(error).kind is FailureKind.QUALITY


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.invoke("hi", no_such_parameter=1),
        lambda model: model.bind_tools([object()]),
        lambda model: model.invoke([AIMessage("hi"), object()]),
    ],
)
def test_a_mistake_of_the_caller_is_none_of_the_services(call: Callable[[ChatOpenAI], object]) -> None:
    """It is no failure that another model would hide, or one that a circuit may count, if it is a programming error."""
    error = error_of(lambda: call(chat_openai("{}", "application/json")))
    assert error is not None
    expected = FailureKind.BUG if isinstance(error, TypeError | AttributeError) else FailureKind.AVAILABILITY
    assert failure_of(error).kind is expected


def test_a_missing_key_is_a_matter_of_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no class for it in openai."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    error = error_of(openai.OpenAI)
    assert error is not None
    assert failure_of(error).kind is FailureKind.CREDENTIALS
