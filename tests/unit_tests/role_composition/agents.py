"""The ways to build an agent, and what is known of a run afterwards."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage

from langchain_nvgateway import ModelManager

from .composing import WEATHER, get_weather


def react_agent(model: Any, tools: Any, **kwargs: Any) -> Any:
    """Build LangGraph's agent; it is deprecated, and in use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langgraph.prebuilt import create_react_agent

        return create_react_agent(model, tools, **kwargs)


BUILDERS: dict[str, Callable[..., Any]] = {"create_agent": create_agent, "create_react_agent": react_agent}
MODELS: dict[str, Callable[[ModelManager], Any]] = {
    "model": lambda manager: manager.model("planner"),
    "bound": lambda manager: manager.model("planner").bind_tools([get_weather]),
    "chain": lambda manager: manager.chain("planner"),
}


def run(graph: Any, said: Any = WEATHER, config: Any = None, *, is_async: bool = False) -> Any:
    """Run a graph, sync or async."""
    return asyncio.run(graph.ainvoke(said, config)) if is_async else graph.invoke(said, config)


def stream(graph: Any, said: Any = WEATHER, config: Any = None, *, is_async: bool = False, **kwargs: Any) -> list[Any]:
    """Stream a graph, sync or async."""

    async def collect() -> list[Any]:
        return [item async for item in graph.astream(said, config, **kwargs)]

    return asyncio.run(collect()) if is_async else list(graph.stream(said, config, **kwargs))


def check_the_weather_was_told(state: Any) -> None:
    """Check that the tool ran once with what the user said, and that the answer tells its result."""
    messages = state["messages"]
    assert [type(message) for message in messages[1:]] == [AIMessage, ToolMessage, AIMessage]
    assert messages[1].tool_calls[0]["args"] == {"location": "Dublin"}
    assert messages[2].content == "sunny in Dublin"
    assert "sunny in Dublin" in messages[3].text
