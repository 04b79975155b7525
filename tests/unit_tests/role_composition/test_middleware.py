"""LangChain's middleware uses roles."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    LLMToolSelectorMiddleware,
    ModelFallbackMiddleware,
    SummarizationMiddleware,
)
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_nvgateway import ModelManager
from langchain_nvgateway.emulator import Emulator

from .agents import check_the_weather_was_told, run
from .composing import WEATHER, failing_nim, get_weather, manager_of, raises, who

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["invoke", "ainvoke"])


class Choosing(AgentMiddleware):  # type: ignore[type-arg]
    """Has another model answer."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(model=self.model))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await handler(request.override(model=self.model))


@both_ways
def test_middleware_chooses_another_role(is_async: bool, emu: Emulator) -> None:
    """`request.override(model=…)`."""
    manager = failing_nim(emu)
    agent = create_agent(manager.model("planner"), [get_weather], middleware=[Choosing(manager.model("router"))])
    state = run(agent, is_async=is_async)
    check_the_weather_was_told(state)
    assert who(state["messages"][1]) == "nvidia-gateway:gpt-4o-mini"


class Setting(AgentMiddleware):  # type: ignore[type-arg]
    """Sets parameters of each call."""

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(model_settings={"temperature": 0.25}, tool_choice="get_weather"))


def test_settings_of_middleware_reach_every_leg(emu: Emulator) -> None:
    """`model_settings` and `tool_choice`."""
    agent = create_agent(failing_nim(emu).model("planner"), [get_weather], middleware=[Setting()])
    next(iter(agent.stream(WEATHER)))
    for request in emu.requests:
        if request.route == "chat":
            assert request.json["temperature"] == 0.25
            assert request.json["tool_choice"]


def test_settings_reach_every_leg_of_an_agent_without_tools(emu: Emulator) -> None:
    """They are bound alone then."""

    class Cooler(AgentMiddleware):  # type: ignore[type-arg]
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return handler(request.override(model_settings={"temperature": 0.25}))

    agent = create_agent(failing_nim(emu).model("planner"), [], middleware=[Cooler()])
    agent.invoke({"messages": [("user", "Hello")]})
    assert [request.json["temperature"] for request in emu.requests if request.route == "chat"] == [0.25, 0.25]


@both_ways
def test_a_summarizer_shortens_the_conversation(is_async: bool, emu: Emulator) -> None:
    """The summarizer role summarizes, though NIM is down."""
    manager = failing_nim(emu)
    middleware = SummarizationMiddleware(manager.model("summarizer"), trigger=("messages", 6), keep=("messages", 2))
    agent = create_agent(manager.model("planner"), [get_weather], middleware=[middleware], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    for place in ("Dublin", "Oslo", "Rome"):
        state = run(agent, {"messages": [("user", f"get_weather in {place}")]}, config, is_async=is_async)
    assert isinstance(state["messages"][0], HumanMessage)
    assert "summary" in state["messages"][0].text.lower()
    assert "sunny in Rome" in state["messages"][-1].text


def test_a_summarizer_may_go_by_a_fraction_of_the_window(emu: Emulator) -> None:
    """The role knows how much its models take, as far as the models do."""
    manager = ModelManager.from_env()
    SummarizationMiddleware(manager.model("summarizer"), trigger=("fraction", 0.8), keep=("fraction", 0.3))


@both_ways
def test_a_role_is_the_fallback_of_another_model(is_async: bool, emu: Emulator) -> None:
    """`ModelFallbackMiddleware`."""
    broken = manager_of(raises(ConnectionError("1")), raises(ConnectionError("2"))).model("planner")
    middleware = ModelFallbackMiddleware(failing_nim(emu).model("planner"))
    check_the_weather_was_told(run(create_agent(broken, [get_weather], middleware=[middleware]), is_async=is_async))


@both_ways
def test_a_router_selects_the_tools(is_async: bool, emu: Emulator) -> None:
    """`LLMToolSelectorMiddleware` asks in a schema."""

    @tool
    def get_time(zone: str) -> str:
        """Tell the time."""
        return f"noon in {zone}"

    manager = failing_nim(emu)
    middleware = LLMToolSelectorMiddleware(model=manager.model("router"), max_tools=2)
    agent = create_agent(manager.model("planner"), [get_weather, get_time], middleware=[middleware])
    state = run(agent, is_async=is_async)
    assert isinstance(state["messages"][-1], AIMessage)
    assert any(message.type == "tool" for message in state["messages"])
