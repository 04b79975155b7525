"""Scripted models as the legs of a role."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError

from langchain_nvgateway import BreakerState, EmptyResponseError, ModelManager, StreamInterruptedError
from langchain_nvgateway.testing import ScriptedChatModel, ScriptOverError, broken_call, calls, dies_after

from ..chat_models.calling import Call
from ..role_composition.composing import NIM_LEG, Plan, get_weather, manager_of, who

CUT = '{"location": "Dub'


@pytest.mark.parametrize(
    "step",
    [
        "",
        ModelAPIError("down"),
        broken_call("get_weather", CUT),
        broken_call("get_weather", CUT, finish_reason="length"),
        broken_call("get_weather", '{"location": "Dublin"}', finish_reason="length"),
        calls("get_weather", place="Dublin"),
        calls("drop"),
        dies_after("", ConnectionError("cut")),
        dies_after(broken_call("get_weather", CUT), ConnectionError("cut")),
    ],
    ids=str,
)
def test_the_next_leg_answers_for_one_that_fails(step: Any, call: Call) -> None:
    """Whatever the script makes it do; both are asked once, with the same tools."""
    nim, gateway = ScriptedChatModel(step), ScriptedChatModel(calls("get_weather", location="Dublin"))
    answer = call(manager_of(nim, gateway).model("planner").bind_tools([get_weather]))
    assert [each["args"] for each in answer.tool_calls] == [{"location": "Dublin"}]
    assert who(answer) == "nvidia-gateway:gpt-4o"
    assert nim.requests[0].tool_names == gateway.requests[0].tool_names == ["get_weather"]


def test_a_stream_that_dies_after_it_was_seen_is_interrupted(call_stream: Call) -> None:
    """With the words that came."""
    nim, gateway = ScriptedChatModel(dies_after("some words")), ScriptedChatModel()
    with pytest.raises(StreamInterruptedError) as caught:
        call_stream(manager_of(nim, gateway).model("planner"))
    assert caught.value.partial.text == "some words"


def test_breakers_count_what_the_script_does(call: Call) -> None:
    """Two failures open the circuit, and the script is not asked again."""
    nim = ScriptedChatModel(ConnectionError("down"), ConnectionError("down"))
    manager = manager_of(nim, ScriptedChatModel("fine", at_end="repeat_last"))
    for _ in range(3):
        assert call(manager.model("planner")).text == "fine"
    assert manager.breakers[NIM_LEG].state is BreakerState.OPEN
    assert len(nim.requests) == 2


def test_no_leg_answers_for_a_script_that_is_over(call: Call) -> None:
    """The test fails by it: what is wrong is the test."""
    with pytest.raises(ScriptOverError):
        call(manager_of(ScriptedChatModel(), ScriptedChatModel("fine")).model("planner"))


@pytest.mark.parametrize("method", ["function_calling", "json_mode", "json_schema"])
@pytest.mark.parametrize("step", [Plan(title="Fix it"), ""], ids=["good", "empty"])
def test_roles_answer_in_a_schema(method: Any, step: Any, call_whole: Call) -> None:
    """From the first leg that does."""
    manager = manager_of(ScriptedChatModel(step), ScriptedChatModel(Plan(title="Mend it")))
    found = call_whole(manager.model("planner").with_structured_output(Plan, method=method))
    assert found == Plan(title="Fix it" if step else "Mend it")


def test_a_factory_gives_each_role_a_script(call: Call) -> None:
    """By role and name of the model."""
    manager = ModelManager(models={"nvidia-nim": lambda role, model: ScriptedChatModel(f"{role} by {model}")})
    assert call(manager.model("router")).text.startswith("router by meta/")
    assert call(manager.model("planner")).text.startswith("planner by meta/")


def test_the_reason_of_a_rejected_answer_is_known() -> None:
    """For asserting why the next leg was asked."""
    manager = manager_of(ScriptedChatModel(" "), ScriptedChatModel("fine"))
    answer = manager.model("planner").invoke("Hello")
    attempt = answer.response_metadata["nvgateway"]["attempts"][0]
    assert attempt["outcome"] == "rejected"
    assert EmptyResponseError.__name__ in attempt["error"]
