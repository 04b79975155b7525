"""Which streams are whole, which broke off, and what is left of those."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk

from langchain_nvgateway import (
    ChatNIM,
    ContentFilteredError,
    InvalidResponseError,
    NVGatewayError,
    StreamInterruptedError,
)
from langchain_nvgateway.emulator import Fault, Reply

from .calling import Call, Endpoint, error_of
from .raw_server import chunk, completion, event, serving

A, B, STOP, DONE = chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop"), event("[DONE]")
USAGE = event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
ERROR = event({"error": {"message": "boom", "code": 500}})

WHOLE = {
    "done": (A, B, STOP, DONE),
    "no done": (A, B, STOP),
    "finish with the last text": (A, chunk({"content": "b"}, "stop"), DONE),
    "usage after finish": (A, B, STOP, USAGE, DONE),
    "usage after finish, no done": (A, B, STOP, USAGE),
    "usage with finish": (A, B, chunk({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2}), DONE),
    "no blank line at the end": (A, B, STOP.rstrip(b"\n")),
    "comments between": (b": hi\n\n", A, b": hi\n\n", B, STOP, b": bye\n\n"),
    "carriage returns": tuple(piece.replace(b"\n", b"\r") for piece in (A, B, STOP, DONE)),
    "both line ends": tuple(piece.replace(b"\n", b"\r\n") for piece in (A, B, STOP, DONE)),
    "an empty chunk between": (A, event({"choices": []}), event({}), B, STOP),
    "null choices": (event({"choices": None}), A, B, STOP),
    "a null delta": (A, B, event({"choices": [{"delta": None, "finish_reason": "stop"}]})),
    "error that is null": (event({"error": None, "choices": [{"delta": {"content": "a"}}]}), B, STOP),
    "fields of the event": (b"event: message\nid: 1\n" + A, b"retry: 5\n" + B, STOP),
    "done twice": (A, B, STOP, DONE, DONE),
    "an error after the finish": (A, B, STOP, ERROR),
    "junk after the finish": (A, B, STOP, b"data: junk\n\n"),
    "text after done": (A, B, STOP, DONE, A),
    "another choice between": (A, event({"choices": [{"index": 1, "delta": {"content": "x"}}]}), B, STOP),
    "another choice that ends first": (
        A,
        event({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}),
        B,
        STOP,
    ),
    "another choice in the same chunk": (
        A,
        event({"choices": [{"index": 0, "delta": {"content": "b"}}, {"index": 1, "delta": {"content": "x"}}]}),
        STOP,
    ),
    "one packet": (A + B + STOP + DONE,),
    "a letter a time": tuple(bytes([byte]) for byte in A + B + STOP),
}


@pytest.mark.parametrize("pieces", WHOLE.values(), ids=WHOLE)
def test_a_stream_with_a_finish_reason_is_whole(pieces: tuple[bytes, ...], call_stream: Call) -> None:
    """Whatever else is there or missing."""
    with serving(*pieces) as server:
        answer = call_stream(server.model())
    assert answer.text == "ab"
    assert answer.response_metadata["finish_reason"] == "stop"
    if any(b'"usage"' in piece for piece in pieces):
        assert answer.usage_metadata["output_tokens"] == 2


BROKEN = {
    "end of the body": (A, B),
    "done only": (A, B, DONE),
    "an error": (A, B, ERROR, DONE),
    "an error in the same packet": (A + B + ERROR,),
    "an error as text": (A, B, event({"error": "boom"})),
    "an error in vLLM's old form": (A, B, event({"object": "error", "message": "boom", "code": 500}), STOP),
    "half an event": (A, B, b'data: {"cho'),
    "an event that is no JSON": (A, B, b"data: {oops}\n\n", STOP),
    "an event that is a list": (A, B, event([1]), STOP),
    "HTML in the middle": (A, B, b"<html>502</html>"),
    "the end of another choice": (
        A,
        event({"choices": [{"delta": {"content": "b"}}, {"index": 1, "delta": {}, "finish_reason": "stop"}]}),
    ),
}


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN)
def test_a_stream_that_breaks_off_keeps_what_came(pieces: tuple[bytes, ...], call_stream: Call) -> None:
    """`.partial` is the message so far, however the network cut the bytes."""
    with serving(*pieces) as server:
        error = error_of(call_stream, server.model())
    assert isinstance(error, StreamInterruptedError)
    assert error.is_retryable
    assert isinstance(error.partial, AIMessageChunk)
    assert error.partial.text == "ab"
    assert error.correlation_id


@pytest.mark.parametrize("pieces", [(A, B, event({"error": "boom"})), (A, B, ERROR)], ids=["text", "object"])
def test_the_words_of_an_error_in_a_stream_are_told(pieces: tuple[bytes, ...], call_stream: Call) -> None:
    """The service said why; so does the error."""
    with serving(*pieces) as server:
        assert "boom" in str(error_of(call_stream, server.model()))


@pytest.mark.parametrize("fault", ["disconnect_mid_stream", "reset_mid_stream", "cut_stream", "done_only"])
def test_a_service_that_dies_in_a_stream_is_interrupted(fault: str, endpoint: Endpoint, call_stream: Call) -> None:
    """Each of the ways that the emulator knows."""
    endpoint.service.fail_always(Fault(fault, after=5), route="chat")
    error = error_of(call_stream, endpoint.model(), "Say a few words, please")
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.text


def test_a_broken_stream_is_not_asked_for_again(endpoint: Endpoint, call_stream: Call) -> None:
    """The reader has seen a part of it."""
    endpoint.service.fail_always(Fault("cut_stream", after=5), route="chat")
    error_of(call_stream, endpoint.model(max_retries=3))
    assert len(endpoint.chats) == 1


def test_a_disconnect_after_the_finish_reason_is_no_failure(endpoint: Endpoint, call_stream: Call) -> None:
    """The answer is there."""
    endpoint.service.fail_always("content_length_too_long", route="chat")
    assert call_stream(endpoint.model()).response_metadata["finish_reason"] == "stop"


CUT_CALL = {
    "index": 0,
    "id": "call-1",
    "type": "function",
    "function": {"name": "remove", "arguments": '{"path": "/tm'},
}


@pytest.mark.parametrize(
    "pieces",
    [
        (chunk({"tool_calls": [CUT_CALL]}),),
        (A, chunk({"tool_calls": [CUT_CALL]})),
        (chunk({"tool_calls": [CUT_CALL]}) + ERROR,),
        (A, chunk({"function_call": CUT_CALL["function"]})),
    ],
    ids=["call", "text and call", "call and error", "function call"],
)
def test_the_partial_message_has_no_tool_call(pieces: tuple[bytes, ...], call_stream: Call) -> None:
    """LangChain would complete the cut arguments; nobody may run that."""
    with serving(*pieces) as server:
        error = error_of(call_stream, server.model())
    assert isinstance(error, StreamInterruptedError)
    assert error.partial is not None
    assert error.partial.tool_calls == []
    assert "function_call" not in error.partial.additional_kwargs


def test_a_stream_that_speaks_aloud_is_not_empty(call_stream: Call) -> None:
    """Audio without a word of text is an answer, as it is when it comes whole."""
    with serving(chunk({"audio": {"id": "audio-1", "data": "AAAA"}}), STOP) as server:
        assert call_stream(server.model()).response_metadata["finish_reason"] == "stop"


FIRST = {"title": "first", "description": "x", "type": "object", "properties": {"x": {"type": "integer"}}}
SECOND = {"title": "second", "description": "y", "type": "object", "properties": {"y": {"type": "integer"}}}
TWO_CALLS: list[dict[str, Any]] = [
    {"id": "a", "type": "function", "function": {"name": "first", "arguments": '{"x": 1}'}},
    {"id": "b", "type": "function", "function": {"name": "second", "arguments": '{"y": 2}'}},
]


def _in_pieces(index: Any) -> list[dict[str, Any]]:
    deltas = []
    for number, one in enumerate(TWO_CALLS):
        place = {} if index == "missing" else {"index": index if index is None else number}
        text = one["function"]["arguments"]
        deltas.append({**place, **one, "function": {"name": one["function"]["name"], "arguments": text[:3]}})
        deltas.append({**place, "function": {"arguments": text[3:]}})
    return deltas


@pytest.mark.parametrize("index", ["given", "missing", None])
def test_tool_calls_are_joined_with_and_without_an_index(index: Any, call_stream: Call) -> None:
    """A delta without an id goes on with the call before it; one with a new id is a new call."""
    pieces = [chunk({"tool_calls": [delta]}) for delta in _in_pieces(index)]
    with serving(*pieces, chunk({}, "tool_calls")) as server:
        answer = call_stream(server.model().bind_tools([FIRST, SECOND]))
    assert [(found["name"], found["args"]) for found in answer.tool_calls] == [
        ("first", {"x": 1}),
        ("second", {"y": 2}),
    ]
    assert answer.invalid_tool_calls == []


@pytest.mark.parametrize("index", ["missing", None])
def test_two_whole_tool_calls_in_one_delta_need_no_index(index: Any, call_stream: Call) -> None:
    """Their places in the list are their places."""
    calls = [{**one} if index == "missing" else {**one, "index": None} for one in TWO_CALLS]
    with serving(chunk({"tool_calls": calls}), chunk({}, "tool_calls")) as server:
        answer = call_stream(server.model().bind_tools([FIRST, SECOND]))
    assert [found["args"] for found in answer.tool_calls] == [{"x": 1}, {"y": 2}]


def test_a_json_body_is_taken_for_a_stream(call_stream: Call) -> None:
    """Some servers do not stream; text, calls, usage and finish reason are all there."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    body = completion({"content": "ab", "tool_calls": TWO_CALLS}, "tool_calls", usage=usage)
    with serving(body, content_type="application/json; charset=utf-8") as server:
        answer = call_stream(server.model().bind_tools([FIRST, SECOND]))
    assert answer.text == "ab"
    assert [found["args"] for found in answer.tool_calls] == [{"x": 1}, {"y": 2}]
    assert answer.usage_metadata["total_tokens"] == 3
    assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_a_json_body_with_several_choices_or_none_is_no_surprise(call_stream: Call) -> None:
    """No choices are a broken envelope."""
    with serving(b'{"choices": []}', content_type="application/json") as server:
        assert isinstance(error_of(call_stream, server.model()), InvalidResponseError)


@pytest.mark.parametrize(
    ("pieces", "content_type"),
    [((), "text/event-stream"), ((b"<html>Sign in</html>",), "text/html"), ((DONE,), "text/event-stream"),
     ((b"\n\n\n",), "text/event-stream"), ((b": hi\n\n",), "text/event-stream"), ((STOP[:20],), "text/event-stream"),
     ((b"<html>Sign in</html>",), ""), ((b"{}",), "application/json")],
)  # fmt: skip
def test_a_stream_without_an_answer_is_a_retryable_error(
    pieces: tuple[bytes, ...], content_type: str, call_stream: Call
) -> None:
    """Nothing, HTML, comments, a lonely end."""
    with serving(*pieces, content_type=content_type) as server:
        error: Any = error_of(call_stream, server.model())
    assert error.is_retryable
    assert not isinstance(error, StreamInterruptedError)


@pytest.mark.parametrize(
    "fault",
    [Fault("content_filter"), Fault("content_filter_finish", after=3), Fault("content_filter_in_stream", after=3)],
    ids=lambda fault: fault.name,
)
def test_the_content_filter_is_one_error_in_all_its_forms(fault: Fault, gateway: Endpoint, call: Call) -> None:
    """As a 400, as a finish reason, as an error within the stream."""
    gateway.service.fail_always(fault, route="chat")
    assert isinstance(error_of(call, gateway.model()), ContentFilteredError)


def test_the_text_before_the_content_filter_is_kept(call_stream: Call) -> None:
    """In one packet or in several."""
    for pieces in ((A, B, chunk({}, "content_filter")), (A + B + chunk({}, "content_filter"),)):
        with serving(*pieces) as server:
            error: Any = error_of(call_stream, server.model())
        assert isinstance(error, ContentFilteredError)
        assert error.partial.text == "ab"


def test_a_cut_plain_text_with_finish_length_is_an_answer(endpoint: Endpoint, call: Call) -> None:
    """The finish reason is on it."""
    endpoint.service.fail_always(Fault("length_finish", after=5), route="chat")
    answer = call(endpoint.model())
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.text


def test_usage_is_there_in_streams_and_absent_when_not_sent(endpoint: Endpoint, call: Call) -> None:
    """`usage_metadata` is what the service counted, nothing when it did not."""
    assert call(endpoint.model()).usage_metadata["output_tokens"] > 0
    endpoint.service.reply_next(Reply(text="hi", usage=None))
    assert call(endpoint.model()).usage_metadata is None


def test_usage_that_is_not_wanted_is_not_asked_for(endpoint: Endpoint, call_stream: Call) -> None:
    """`stream_usage=False` leaves `stream_options` out."""
    assert call_stream(endpoint.model(stream_usage=False)).usage_metadata is None
    assert "stream_options" not in endpoint.chats[0].json


def test_an_error_before_the_first_token_is_the_plain_error(nim: Endpoint, call_stream: Call) -> None:
    """Nothing was interrupted, so it is what the status says."""
    nim.service.reply_next(Reply(chunks=[{"role": "assistant"}, {"error": {"message": "boom", "code": 503}}]))
    error = error_of(call_stream, nim.model())
    assert not isinstance(error, StreamInterruptedError)
    assert error.status_code == 503


def test_a_refusal_is_on_the_message(nim: Endpoint, call: Call) -> None:
    """In streams as in whole answers."""
    nim.service.reply_next(Reply(message={"refusal": "I cannot help with that."}))
    try:
        answer = call(nim.model())
    except NVGatewayError:  # An answer without content may be refused as well.
        return
    assert answer.additional_kwargs["refusal"] == "I cannot help with that."


def test_a_subclass_may_have_its_own_converter_of_chunks(call_stream: Call) -> None:
    """It is given each chunk as it came, those of mere text too."""
    seen: list[str] = []

    class Numbered(ChatNIM):
        def _convert_chunk_to_generation_chunk(self, chunk: dict[str, Any], *args: Any) -> Any:
            seen.append(chunk["id"])
            generation = super()._convert_chunk_to_generation_chunk(chunk, *args)
            if generation is not None:
                generation.message.additional_kwargs["ids"] = [chunk["id"]]
            return generation

    pieces = [
        event({"id": name, "choices": [{"index": 0, "delta": {"content": name}, "finish_reason": reason}]})
        for name, reason in [("a", None), ("b", None), ("c", "stop")]
    ]
    with serving(*pieces) as server:
        answer = call_stream(Numbered(base_url=f"{server.origin}/v1", api_key="fake"))

    assert seen == ["a", "b", "c"]
    assert answer.additional_kwargs == {"ids": ["a", "b", "c"]}
