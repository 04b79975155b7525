"""Answers as they come over the wire, whole and in pieces."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.answers import Answer, Call
from langchain_nvgateway.chat_models.wire_answers import (
    CallPieces,
    answer_in,
    completed_calls,
    says_more_in,
    text_in,
)

CALL: dict[str, Any] = {"id": "a", "type": "function", "function": {"name": "get_time", "arguments": '{"x": 1}'}}


@pytest.mark.parametrize(
    ("message", "answer"),
    {
        "text": ({"content": "It rains."}, Answer("It rains.", [], "stop")),
        "nothing": ({"content": None, "tool_calls": None}, Answer("", [], "stop")),
        "a call": ({"content": None, "tool_calls": [CALL]}, Answer("", [Call("get_time", '{"x": 1}')], "stop")),
        "a call without a name": ({"tool_calls": [{"function": {}}]}, Answer("", [Call(None, None)], "stop")),
        "a function": (
            {"content": "It", "function_call": {"name": "get_time", "arguments": "{}"}},
            Answer("It", [Call("get_time", "{}")], "stop"),
        ),
        "a call and a function": (
            {"tool_calls": [CALL], "function_call": {"name": "f"}},
            Answer("", [Call("get_time", '{"x": 1}'), Call("f", None)], "stop"),
        ),
        "a refusal": ({"content": None, "refusal": "No."}, Answer("", [], "stop", has_more=True)),
    }.values(),
)  # fmt: skip
def test_what_a_whole_message_says(message: dict[str, Any], answer: Answer) -> None:
    """As far as it matters for the verdict."""
    assert answer_in(message, "stop") == answer


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("It", "It"),
        (None, ""),
        ("", ""),
        ([], ""),
        ([{"type": "text", "text": "It "}, "rains", {"type": "text", "text": None}, {"type": "image_url"}], "It rains"),
    ],
)
def test_the_text_of_a_message(content: Any, text: str) -> None:
    """Whose content may be a list of parts."""
    assert text_in({"content": content}) == text
    assert text_in({}) == ""


@pytest.mark.parametrize(
    ("message", "is_more"),
    [
        ({}, False),
        ({"content": "It"}, False),
        ({"refusal": ""}, False),
        ({"refusal": "No."}, True),
        ({"audio": {"id": 1}}, True),
    ],
)
def test_what_is_neither_text_nor_call(message: dict[str, Any], is_more: bool) -> None:
    """A refusal, or audio."""
    assert says_more_in(message) is is_more


def test_a_call_is_completed_where_services_leave_something_out() -> None:
    """With an id of its own, and with arguments even if there are none."""
    calls = [CALL, {"function": {"name": "f", "arguments": ""}}, {"id": "", "function": {"name": "g"}}]
    before = copy.deepcopy(calls)
    found = completed_calls(calls)
    assert found[0] == CALL
    assert [call["function"].get("arguments") for call in found[1:]] == ["{}", "{}"]
    assert len({call["id"] for call in found} - {"", None}) == 3
    assert calls == before


def pieces(*deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the calls that these pieces make."""
    found = CallPieces()
    for delta in deltas:
        found.add([delta])
    return found.joined()


@given(st.text(), st.text(), st.data())
def test_pieces_come_together(name: str, arguments: str, data: st.DataObject) -> None:
    """Name and arguments letter for letter, with the first id."""
    place = data.draw(st.integers(0, len(arguments)))
    found = pieces(
        {"index": 3, "function": {"name": name, "arguments": arguments[:place]}},
        {"index": 3, "id": "", "function": {"name": None}},
        {"index": 3, "id": "a", "function": {"arguments": arguments[place:]}},
        {"index": 3, "id": "b", "function": {"name": ""}},
    )
    assert found == [{"index": 3, "id": "a", "type": "function", "function": {"name": name, "arguments": arguments}}]


def test_calls_come_in_the_order_of_their_indexes() -> None:
    """Whichever came first."""
    found = pieces({"index": 2, "function": {"name": "b"}}, {"index": 0, "function": {"name": "a"}})
    assert [call["function"]["name"] for call in found] == ["a", "b"]


@pytest.mark.parametrize("strange", [{}, {"x": 1}, [], 3, False])
def test_what_is_no_text_is_not_joined(strange: Any) -> None:
    """It is a flaw by itself, whatever comes before and after it."""
    found = pieces(*({"index": 0, "function": {"arguments": value}} for value in ("{", strange, "}")))
    assert found[0]["function"]["arguments"] == strange
    assert type(found[0]["function"]["arguments"]) is type(strange)
