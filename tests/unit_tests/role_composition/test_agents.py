"""Agents of LangChain and LangGraph run on a role, healthy or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_nvgateway import ModelManager
from langchain_nvgateway.emulator import Emulator, RecordedRequest, Reply

from .agents import BUILDERS, MODELS, check_the_weather_was_told, react_agent, run
from .composing import GATEWAY_LEG, NIM_LEG, WEATHER, Plan, chats, failing_nim, get_weather, manager_of, says, who


@pytest.fixture(params=list(BUILDERS))
def build(request: pytest.FixtureRequest) -> Any:
    """Both ways to build an agent."""
    return BUILDERS[request.param]


@pytest.fixture(params=list(MODELS))
def model_of(request: pytest.FixtureRequest) -> Any:
    """The role's model, with tools or without, and its chain."""
    return MODELS[request.param]


both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["invoke", "ainvoke"])
Model = Callable[[ModelManager], Any]


@both_ways
@pytest.mark.parametrize("fault", [None, "internal_error", "degraded", "disconnect", "cut_length", "over_escaped"])
def test_an_agent_calls_its_tool_and_answers(
    fault: str | None, is_async: bool, build: Any, model_of: Model, emu: Emulator
) -> None:
    """Whether NIM answers, fails, or breaks every tool call."""
    if fault:
        emu.nim.fail_always(fault)
    check_the_weather_was_told(run(build(model_of(ModelManager.from_env()), [get_weather]), is_async=is_async))


def call_with_short_ids(emu: Emulator) -> None:
    """Let NIM give its calls ids that the Gateway takes too."""

    def speak(request: RecordedRequest) -> Reply | None:
        last = request.json["messages"][-1]
        if last["role"] != "user":
            return None
        return Reply(tool_calls=[("get_weather", {"location": last["content"].split()[-1]})], call_ids=["call_1"])

    emu.nim.reply_always(speak)


@both_ways
@pytest.mark.parametrize("fault", ["internal_error", "rate_limited", "empty_choices"])
def test_nim_may_fail_in_the_middle_of_a_run(
    fault: str, is_async: bool, build: Any, model_of: Model, emu: Emulator
) -> None:
    """The conversation so far goes to the Gateway."""
    call_with_short_ids(emu)
    emu.nim.fail_when(lambda request: len(request.json["messages"]) > 1, fault)
    state = run(build(model_of(ModelManager.from_env()), [get_weather]), is_async=is_async)
    check_the_weather_was_told(state)
    assert [who(state["messages"][place]) for place in (1, 3)] == [NIM_LEG, GATEWAY_LEG]


def test_the_ids_of_nims_calls_suit_the_gateway(model_of: Model, emu: Emulator) -> None:
    """Although they are longer than it takes."""
    emu.nim.fail_when(lambda request: len(request.json["messages"]) > 1, "internal_error")
    check_the_weather_was_told(run(create_agent(model_of(ModelManager.from_env()), [get_weather])))


BROKEN = [
    "cut_length",
    "double_encoded",
    "list_arguments",
    "missing_brace",
    "prose_after",
    "stray_quote",
    "unknown_tool",
]
"""Arguments that are no JSON object, and a tool that was not offered."""


@pytest.mark.parametrize("corruption", BROKEN)
def test_a_broken_tool_call_never_runs(corruption: str, emu: Emulator) -> None:
    """However it is broken, the tool runs once, with what the user said."""
    seen: list[str] = []

    @tool
    def get_weather(location: str) -> str:
        """Look up the weather."""
        seen.append(location)
        return f"sunny in {location}"

    emu.nim.corrupt_always(corruption)
    state = create_agent(ModelManager.from_env().model("planner"), [get_weather]).invoke(WEATHER)
    assert seen == ["Dublin"]
    assert who(state["messages"][1]) == GATEWAY_LEG


STRATEGIES: dict[str, Callable[[], Any]] = {
    "class": lambda: Plan,
    "tool": lambda: ToolStrategy(Plan),
    "provider": lambda: ProviderStrategy(Plan),
}


@both_ways
@pytest.mark.parametrize("fault", [None, "internal_error"])
@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_an_agent_answers_in_a_schema(
    strategy: str, fault: str | None, is_async: bool, model_of: Model, emu: Emulator
) -> None:
    """By a tool or by the service's own structured output."""
    if fault:
        emu.nim.fail_always(fault)
    model = model_of(ModelManager.from_env())
    state = run(create_agent(model, [get_weather], response_format=STRATEGIES[strategy]()), is_async=is_async)
    assert isinstance(state["structured_response"], Plan)
    assert chats(emu.gateway if fault else emu.nim)


@both_ways
@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_an_agent_without_tools_answers_in_a_schema(strategy: str, is_async: bool, emu: Emulator) -> None:
    """The service is told the schema."""
    manager = failing_nim(emu)
    state = run(create_agent(manager.model("planner"), [], response_format=STRATEGIES[strategy]()), is_async=is_async)
    assert isinstance(state["structured_response"], Plan)


@both_ways
@pytest.mark.parametrize("fault", [None, "internal_error"])
@pytest.mark.parametrize("given", ["model", "bound"])
def test_langgraphs_agent_answers_in_a_schema(given: str, fault: str | None, is_async: bool, emu: Emulator) -> None:
    """After the loop, with `with_structured_output`."""
    if fault:
        emu.nim.fail_always(fault)
    agent = react_agent(MODELS[given](ModelManager.from_env()), [get_weather], response_format=Plan)
    assert isinstance(run(agent, is_async=is_async)["structured_response"], Plan)


def test_what_was_bound_with_the_tools_is_kept_by_langgraphs_agent(emu: Emulator) -> None:
    """It takes a model that has its tools already as it is."""
    model = ModelManager.from_env().model("planner").bind_tools([get_weather], parallel_tool_calls=False)
    check_the_weather_was_told(run(react_agent(model, [get_weather])))
    assert [request.json.get("parallel_tool_calls") for request in chats(emu.nim)] == [False, False]


def test_langgraphs_agent_takes_the_model_that_a_function_chooses(emu: Emulator) -> None:
    """Its dynamic models."""
    manager = failing_nim(emu)
    agent = react_agent(lambda _state, _runtime: manager.model("planner").bind_tools([get_weather]), [get_weather])
    check_the_weather_was_told(run(agent))


@both_ways
def test_an_agent_remembers(is_async: bool, build: Any, model_of: Model, emu: Emulator) -> None:
    """A checkpointer stores the answers, and the second turn goes on where the first one ended."""
    call_with_short_ids(emu)
    emu.nim.fail_when(lambda request: len(request.json["messages"]) == 3, "internal_error")
    agent = build(model_of(ModelManager.from_env()), [get_weather], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    run(agent, config=config, is_async=is_async)
    state = run(agent, {"messages": [("user", "get_weather in Oslo")]}, config, is_async=is_async)
    assert "sunny in Oslo" in state["messages"][-1].text
    assert len(state["messages"]) == 8


def test_agents_run_side_by_side(emu: Emulator) -> None:
    """On one model, while NIM fails now and then."""
    call_with_short_ids(emu)
    emu.nim.fail_next("internal_error", times=3)
    agent = create_agent(ModelManager.from_env().model("planner"), [get_weather])

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(agent.ainvoke(WEATHER) for _ in range(8)))

    for state in asyncio.run(all_of_them()):
        check_the_weather_was_told(state)


def test_two_calls_in_one_turn_both_run(build: Any, emu: Emulator) -> None:
    """From the second leg, after the first one broke one of them."""
    two = [("get_weather", {"location": "Dublin"}), ("get_weather", {"location": "Oslo"})]
    emu.nim.reply_next(Reply(tool_calls=[two[0], ("get_weather", '{"location": "Os')]))
    emu.gateway.reply_next(Reply(tool_calls=two))
    state = run(build(ModelManager.from_env().model("planner"), [get_weather]))
    assert [message.content for message in state["messages"][2:4]] == ["sunny in Dublin", "sunny in Oslo"]


@both_ways
@pytest.mark.parametrize("tools", [[], [get_weather]], ids=["no tools", "tools"])
def test_an_agents_cut_object_is_answered_by_the_next_leg(tools: list[Any], is_async: bool) -> None:
    """The provider's strategy asks for a schema beside the tools; a leg that does not judge itself is judged by it."""
    manager = manager_of(says('{"title": "Wal'), says('{"title": "Walk"}'))
    agent = create_agent(manager.model("planner"), tools, response_format=ProviderStrategy(Plan))
    assert run(agent, is_async=is_async)["structured_response"] == Plan(title="Walk")
