"""No call outlasts its limits, however the service dawdles; a slow reader is no slow service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.exceptions import ModelTimeoutError

from langchain_nvgateway import NVGatewayError, StreamInterruptedError
from langchain_nvgateway.emulator import Fault, Reply
from langchain_nvgateway.http_family import httpx

from .calling import Call, Endpoint, error_of, soon

SHORT = 0.3
NOTE = {"name": "note", "description": "Note.", "parameters": {"properties": {"text": {"type": "string"}}}}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hang"),
        Fault("hang_mid_stream", after=0),
        Fault("hang_mid_stream", after=1),  # The Gateway's opening event, NIM's role chunk.
        Fault("slow_drip", interval=0.02),
        Fault("drip_headers", interval=0.02),
        Fault(delay=60),
    ],
    ids=lambda fault: f"{fault.name}-{fault.after}" if fault.name else "delay",
)
def test_a_service_that_dawdles_is_a_timeout(fault: Fault, endpoint: Endpoint, call: Call) -> None:
    """No byte, some bytes, or one byte at a time: the limit is for the whole, and so for the first token."""
    endpoint.service.fail_always(fault, route="chat")
    with soon():
        error = error_of(call, endpoint.model(timeout=SHORT, first_token_timeout=SHORT))
    assert isinstance(error, ModelTimeoutError)
    assert error.is_retryable
    assert error.correlation_id


def test_the_first_token_has_its_own_limit(endpoint: Endpoint, call_stream: Call) -> None:
    """A long `timeout` does not make a reader wait for the first sign of life."""
    endpoint.service.fail_always("hang", route="chat")
    with soon():
        error = error_of(call_stream, endpoint.model(timeout=60, first_token_timeout=SHORT))
    assert isinstance(error, ModelTimeoutError)


@pytest.mark.parametrize(
    "delta",
    [{"role": "assistant"}, {"role": "assistant", "content": ""}, {}, {"content": None, "refusal": None}],
    ids=str,
)
def test_a_chunk_without_content_is_no_first_token(delta: dict[str, Any], nim: Endpoint, call_stream: Call) -> None:
    """A service that only clears its throat, again and again, is timed out."""
    nim.service.reply_next(Reply(chunks=[delta] * 1000, event_pause=0.05))
    with soon():
        error = error_of(call_stream, nim.model(timeout=60, first_token_timeout=SHORT))
    assert isinstance(error, ModelTimeoutError)
    assert not isinstance(error, StreamInterruptedError)


def test_first_token_timeout_spans_the_retries(endpoint: Endpoint, call_stream: Call) -> None:
    """Many attempts do not add up to many limits."""
    endpoint.service.fail_always(Fault(status=503, headers={"retry-after-ms": "50"}), route="chat")
    with soon():
        error_of(call_stream, endpoint.model(timeout=60, first_token_timeout=SHORT, max_retries=1000))


def test_a_whole_answer_is_not_limited_by_the_first_token(endpoint: Endpoint, call_whole: Call) -> None:
    """`first_token_timeout` is for streams."""
    endpoint.service.fail_always(Fault(delay=0.4), route="chat")
    assert call_whole(endpoint.model(first_token_timeout=0.1)).text


def test_a_silence_within_a_stream_breaks_it_off(endpoint: Endpoint, call_stream: Call) -> None:
    """`timeout` is the longest silence, and what came before it is kept."""
    endpoint.service.fail_always(Fault("hang_mid_stream", after=4), route="chat")
    with soon():
        error = error_of(call_stream, endpoint.model(timeout=SHORT, first_token_timeout=5))
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.content


def test_empty_chunks_do_not_keep_a_dead_stream_alive(nim: Endpoint, call_stream: Call) -> None:
    """Only what belongs to the answer counts as a sign of life."""
    nim.service.reply_next(Reply(chunks=[{"content": "a"}, *[{"content": ""}] * 1000], event_pause=0.05))
    with soon():
        error = error_of(call_stream, nim.model(timeout=SHORT, first_token_timeout=5))
    assert isinstance(error, StreamInterruptedError)


def test_a_stream_may_last_longer_than_the_timeout(nim: Endpoint, call_stream: Call) -> None:
    """A long answer that flows is no slow service."""
    nim.service.reply_next(Reply(chunks=[{"content": "a"}] * 12, event_pause=0.05))
    assert call_stream(nim.model(timeout=SHORT)).text == "a" * 12


def test_a_tool_call_may_be_longer_in_coming_than_the_timeout(nim: Endpoint, call_stream: Call) -> None:
    """Its pieces are signs of life, although nobody sees them before it is whole."""
    pieces = ['{"text": "', *"a" * 12, '"}']
    calls: list[dict[str, Any]] = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    calls[0] = {**calls[0], "id": "call_1", "function": {"name": "note", "arguments": pieces[0]}}
    nim.service.reply_next(Reply(chunks=[{"tool_calls": [call]} for call in calls], event_pause=0.05))
    answer = call_stream(nim.model(timeout=SHORT, first_token_timeout=5).bind_tools([NOTE]))
    assert answer.tool_calls[0]["args"] == {"text": "a" * 12}


@pytest.mark.parametrize("where", ["at each chunk", "at an empty chunk", "at the last chunk"])
@pytest.mark.parametrize("style", ["stream", "astream"])
def test_a_slow_reader_is_not_cut(where: str, style: str, nim: Endpoint) -> None:
    """Time that the reader takes is not the service's."""
    texts = [{"content": "a"}, {"content": "b"}, {"content": ""}, {"content": ""}, {"content": "c"}]
    nim.service.reply_next(Reply(chunks=texts, event_pause=0.05))
    model = nim.model(timeout=SHORT, first_token_timeout=5)

    def is_slow(chunk: Any) -> bool:
        if where == "at an empty chunk":
            return not chunk.content and not chunk.response_metadata.get("finish_reason")
        return where == "at each chunk" or bool(chunk.response_metadata.get("finish_reason"))

    async def read() -> Iterator[Any]:
        found = []
        async for chunk in model.astream("Hello"):
            found.append(chunk)
            if is_slow(chunk):
                await asyncio.sleep(SHORT * 1.3)
        return found

    chunks: Any = []
    if style == "astream":
        chunks = asyncio.run(read())
    else:
        for chunk in model.stream("Hello"):
            chunks.append(chunk)
            if is_slow(chunk):
                time.sleep(SHORT * 1.3)
    assert "".join(chunk.text for chunk in chunks) == "abc"


def test_a_timeout_of_one_call_wins_over_the_models(endpoint: Endpoint, call: Call) -> None:
    """Per call or bound, and not sent to the service."""
    endpoint.service.fail_next("hang", times=2)
    model = endpoint.model(timeout=60)
    with soon():
        error_of(call, model, timeout=SHORT)
        error_of(call, model.bind(timeout=SHORT))
    call(model, timeout=20)
    assert "timeout" not in endpoint.chats[-1].json


@pytest.mark.parametrize("value", [httpx.Timeout(SHORT), (5, SHORT), SHORT, httpx.Timeout(60, read=SHORT)])
def test_a_timeout_takes_the_forms_that_openai_takes(value: Any, nim: Endpoint, call: Call) -> None:
    """Seconds, a pair of connect and read, or the HTTP library's own object."""
    nim.service.fail_always("hang", route="chat")
    with soon():
        error_of(call, nim.model(timeout=value))


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "soon", object()])
@pytest.mark.parametrize("setting", ["timeout", "first_token_timeout"])
def test_a_limit_that_is_none_is_refused(setting: str, value: Any, endpoint: Endpoint) -> None:
    """The message names the setting."""
    with pytest.raises((NVGatewayError, ValueError), match=setting):
        endpoint.model(**{setting: value})


@pytest.mark.parametrize("value", [0, -1, "10"])
def test_a_limit_of_one_call_that_is_none_is_refused(value: Any, endpoint: Endpoint, call: Call) -> None:
    """Nothing is sent."""
    with pytest.raises(NVGatewayError, match="timeout"):
        call(endpoint.model(), timeout=value)
    assert endpoint.chats == []


def test_no_limit_is_no_limit(endpoint: Endpoint, call: Call) -> None:
    """`None` for all limits is taken."""
    model = endpoint.model(timeout=None, first_token_timeout=None, max_retries=None)
    assert call(model).text
