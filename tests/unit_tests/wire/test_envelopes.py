"""Whatever JSON a service sends, it is refused with a reason or fit for LangChain's converters."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_openai import ChatOpenAI

from langchain_nvgateway.answers import Contract, flaw_in
from langchain_nvgateway.chat_models.call_numbers import CallNumbers
from langchain_nvgateway.chat_models.envelopes import (
    BrokenEnvelopeError,
    as_chunk,
    checked_chunk,
    checked_completion,
    has_content,
    parsed_json,
)
from langchain_nvgateway.chat_models.wire_answers import CallPieces, answer_in

_MANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_KEYS = st.sampled_from(
    [
        "choices",
        "message",
        "delta",
        "role",
        "content",
        "tool_calls",
        "function",
        "function_call",
        "name",
        "arguments",
        "id",
        "index",
        "usage",
        "finish_reason",
        "logprobs",
        "model",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "type",
        "text",
        "refusal",
        "reasoning_content",
    ]
)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=8
)
_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
_USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "total_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "system_fingerprint": None,
    "service_tier": None,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi", "refusal": None, "tool_calls": [_CALL]},
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ],
    "usage": _USAGE,
}
CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "Hi", "tool_calls": [{**_CALL, "index": 0}]},
            "logprobs": None,
            "finish_reason": None,
        }
    ],
    "usage": _USAGE,
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


def _with(original: dict[str, Any], path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(original)
    if not path:
        return value
    target: Any = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return changed


def _converted(model: ChatOpenAI, completion: dict[str, Any]) -> None:
    """Convert a completion whose calls are fit to be run: the others are refused before."""
    contract = Contract(are_all_known=False)
    if not any(flaw_in(answer_in(choice["message"], "stop"), contract) for choice in completion["choices"]):
        model._create_chat_result(completion)


def _converted_chunk(model: ChatOpenAI, chunk: dict[str, Any]) -> None:
    """Convert a chunk without its pieces of calls, which are joined before."""
    for choice in chunk["choices"]:
        pieces = choice["delta"].pop("tool_calls", None) or ()
        CallNumbers().number(pieces)
        CallPieces().add(pieces)
    model._convert_chunk_to_generation_chunk(chunk, AIMessageChunk, None)


def damaged(original: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An envelope with something else in one place, or nothing but arbitrary JSON."""
    places = [path for path in _places(original) if path]
    changed = st.builds(_with, st.just(original), st.sampled_from(places), _JSON)
    return changed | st.dictionaries(_KEYS, _JSON, max_size=4)


@pytest.fixture(scope="module")
def model() -> ChatOpenAI:
    """The owner of LangChain's converters."""
    return ChatOpenAI(model="m", api_key="fake")


def test_valid_completion_passes_unchanged() -> None:
    """Nothing is mended that is whole."""
    assert checked_completion(copy.deepcopy(COMPLETION)) == COMPLETION


def test_valid_chunk_passes_unchanged() -> None:
    """Nothing is mended that is whole."""
    assert checked_chunk(copy.deepcopy(CHUNK)) == CHUNK


@_MANY
@given(reply=damaged(COMPLETION))
def test_completion_is_refused_or_converted(model: ChatOpenAI, reply: dict[str, Any]) -> None:
    """What passes the check makes a message; what does not is refused."""
    try:
        checked = checked_completion(reply)
    except BrokenEnvelopeError:
        return
    _converted(model, checked)


@_MANY
@given(chunk=damaged(CHUNK))
def test_chunk_is_refused_or_converted(model: ChatOpenAI, chunk: dict[str, Any]) -> None:
    """What passes the check makes a message chunk; what does not is refused."""
    try:
        checked = checked_chunk(chunk)
    except BrokenEnvelopeError:
        return
    has_content(checked)
    _converted_chunk(model, checked)


@_MANY
@given(reply=damaged(COMPLETION))
def test_whole_answer_to_a_stream_is_refused_or_converted(model: ChatOpenAI, reply: dict[str, Any]) -> None:
    """A server that does not stream answers with one completion; it makes one chunk."""
    try:
        chunk = as_chunk(checked_completion(reply))
    except BrokenEnvelopeError:
        return
    has_content(chunk)
    _converted_chunk(model, chunk)


_ODD = [None, True, 7, 1.5, "text", [], [None], [7], ["x"], [[]], {}, {"a": 1}]


def _paths(original: dict[str, Any]) -> pytest.MarkDecorator:
    places = [path for path in _places(original) if path]
    return pytest.mark.parametrize("path", places, ids=lambda path: ".".join(map(str, path)))


@_paths(COMPLETION)
def test_completion_with_one_odd_part_is_refused_or_converted(model: ChatOpenAI, path: tuple[Any, ...]) -> None:
    """Each part of an envelope, with each type of JSON in its place."""
    unfit = []
    for value in _ODD:
        try:
            checked = checked_completion(_with(COMPLETION, path, copy.deepcopy(value)))
            _converted(model, checked)
        except BrokenEnvelopeError:
            continue
        except Exception as problem:
            unfit.append((value, repr(problem)))
    assert unfit == []


@_paths(CHUNK)
def test_chunk_with_one_odd_part_is_refused_or_converted(model: ChatOpenAI, path: tuple[Any, ...]) -> None:
    """Each part of a chunk, with each type of JSON in its place."""
    unfit = []
    for value in _ODD:
        try:
            checked = checked_chunk(_with(CHUNK, path, copy.deepcopy(value)))
            has_content(checked)
            _converted_chunk(model, checked)
        except BrokenEnvelopeError:
            continue
        except Exception as problem:
            unfit.append((value, repr(problem)))
    assert unfit == []


@given(st.binary(max_size=40))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"1" * 5000)
@example(b'{"a": ' + b"1" * 5000 + b"}")
@example(b"\xff\xfe{\x00}\x00")
@example(b"NaN")
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    """Bytes that are no JSON object are refused with a reason."""
    try:
        value = parsed_json(body)
    except BrokenEnvelopeError:
        return
    assert isinstance(value, dict)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "an empty body"),
        (b" \r\n", "an empty body"),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"upstream connect error", "a body that is not JSON"),
        (b"[]", "JSON that is not an object"),
        (b"null", "JSON that is not an object"),
        (b'{"a": 1', "a body that is not JSON"),
        (b"[" * 100_000, "JSON nested too deep"),
    ],
    ids=["empty", "blank", "html", "text", "list", "null", "cut", "deep"],
)
def test_refusal_says_what_came(body: bytes, reason: str) -> None:
    """The reason is what a person would say of the body."""
    with pytest.raises(BrokenEnvelopeError) as caught:
        parsed_json(body)

    assert str(caught.value) == reason
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("change", "begun"),
    [
        ({"delta": {"role": "assistant"}}, False),
        ({"delta": {"role": "assistant", "content": ""}}, False),
        ({"delta": {}, "finish_reason": "stop"}, True),
        ({"delta": {"content": " "}}, True),
        ({"delta": {"tool_calls": [{**_CALL, "index": 0}]}}, True),
        ({"delta": None}, False),
    ],
    ids=["role", "empty", "finish", "text", "call", "null"],
)
def test_role_alone_is_no_content(change: dict[str, Any], begun: bool) -> None:
    """The first token is one that a reader sees, or the end."""
    chunk = checked_chunk({"choices": [{"index": 0, **json.loads(json.dumps(change))}]})

    assert has_content(chunk) is begun
