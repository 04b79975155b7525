"""Whether an answer can be used: the rules, their order, and words that give nothing away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.answers import PLAIN, Answer, Call, Contract, contract_of, flaw_in
from langchain_nvgateway.errors import (
    EmptyResponseError,
    InvalidResponseError,
    ToolCallCorruptedError,
    TruncatedResponseError,
)

from .pieces import LEAKS
from .values import CANARY, VALUES

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}},
    {"type": "function", "function": {"name": "get_time"}},
]
OSLO = '{"city": "Oslo"}'
GOOD, TIME = Call("get_weather", OSLO), Call("get_time", "{}")
LEAK = LEAKS["hermes"]

AUTO = contract_of({"tools": TOOLS})
REQUIRED = contract_of({"tools": TOOLS, "tool_choice": "required"})
NAMED = contract_of({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "get_weather"}}})
NONE = contract_of({"tools": TOOLS, "tool_choice": "none"})
FORMAT = {"type": "json_schema", "json_schema": {"schema": PARAMETERS}}
SCHEMA = contract_of({"response_format": FORMAT})
BOTH = contract_of({"tools": TOOLS, "response_format": FORMAT})
OPEN = Contract(tools=AUTO.tools, are_all_known=False)

USABLE: dict[str, tuple[Contract, Answer]] = {
    "text": (PLAIN, Answer("It rains.", (), "stop")),
    "text that was cut": (PLAIN, Answer("It rai", (), "length")),
    "text beside tools": (AUTO, Answer("It rains.", (), "stop")),
    "text where no tool may be called": (NONE, Answer("It rains.", (), "stop")),
    "text like a call, to a plain call": (PLAIN, Answer(LEAK, (), "stop")),
    "text like a call, where none may be made": (NONE, Answer(LEAK, (), "stop")),
    "a call": (AUTO, Answer("", [GOOD], "tool_calls")),
    "a call with finish stop": (AUTO, Answer("", [GOOD], "stop")),
    "a call without a finish": (AUTO, Answer("", [GOOD], None)),
    "two calls": (AUTO, Answer("Let me see.", [GOOD, TIME], "tool_calls")),
    "no arguments": (AUTO, Answer("", [Call("get_time", "")], "tool_calls")),
    "arguments of null": (AUTO, Answer("", [Call("get_time", None)], "tool_calls")),
    "arguments that were parsed": (AUTO, Answer("", [Call("get_weather", {"city": "Oslo"}, is_raw=False)], "stop")),
    "the call that was demanded": (NAMED, Answer("", [GOOD], "stop")),
    "any call that was demanded": (REQUIRED, Answer("", [TIME], "stop")),
    "a refusal of a demand": (REQUIRED, Answer("", (), "stop", has_more=True)),
    "a call that only the vendor knows": (OPEN, Answer("", [Call("bash", '{"command": "ls"}')], "stop")),
    "an object": (SCHEMA, Answer(OSLO, (), "stop")),
    "an object in a fence": (SCHEMA, Answer(f"```json\n{OSLO}\n```", (), "stop")),
    "a refusal of an object": (SCHEMA, Answer("", (), "stop", has_more=True)),
    "a call beside a schema": (BOTH, Answer("", [GOOD], "tool_calls")),
    "an object beside tools": (BOTH, Answer(OSLO, (), "stop")),
    "an object that looks like a call": (
        contract_of({"tools": TOOLS, "response_format": {"type": "json_object"}}),
        Answer(LEAKS["JSON"], (), "stop"),
    ),
    "an image": (PLAIN, Answer("", (), "stop", has_more=True)),
}


@pytest.mark.parametrize(("contract", "answer"), USABLE.values(), ids=USABLE)
def test_an_answer_that_keeps_the_contract_has_no_flaw(contract: Contract, answer: Answer) -> None:
    """Whatever was asked for."""
    assert flaw_in(answer, contract) is None


EMPTY, CORRUPTED, CUT, UNUSABLE = (
    EmptyResponseError, ToolCallCorruptedError, TruncatedResponseError, InvalidResponseError,
)  # fmt: skip
MISFIT = "the arguments of a tool call do not fit the tool's schema (it breaks the rule required)"

FLAWS: dict[str, tuple[Contract, Answer, type, str, str]] = {
    "nothing": (PLAIN, Answer("", (), "stop"), EMPTY, "it is empty", ""),
    "blanks": (PLAIN, Answer(" \n\t", (), "stop"), EMPTY, "it is empty", " \n\t"),
    "nothing beside tools": (AUTO, Answer("", (), "tool_calls"), EMPTY, "it is empty", ""),
    "nothing where an object was asked for": (SCHEMA, Answer(" ", (), "length"), EMPTY, "it is empty", " "),
    "a call without tools": (
        PLAIN, Answer("", [GOOD], "stop"), CORRUPTED, "it calls a tool that was not offered", OSLO,
    ),
    "a call where none may be made": (
        NONE, Answer("", [GOOD], "stop"), CORRUPTED, "it calls a tool although it must not", OSLO,
    ),
    "an unknown tool": (
        AUTO, Answer("", [Call("get_rain", "{}")], "stop"), CORRUPTED, "it calls a tool that was not offered", "{}",
    ),
    "no name": (AUTO, Answer("", [Call(None, "{}")], "stop"), CORRUPTED, "it calls a tool without naming it", "{}"),
    "a name of blanks": (
        AUTO, Answer("", [Call(" ", "{}")], "stop"), CORRUPTED, "it calls a tool without naming it", "{}",
    ),
    "a name that is no text": (
        OPEN, Answer("", [Call(["get_time"], "{}")], "stop"), CORRUPTED, "it calls a tool without naming it", "{}",
    ),
    "no name, of a vendor's tool": (
        OPEN, Answer("", [Call("", "{}")], "stop"), CORRUPTED, "it calls a tool without naming it", "{}",
    ),
    "another tool": (
        NAMED, Answer("", [TIME], "stop"), CORRUPTED, "it calls another tool than the one that was demanded", "{}",
    ),
    "another tool beside it": (
        NAMED, Answer("", [GOOD, TIME], "stop"), CORRUPTED,
        "it calls another tool than the one that was demanded", "{}",
    ),
    "an object as arguments": (
        AUTO, Answer("", [Call("get_time", {})], "stop"), CORRUPTED,
        "the arguments of a tool call are not sent as text",
        "{}",
    ),
    "an empty list as arguments": (
        AUTO, Answer("", [Call("get_time", [])], "stop"), CORRUPTED,
        "the arguments of a tool call are not sent as text",
        "[]",
    ),
    "arguments that are no JSON": (
        AUTO, Answer("", [Call("get_time", "{'a': 1}")], "stop"), CORRUPTED,
        ("the arguments of a tool call are not strict JSON (expecting property name enclosed in double quotes, "
         "at character 1)"), "{'a': 1}",
    ),
    "arguments of blanks": (
        AUTO, Answer("", [Call("get_time", " ")], "stop"), CORRUPTED,
        "the arguments of a tool call are not strict JSON (expecting value, at character 1)", " ",
    ),
    "arguments of a vendor's tool that are no JSON": (
        OPEN, Answer("", [Call("bash", "[")], "stop"), CORRUPTED,
        "the arguments of a tool call are not strict JSON (expecting value, at character 1)", "[",
    ),
    "arguments that are no object": (
        AUTO, Answer("", [Call("get_time", "[]")], "stop"), CORRUPTED,
        "the arguments of a tool call are not an object", "[]",
    ),
    "parsed arguments that are no object": (
        AUTO, Answer("", [Call("get_time", [], is_raw=False)], "stop"), CORRUPTED,
        "the arguments of a tool call are not an object", "[]",
    ),
    "parsed arguments with NaN": (
        OPEN, Answer("", [Call("bash", {"n": float("nan")}, is_raw=False)], "stop"), CORRUPTED,
        "the arguments of a tool call are not strict JSON (NaN or Infinity, which are no JSON)", "{'n': nan}",
    ),
    "arguments that do not fit": (AUTO, Answer("", [Call("get_weather", "")], "stop"), CORRUPTED, MISFIT, ""),
    "the second call": (AUTO, Answer("", [GOOD, Call("get_weather", "{}")], "stop"), CORRUPTED, MISFIT, "{}"),
    "no call": (
        REQUIRED, Answer("It rains.", (), "stop"), CORRUPTED,
        "it calls no tool although that was demanded", "It rains.",
    ),
    "nothing at all": (REQUIRED, Answer("", (), "stop"), CORRUPTED, "it calls no tool although that was demanded", ""),
    "a call in the text": (AUTO, Answer(LEAK, (), "stop"), CORRUPTED, "a tool call was written into the text", LEAK),
    "a call in the text in place of one": (
        REQUIRED, Answer(LEAK, (), "stop"), CORRUPTED, "a tool call was written into the text", LEAK,
    ),
    "a call in the text of a vendor's tools": (
        Contract(are_all_known=False), Answer(LEAK, (), "stop"), CORRUPTED,
        "a tool call was written into the text", LEAK,
    ),
    "a call in the text beside a good one": (
        AUTO, Answer(LEAK, [GOOD], "stop"), CORRUPTED, "a tool call was written into the text", LEAK,
    ),
    "a call in the text beside a refusal": (
        REQUIRED, Answer(LEAK, (), "stop", has_more=True), CORRUPTED, "a tool call was written into the text", LEAK,
    ),
    "no JSON": (
        SCHEMA, Answer("Oslo", (), "stop"), UNUSABLE, "it is not strict JSON (expecting value, at character 0)", "Oslo",
    ),
    "a call in place of an object": (
        BOTH, Answer(LEAK, (), "stop"), UNUSABLE, "it is not strict JSON (expecting value, at character 0)", LEAK,
    ),
    "another object": (
        SCHEMA, Answer("{}", (), "stop"), UNUSABLE, "it does not fit the schema (it breaks the rule required)", "{}",
    ),
    "a call in place of the object": (
        SCHEMA, Answer("", [GOOD], "stop"), CORRUPTED, "it calls a tool that was not offered", OSLO,
    ),
    **{
        f"a call with finish {finish}": (
            AUTO, Answer("", [TIME, GOOD], finish), CUT, "it was cut in the midst of a tool call", OSLO,
        )
        for finish in ("length", "LENGTH", "max_tokens", "MAX_TOKENS", "model_context_window_exceeded", "abort",
                       "error", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL")
    },
    **{
        f"no call with finish {finish}": (
            REQUIRED, Answer("It", (), finish), CUT, "it was cut before the tool call that was demanded", "It",
        )
        for finish in ("length", "MAX_TOKENS", "model_context_window_exceeded")
    },
    "a call in the text that was cut": (
        REQUIRED, Answer(LEAK, (), "length"), CUT, "it was cut before the tool call that was demanded", LEAK,
    ),
    "no call with another finish": (
        REQUIRED, Answer("It", (), "error"), CORRUPTED, "it calls no tool although that was demanded", "It",
    ),
    **{
        f"an object with finish {finish}": (
            SCHEMA, Answer(OSLO, (), finish), CUT, "it was cut in the midst of the object in a schema", OSLO,
        )
        for finish in ("length", "MAX_TOKENS", "model_context_window_exceeded")
    },
}  # fmt: skip


@pytest.mark.parametrize(("contract", "answer", "error", "reason", "raw"), FLAWS.values(), ids=FLAWS)
def test_a_flaw_has_its_error_its_reason_and_the_wrong_part(
    contract: Contract, answer: Answer, error: type, reason: str, raw: str
) -> None:
    """One for each rule, and the part as it came."""
    flaw = flaw_in(answer, contract)
    assert flaw is not None
    assert (flaw.error, flaw.reason, flaw.raw) == (error, reason, raw)


ORDER = [
    (Call("get_weather", "{"), "length", "cut in the midst"),
    (Call("", "{"), "stop", "without naming it"),
    (Call("get_rain", "{"), "stop", "not offered"),
    (Call("get_time", "{"), "stop", "another tool"),
    (Call("get_weather", "{"), "stop", "strict JSON"),
    (Call("get_weather", "[]"), "stop", "not an object"),
    (Call("get_weather", "{}"), "stop", "schema"),
    (GOOD, "stop", "written into the text"),
]


@pytest.mark.parametrize(("call", "finish", "words"), ORDER, ids=[words for _, _, words in ORDER])
def test_rules_are_asked_in_their_order(call: Call, finish: str, words: str) -> None:
    """Each of these answers breaks all the rules that follow; the first one is told."""
    flaw = flaw_in(Answer(LEAK, [call], finish), NAMED)
    assert flaw is not None
    assert words in flaw.reason


WORDS = st.sampled_from([CANARY, CANARY * 30, f"<tool_call>{CANARY}", f'{{"name": "{CANARY}"}}', "", " "])
NAMES = st.sampled_from([CANARY, "get_weather", "get_time", "", None, 3])
ARGUMENTS = (
    st.sampled_from(
        [f'{{"{CANARY}": 1, "{CANARY}": 2}}', f'{{"city": "{CANARY}', f'{{"city": ["{CANARY}"]}}', f"\\{CANARY}"]
    )
    | WORDS
    | VALUES
)
FINISHES = st.sampled_from([None, "stop", "length", "error", CANARY])


@given(
    st.builds(
        Answer, WORDS, st.lists(st.builds(Call, NAMES, ARGUMENTS, st.booleans()), max_size=3), FINISHES, st.booleans()
    ),
    st.sampled_from([PLAIN, AUTO, REQUIRED, NAMED, NONE, SCHEMA, BOTH, OPEN]),
)
def test_a_reason_holds_nothing_of_the_answer(answer: Answer, contract: Contract) -> None:
    """Reasons are told to listeners and written to logs."""
    flaw = flaw_in(answer, contract)
    assert flaw is None or not set(flaw.reason) & set(CANARY)


@given(st.text(), st.sampled_from([None, "stop", "length", "error"]), st.booleans())
def test_every_text_is_a_plain_answer(text: str, finish: Any, has_more: bool) -> None:
    """Unless it is empty."""
    flaw = flaw_in(Answer(text, (), finish, has_more), PLAIN)
    assert (flaw is None) == (has_more or bool(text.strip()))
