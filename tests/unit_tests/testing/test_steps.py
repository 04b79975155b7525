"""Each kind of step, in each call style."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolCall, UsageMetadata
from langchain_core.messages.ai import add_ai_message_chunks

from langchain_nvgateway.testing import ScriptedChatModel, broken_call, calls, dies_after, slow

from ..chat_models.calling import GENEROUS, Call, soon

CUT = '{"command": "rm -rf /tm'
DAY = 86_400.0


def pieces(model: Any, *, is_async: bool = False) -> tuple[list[AIMessageChunk], BaseException | None]:
    """Return the chunks of a stream, and what it ended with."""
    found: list[AIMessageChunk] = []

    async def collect() -> None:
        async for chunk in model.astream("Hello"):
            found.append(chunk)

    try:
        if is_async:
            asyncio.run(collect())
        else:
            for chunk in model.stream("Hello"):
                found.append(chunk)
    except Exception as error:
        return found, error
    return found, None


def test_a_text_is_an_answer(call: Call) -> None:
    """Whole or streamed, with an id, a finish reason and the name of the model."""
    answer = call(ScriptedChatModel("first  answer\n", model="tiny"))
    assert answer.content == "first  answer\n"
    assert answer.id
    assert answer.response_metadata == {"model_name": "tiny", "finish_reason": "stop"}


def test_a_text_streams_word_by_word(is_async: bool) -> None:
    """All chunks have one id; how it ended, and what it cost, is on the last one."""
    chunks, _ = pieces(ScriptedChatModel(" one  two\nthree"), is_async=is_async)
    assert [chunk.text for chunk in chunks] == [" ", "one  ", "two\n", "three", ""]
    assert len({chunk.id for chunk in chunks}) == 1
    assert ["finish_reason" in chunk.response_metadata for chunk in chunks] == [False] * 4 + [True]
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * 4 + [True]
    assert [chunk.chunk_position for chunk in chunks] == [None] * 4 + ["last"]


def test_an_empty_text_is_an_empty_answer(call: Call) -> None:
    """It ends as any other."""
    answer = call(ScriptedChatModel(""))
    assert (answer.text, answer.response_metadata["finish_reason"]) == ("", "stop")


def test_a_message_is_the_answer_as_it_stands(call: Call) -> None:
    """With its id, metadata, tokens and calls; what it does not say is added."""
    usage = UsageMetadata(input_tokens=5, output_tokens=6, total_tokens=11)
    given = AIMessage(
        "I look.",
        id="msg-1",
        tool_calls=[ToolCall(name="read", args={"path": "a b"}, id="1"), ToolCall(name="read", args={}, id=None)],
        additional_kwargs={"reasoning_content": "hm"},
        response_metadata={"finish_reason": "length", "system_fingerprint": "x"},
        usage_metadata=usage,
    )
    answer = call(ScriptedChatModel(given))
    assert (answer.text, answer.id, answer.usage_metadata) == ("I look.", "msg-1", usage)
    assert [(each["args"], each["id"]) for each in answer.tool_calls] == [({"path": "a b"}, "1"), ({}, None)]
    assert answer.additional_kwargs == {"reasoning_content": "hm"}
    assert answer.response_metadata == {
        "model_name": "scripted",
        "finish_reason": "length",
        "system_fingerprint": "x",
    }


def test_all_chunks_of_a_message_have_its_id(is_async: bool) -> None:
    """Those of its calls too."""
    message = AIMessage("I look.", id="msg-1", tool_calls=[ToolCall(name="read", args={"path": "a"}, id="1")])
    chunks, _ = pieces(ScriptedChatModel(message), is_async=is_async)
    assert {chunk.id for chunk in chunks} == {"msg-1"}


def test_a_message_of_blocks_is_an_answer(call: Call) -> None:
    """Blocks are not cut into words."""
    blocks: Any = [{"type": "text", "text": "one two", "index": 0}]
    assert call(ScriptedChatModel(AIMessage(blocks))).text == "one two"


def test_what_a_caller_does_with_an_answer_does_not_change_the_script(call: Call) -> None:
    """A message that is played again is the same as before."""
    model = ScriptedChatModel(AIMessage("fine", additional_kwargs={"k": ["v"]}), at_end="repeat_last")
    first = call(model)
    first.additional_kwargs["k"].append("w")
    first.content = "changed"
    second = call(model)
    assert (second.text, second.additional_kwargs) == ("fine", {"k": ["v"]})


@pytest.mark.parametrize("step", [ConnectionError("down"), ConnectionError], ids=["error", "class"])
def test_an_error_is_raised(step: Any, call: Call) -> None:
    """The very object, or one of the class."""
    with pytest.raises(ConnectionError) as caught:
        call(ScriptedChatModel(step))
    assert caught.value is step or step is ConnectionError


def test_an_error_that_is_raised_often_gathers_no_tracebacks() -> None:
    """Each time it shows where it was raised then."""
    model = ScriptedChatModel(ConnectionError("down"), at_end="repeat_last")
    lengths = []
    for _ in range(3):
        with pytest.raises(ConnectionError) as caught:
            model.invoke("Hello")
        lengths.append(len(caught.traceback))
    assert len(set(lengths)) == 1


def test_a_call_is_whole_and_valid(call: Call) -> None:
    """A finish reason that fits it, and an id of its own each time."""
    model = ScriptedChatModel(calls("shell", command="ls -l", name="x"), at_end="repeat_last")
    first, second = call(model), call(model)
    (made,) = first.tool_calls
    assert (made["name"], made["args"]) == ("shell", {"command": "ls -l", "name": "x"})
    assert first.response_metadata["finish_reason"] == "tool_calls"
    assert made["id"]
    assert made["id"] != second.tool_calls[0]["id"]


def test_a_call_streams_in_pieces(is_async: bool) -> None:
    """As services send it: name and id first, then the text of the arguments."""
    chunks, _ = pieces(ScriptedChatModel([calls("a", x=1), calls("b")]), is_async=is_async)
    sent = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    assert [(piece["name"], piece["args"], piece["index"]) for piece in sent] == [
        ("a", "", 0),
        (None, '{"x": ', 0),
        (None, "1}", 0),
        ("b", "", 1),
        (None, "{}", 1),
    ]
    assert [bool(piece["id"]) for piece in sent] == [True, False, False, True, False]


def test_langchains_own_dict_of_a_call_is_a_step(call: Call) -> None:
    """With its id."""
    (made,) = call(ScriptedChatModel(ToolCall(name="shell", args={"command": "ls"}, id="call-7"))).tool_calls
    assert (made["args"], made["id"]) == ({"command": "ls"}, "call-7")


def test_arguments_that_are_no_json_are_no_call() -> None:
    """The test learns it where it is written."""
    with pytest.raises(TypeError, match="not JSON serializable"):
        calls("shell", command=object())


@pytest.mark.parametrize("raw", [CUT, '{"command": rm}', '["rm"]', "rm", '{"command": "rm"} and', '{"a": "\n\x00'])
def test_a_broken_call_is_invalid_in_a_whole_answer(raw: str, call_whole: Call) -> None:
    """As the integrations have it: no call that could be run, and the text as it came."""
    answer = call_whole(ScriptedChatModel(broken_call("shell", raw)))
    assert answer.tool_calls == []
    ((name, args),) = [(each["name"], each["args"]) for each in answer.invalid_tool_calls]
    assert (name, args) == ("shell", raw)
    assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_a_broken_call_looks_good_once_a_stream_is_added_up(call_stream: Call) -> None:
    """The danger itself: LangChain completes the cut arguments, and an agent would run them."""
    answer = call_stream(ScriptedChatModel(broken_call("shell", CUT, finish_reason="length")))
    assert [each["args"] for each in answer.tool_calls] == [{"command": "rm -rf /tm"}]
    assert "".join(piece["args"] for piece in answer.tool_call_chunks) == CUT
    assert answer.response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize("raw", ["", '{"a": 1, "a": 1}', '{"a": NaN}'])
def test_what_integrations_take_for_a_call_arrives_as_one(raw: str, call_whole: Call) -> None:
    """Nobody but a strict reader sees what is wrong with these."""
    answer = call_whole(ScriptedChatModel(broken_call("shell", raw)))
    assert [each["name"] for each in answer.tool_calls] == ["shell"]
    assert answer.invalid_tool_calls == []


def test_invalid_calls_of_a_message_stay_invalid_and_stream_as_they_are() -> None:
    """A message says itself which of its calls are broken."""
    broken: Any = {"type": "invalid_tool_call", "name": "shell", "args": "{}", "id": "1", "error": "unknown tool"}
    step = AIMessage("", invalid_tool_calls=[broken])
    model = ScriptedChatModel(step, at_end="repeat_last")
    assert model.invoke("Hello").invalid_tool_calls == [broken]
    chunks, _ = pieces(model)
    assert "".join(piece["args"] or "" for chunk in chunks for piece in chunk.tool_call_chunks) == "{}"


def test_a_list_is_one_answer_of_several_parts(call: Call) -> None:
    """Text and calls, good or broken."""
    answer = call(ScriptedChatModel(["I look ", "into both. ", calls("read", path="a"), calls("read", path="b")]))
    assert answer.text == "I look into both. "
    assert [each["args"] for each in answer.tool_calls] == [{"path": "a"}, {"path": "b"}]


def test_dies_after_breaks_off_what_was_said(is_async: bool) -> None:
    """Without a word about its end."""
    error = ConnectionError("cut")
    model = ScriptedChatModel(dies_after(["some words", broken_call("shell", CUT)], error))
    chunks, ended_with = pieces(model, is_async=is_async)
    assert ended_with is error
    whole = add_ai_message_chunks(*chunks)
    assert (whole.text, whole.tool_call_chunks[0]["args"]) == ("some words", CUT)
    assert whole.response_metadata == {}
    assert whole.chunk_position is None


def test_dies_after_gives_no_whole_answer(call_whole: Call) -> None:
    """A connection that is lost, unless another error is named."""
    with pytest.raises(ConnectionError):
        call_whole(ScriptedChatModel(dies_after("some words")))


def test_a_stream_may_end_without_saying_so(is_async: bool) -> None:
    """A finish reason of `None` leaves out the end, and nothing is raised."""
    chunks, error = pieces(
        ScriptedChatModel(AIMessage("so far", response_metadata={"finish_reason": None})), is_async=is_async
    )
    assert error is None
    assert add_ai_message_chunks(*chunks).text == "so far"
    assert all(not chunk.response_metadata and not chunk.usage_metadata for chunk in chunks)


def test_chunks_are_sent_as_they_are(is_async: bool) -> None:
    """And nothing behind them, so that a test can say what each piece of a stream is like."""
    sent = [AIMessageChunk("a "), AIMessageChunk("b c", response_metadata={"stop_reason": "end_turn"})]
    chunks, error = pieces(ScriptedChatModel(sent), is_async=is_async)
    assert error is None
    assert [(chunk.text, chunk.response_metadata) for chunk in chunks if not chunk.chunk_position] == [
        ("a ", {}),
        ("b c", {"stop_reason": "end_turn"}),
    ]
    assert ScriptedChatModel(sent).invoke("Hello").text == "a b c"


def test_a_stream_of_nothing_is_no_answer(is_async: bool) -> None:
    """LangChain says so."""
    chunks, error = pieces(ScriptedChatModel([]), is_async=is_async)
    assert chunks == []
    assert "No generation chunks" in str(error)


def test_a_model_that_always_streams_adds_up_a_broken_call(call_whole: Call) -> None:
    """As the integrations do that are set so."""
    answer = call_whole(ScriptedChatModel(broken_call("shell", CUT), streaming=True))
    assert [each["args"] for each in answer.tool_calls] == [{"command": "rm -rf /tm"}]


def test_a_slow_step_takes_its_time(call: Call) -> None:
    """In real time."""
    start = time.monotonic()
    assert call(ScriptedChatModel(slow(0.05, "late"))).text == "late"
    assert time.monotonic() - start >= 0.05


def test_a_part_of_an_answer_may_be_slow() -> None:
    """What comes before it is there at once."""

    async def read() -> str:
        stream = ScriptedChatModel(["soon ", slow(DAY, "late")]).astream("Hello")
        first = await anext(stream)
        await stream.aclose()
        return first.text

    with soon():
        assert asyncio.run(read()) == "soon "


@pytest.mark.parametrize("is_stream", [False, True], ids=["ainvoke", "astream"])
def test_a_slow_step_can_be_cancelled(is_stream: bool) -> None:
    """At once, while other tasks go on."""

    async def read(model: Any) -> None:
        if is_stream:
            async for _ in model.astream("Hello"):
                pass
        else:
            await model.ainvoke("Hello")

    async def leave() -> None:
        is_asked = asyncio.Event()

        def note(_messages: list[Any], _kwargs: dict[str, Any]) -> Any:
            is_asked.set()
            return slow(DAY, "late")

        task = asyncio.create_task(read(ScriptedChatModel(note)))
        await is_asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with soon(GENEROUS):
        asyncio.run(leave())


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_no_step_takes_less_than_no_time(seconds: float) -> None:
    """Nor for ever."""
    with pytest.raises(ValueError, match="not negative"):
        slow(seconds, "late")


def test_a_function_says_what_comes(call: Call) -> None:
    """From the conversation and the keyword arguments; what it returns is a step like any other."""

    def answer(messages: list[Any], kwargs: dict[str, Any]) -> Any:
        return [f"{messages[-1].text} {kwargs['temperature']} ", calls("shell", stop=kwargs["stop"])]

    said = call(ScriptedChatModel(answer), "warm", temperature=0.5, stop=["END"])
    assert said.text == "warm 0.5 "
    assert said.tool_calls[0]["args"] == {"stop": ["END"]}


def test_what_a_function_raises_is_raised(call: Call) -> None:
    """A check in a function fails the test that it is part of."""

    def check(_messages: list[Any], _kwargs: dict[str, Any]) -> Any:
        raise AssertionError("too warm")

    with pytest.raises(AssertionError, match="too warm"):
        call(ScriptedChatModel(check))


@pytest.mark.parametrize("step", [None, 42, {"name": "shell"}, HumanMessage("hello"), str, ["fine", 42], slow(0, 42)])
def test_what_is_no_step_is_refused_where_it_is_written(step: Any) -> None:
    """Not when it would be played."""
    with pytest.raises(TypeError, match="is no step of a script"):
        ScriptedChatModel("fine", step)


def test_a_function_that_returns_no_step_is_told_so(call: Call) -> None:
    """A `return` that was forgotten, for instance."""
    with pytest.raises(TypeError, match="None is no step of a script"):
        call(ScriptedChatModel(lambda _messages, _kwargs: None))


def test_tokens_are_words(call: Call) -> None:
    """Of the conversation and of the answer, arguments included."""
    answer = call(
        ScriptedChatModel(["one two", calls("shell", command="ls -l")]), [("system", "Be brief"), "Hello you"]
    )
    assert answer.usage_metadata == {"input_tokens": 4, "output_tokens": 5, "total_tokens": 9}


def test_tokens_may_be_set_or_left_out(call: Call) -> None:
    """For the whole script; a message that has its own keeps them."""
    usage = UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3)
    own = UsageMetadata(input_tokens=7, output_tokens=8, total_tokens=15)
    assert call(ScriptedChatModel("fine", usage=usage)).usage_metadata == usage
    assert call(ScriptedChatModel("fine", usage=None)).usage_metadata is None
    assert call(ScriptedChatModel(AIMessage("fine", usage_metadata=own), usage=usage)).usage_metadata == own
