"""What is bound to a role reaches every leg, in whichever order it is bound."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from langchain_nvgateway import AllProvidersFailedError, ModelManager
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import Call, soon
from .composing import (
    GATEWAY_LEG,
    FakeLeg,
    Recorder,
    calls_weather,
    chats,
    failing_nim,
    get_weather,
    manager_of,
    raises,
    says,
    who,
)

BINDINGS: dict[str, Callable[[Any], Any]] = {
    "tools": lambda model: model.bind_tools([get_weather], tool_choice="any", parallel_tool_calls=False),
    "kwargs": lambda model: model.bind(temperature=0.3, stop=["END"]),
    "more kwargs": lambda model: model.bind(seed=5),
    "config": lambda model: model.with_config(tags=["one"], metadata={"colour": "blue"}, run_name="named"),
    "more config": lambda model: model.with_config({"tags": ["two"], "configurable": {"maxTokens": 77}}),
    "retries": lambda model: model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False),
}
SENT = {
    "tools": {"tools": [get_weather], "tool_choice": "any", "parallel_tool_calls": False},
    "kwargs": {"temperature": 0.3, "stop": ["END"]},
    "more kwargs": {"seed": 5},
    "more config": {"max_tokens": 77},
}


def legs_that_need_a_second_try() -> tuple[FakeLeg, FakeLeg]:
    """The first never answers, the second one the second time it is asked: with a call if it may."""
    weather, second = calls_weather(), says()
    fine, left = second.act, [1]

    def act(messages: Any, kwargs: Any) -> AIMessage:
        if left[0]:
            left[0] -= 1
            raise ConnectionError("not yet")
        return weather.act(messages, kwargs) if kwargs.get("tools") else fine(messages, kwargs)

    second.act = act
    return raises(ConnectionError("never")), second


@pytest.mark.parametrize("is_async", [False, True], ids=["invoke", "ainvoke"])
@given(names=st.lists(st.sampled_from(list(BINDINGS)), unique=True))
def test_nothing_that_is_bound_is_lost(is_async: bool, names: list[str]) -> None:
    """Tools, keyword arguments, config and retries, any of them, in any order."""
    first, second = legs_that_need_a_second_try()
    model: Any = manager_of(first, second).model("planner")
    for name in names:
        model = BINDINGS[name](model)
    recorder = Recorder()
    config: Any = {"callbacks": [recorder]}

    def ask() -> Any:
        return asyncio.run(model.ainvoke("Hi", config)) if is_async else model.invoke("Hi", config)

    if "retries" in names:
        ask()
    else:
        with pytest.raises(AllProvidersFailedError):
            ask()
    wanted: dict[str, Any] = {}
    for name in names:
        wanted |= SENT.get(name, {})
    assert len(second.calls) == 1 + ("retries" in names)
    assert all(sent == wanted for sent in first.calls + second.calls)
    tags = {tag for name, tag in (("config", "one"), ("more config", "two")) if name in names}
    for run in recorder.of_type("model"):
        assert tags <= set(run["tags"])
        assert ("config" in names) == (run["metadata"].get("colour") == "blue")
    names_of_runs = {run["name"] for run in recorder.of_type("chain")}
    assert ("named" if "config" in names else "planner model") in names_of_runs


@given(names=st.lists(st.sampled_from([name for name in BINDINGS if name != "retries"]), unique=True))
def test_a_bound_role_is_a_chat_model(names: list[str]) -> None:
    """So that whoever wants a `BaseChatModel` takes it, bound or not."""
    model: Any = manager_of(says(), says()).model("planner")
    for name in names:
        model = BINDINGS[name](model)
    assert isinstance(model, BaseChatModel)


def test_what_is_bound_leaves_the_role_itself_alone() -> None:
    """Each binding makes a model of its own."""
    first = says()
    model = manager_of(first, says()).model("planner")
    model.bind_tools([get_weather])
    model.bind(temperature=0.3)
    model.with_config(tags=["one"])
    model.invoke("Hi")
    assert first.calls == [{}]


def test_the_last_tools_count() -> None:
    """Binding other tools replaces the earlier ones, and no tools takes them away."""
    first = calls_weather()
    model: Any = manager_of(first, says()).model("planner").bind_tools([])
    model.bind_tools([get_weather]).bind_tools([get_weather], tool_choice="any").invoke("Hi")
    assert first.calls == [{"tools": [get_weather], "tool_choice": "any"}]


def test_keyword_arguments_bound_with_no_tools_are_kept(call_whole: Call) -> None:
    """Agents without tools bind a response format that way."""
    first = says("{}")
    model: Any = manager_of(first, says()).model("planner")
    call_whole(model.bind_tools([], response_format={"type": "json_object"}), "Hi")
    assert first.calls == [{"response_format": {"type": "json_object"}}]


def test_later_keyword_arguments_win(call: Call) -> None:
    """Those of the call over those bound later, and those over the earlier ones."""
    first, second = raises(ConnectionError()), says()
    model: Any = manager_of(first, second).model("planner").bind(temperature=0.1, seed=1).bind(temperature=0.2, top_p=1)
    call(model, "Hi", temperature=0.3)
    assert first.calls == second.calls == [{"temperature": 0.3, "seed": 1, "top_p": 1}]


@pytest.mark.parametrize("style", ["with_config", "call"])
def test_tools_kwargs_and_limits_reach_the_second_leg(style: str, emu: Emulator, call: Call) -> None:
    """As they would have reached the first."""
    config: Any = {"metadata": {"correlation_id": "run-7"}}
    model: Any = failing_nim(emu).model("planner").bind_tools([get_weather], tool_choice="get_weather")
    if style == "with_config":
        bound = model.bind(temperature=0.25, stop=["END"], max_tokens=99).with_config(config)
        answer = call(bound, "get_weather in Dublin")
    else:
        limits = {"temperature": 0.25, "stop": ["END"], "max_tokens": 99, "timeout": 20}
        answer = call(model, "get_weather in Dublin", config, **limits)
    assert who(answer) == GATEWAY_LEG
    assert answer.tool_calls[0]["name"] == "get_weather"
    for request in [*chats(emu.nim), *chats(emu.gateway)]:
        assert request.json["temperature"] == 0.25
        assert request.json["stop"] == ["END"]
        assert 99 in (request.json.get("max_tokens"), request.json.get("max_completion_tokens"))
        assert request.json["tool_choice"]["function"]["name"] == "get_weather"
        assert "timeout" not in request.json
    assert chats(emu.gateway)[0].headers["correlationid"] == "run-7"


def test_the_time_limit_of_a_call_holds(emu: Emulator, call: Call) -> None:
    """All legs together get no more of it."""
    emu.nim.fail_always("hang")
    emu.gateway.fail_always("hang")
    model = ModelManager.from_env().model("planner")
    with soon(), pytest.raises(AllProvidersFailedError) as caught:
        call(model, "Hi", timeout=0.3)
    assert caught.value.attempts[0]["outcome"] == "failed"


def test_a_bound_config_limits_a_batch() -> None:
    """`max_concurrency` holds, whether it is bound or given."""
    together, most, lock = [0], [0], threading.Lock()
    both = threading.Event()

    def act(_messages: Any, _kwargs: Any) -> AIMessage:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
            if together[0] > 1:
                both.set()
        both.wait(0.2)
        with lock:
            together[0] -= 1
        return AIMessage("fine")

    model = manager_of(FakeLeg(act=act), says()).model("planner")
    model.with_config(max_concurrency=1).batch(["one", "two"])
    assert most == [1]
