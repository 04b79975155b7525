"""Streams of roles: one leg's answer, clean, or an error that says what came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError, ModelInvalidRequestError
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.errors import GraphInterrupt

from langchain_nvgateway import AllProvidersFailedError, ModelManager, StreamInterruptedError
from langchain_nvgateway.testing import ScriptedChatModel

from .fakes import acting, saying

DOWN = ModelAPIError("down")
DONE = {"finish_reason": "stop"}


RUN = {"title": "run", "description": "Run it.", "type": "object", "properties": {}}


def streaming(*script: Any, **fields: Any) -> ScriptedChatModel:
    """A model that streams texts, chunks and endings as they are; an error is raised in its place."""
    return ScriptedChatModel([as_chunk(step) for step in script], at_end="repeat_last", **fields)


def as_chunk(step: Any) -> Any:
    if isinstance(step, dict):
        return AIMessageChunk("", response_metadata=step)
    return AIMessageChunk(step) if isinstance(step, str) else step


def called(args: str, *, name: str | None = "run", **kwargs: Any) -> AIMessageChunk:
    call = {"name": name, "args": args, "id": "1", "index": 0, "type": "tool_call_chunk"}
    return AIMessageChunk("", tool_call_chunks=[call], **kwargs)


def read(model: Runnable[Any, Any], is_async: bool) -> tuple[list[Any], BaseException | None]:
    """Read a stream to its end, whatever that is."""
    chunks: list[Any] = []

    async def read_async() -> None:
        async for chunk in model.astream("hello"):
            chunks.append(chunk)

    try:
        if is_async:
            asyncio.run(read_async())
        else:
            for chunk in model.stream("hello"):
                chunks.append(chunk)
    except Exception as error:
        return chunks, error
    return chunks, None


@pytest.fixture(params=[False, True], ids=["stream", "astream"])
def is_async(request: pytest.FixtureRequest) -> bool:
    """Both ways to read."""
    return bool(request.param)


def manager_of(*fakes: Any) -> ModelManager:
    return ModelManager(models=dict(zip(("nvidia-nim", "nvidia-gateway"), fakes, strict=False)))


@pytest.mark.parametrize(
    "script",
    [
        [DOWN],
        ["", "", DOWN],
        ["", DONE],
        [],
        [AIMessageChunk("", response_metadata={"model_name": "x"}), DOWN],
        [DONE, DOWN],
    ],
)
def test_trouble_before_anything_was_seen_is_never_seen(script: list[Any], is_async: bool) -> None:
    """The reader gets the next leg's stream and nothing of the first; a chunk that says nothing is nothing."""
    chunks, error = read(manager_of(streaming(*script), streaming("fi", "ne", DONE)).model("planner"), is_async)
    assert error is None
    assert [chunk.text for chunk in chunks if chunk.text] == ["fi", "ne"]
    whole = add_ai_message_chunks(*chunks)
    outcomes = [attempt["outcome"] for attempt in whole.response_metadata["nvgateway"]["attempts"]]
    assert outcomes[-1] == "answered"
    assert outcomes[0] in ("failed", "rejected")


@pytest.mark.parametrize("script", [["so ", "far", DOWN], ["so ", "far"]], ids=["error", "cut"])
def test_trouble_after_something_was_seen_is_an_interruption(script: list[Any], is_async: bool) -> None:
    """With the part that came; no other leg mixes its words in, and the failure counts."""
    second = saying("never asked")
    manager = manager_of(streaming(*script), second)
    chunks, error = read(manager.model("planner"), is_async)
    assert "".join(chunk.text for chunk in chunks) == "so far"
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.text == "so far"
    assert "nvidia-nim:" in str(error)
    assert "planner" in str(error)
    assert error.correlation_id
    assert second.requests == []
    breaker = manager.breakers["nvidia-nim:meta/llama-4-scout-17b-16e-instruct"]
    assert breaker.snapshot().consecutive_failures == 1


def test_a_wrong_request_in_a_stream_is_raised_as_it_is(is_async: bool) -> None:
    """Before and after the first text."""
    for script in ([ModelInvalidRequestError("no")], ["so far", ModelInvalidRequestError("no")]):
        _, error = read(manager_of(streaming(*script), saying("never asked")).model("planner"), is_async)
        assert type(error) is ModelInvalidRequestError


@pytest.mark.parametrize(
    "end",
    [
        {"finish_reason": "stop"},
        {"stop_reason": "end_turn"},
        {"done_reason": "stop"},
        AIMessageChunk(" end", chunk_position="last"),
    ],
    ids=str,
)
def test_each_terminal_marker_ends_a_stream(end: Any, is_async: bool) -> None:
    """Of OpenAI, Anthropic, Ollama, and LangChain's own."""
    chunks, error = read(manager_of(streaming("text", end)).model("planner"), is_async)
    assert error is None
    assert chunks[-1].chunk_position == "last"


@pytest.mark.parametrize("end", [[], [""], [AIMessageChunk("", chunk_position="last")]], ids=["none", "empty", "last"])
def test_a_stream_without_a_marker_was_cut(end: list[Any], is_async: bool) -> None:
    """The empty last chunk, which LangChain puts behind any stream, is none."""
    _, error = read(manager_of(streaming("text", *end)).model("planner"), is_async)
    assert isinstance(error, StreamInterruptedError)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FakeListChatModel(responses=["whole text"]),
        lambda: GenericFakeChatModel(messages=iter([AIMessage("whole text")])),
    ],
    ids=["list", "generic"],
)
def test_langchains_own_fakes_stream(make: Callable[[], Any], is_async: bool) -> None:
    """They mark their last chunk."""
    chunks, error = read(manager_of(make()).model("planner"), is_async)
    assert error is None
    assert "".join(chunk.text for chunk in chunks) == "whole text"


def test_a_model_that_does_not_stream_gives_one_chunk(is_async: bool) -> None:
    """Tool calls included."""
    call = {"name": "run", "args": {"x": 1}, "id": "1"}
    fake = acting(lambda _messages, _kwargs: AIMessage("whole", tool_calls=[call]), disable_streaming=True)
    chunks, error = read(manager_of(fake).model("planner").bind_tools([RUN]), is_async)
    assert error is None
    assert [type(chunk) for chunk in chunks] == [AIMessageChunk]
    assert chunks[0].tool_calls[0]["args"] == {"x": 1}
    assert chunks[0].response_metadata["nvgateway"]["provider"] == "nvidia-nim"


@pytest.mark.parametrize(
    "script",
    [
        [called('{"cmd": "rm -rf /tm'), {"finish_reason": "length"}],
        [called('{"cmd": "rm -rf /tm'), {"finish_reason": "tool_calls"}],
        [called('{"cmd": "rm -rf /tm'), DOWN],
        [called('["not", "an object"]'), {"finish_reason": "tool_calls"}],
        [called(""), {"finish_reason": "length"}],
    ],
)
def test_a_broken_call_is_never_seen(script: list[Any], is_async: bool) -> None:
    """Tool calls are held back until they are whole, so the next leg can answer in their place."""
    good = streaming(called('{"cmd"'), called(': "ls"}', name=None), {"finish_reason": "tool_calls"})
    chunks, error = read(manager_of(streaming(*script), good).model("planner").bind_tools([RUN]), is_async)
    assert error is None
    whole = add_ai_message_chunks(*chunks)
    assert [call["args"] for call in whole.tool_calls] == [{"cmd": "ls"}]
    assert all("rm" not in str(chunk.tool_call_chunks) for chunk in chunks)


def test_text_before_a_broken_call_makes_it_an_interruption(is_async: bool) -> None:
    """What was said cannot be taken back; the call is not in the part that came."""
    script = ["I run it: ", called('{"cmd": "rm -rf /tm'), DONE]
    chunks, error = read(manager_of(streaming(*script), saying("never asked")).model("planner"), is_async)
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.text == "I run it: "
    assert not error.partial.tool_calls
    assert not any(chunk.tool_call_chunks for chunk in chunks)


@pytest.mark.parametrize("script", [["so ", "far", DOWN], ["so ", "far"], ["I run it: ", called("{"), DONE]], ids=str)
def test_hold_all_lets_the_next_leg_answer_at_any_time(script: list[Any], is_async: bool) -> None:
    """Nothing is seen before the answer is whole."""
    manager = manager_of(streaming(*script), streaming("fi", "ne", DONE))
    chunks, error = read(manager.model("planner", hold="all"), is_async)
    assert error is None
    assert "".join(chunk.text for chunk in chunks) == "fine"


def test_the_whole_stream_names_its_leg_once(is_async: bool) -> None:
    """Chunks add up to the message that `invoke` returns, with one record of attempts."""
    model = manager_of(streaming("fi", "ne", {"finish_reason": "stop", "nvgateway": {"provider": "own"}})).model(
        "planner"
    )
    chunks, _ = read(model, is_async)
    assert sum("nvgateway" in chunk.response_metadata for chunk in chunks) == 1
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
    whole = add_ai_message_chunks(*chunks)
    assert whole.response_metadata["nvgateway"]["provider"] == "nvidia-nim"
    assert whole.response_metadata["finish_reason"] == "stop"


def test_when_no_stream_begins_all_are_named(is_async: bool) -> None:
    """The same error as without streams."""
    chunks, error = read(manager_of(streaming(DOWN), streaming()).model("planner"), is_async)
    assert chunks == []
    assert isinstance(error, AllProvidersFailedError)
    assert [attempt["outcome"] for attempt in error.attempts] == ["failed", "failed"]


def test_trouble_behind_the_end_of_an_answer_is_none(is_async: bool) -> None:
    """The answer is whole with its marker, whatever the connection does then; an interrupt passes nevertheless."""
    chunks, error = read(
        manager_of(streaming("fi", "ne", DONE, DOWN), saying("never asked")).model("planner"), is_async
    )
    assert error is None
    assert "".join(chunk.text for chunk in chunks) == "fine"
    interrupt = GraphInterrupt(())
    _, error = read(manager_of(streaming("fine", DONE, interrupt), saying("never asked")).model("planner"), is_async)
    assert error is interrupt


def test_a_call_without_arguments_is_one_without_parameters(is_async: bool) -> None:
    """Services send that for tools without parameters, in streams as in whole answers."""
    script = [called(""), {"finish_reason": "tool_calls"}]
    chunks, error = read(manager_of(streaming(*script)).model("planner").bind_tools([RUN]), is_async)
    assert error is None
    assert [call["args"] for call in add_ai_message_chunks(*chunks).tool_calls] == [{}]


@pytest.mark.parametrize("kwargs", [{"refusal": None}, {"reasoning_content": "hm"}], ids=str)
def test_a_stream_without_an_answer_is_empty(kwargs: dict[str, Any], is_async: bool) -> None:
    """Whatever else it brings."""
    first = streaming(AIMessageChunk("", additional_kwargs=kwargs), DONE)
    _, error = read(manager_of(first, streaming("fine", DONE)).model("planner", hold="all"), is_async)
    assert error is None
    _, error = read(manager_of(first).model("planner"), is_async)
    assert isinstance(error, AllProvidersFailedError | StreamInterruptedError)


@pytest.mark.parametrize(
    "script",
    [
        [called('{"cmd": "rm -rf /tm'), {"finish_reason": "tool_calls"}],
        [called('{"cmd": "rm -rf /tm'), DOWN],
        [called('{"cmd": "rm"}'), {"stop_reason": "max_tokens"}],
        [called('{"cmd": "rm"}')],
        ["cut "],
    ],
    ids=["guessed", "down", "length", "no end", "cut text"],
)
@pytest.mark.parametrize("is_streaming_within", [False, True], ids=["handler", "setting"])
def test_an_answer_that_is_streamed_within_a_call_is_checked_alike(
    script: list[Any], is_streaming_within: bool, is_async: bool
) -> None:
    """Where somebody watches the tokens of an `invoke`, cut arguments would be completed by guessing."""
    first = streaming(*script, **({"streaming": True} if is_streaming_within else {}))
    model = manager_of(first, saying("fine")).model("planner")
    answers: list[Any] = []

    def node(said: str) -> None:
        answers.append(model.invoke(said))

    async def anode(said: str) -> None:
        answers.append(await model.ainvoke(said))

    async def watch() -> None:
        chain: Any = RunnableLambda(anode if is_async else node)
        async for _ in chain.astream_events("hello", version="v2"):
            pass

    if not is_streaming_within:
        asyncio.run(watch())
    elif is_async:
        asyncio.run(anode("hello"))
    else:
        node("hello")
    assert [(type(answer), answer.text) for answer in answers] == [(AIMessage, "fine")]
