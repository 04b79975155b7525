"""What a role asks of a leg that does not judge its own answers, and what of its stream is shown."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_nvgateway import ToolCallCorruptedError
from langchain_nvgateway.answers import PLAIN, Contract, contract_of
from langchain_nvgateway.bindings import Attached, ToolBinding
from langchain_nvgateway.stream_watch import StreamWatch

PARAMETERS = {"type": "object", "properties": {}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
TIME = {"type": "function", "function": {"name": "get_time"}}
BOUND = contract_of({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}})
OBJECT = contract_of({"response_format": {"type": "json_object"}})
ANY: Any = None


def asked(contract: Contract, **kwargs: Any) -> Contract:
    """Return the contract of a call with these keyword arguments."""
    found = Attached(ANY, contract=contract).contract_with(kwargs)
    assert found is not None
    return found


def test_a_call_without_words_of_its_own_keeps_the_contract() -> None:
    """The very same."""
    assert asked(BOUND, temperature=0.5, tools=[]) is BOUND


def test_a_leg_that_judges_itself_is_asked_nothing() -> None:
    """Whatever the call says."""
    assert Attached(ANY).contract_with({"tools": [TIME]}) is None


@pytest.mark.parametrize("kwargs", [{"tools": [TIME]}, {"functions": [TIME["function"]]}], ids=["tools", "functions"])
def test_the_tools_of_a_call_stand_beside_those_that_are_bound(kwargs: dict[str, Any]) -> None:
    """The demand stays what it was."""
    found = asked(BOUND, **kwargs)
    assert (set(found.tools), found.choice, found.named) == ({"get_weather", "get_time"}, "required", "get_weather")


@pytest.mark.parametrize(
    ("tool_choice", "demand"),
    [
        ("get_time", ("required", "get_time")),
        ("any", ("required", None)),
        (True, ("required", None)),
        ("none", ("none", None)),
    ],
)
def test_the_demand_of_a_call_is_its_own(tool_choice: Any, demand: tuple[str, str | None]) -> None:
    """In each of LangChain's ways to say it, without tools of its own."""
    found = asked(BOUND, tool_choice=tool_choice)
    assert (found.choice, found.named) == demand


def test_a_tool_that_only_the_vendor_knows_may_be_called() -> None:
    """Also beside tools that are bound; if one was bound, a call with others does not change that."""
    assert not asked(BOUND, tools=[object()]).are_all_known
    assert not asked(Contract(are_all_known=False), tools=[TIME]).are_all_known


def test_a_schema_of_a_call_is_its_own_and_else_the_one_that_is_bound() -> None:
    """Tools do not take it away."""
    assert asked(PLAIN, response_format={"type": "json_object"}).answer is not None
    assert asked(OBJECT, tools=[TIME]).answer is OBJECT.answer


def test_a_binding_of_the_very_same_tools_keeps_what_was_said_beside_them() -> None:
    """What is said last holds."""
    first, second = ToolBinding([TIME], {"tool_choice": "any", "strict": True}), ToolBinding([TIME], {"strict": False})
    assert second.with_kwargs_of(first)._kwargs == {"tool_choice": "any", "strict": False}


def test_a_binding_of_other_tools_stands_alone() -> None:
    """A demand for a tool means nothing where that is not bound."""
    second = ToolBinding([TIME], {})
    assert second.with_kwargs_of(ToolBinding([WEATHER], {"tool_choice": "get_weather"})) is second


def test_no_tools_are_nothing_but_text() -> None:
    """An agent without tools binds an empty list."""
    assert (ToolBinding([], {}).is_strict, ToolBinding([TIME], {}).is_strict) == (False, True)


PIECES = [
    AIMessageChunk(content="", tool_call_chunks=[{"name": "get_weather", "args": '{"city": ', "id": None, "index": 0}]),
    AIMessageChunk(content="", tool_call_chunks=[{"name": None, "args": '"Oslo"}', "id": None, "index": 0}]),
]  # fmt: skip
END = AIMessageChunk(content="", response_metadata={"finish_reason": "stop"}, chunk_position="last")


def shown(watch: StreamWatch, *messages: AIMessage) -> list[str]:
    """Return the text of what may be seen of these messages before the end."""
    return [chunk.text for message in messages for chunk in watch.add(message)]


def test_a_call_comes_in_one_piece_with_an_id() -> None:
    """The same for all who see it."""
    watch = StreamWatch("calls", BOUND)
    assert shown(watch, *PIECES, END) == []
    assert watch.flaw(None) is None
    rest = watch.rest({"role": "planner"})
    assert [call["id"] for call in watch.message().tool_calls] == [
        call["id"] for chunk in rest for call in chunk.tool_calls
    ]
    assert len(rest) == 1
    assert rest[0].tool_calls[0]["id"]


def test_a_call_in_the_text_is_held_by_the_contract() -> None:
    """It is a flaw in the end."""
    watch = StreamWatch("calls", contract_of({"tools": [WEATHER]}))
    assert shown(watch, AIMessageChunk(content="<tool_call>"), END) == []
    assert isinstance(watch.flaw(None), ToolCallCorruptedError)


def test_a_whole_message_is_a_whole_answer() -> None:
    """A model that does not stream says no finish reason."""
    watch = StreamWatch("calls", PLAIN)
    watch.add(AIMessage("It rains."))
    assert watch.flaw(None) is None


def test_something_that_is_no_text_is_shown_at_once() -> None:
    """Such as a refusal; blanks behind it too."""
    refusal = AIMessageChunk(content="", additional_kwargs={"refusal": "No."})
    assert shown(StreamWatch("calls", PLAIN), refusal, AIMessageChunk(content=" ")) == ["", " "]


def test_the_chunks_of_a_leg_are_left_as_they_are() -> None:
    """A fake gives the same ones again, and the leg's own run still has them."""
    chunks = [
        AIMessageChunk(content="It rains.", id="m"),
        AIMessageChunk(content="", id="m", response_metadata={"finish_reason": "stop"}),
        AIMessageChunk(content=" ", id="m"),
        AIMessageChunk(content="", id="m", chunk_position="last"),
    ]
    before = [chunk.model_copy(deep=True) for chunk in chunks]
    for many in (1, 2, 3, 4):
        watch = StreamWatch("calls", PLAIN)
        shown(watch, *chunks[:many])
        watch.rest({"role": "planner"})
    whole = StreamWatch("all", None)
    shown(whole, *chunks)
    assert whole.flaw(None) is None
    whole.rest({"role": "planner"})
    assert chunks == before


def test_the_last_chunk_says_that_it_is_the_last() -> None:
    """With the id of those before it, if nothing was held back."""
    watch = StreamWatch("calls", PLAIN)
    shown(watch, AIMessageChunk(content="It rains.", id="m", response_metadata={"finish_reason": "stop"}))
    (last,) = watch.rest({})
    assert (last.id, last.chunk_position) == ("m", "last")
