"""What a request asks of its answer, read from every way to ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langchain_nvgateway.answers import PLAIN, Contract, contract_of
from langchain_nvgateway.answers.contract import tools_of

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
TIME = {"type": "function", "function": {"name": "get_time"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "City", "schema": PARAMETERS}}


def asked(**request: Any) -> Contract:
    """Return the contract of a request that asks something of its answer."""
    return contract_of({"model": "m", "messages": [], **request})


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.5},
        {"tools": [], "tool_choice": None, "functions": None, "response_format": None},
    ],
)
def test_a_request_without_tools_and_schema_is_plain(request_: dict[str, Any]) -> None:
    """Whatever else is in it."""
    assert contract_of(request_) is PLAIN


def test_plain_asks_for_nothing() -> None:
    """No tool, no demand, no schema."""
    assert (dict(PLAIN.tools), PLAIN.choice, PLAIN.named, PLAIN.answer) == ({}, "auto", None, None)
    assert PLAIN.are_all_known
    assert not PLAIN.offers_tools


def test_equal_requests_share_one_contract() -> None:
    """Also if they say different things, and are other objects."""
    first = asked(tools=[WEATHER], tool_choice="auto", messages=["Hello"])
    assert asked(tools=[json.loads(json.dumps(WEATHER))], tool_choice="auto", messages=["Bye"]) is first


@pytest.mark.parametrize(
    "other",
    [
        {"tools": [WEATHER, TIME]},
        {"tools": [TIME]},
        {"tools": [WEATHER], "tool_choice": "none"},
        {"tools": [WEATHER], "response_format": FORMAT},
        {"functions": [WEATHER["function"]]},
    ],
)
def test_other_requests_have_contracts_of_their_own(other: dict[str, Any]) -> None:
    """Each thing that is asked matters."""
    assert contract_of(other) is not contract_of({"tools": [WEATHER]})


def test_a_schema_is_compiled_once() -> None:
    """Both calls have the very same validator."""
    first = asked(tools=[WEATHER]).tools["get_weather"]
    assert first.flaw({}) is not None
    validator = vars(first)["_validator"]
    second = asked(tools=[WEATHER]).tools["get_weather"]
    assert second.flaw({"city": "Oslo"}) is None
    assert vars(second)["_validator"] is validator


def test_a_tool_that_is_changed_is_a_new_one() -> None:
    """Nothing is remembered of the object that was given."""
    tool = json.loads(json.dumps(WEATHER))
    before = asked(tools=[tool])
    tool["function"]["parameters"]["required"] = []
    assert before.tools["get_weather"].flaw({}) is not None
    assert asked(tools=[tool]).tools["get_weather"].flaw({}) is None


def test_a_request_that_json_cannot_hold_is_read_all_the_same() -> None:
    """Such as one with a class in it."""
    assert set(asked(tools=[{**WEATHER, "extra": PARAMETERS.__class__}]).tools) == {"get_weather"}


@pytest.mark.parametrize(
    ("given", "choice", "named"),
    [
        (None, "auto", None),
        ("auto", "auto", None),
        ("none", "none", None),
        ("required", "required", None),
        ("any", "required", None),
        ({"type": "function", "function": {"name": "get_time"}}, "required", "get_time"),
        ({"type": "function", "name": "get_time"}, "required", "get_time"),
        ({"name": "get_time"}, "required", "get_time"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TIME]}}, "auto", None),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TIME]}}, "required", None),
        ({"type": "allowed_tools", "allowed_tools": []}, "auto", None),
        ({"type": "auto"}, "auto", None),
        ({"function": "get_time"}, "auto", None),
        ({"function": {"name": 3}}, "auto", None),
        ("nonsense", "auto", None),
        (True, "auto", None),
        ([1], "auto", None),
    ],
)
@pytest.mark.parametrize("key", ["tool_choice", "function_call"])
def test_which_tool_has_to_be_called(key: str, given: Any, choice: str, named: str | None) -> None:
    """In each form that services take; what is in none of them demands nothing."""
    contract = asked(tools=[WEATHER, TIME], **{key: given})
    assert (contract.choice, contract.named) == (choice, named)


def test_functions_are_tools() -> None:
    """They came before them, and stand beside them."""
    contract = asked(functions=[WEATHER["function"]], tools=[TIME])
    assert set(contract.tools) == {"get_weather", "get_time"}
    assert contract.tools["get_weather"].flaw({}) is not None


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_preview"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "mcp", "server_label": "docs"},
        {"type": "function"},
        {"type": "function", "function": "get_rain"},
        {"type": "function", "function": {"name": None}},
        {"type": "function", "function": {"name": 3}},
        "web_search",
        None,
    ],
    ids=str,
)
def test_tools_that_run_at_the_service_are_left_out(tool: Any) -> None:
    """They never come back as calls."""
    assert set(tools_of([tool, WEATHER])) == {"get_weather"}


@pytest.mark.parametrize("parameters", [None, "text", [], 3], ids=str)
def test_a_tool_without_parameters_takes_any_object(parameters: Any) -> None:
    """Nobody said which."""
    schema = tools_of([{"name": "get_rain", "parameters": parameters}])["get_rain"]
    assert schema.flaw({"anything": 1}) is None
    assert schema.flaw("text") is not None


@pytest.mark.parametrize(
    ("choice", "are_all_known", "tools", "offers"),
    [
        ("auto", True, [WEATHER], True),
        ("required", True, [WEATHER], True),
        ("none", True, [WEATHER], False),
        ("auto", True, [], False),
        ("auto", False, [], True),
        ("none", False, [], False),
    ],
)
def test_whether_the_answer_may_call_a_tool(choice: Any, are_all_known: bool, tools: list[Any], offers: bool) -> None:
    """One that is known, or one that only the vendor knows."""
    contract = Contract(tools=tools_of(tools), choice=choice, are_all_known=are_all_known)
    assert contract.offers_tools is offers


CITY: dict[str, Any] = {"city": "Oslo"}


@pytest.mark.parametrize(
    ("request_", "good", "bad"),
    {
        "a schema": ({"response_format": FORMAT}, CITY, {}),
        "a schema of ours": ({"response_format": {"type": "json_schema"}, "answer_schema": PARAMETERS}, CITY, {}),
        "ours before the service's": (
            {"response_format": FORMAT, "answer_schema": {"required": ["name"]}}, {"name": "Ada"}, CITY,
        ),
        "no schema": ({"response_format": {"type": "json_schema"}}, {}, []),
        "a schema that is none": ({"response_format": {"type": "json_schema", "json_schema": {"schema": 3}}}, {}, []),
        "a format that is none": ({"response_format": {"type": "json_schema", "json_schema": 3}}, {}, []),
        "any object": ({"response_format": {"type": "json_object"}}, {}, []),
        "any object, and a schema": (
            {"response_format": {"type": "json_object"}, "answer_schema": PARAMETERS}, CITY, {},
        ),
    }.values(),
)  # fmt: skip
def test_what_the_text_has_to_be(request_: dict[str, Any], good: Any, bad: Any) -> None:
    """The JSON of what fits the schema; of an object, where nobody gave one."""
    answer = contract_of(request_).answer
    assert answer is not None
    assert answer.flaw(good) is None
    assert answer.flaw(bad) is not None


@pytest.mark.parametrize("given", [{"type": "text"}, {"type": None}, {"kind": "json_object"}, "json_object", 3])
def test_another_format_asks_for_text(given: Any) -> None:
    """Whatever it is."""
    assert contract_of({"response_format": given}).answer is None
