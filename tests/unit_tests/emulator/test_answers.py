"""What the model says when nothing is scripted makes sense of what was asked."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from langchain_nvgateway.emulator import Emulator, Reply

from .conftest import WEATHER_TOOL, Ask
from .raw_client import parse_events


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    """Describe a tool with required properties."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


ADDER = tool("add", "Add two numbers.", a={"type": "integer"}, b={"type": "integer"})
FINISH = tool("Report", "The final report.", summary={"type": "string"})


def message(ask: Ask, said: Any, **body: Any) -> dict[str, Any]:
    """Ask and return the message."""
    answer = ask(said, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["choices"][0]["message"])


def called(ask: Ask, said: Any, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    """Ask and return the calls."""
    calls = message(ask, said, **body).get("tool_calls", [])
    return [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]


def test_the_tool_that_fits_the_words_is_called_with_values_from_them(ask_nim: Ask) -> None:
    """A name, a word of a name, or a word of a description decides."""
    tools = [WEATHER_TOOL, ADDER]
    assert called(ask_nim, "Please add 3 and 4", tools=tools) == [("add", {"a": 3, "b": 4})]
    [(name, arguments)] = called(ask_nim, "What is the weather in San Francisco, CA?", tools=tools)
    assert (name, arguments["location"]) == ("get_weather", "San Francisco, CA")
    assert called(ask_nim, "Two numbers: 1 2", tools=tools)[0][0] == "add"


def test_without_a_fitting_word_the_first_tool_is_called(ask_nim: Ask) -> None:
    """So that agents run whatever is asked."""
    assert called(ask_nim, "Hello", tools=[ADDER, WEATHER_TOOL])[0][0] == "add"


def test_the_named_tool_is_called(ask_nim: Ask) -> None:
    """`tool_choice` decides against the words."""
    choice = {"type": "function", "function": {"name": "add"}}
    calls = called(ask_nim, "Weather?", tools=[WEATHER_TOOL, ADDER], tool_choice=choice)
    assert [name for name, _ in calls] == ["add"]


def test_no_tool_is_called_when_none_may_be(ask_nim: Ask) -> None:
    """`tool_choice` of `none` gives a text."""
    said = message(ask_nim, "Weather?", tools=[WEATHER_TOOL], tool_choice="none")
    assert said["content"]
    assert "tool_calls" not in said


def test_several_tools_that_are_named_are_called_at_once(ask_nim: Ask) -> None:
    """Unless the request wants one call at a time."""
    tools = [WEATHER_TOOL, ADDER]
    said = "Use add, then get_weather"
    assert [name for name, _ in called(ask_nim, said, tools=tools)] == ["get_weather", "add"]
    one = called(ask_nim, said, tools=tools, parallel_tool_calls=False)
    assert [name for name, _ in one] == ["add"]


def after_a_call(name: str) -> list[dict[str, Any]]:
    """Write a conversation in which a tool has answered."""
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    return [
        {"role": "user", "content": "Weather in Dublin?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "It is sunny."},
    ]


def test_a_result_is_quoted_in_the_answer(ask_nim: Ask) -> None:
    """An agent's loop ends after the tool has answered."""
    said = message(ask_nim, after_a_call("get_weather"), tools=[WEATHER_TOOL])
    assert "It is sunny." in said["content"]


def test_a_demanded_call_after_a_result_is_of_another_tool(ask_nim: Ask) -> None:
    """An agent that demands a call each time comes to its closing tool."""
    tools = [WEATHER_TOOL, FINISH]
    messages = after_a_call("get_weather")
    assert called(ask_nim, messages, tools=tools, tool_choice="required")[0][0] == "Report"


@pytest.mark.parametrize("after_result", [True, False])
def test_a_demanded_schema_is_satisfied(ask_gateway: Ask, after_result: bool) -> None:
    """Also at the end of an agent's loop."""
    schema = {
        "type": "object",
        "properties": {"setup": {"type": "string"}, "rating": {"type": "integer", "minimum": 5}},
        "required": ["setup", "rating"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "joke", "schema": schema}}
    said = after_a_call("x") if after_result else "Tell me a joke about cats."
    content = json.loads(message(ask_gateway, said, response_format=wanted)["content"])
    assert content["rating"] >= 5
    assert content["setup"]


def test_a_json_object_has_the_keys_that_the_prompt_names(ask_gateway: Ask) -> None:
    """Quoted words are keys; a schema in the prompt is satisfied."""
    wanted = {"response_format": {"type": "json_object"}}
    said = "Answer in JSON with 'setup' and 'punchline' keys."
    content = json.loads(message(ask_gateway, said, **wanted)["content"])
    assert list(content) == ["setup", "punchline"]
    schema = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
    said = f"Follow this JSON schema: {json.dumps(schema)} Thank you."
    assert json.loads(message(ask_gateway, said, **wanted)["content"]) == {"n": 1}
    assert json.loads(message(ask_gateway, "Any JSON", **wanted)["content"])


def test_a_text_mentions_what_was_asked_and_is_always_the_same(ask_nim: Ask) -> None:
    """The same question has the same answer."""
    first, second = (message(ask_nim, "Why is grass green?")["content"] for _ in range(2))
    assert first == second
    assert "Why is grass green?" in first


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_length_is_kept(ask_nim: Ask, name: str) -> None:
    """So many words, and the finish reason says that there was more."""
    choice = ask_nim("one two three four", **{name: 3}).json()["choices"][0]
    assert len(choice["message"]["content"].split()) == 3
    assert choice["finish_reason"] == "length"


def test_a_call_that_is_too_long_is_cut(ask_nim: Ask) -> None:
    """A length applies to the arguments of calls too."""
    choice = ask_nim("Weather in New York City", tools=[WEATHER_TOOL], max_tokens=2).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


def test_a_stop_word_stops(ask_nim: Ask) -> None:
    """The text ends before it."""
    content = message(ask_nim, "say banana split now", stop=["banana", "zzz"])["content"]
    assert content.endswith("say ")


def test_several_choices_are_made(ask_nim: Ask) -> None:
    """As a whole and as a stream."""
    choices = ask_nim("Hi", n=3).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3
    events = parse_events(ask_nim("Hi", n=2, stream=True).text)
    assert {c["index"] for e in events[:-1] for c in e["choices"]} == {0, 1}


def test_log_probabilities_are_given_when_wanted(ask_nim: Ask) -> None:
    """They cover the whole text, in streams too."""
    choice = ask_nim("Hi", logprobs=True).json()["choices"][0]
    tokens = [entry["token"] for entry in choice["logprobs"]["content"]]
    assert "".join(tokens) == choice["message"]["content"]
    events = parse_events(ask_nim("Hi", logprobs=True, stream=True).text)
    streamed = [c["logprobs"] for e in events[:-1] for c in e["choices"] if c["logprobs"]]
    assert [entry["token"] for log in streamed for entry in log["content"]] == tokens


def test_an_image_is_seen(ask_nim: Ask) -> None:
    """Its kind and size are told; nothing is downloaded."""
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4) + (480).to_bytes(4) + b"\x08"
    data = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": data}},
        {"type": "image_url", "image_url": {"url": "https://example.invalid/cat.jpg"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,A"}},
    ]
    content = message(ask_nim, [{"role": "user", "content": parts}])["content"]
    assert "image/png image of 640 by 480 pixels" in content
    assert "an image at a web address" in content
    assert "damaged image/gif" in content
    assert "What is this?" in content


def test_odd_but_legal_text_survives(emu: Emulator, ask_nim: Ask) -> None:
    """Unicode, and even half of a surrogate pair, is sent whole and as a stream."""
    for said in ("größer 你好 😀", "half \ud83d pair"):
        emu.nim.reply_next(Reply(text=said), times=2)
        assert message(ask_nim, "Hi")["content"] == said
        events = parse_events(ask_nim("Hi", stream=True).text)
        text = "".join(e["choices"][0]["delta"].get("content", "") for e in events[:-1])
        assert text == said


def test_usage_adds_up(ask_nim: Ask) -> None:
    """Counts are words, and the total is their sum."""
    short, long = (ask_nim(text).json()["usage"] for text in ("Hi", "Hi " * 50))
    assert short["prompt_tokens"] + short["completion_tokens"] == short["total_tokens"]
    assert long["prompt_tokens"] == short["prompt_tokens"] + 49
