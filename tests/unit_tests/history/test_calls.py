"""Ids of calls, malformed calls, and calls and results that have lost each other."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, FunctionMessage, HumanMessage, ToolMessage

from langchain_nvgateway.history import clean_history, dialect_of

from ..wire.cpu import grows_linearly

GATEWAY, NIM, CLAUDE = dialect_of("nvidia-gateway"), dialect_of("nvidia-nim"), dialect_of("anthropic")
SINGLE = dialect_of("nvidia-nim", single_tool_call=True)


def turn(*ids: str | None, text: str = "", **args: Any) -> AIMessage:
    return AIMessage(text, tool_calls=[{"id": call_id, "name": "f", "args": args} for call_id in ids])


def result(call_id: str, text: str = "fine") -> ToolMessage:
    return ToolMessage(text, tool_call_id=call_id)


def shape(messages: list[BaseMessage]) -> list[Any]:
    """Return calls as lists of ids, results as id and text, and anything else as its text."""
    written: list[Any] = []
    for message in messages:
        if isinstance(message, AIMessage) and message.tool_calls:
            written.append([call["id"] for call in message.tool_calls])
        elif isinstance(message, ToolMessage):
            written.append((message.tool_call_id, message.text))
        else:
            written.append(message.text)
    return written


def test_a_conversation_that_is_acceptable_is_passed_on_as_it_is() -> None:
    """The very same messages."""
    messages = [HumanMessage("Hello"), turn("a", "b"), result("a"), result("b"), AIMessage("Done."), HumanMessage("")]
    cleaned = clean_history(messages, NIM)
    assert [id(message) for message in cleaned] == [id(message) for message in messages]


def test_a_long_id_becomes_short_in_call_and_result() -> None:
    """NIM's own have 46 characters; those that begin alike stay apart."""
    ids = [f"chatcmpl-tool-{'0' * 31}{number}" for number in range(2)]
    cleaned: Any = clean_history([turn(*ids), result(ids[0], "0"), result(ids[1], "1")], GATEWAY)
    called = [call["id"] for call in cleaned[0].tool_calls]
    assert shape(cleaned) == [called, (called[0], "0"), (called[1], "1")]
    assert [len(call_id) for call_id in called] == [37, 37]
    assert len(set(called)) == 2


def test_an_id_of_forty_characters_stays() -> None:
    """The limit itself is allowed."""
    assert shape(clean_history([turn("x" * 40), result("x" * 40)], GATEWAY))[0] == ["x" * 40]


def test_anthropic_gets_ids_of_letters_and_digits() -> None:
    """The others take what is between."""
    messages = [turn("functions.f:0"), result("functions.f:0")]
    assert shape(clean_history(messages, GATEWAY))[0] == ["functions.f:0"]
    assert shape(clean_history(messages, CLAUDE))[0][0].startswith("call_")


@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_id_is_made_up(missing: str | None) -> None:
    """The same in every turn of the conversation, another for each call, and its result finds it."""
    messages = [turn(missing, missing), result("", "one"), result("", "two")]
    (first, second), one, two = shape(clean_history(messages, GATEWAY))
    assert first
    assert second
    assert first != second
    assert (one, two) == ((first, "one"), (second, "two"))
    later = shape(clean_history([*messages, HumanMessage("Go on"), turn(missing), result("", "three")], GATEWAY))
    assert later[:3] == [[first, second], one, two]
    assert later[4][0] not in (first, second)


def test_a_second_call_with_an_id_of_its_turn_gets_another() -> None:
    """Each has the result that came in its place."""
    (first, second), one, two = shape(clean_history([turn("a", "a"), result("a", "1"), result("a", "2")], GATEWAY))
    assert (first, one, two) == ("a", ("a", "1"), (second, "2"))
    assert second != "a"


@pytest.mark.parametrize("arguments", ["", "{", "[1]", '{"x": 1', None])
@pytest.mark.parametrize("name", ["f", "", None, "no such tool!", "日本"])
def test_a_malformed_call_becomes_one_that_did_not_run(arguments: str | None, name: str | None) -> None:
    """The model reads that it was malformed; nothing of what was wrong with it goes out."""
    bad: Any = {"id": "a", "name": name, "args": arguments, "error": "no JSON"}
    cleaned: Any = clean_history([AIMessage("", invalid_tool_calls=[bad]), HumanMessage("Well?")], NIM)
    (call,) = cleaned[0].tool_calls
    assert (call["id"], call["args"], cleaned[0].invalid_tool_calls) == ("a", {}, [])
    assert call["name"] == {"f": "f", "no such tool!": "no_such_tool_"}.get(name or "", "unknown_tool")
    assert (cleaned[1].tool_call_id, cleaned[1].status) == ("a", "error")
    assert "malformed" in cleaned[1].text
    assert "did not run" in cleaned[1].text
    assert cleaned[2].text == "Well?"


def test_a_malformed_call_keeps_the_result_that_it_has() -> None:
    """An agent may have said something better already."""
    bad: Any = {"id": "a", "name": "f", "args": "{", "error": None}
    cleaned = clean_history([AIMessage("", invalid_tool_calls=[bad]), result("a", "Fix your JSON.")], NIM)
    assert shape(cleaned) == [["a"], ("a", "Fix your JSON.")]


def test_a_malformed_call_is_left_out_beside_its_repaired_self() -> None:
    """Both have the same id."""
    bad: Any = {"id": "a", "name": "f", "args": "{", "error": None}
    good: Any = {"id": "a", "name": "f", "args": {"x": 1}}
    cleaned: Any = clean_history([AIMessage("", tool_calls=[good], invalid_tool_calls=[bad]), result("a")], NIM)
    assert [call["args"] for call in cleaned[0].tool_calls] == [{"x": 1}]
    assert not cleaned[0].invalid_tool_calls


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), [{"y": float("-inf")}], {1, 2}, b"x", object(), 10**5000], ids=lambda _: ""
)
def test_arguments_that_are_no_json_do_not_go_out(value: Any) -> None:
    """However deep the value lies."""
    cleaned: Any = clean_history([turn("a", x=value), result("a")], GATEWAY)
    assert cleaned[0].tool_calls[0]["args"] == {}


@pytest.mark.parametrize("dialect", [GATEWAY, CLAUDE, dialect_of("google-genai")], ids=lambda d: d.family)
@pytest.mark.parametrize(("arguments", "args"), [('{"x": 1}', {"x": 1}), ('{"x": NaN}', {}), ("{", {}), (7, {})])
def test_raw_calls_are_read_as_strictly(arguments: Any, args: dict[str, Any], dialect: Any) -> None:
    """`tool_calls` in the form of the wire, and their predecessor `function_call`."""
    function = {"name": "f", "arguments": arguments}
    raw, old = AIMessage(""), AIMessage("")
    raw.additional_kwargs = {"tool_calls": [{"id": "a", "type": "function", "function": function}]}
    old.additional_kwargs = {"function_call": function}
    cleaned: Any = clean_history([raw, result("a"), old, FunctionMessage("fine", name="f")], dialect)
    assert [call["args"] for message in (cleaned[0], cleaned[2]) for call in message.tool_calls] == [args, args]
    assert cleaned[0].additional_kwargs == cleaned[2].additional_kwargs == {}
    assert [cleaned[1].text, cleaned[3].text] == ["fine", "fine"]
    assert cleaned[3].tool_call_id == cleaned[2].tool_calls[0]["id"]


def test_raw_calls_that_are_none_do_not_crash() -> None:
    """Whatever somebody has put there."""
    message = AIMessage("")
    message.additional_kwargs = {"tool_calls": ["f", {"function": None}, {}]}
    assert len(shape(clean_history([message], GATEWAY))[0]) == 3


def test_a_call_that_has_run_keeps_its_arguments_under_a_legal_name() -> None:
    """A tool named with a dot is legal at Google and not at OpenAI."""
    call = {"id": "a", "name": "ns.tool", "args": {"x": 1}}
    messages = [AIMessage("", tool_calls=[call]), ToolMessage("fine", tool_call_id="a", name="ns.tool")]
    cleaned: Any = clean_history(messages, GATEWAY)
    assert [(call["name"], call["args"]) for call in cleaned[0].tool_calls] == [("ns_tool", {"x": 1})]
    assert cleaned[1].name == "ns_tool"
    assert clean_history(messages, dialect_of("google-genai")) == messages


def test_a_call_under_an_impossible_name_did_not_run() -> None:
    """Without a result, that is; its arguments are of no use to anybody."""
    call = {"id": "a", "name": "ns.tool", "args": {"x": 1}}
    cleaned: Any = clean_history([AIMessage("", tool_calls=[call])], GATEWAY)
    assert [(call["name"], call["args"]) for call in cleaned[0].tool_calls] == [("ns_tool", {})]
    assert "no possible tool name" in cleaned[1].text


def test_a_call_without_a_result_gets_a_stub() -> None:
    """Directly behind its turn, also at the end of the conversation."""
    cleaned = clean_history([turn("a"), HumanMessage("Never mind."), turn("b")], GATEWAY)
    assert [item[0] if isinstance(item, tuple) else item for item in shape(cleaned)] == [
        ["a"], "a", "Never mind.", ["b"], "b",
    ]  # fmt: skip
    assert "no result" in cleaned[1].text


def test_a_late_result_is_moved_to_its_call() -> None:
    """Services want it right behind, in the order of the calls."""
    messages = [turn("a", "b"), HumanMessage("Hurry!"), result("b"), AIMessage("Soon."), result("a")]
    assert shape(clean_history(messages, GATEWAY)) == [["a", "b"], ("a", "fine"), ("b", "fine"), "Hurry!", "Soon."]


def test_two_results_of_one_call_are_joined() -> None:
    """In the order in which they came."""
    cleaned = clean_history([turn("a"), result("a", "one"), HumanMessage("And?"), result("a", "two")], GATEWAY)
    assert shape(cleaned) == [["a"], ("a", "one\ntwo"), "And?"]
    listed = ToolMessage([{"type": "text", "text": "two"}], tool_call_id="a")
    cleaned = clean_history([turn("a"), result("a", "one"), listed], GATEWAY)
    assert cleaned[1].content == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def test_a_result_without_a_call_gets_one() -> None:
    """With the tool's name if it is known; what a tool said does not become what the user said."""
    named = ToolMessage("fine", tool_call_id="b", name="get_time")
    cleaned: Any = clean_history([result("a"), HumanMessage("Hello"), named], GATEWAY)
    assert shape(cleaned) == [["a"], ("a", "fine"), "Hello", ["b"], ("b", "fine")]
    assert [cleaned[i].tool_calls[0]["name"] for i in (0, 3)] == ["unknown_tool", "get_time"]
    assert [cleaned[i].tool_calls[0]["args"] for i in (0, 3)] == [{}, {}]


def test_ids_that_are_used_again_are_paired_turn_by_turn() -> None:
    """Some models count from zero in each turn."""
    messages = [turn("a"), result("a", "1"), turn("a"), HumanMessage("Hurry!"), turn("a"), result("a", "3")]
    first, one, second, stub, hurry, third, three = shape(clean_history(messages, GATEWAY))
    assert (first, second, third) == (["a"], ["a"], ["a"])
    assert (one, hurry, three) == (("a", "1"), "Hurry!", ("a", "3"))
    assert "no result" in stub[1]


def test_several_calls_are_split_for_a_model_that_takes_one() -> None:
    """The text stays with the first; each call has its result behind it."""
    messages = [turn("a", "b", "c", text="Let me see."), result("a", "1"), result("b", "2"), result("c", "3")]
    cleaned = clean_history(messages, SINGLE)
    assert shape(cleaned) == [["a"], ("a", "1"), ["b"], ("b", "2"), ["c"], ("c", "3")]
    assert [message.text for message in cleaned[::2]] == ["Let me see.", "", ""]
    assert clean_history(messages, NIM) == messages


def test_a_streamed_turn_does_not_bring_its_pieces_along() -> None:
    """They would say again what was mended."""
    piece: Any = {"id": "x" * 46, "name": "f", "args": "{", "index": 0, "type": "tool_call_chunk"}
    cleaned: Any = clean_history([AIMessageChunk("", tool_call_chunks=[piece])], GATEWAY)[0]
    assert len(cleaned.tool_calls) == 1
    assert cleaned.tool_call_chunks == []


def test_a_message_of_an_unknown_kind_is_passed_on() -> None:
    """It is neither a call nor a result."""

    class Note(BaseMessage):
        type: str = "note"

    note = Note(content=[{"odd": 1}])
    assert clean_history([turn("a"), note, result("a")], CLAUDE)[2] is note


def test_many_calls_of_one_id_take_linear_time() -> None:
    """A model that repeats itself makes later requests no slower than they have to be."""

    def clean(size: int) -> None:
        clean_history([HumanMessage("x"), turn(*["a"] * size)], NIM)

    assert grows_linearly(clean, 200)


def test_a_name_that_nim_takes_is_kept() -> None:
    """Tools of servers are often named like `fs.read`, and the model is offered them under that name."""
    history = [
        AIMessage("", tool_calls=[{"name": "fs.read", "args": {}, "id": "1"}]),
        ToolMessage("x", tool_call_id="1"),
    ]
    assert clean_history(history, NIM)[0] is history[0]
    assert clean_history(history, GATEWAY)[0].tool_calls[0]["name"] == "fs_read"  # type: ignore[attr-defined]  # a turn
