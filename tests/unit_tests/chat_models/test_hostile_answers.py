"""No answer, however mad, reaches the caller as anything but an `AIMessage` or a typed error."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langchain_nvgateway import InvalidResponseError, NVGatewayError
from langchain_nvgateway.chat_models.chunk_reader import ChunkReader
from langchain_nvgateway.chat_models.service_errors import Call as FailedCall
from langchain_nvgateway.chat_models.service_errors import error_from_answer

from .calling import Call, error_of
from .raw_server import chunk, completion, event, serving

JSON = "application/json"


@pytest.fixture(autouse=True)
def _no_collection_in_the_depths() -> Iterator[None]:
    """Keep the collector from running finalizers where answers that are nested too deep have used up the stack."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


ERROR_BODIES = {
    "code is a superscript": b'{"error": {"code": "\xc2\xb2", "message": "words of the server"}}',
    "code of 5000 digits": b'{"error": {"code": "' + b"4" * 5000 + b'", "message": "words of the server"}}',
    "code is a list": b'{"error": {"code": [1], "message": "words of the server"}}',
    "message is an object": b'{"error": {"message": {"text": "words of the server"}}}',
    "error is text": b'{"error": "words of the server"}',
    "error is a number": b'{"error": 5, "message": "words of the server"}',
    "error is a list": b'{"error": ["words of the server"]}',
    "nested 500 deep": b'{"error": {"message": "words of the server", "x": ' + _nested(500) + b"}}",
    "nested 900 deep": b'{"error": {"message": "words of the server", "x": ' + _nested(900) + b"}}",
    "nested 50000 deep": b'{"error": {"message": "words of the server", "x": ' + _nested(50_000) + b"}}",
}


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Oops"])
@pytest.mark.parametrize("body", ERROR_BODIES.values(), ids=ERROR_BODIES)
def test_an_odd_error_object_is_a_typed_error(body: bytes, status: str, call: Call) -> None:
    """Neither a `ValueError` nor a `RecursionError` comes out of the reading of an error."""
    with serving(body, status=status, content_type=JSON) as server:
        error_of(call, server.model())


def test_an_error_that_is_null_does_not_hide_the_words_beside_it(call: Call) -> None:
    """`{"error": null, "message": …}` is told by its message."""
    with serving(b'{"error": null, "message": "words beside"}', status="400 Bad", content_type=JSON) as server:
        assert "words beside" in str(error_of(call, server.model()))


def test_an_error_with_a_lone_surrogate_can_be_printed(call: Call) -> None:
    """What goes to a log has to have an encoding."""
    with serving(b'{"error": {"message": "\\ud800 words"}}', status="400 Bad", content_type=JSON) as server:
        str(error_of(call, server.model())).encode()


COMPLETIONS = {
    "a role that is nobody's": completion({"role": "potato", "content": "hello"}),
    "the user's role": completion({"role": "user", "content": "hello"}),
    "the system's role": completion({"role": "system", "content": "hello"}),
    "a tool's role": completion({"role": "tool", "content": "hello"}),
    "no role": completion({"role": None, "content": "hello"}),
    "a number for a role": completion({"role": 5, "content": "hello"}),
    "a list of arguments": completion({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "[1]"}}]}),
    "no arguments": completion({"tool_calls": [{"id": "a", "function": {"name": "f"}}]}),
    "a call without a name": completion({"tool_calls": [{"id": "a", "function": {"arguments": "{}"}}]}),
    "deep arguments": completion(
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "[" * 9000 + "]" * 9000}}]}
    ),
    "usage in words": completion({"content": "hello"}, usage={"prompt_tokens": "three", "completion_tokens": 1}),
    "odd usage details": completion(
        {"content": "hello"}, usage={"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": [1]}
    ),
    "a finish reason that is an object": completion({"content": "hello"}, finish={"a": 1}),
    "content with numbers": completion({"content": [1, 2]}),
    "a number for an id": completion({"content": "hello"}, id=5),
    "an object for a model": completion({"content": "hello"}, model={"a": 1}),
    "a choice that is null": b'{"choices": [null]}',
    "choices that are an object": b'{"choices": {"0": {}}}',
    "logprobs in words": completion({"content": "hello"}).replace(
        b'"finish_reason"', b'"logprobs": "x", "finish_reason"'
    ),
}


@pytest.mark.parametrize("body", COMPLETIONS.values(), ids=COMPLETIONS)
def test_an_odd_completion_is_an_ai_message_or_a_typed_error(body: bytes, call: Call) -> None:
    """An agent never gets a `HumanMessage` as the answer of its model, nor an exception of a converter."""
    with serving(body, content_type=JSON) as server:
        try:
            answer = call(server.model())
        except NVGatewayError:
            return
    assert isinstance(answer, AIMessage)


STREAMS = {
    "the user's role": (chunk({"role": "user", "content": "a"}), chunk({"content": "b"}, "stop")),
    "a role that is nobody's": (chunk({"role": "potato", "content": "a"}), chunk({"content": "b"}, "stop")),
    "the role changes": (chunk({"content": "a"}), chunk({"role": "system", "content": "b"}, "stop")),
    "logprobs change their type": (
        event({"choices": [{"delta": {"content": "a"}, "logprobs": "x"}]}),
        event({"choices": [{"delta": {"content": "b"}, "logprobs": [1], "finish_reason": "stop"}]}),
    ),
    "the model's name changes its type": (
        chunk({"content": "a"}, "stop"),
        event({"model": {"a": 1}, "choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ),
    "the content changes its type": (chunk({"content": "a"}), chunk({"content": [{"type": "text"}]}, "stop")),
    "usage in words": (chunk({"content": "a"}, usage={"prompt_tokens": "x"}), chunk({}, "stop")),
    "old function call in words": (chunk({"function_call": "x"}), chunk({"function_call": "y"}, "stop")),
    "function call with odd parts": (
        chunk({"function_call": {"name": 1}}),
        chunk({"function_call": {"name": "x"}}, "stop"),
    ),
    "a number for an id": (event({"id": 5, "choices": [{"delta": {"content": "a"}}]}), chunk({}, "stop")),
    "an event that is a list": (chunk({"content": "a"}), event([1])),
    "an event nested too deep": (chunk({"content": "a"}), event("[" * 9000 + "]" * 9000)),
    "deep arguments": (
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x":' * 3000}}]}),
        chunk({}, "tool_calls"),
    ),
    "a text for an index": (
        chunk({"tool_calls": [{"index": "x", "id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
        chunk({}, "tool_calls"),
    ),
}


@pytest.mark.parametrize("pieces", STREAMS.values(), ids=STREAMS)
def test_an_odd_stream_is_an_ai_message_or_a_typed_error(pieces: tuple[bytes, ...], call_stream: Call) -> None:
    """What LangChain's merging of chunks would stumble over does not reach it."""
    with serving(*pieces) as server:
        try:
            answer = call_stream(server.model())
        except NVGatewayError:
            return
    assert isinstance(answer, AIMessage)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
CALL = FailedCall("service", "model", "http://127.0.0.1/", "id")


def _odd(**parts: Any) -> Any:
    return st.fixed_dictionaries({}, optional={name: part | json_values for name, part in parts.items()})


function = _odd(name=st.text(), arguments=st.text())
message = _odd(
    role=st.sampled_from(["assistant", "user"]),
    content=st.text(),
    refusal=st.text(),
    tool_calls=st.lists(_odd(index=st.integers(0, 2), id=st.text(), function=function), max_size=2),
)
choice = _odd(index=st.integers(0, 2), delta=message, message=message, finish_reason=st.sampled_from(["stop", None]))
reply = _odd(
    choices=st.lists(choice, max_size=2),
    usage=_odd(prompt_tokens=st.integers(), completion_tokens=st.integers()),
    error=_odd(code=st.text(), message=st.text()),
    model=st.text(),
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(400, 599), st.binary(max_size=60) | reply.map(event).map(lambda data: data[6:]))
def test_any_error_body_makes_an_error(status: int, body: bytes) -> None:
    """The reading of an error body never fails, whatever is in it."""
    assert isinstance(error_from_answer(CALL, status, {}, body), NVGatewayError)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(reply, max_size=3), st.sampled_from(["text/event-stream", "application/json"]))
def test_any_chunk_is_read_or_is_a_failure(chunks: list[Any], content_type: str) -> None:
    """The reader of a stream never raises; what it lets through has the parts that LangChain looks for."""
    reader = ChunkReader(CALL, {"content-type": content_type})
    data = b"".join(map(event, chunks)) if "event" in content_type else event(chunks[0])[6:] if chunks else b""
    for found in [*reader.feed(data), *reader.end()]:
        for one in () if isinstance(found, str) else found["choices"]:
            assert isinstance(one["delta"], dict)
    assert reader.failure is None or isinstance(reader.failure, NVGatewayError)


@pytest.mark.parametrize("body", [completion({"content": "x"})[:-1], b"<html>", b"", b"[]", b"null", b'"x"', b"5"])
def test_a_body_that_is_no_completion_is_refused(body: bytes, call: Call) -> None:
    """HTML, nothing, a list, a number and half an object are `InvalidResponseError`s."""
    with serving(body, content_type=JSON) as server:
        assert isinstance(error_of(call, server.model()), InvalidResponseError)


@pytest.mark.parametrize("size", [65 << 20])
def test_a_body_without_an_end_is_given_up(size: int, call_whole: Call) -> None:
    """More than 64 MiB is no answer of a chat model."""
    with serving(b" " * size, content_type=JSON) as server:
        assert "MiB" in str(error_of(call_whole, server.model()))


def test_an_event_without_an_end_is_given_up(call_stream: Call) -> None:
    """More than 16 MiB is no event of a chat model."""
    with serving(b"data: " + b"x" * (17 << 20)) as server:
        assert "16 MiB" in str(error_of(call_stream, server.model()))
