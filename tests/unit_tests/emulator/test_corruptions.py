"""Every corruption breaks a tool call in its own way, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from langchain_nvgateway.emulator import CORRUPTIONS, Emulator, Reply

from .conftest import WEATHER_TOOL, Ask
from .raw_client import parse_events

SCHEMA = WEATHER_TOOL["function"]["parameters"]
ARGUMENTS = {"location": 'the "old" town', "unit": "celsius", "days": [1, 2]}
HARMLESS = {"missing_id"}
"""What a client should put up with."""


def strictly(text: str) -> Any:
    """Parse as the JSON specification says, without the liberties of Python."""

    def refuse(what: Any) -> Any:
        raise ValueError(what)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("duplicate keys")
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def is_good(turn: dict[str, Any]) -> bool:
    """Say whether a turn holds one valid call, as a strict client judges."""
    if turn["finish_reason"] != "tool_calls" or len(turn["calls"]) != 1:
        return False
    [call] = turn["calls"]
    try:
        arguments = strictly(call["arguments"])
    except (TypeError, ValueError):
        return False
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(arguments)
    return valid and isinstance(arguments, dict) and call["name"] == "get_weather"


def whole(ask: Ask) -> dict[str, Any]:
    """Ask for a call as a whole."""
    choice = ask("Weather?", tools=[WEATHER_TOOL]).json()["choices"][0]
    calls = [call["function"] for call in choice["message"].get("tool_calls", ())]
    return {
        "calls": calls,
        "text": choice["message"]["content"],
        "finish_reason": choice["finish_reason"],
    }


def streamed(ask: Ask) -> dict[str, Any]:
    """Ask for a call as a stream, and join the pieces as clients do."""
    turn: dict[str, Any] = {"calls": [], "text": "", "finish_reason": None}
    for event in parse_events(ask("Weather?", tools=[WEATHER_TOOL], stream=True).text)[:-1]:
        for choice in event["choices"]:
            turn["text"] += choice["delta"].get("content") or ""
            turn["finish_reason"] = choice["finish_reason"] or turn["finish_reason"]
            for piece in choice["delta"].get("tool_calls", ()):
                if len(turn["calls"]) <= piece["index"]:
                    turn["calls"].append({"name": "", "arguments": ""})
                call = turn["calls"][piece["index"]]
                call["name"] += piece["function"].get("name", "")
                more = piece["function"].get("arguments", "")
                call["arguments"] = call["arguments"] + more if isinstance(more, str) else more
    return turn


@pytest.fixture
def scripted(emu: Emulator) -> Emulator:
    """An emulator whose model makes one good call after the other."""
    emu.nim.reply_always(Reply(tool_calls=[("get_weather", ARGUMENTS)]))
    return emu


@pytest.mark.parametrize("ask_for", [whole, streamed])
@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_a_corrupted_call_is_not_valid(scripted: Emulator, ask_nim: Ask, name: str, ask_for: Any) -> None:
    """Each corruption fails a strict check, once, and the next call is good again."""
    scripted.nim.corrupt_next(name)
    assert is_good(ask_for(ask_nim)) == (name in HARMLESS)
    assert is_good(ask_for(ask_nim))


@pytest.mark.parametrize("name", sorted(CORRUPTIONS - HARMLESS))
def test_a_corruption_works_for_a_tool_without_parameters(emu: Emulator, ask_nim: Ask, name: str) -> None:
    """Where a schema leaves no room for a corruption, another takes its place."""
    emu.nim.reply_next(Reply(tool_calls=[("get_weather", {})]))
    emu.nim.corrupt_next(name)
    choice = ask_nim("x", tools=[WEATHER_TOOL]).json()["choices"][0]
    calls = [call["function"] for call in choice["message"].get("tool_calls", ())]
    assert not is_good({"calls": calls, "finish_reason": choice["finish_reason"]})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prose_before", 'I will now call the tool {"location":'),
        ("cut_length", '{"location":'),
        ("double_encoded", '"{\\"location\\":'),
        ("single_quotes", "{'location': 'the \"old\" town'"),
        ("nan_value", '{"location":NaN'),
        ("list_arguments", '[{"location"'),
        ("empty_arguments", ""),
    ],
)
def test_a_corruption_looks_as_in_the_field(scripted: Emulator, ask_nim: Ask, name: str, expected: str) -> None:
    """The broken text has the form that was reported."""
    scripted.nim.corrupt_next(name)
    assert whole(ask_nim)["calls"][0]["arguments"].startswith(expected)


@pytest.mark.parametrize(
    ("name", "finish"), [("cut_length", "length"), ("cut_no_finish", None), ("cut_silently", "tool_calls")]
)
def test_a_cut_call_finishes_as_named(scripted: Emulator, ask_nim: Ask, name: str, finish: Any) -> None:
    """With `length`, with no reason, or as if nothing were wrong."""
    scripted.nim.corrupt_next(name, times=2)
    assert whole(ask_nim)["finish_reason"] == finish
    assert streamed(ask_nim)["finish_reason"] == finish


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("leaked_json", '{"type": "function", "name": "get_weather", "parameters": {'),
        ("leaked_python_start", '<|python_start|>{"name": "get_weather"'),
        ("leaked_pythonic", '[get_weather(location="the \\"old\\" town", unit="celsius"'),
        ("leaked_toolcall", '<TOOLCALL>[{"name": "get_weather"'),
        ("no_call", "I can answer that"),
    ],
)
def test_a_leaked_call_is_text(scripted: Emulator, ask_nim: Ask, name: str, expected: str) -> None:
    """The call is written into the text and the finish reason is `stop`."""
    scripted.nim.corrupt_next(name, times=2)
    for turn in (whole(ask_nim), streamed(ask_nim)):
        assert turn["calls"] == []
        assert turn["finish_reason"] == "stop"
        assert turn["text"].startswith(expected)


def test_a_name_can_be_repeated_per_delta(scripted: Emulator, ask_nim: Ask) -> None:
    """Clients that join deltas get the name twice."""
    scripted.nim.corrupt_next("repeated_name")
    assert streamed(ask_nim)["calls"][0]["name"] == "get_weatherget_weather"


def test_a_corruption_waits_for_a_call(emu: Emulator, ask_nim: Ask) -> None:
    """A plain answer does not use it up."""
    emu.nim.corrupt_next("missing_brace")
    assert ask_nim("Hello").json()["choices"][0]["finish_reason"] == "stop"
    assert not is_good(whole(ask_nim))


def test_a_demanded_json_text_is_corrupted_too(emu: Emulator, ask_gateway: Ask) -> None:
    """Structured output breaks like arguments do."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    emu.gateway.corrupt_next("missing_required")
    choice = ask_gateway(response_format=wanted).json()["choices"][0]
    assert choice["message"]["content"] == "{}"


def test_corruptions_can_be_scripted_like_faults(scripted: Emulator, ask_nim: Ask) -> None:
    """`fail_next` and `fail_always` take their names, `heal()` ends them."""
    scripted.nim.fail_next("no_call")
    assert whole(ask_nim)["calls"] == []
    scripted.nim.fail_always("missing_brace")
    assert not any(is_good(whole(ask_nim)) for _ in range(2))
    scripted.nim.heal()
    assert is_good(whole(ask_nim))
