"""What the vendors answer arrives in every call style."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from ..chat_models.calling import Call
from .conftest import Vendor
from .dialects import CITY


@tool
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"fine in {city}"


def test_a_text_arrives(vendor: Vendor, call: Call) -> None:
    """A text is the same text whichever way the model is asked."""
    answer = call(vendor.model())
    assert answer.text == "Hello there"


def test_tokens_are_counted(vendor: Vendor, call: Call) -> None:
    """An answer says what it used, streams too."""
    assert call(vendor.model()).usage_metadata["output_tokens"] > 0


def test_a_tool_call_arrives(vendor: Vendor, call: Call) -> None:
    """A tool call has its name and arguments whichever way the model is asked."""
    vendor.server.will(vendor.dialect.calls_weather())
    answer: AIMessage = call(vendor.model().bind_tools([get_weather]), "The weather in Oslo?")
    assert [(made["name"], made["args"]) for made in answer.tool_calls] == [("get_weather", CITY)]


def test_the_key_is_sent_once(vendor: Vendor, call: Call) -> None:
    """Exactly one header carries the key, and nothing else of a request does."""
    call(vendor.model())
    (request,) = vendor.server.requests
    carriers = [name for name, value in request.headers.items() if vendor.key in value]
    assert len(carriers) == 1
    assert vendor.key not in request.target
    assert vendor.key.encode() not in request.body


def test_parameters_are_sent(vendor: Vendor, call: Call) -> None:
    """Length and temperature of the model reach the service."""
    call(vendor.model(max_tokens=77, temperature=0.25))
    assert _numbers(vendor.server.requests[0].json) == {77, 0.25}


def test_parameters_of_a_call_are_sent(vendor: Vendor, call: Call) -> None:
    """Length and temperature of a call win over those of the model."""
    call(vendor.model(max_tokens=77, temperature=0.25), max_tokens=88, temperature=0.5)
    assert _numbers(vendor.server.requests[0].json) == {88, 0.5}


def test_own_headers_are_sent(anthropic: Vendor, google: Vendor, call: Call) -> None:
    """Headers that the user gives travel with every request."""
    for vendor, name in ((anthropic, "default_headers"), (google, "additional_headers")):
        vendor.server.will(vendor.dialect.says("Hello"))
        call(vendor.model(**{name: {"X-Team": "blue"}}))
        assert vendor.server.requests[-1].headers["x-team"] == "blue"


def test_gpt_5_gets_the_parameters_that_it_takes(openai: Vendor, call: Call) -> None:
    """OpenAI's reasoning models are asked for `max_completion_tokens`, without a temperature."""
    call(openai.model(model="gpt-5", max_tokens=77, temperature=0.25))
    body = openai.server.requests[0].json
    assert body["max_completion_tokens"] == 77
    assert not {"max_tokens", "temperature"} & body.keys()


def test_a_model_without_temperature_gets_none(anthropic: Vendor, call: Call) -> None:
    """Anthropic's models that take no temperature are sent none, whoever sets one."""
    call(anthropic.model(model="claude-opus-4-7", temperature=0.25), temperature=0.5)
    assert "temperature" not in anthropic.server.requests[0].json


def test_profiles_are_filled(vendor: Vendor) -> None:
    """A model knows its window and whether it takes tools, so that a leg can be judged before it is asked."""
    profile = vendor.model().profile
    assert profile is not None
    assert profile["max_input_tokens"] > 100_000
    assert profile["tool_calling"]


def test_tokens_are_counted_offline(vendor: Vendor) -> None:
    """Counting tokens asks no service."""
    model = vendor.model()
    assert model.get_num_tokens("one two three") > 0
    assert model.get_num_tokens_from_messages([AIMessage("one two three")]) > 0
    assert vendor.server.requests == []


def _numbers(value: Any) -> set[float]:
    """Return the limit of length and the temperature, wherever a vendor has them."""
    if isinstance(value, list):
        return set().union(*map(_numbers, value))
    if not isinstance(value, dict):
        return set()
    names = ("max_tokens", "maxOutputTokens", "temperature")
    return {value[name] for name in names if name in value}.union(*map(_numbers, value.values()))
