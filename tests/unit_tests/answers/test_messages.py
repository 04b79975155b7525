"""LangChain's messages as answers: what they say, and the ids of their calls."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic import BaseModel

from langchain_nvgateway import InvalidResponseError, ToolCallCorruptedError
from langchain_nvgateway.answers import (
    PLAIN,
    Answer,
    Call,
    answer_of,
    check_answer,
    contract_of,
    new_call_id,
    says_more,
    schema_of,
    with_call_ids,
)

TOOLS = contract_of({"tools": [{"name": "get_weather", "parameters": {"required": ["city"]}}]})
CALL: Any = {"name": "get_weather", "args": {"city": "Oslo"}, "id": "a", "type": "tool_call"}
PIECE: Any = {"name": "get_weather", "args": '{"city": "Oslo"}', "id": "a", "index": 0, "type": "tool_call_chunk"}
BROKEN: Any = {"name": "get_weather", "args": '{"city": ', "id": "a", "error": "no JSON", "type": "invalid_tool_call"}
RAW = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": '}}


@pytest.mark.parametrize(
    ("message", "answer"),
    {
        "text": (AIMessage("It rains."), Answer("It rains.", [])),
        "blocks of text": (
            AIMessage([{"type": "text", "text": "It "}, "rains."]), Answer("It rains.", []),
        ),
        "a call": (AIMessage("", tool_calls=[CALL]), Answer("", [Call("get_weather", {"city": "Oslo"}, is_raw=False)])),
        "anthropic's blocks": (
            AIMessage(
                [
                    {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Oslo"}},
                ],
                tool_calls=[CALL],
                response_metadata={"stop_reason": "tool_use"},
            ),
            Answer("Let me see.", [Call("get_weather", {"city": "Oslo"}, is_raw=False)], "tool_use"),
        ),
        "a chunk's pieces": (
            AIMessageChunk(content="", tool_call_chunks=[PIECE, {**PIECE, "args": '{"city": ', "index": 1}]),
            Answer("", [Call("get_weather", '{"city": "Oslo"}'), Call("get_weather", '{"city": ')]),
        ),
        "a chunk with whole calls": (
            AIMessageChunk(content="It", tool_calls=[]), Answer("It", []),
        ),
        "calls that could not be read": (
            AIMessage("", tool_calls=[CALL], invalid_tool_calls=[BROKEN]),
            Answer("", [Call("get_weather", {"city": "Oslo"}, is_raw=False), Call("get_weather", '{"city": ')]),
        ),
        "raw calls": (
            AIMessage("", additional_kwargs={"tool_calls": [RAW, "text", {"function": 3}, {}]}),
            Answer("", [Call("get_weather", '{"city": ')]),
        ),
        "raw calls without a name": (
            AIMessage("", additional_kwargs={"tool_calls": [{"function": {}}]}), Answer("", [Call(None, None)]),
        ),
        "raw calls that are none": (AIMessage("", additional_kwargs={"tool_calls": "text"}), Answer("", [])),
        "a finish reason": (AIMessage("It", response_metadata={"finish_reason": "length"}), Answer("It", [], "length")),
        "a done reason": (AIMessage("It", response_metadata={"done_reason": "stop"}), Answer("It", [], "stop")),
        "an end that is no text": (AIMessage("It", response_metadata={"finish_reason": 3}), Answer("It", [], "3")),
        "an end of null": (
            AIMessage("It", response_metadata={"finish_reason": None, "stop_reason": "end_turn"}),
            Answer("It", [], "end_turn"),
        ),
        "a refusal": (AIMessage("", additional_kwargs={"refusal": "No."}), Answer("", [], has_more=True)),
    }.values(),
)  # fmt: skip
def test_what_a_message_says(message: AIMessage, answer: Answer) -> None:
    """Text, calls, how it ended, and whether there is more."""
    assert answer_of(message) == answer


@pytest.mark.parametrize(
    ("content", "additional", "is_more"),
    [
        ("It rains.", {}, False),
        ([], {}, False),
        ([{"type": "text", "text": "It"}, "rains"], {}, False),
        *(
            ([{"type": kind}], {}, False)
            for kind in (
                "text", "tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call",
                "thinking", "redacted_thinking", "reasoning", "reasoning_content",
            )
        ),
        *(([{"type": kind}], {}, True) for kind in ("image", "image_url", "audio", "refusal", "non_standard", None)),
        ([{"type": "text", "text": ""}, {"type": "image"}], {}, True),
        *(("", {name: {"x": 1}}, True) for name in ("refusal", "parsed", "audio")),
        *(("", {name: None}, False) for name in ("refusal", "parsed", "audio")),
        ("", {"function_call": {"name": "now", "arguments": "{}"}}, False),
        ("", {"tool_calls": [RAW], "reasoning_content": "Hm."}, False),
    ],
)  # fmt: skip
def test_what_is_more_than_text_and_calls(content: Any, additional: dict[str, Any], is_more: bool) -> None:
    """Thoughts are not: they are no answer."""
    assert says_more(AIMessage(content, additional_kwargs=additional)) is is_more


@pytest.mark.parametrize(
    ("message", "reason"),
    {
        "a call that could be read, badly": (
            AIMessage("", invalid_tool_calls=[BROKEN]),
            "the arguments of a tool call are not strict JSON (expecting value, at character 9)",
        ),
        "a call that LangChain completed": (
            AIMessageChunk(content="", tool_call_chunks=[{**PIECE, "args": '{"city": "Os'}]),
            "the arguments of a tool call are not strict JSON (unterminated string, at character 9)",
        ),
        "raw calls behind a text": (
            AIMessage("It rains.", additional_kwargs={"tool_calls": [RAW]}),
            "the arguments of a tool call are not strict JSON (expecting value, at character 9)",
        ),
        "a call that nobody could read although it is right": (
            AIMessage("", invalid_tool_calls=[{**BROKEN, "args": '{"city": "Oslo"}'}]),
            "the arguments of a tool call could not be read",
        ),
        "nothing": (AIMessage(""), "it is empty"),
        "thoughts alone": (AIMessage([{"type": "thinking", "thinking": "Hm."}]), "it is empty"),
    }.values(),
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_an_error(message: AIMessage, reason: str) -> None:
    """With the reason, as a failure of the model."""
    with pytest.raises(InvalidResponseError) as caught:
        check_answer(message, TOOLS)
    assert caught.value.reason == reason
    assert caught.value.is_quality


def test_the_error_has_the_tokens_and_the_wrong_part() -> None:
    """They were paid for."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    with pytest.raises(ToolCallCorruptedError) as caught:
        check_answer(AIMessage("", invalid_tool_calls=[BROKEN], usage_metadata=usage), TOOLS)
    assert (caught.value.raw, caught.value.usage_metadata) == ('{"city":', usage)


@pytest.mark.parametrize(
    "message", [AIMessage("", tool_calls=[CALL]), AIMessageChunk(content="", tool_call_chunks=[PIECE])]
)
def test_an_answer_that_can_be_used_passes(message: AIMessage) -> None:
    """Whole, or as the sum of its chunks."""
    check_answer(message, TOOLS)


def test_a_call_that_nobody_asked_for_is_an_error() -> None:
    """In a plain call too."""
    with pytest.raises(ToolCallCorruptedError):
        check_answer(AIMessage("It rains.", tool_calls=[CALL]), PLAIN)


EVERYTHING: dict[str, Any] = {
    "content": [{"type": "text", "text": "Let me see."}],
    "additional_kwargs": {"reasoning_content": "Hm."},
    "response_metadata": {"finish_reason": "tool_calls"},
    "usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    "id": "m",
    "name": "Ada",
}
SECOND: Any = {"name": "get_time", "args": {}, "id": None, "type": "tool_call"}


def messages_without_ids() -> list[AIMessage]:
    """Return a message and a chunk, one of whose two calls has no id."""
    second: Any = {"name": "get_time", "args": "{}", "id": None, "index": 1, "type": "tool_call_chunk"}
    return [
        AIMessage(**EVERYTHING, tool_calls=[CALL, SECOND]),
        AIMessageChunk(**EVERYTHING, tool_call_chunks=[PIECE, second], chunk_position="last"),
    ]


@pytest.mark.parametrize("number", [0, 1], ids=["message", "chunk"])
def test_a_call_without_an_id_gets_one(number: int) -> None:
    """The other keeps its own, and everything else stays."""
    message = messages_without_ids()[number]
    found = with_call_ids(message)
    assert found.tool_calls[0] == message.tool_calls[0] == CALL
    assert found.tool_calls[1]["id"]
    assert {**found.tool_calls[1], "id": None} == message.tool_calls[1]
    parts = {"tool_calls", "tool_call_chunks"}
    assert type(found) is type(message)
    assert found.model_dump(exclude=parts) == message.model_dump(exclude=parts)


def test_the_pieces_of_a_chunk_have_the_ids_of_its_calls() -> None:
    """LangChain reads the calls from them when it adds chunks up."""
    found = with_call_ids(messages_without_ids()[1])
    assert isinstance(found, AIMessageChunk)
    assert [piece["id"] for piece in found.tool_call_chunks] == [call["id"] for call in found.tool_calls]


@pytest.mark.parametrize("number", [0, 1], ids=["message", "chunk"])
def test_the_callers_message_is_not_changed(number: int) -> None:
    """Not even what is nested in it."""
    message = messages_without_ids()[number]
    before = copy.deepcopy(message)
    with_call_ids(message)
    assert message == before


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("It"), AIMessageChunk(content="It"),
        AIMessage("", tool_calls=[CALL]), AIMessageChunk(content="", tool_call_chunks=[PIECE]),
    ],
)  # fmt: skip
def test_a_message_whose_calls_have_ids_is_passed_on(message: AIMessage) -> None:
    """The very same."""
    assert with_call_ids(message) is message


def test_a_new_id_is_one_that_every_service_takes_back() -> None:
    """Of 40 characters at most, and never the same again."""
    ids = {new_call_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(call_id.startswith("call_") and len(call_id) <= 40 for call_id in ids)


class City(BaseModel):
    """A city."""

    name: str


@pytest.mark.parametrize(
    ("described", "required"),
    [
        (City, ["name"]),
        ({"title": "City", "description": "A city.", "type": "object", "properties": {}, "required": ["x"]}, ["x"]),
        ({"name": "City", "parameters": {"required": ["x"]}}, ["x"]),
        ({"required": ["x"]}, ["x"]),
    ],
)
def test_the_schema_of_a_description(described: Any, required: list[str]) -> None:
    """Of a class, of a tool, or the schema itself."""
    schema = schema_of(described)
    assert schema is not None
    assert schema["required"] == required


@pytest.mark.parametrize("described", [None, 3, "City", [], int])
def test_nobody_knows_the_schema_of_anything_else(described: Any) -> None:
    """So nothing is asked of the answer."""
    assert schema_of(described) is None
