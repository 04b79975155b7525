"""Most chunks take a short way; it leads to where the long one does."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_nvgateway import ChatNIM
from langchain_nvgateway.chat_models import chunk_reader
from langchain_nvgateway.chat_models.assembly import StreamAssembly
from langchain_nvgateway.chat_models.chunk_reader import ChunkReader
from langchain_nvgateway.chat_models.envelopes import checked_chunk, has_content, is_error, plain_text
from langchain_nvgateway.chat_models.open_stream import OpenStream
from langchain_nvgateway.chat_models.payloads import request_parts
from langchain_nvgateway.chat_models.service_errors import Call
from langchain_nvgateway.chat_models.text_chunks import TextChunks
from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.errors import NVGatewayError

from .test_envelopes import CHUNK, damaged

_MANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=500)
_CALL = Call("service", "m", "http://127.0.0.1/", "id")
_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

_TEXT = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=6)


@pytest.fixture(scope="module", params=[None, "v1"])
def model(request: pytest.FixtureRequest) -> ChatNIM:
    """A model of each of the versions in which LangChain says what is in a message."""
    return ChatNIM(model="m", base_url="http://127.0.0.1:9/v1", api_key="fake", output_version=request.param)


def _long_way(model: ChatNIM, chunk: dict[str, Any]) -> ChatGenerationChunk | None:
    return model._convert_chunk_to_generation_chunk(chunk, AIMessageChunk, None)


@given(text=_TEXT)
def test_chunk_of_a_text_is_the_one_that_langchain_makes(model: ChatNIM, text: str) -> None:
    """Equal, written down alike, pickled alike."""
    short, long = TextChunks(model).chunk(text), _long_way(model, {"choices": [{"delta": {"content": text}}]})

    assert short == long
    assert short.model_dump() == long.model_dump()
    assert dumps(short) == dumps(long)
    assert pickle.loads(pickle.dumps(short)) == long


def test_chunks_share_nothing(model: ChatNIM) -> None:
    """Who changes a chunk changes no other one."""
    chunks = TextChunks(model)
    one, other = chunks.chunk("a"), chunks.chunk("a")
    for name, value in vars(one.message).items():
        if isinstance(value, dict | list):
            assert getattr(other.message, name) is not value


def _chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


_PLAIN = _chunk({"role": "assistant", "content": "Hi", "refusal": None, "tool_calls": None}, usage=None)


@_MANY
@given(chunk=damaged(_PLAIN) | damaged(CHUNK), answer=st.sampled_from([0, 1, None]))
def test_plain_text_is_all_that_the_long_way_finds(model: ChatNIM, chunk: dict[str, Any], answer: int | None) -> None:
    """Of a chunk that is taken for bare text, nothing else would have reached anybody."""
    text = plain_text(copy.deepcopy(chunk), answer)
    if text is None:
        return

    assert not is_error(chunk)
    checked = checked_chunk(chunk)
    (choice,) = checked["choices"]
    assert choice.get("index") == answer
    assert not choice["finish_reason"]
    assert has_content(checked) is has_content(text) is bool(text)
    assert TextChunks(model).chunk(text) == _long_way(model, checked)


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "Hi"},
        {"content": ""},
        {"role": "assistant", "content": "Hi"},
        {"role": None, "content": "Hi", "reasoning_content": None, "tool_calls": None, "refusal": None},
    ],
    ids=["bare", "empty", "role", "nulls"],
)
def test_text_of_usual_services_takes_the_short_way(delta: dict[str, Any]) -> None:
    """With or without a role, and with nulls for whatever else there could be."""
    assert plain_text(_chunk(delta), 0) == delta["content"]


class _Body:
    """An answer whose body arrives in the given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.headers = {"content-type": "text/event-stream"}
        self._pieces = pieces

    def chunks(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        """Do nothing."""


def _streamed(model: ChatNIM, pieces: list[bytes], tools: list[dict[str, Any]]) -> list[Any]:
    """Return all that a reader sees of a stream, its error with what is in it included."""
    payload = {"model": "m", "messages": [], "tools": tools}
    stream = OpenStream(_Body(pieces), _CALL, Deadline(60))  # type: ignore[arg-type]  # what it asks of an answer
    stream.read_first_token()
    assembly = StreamAssembly(model, stream, request_parts(payload, headers={}, query={}))
    seen: list[Any] = [stream.has_begun]
    try:
        for chunk in stream.chunks(60):
            seen += assembly.add(chunk)
        seen += assembly.end(stream.failure)
    except NVGatewayError as error:
        seen += [type(error), str(error), getattr(error, "raw", None), getattr(error, "partial", None)]
    return seen


_PIECE = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": "{}"}}
_USUAL = st.sampled_from(
    [
        _chunk({"role": "assistant", "content": ""}),
        _chunk({"content": "Hi"}),
        _chunk({"content": " "}),
        _chunk({"content": "[TOOL_CALLS]"}),
        _chunk({"content": '{"name": "look", '}),
        _chunk({"content": "\ud800"}),
        _chunk({"content": ["Hi", {"text": "!"}]}),
        _chunk({"content": None, "reasoning_content": "Hm"}),
        _chunk({"content": "Hi", "refusal": "No"}),
        _chunk({"content": "Hi"}, logprobs=None, usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
        _chunk({"tool_calls": [_PIECE]}),
        _chunk({"content": "Hi", "tool_calls": [_PIECE]}),
        _chunk({"content": "!"}, "stop"),
        _chunk({}, "stop"),
        _chunk({"content": "Hi"}, error={"message": "down"}),
        _chunk({"content": "Hi"}, object="error"),
        _chunk({"content": "Hi"}, type="content.delta"),
        {"choices": [{"index": 1, "delta": {"content": "other"}}]},
        {"choices": [{"delta": {"content": "no index"}}]},
        {"choices": []},
        {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]},
    ]
)


@_MANY
@given(
    chunks=st.lists(_USUAL, min_size=1, max_size=8) | st.lists(_USUAL | damaged(_PLAIN), min_size=1, max_size=6),
    has_end=st.booleans(),
    at_once=st.integers(1, 7),
    tools=st.sampled_from([[], [_TOOL]]),
)
@example(chunks=[_chunk({"content": "Hi"}, "stop"), _chunk({"content": "late"})], has_end=False, at_once=1, tools=[])
def test_streams_are_the_same_by_the_long_way(
    model: ChatNIM, chunks: list[Any], has_end: bool, at_once: int, tools: list[dict[str, Any]]
) -> None:
    """What is shown, held, refused and kept for `.partial` does not depend on the way."""
    chunks = [*chunks, _chunk({}, "stop")] if has_end else chunks
    events = [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks]
    pieces = [b"".join(events[start : start + at_once]) for start in range(0, len(events), at_once)]

    short = _streamed(model, pieces, tools)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chunk_reader, "plain_text", lambda chunk, answer: None)
        long = _streamed(model, pieces, tools)

    assert short == long


def test_whole_reply_does_not_take_the_short_way() -> None:
    """A server that does not stream owes a message, not a delta."""
    reader = ChunkReader(_CALL, {"content-type": "application/json"})
    reader.feed(json.dumps(_PLAIN).encode())

    assert reader.end() == []
    assert reader.failure is not None
