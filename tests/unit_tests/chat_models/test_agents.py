"""Agents of LangChain and LangGraph run on both models."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_nvgateway.emulator import Reply

from .calling import Endpoint


@tool
def get_weather(location: str) -> str:
    """Look up the weather.

    Args:
        location: Where.
    """
    return f"sunny in {location}"


def _react_agent(model: Any, tools: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It is deprecated, and in use.
        from langgraph.prebuilt import create_react_agent

        return create_react_agent(model, tools, **kwargs)


AGENTS = {"create_agent": create_agent, "create_react_agent": _react_agent}
SAID: Any = {"messages": [("user", "get_weather in Dublin")]}


@pytest.fixture(params=list(AGENTS))
def build(request: pytest.FixtureRequest) -> Any:
    """Both ways to build an agent."""
    return AGENTS[request.param]


async def _collect(iterator: Any) -> list[Any]:
    return [item async for item in iterator]


@pytest.mark.parametrize("is_async", [False, True], ids=["invoke", "ainvoke"])
def test_an_agent_calls_its_tool_and_answers(is_async: bool, build: Any, endpoint: Endpoint) -> None:
    """The loop ends with the tool's result in the answer."""
    agent = build(endpoint.model(), [get_weather])
    state = asyncio.run(agent.ainvoke(SAID)) if is_async else agent.invoke(SAID)
    kinds = [type(message) for message in state["messages"]]
    assert kinds[1:] == [AIMessage, ToolMessage, AIMessage]
    assert "sunny" in state["messages"][-1].text
    assert len(endpoint.chats) == 2


@pytest.mark.parametrize("is_async", [False, True], ids=["stream", "astream"])
def test_the_messages_of_an_agent_can_be_streamed(is_async: bool, build: Any, endpoint: Endpoint) -> None:
    """Token by token, and the tokens are the message."""
    agent = build(endpoint.model(), [get_weather])
    if is_async:
        items = asyncio.run(_collect(agent.astream(SAID, stream_mode="messages")))
    else:
        items = list(agent.stream(SAID, stream_mode="messages"))
    spoken = [message for message, _ in items if isinstance(message, AIMessageChunk)]
    assert len(spoken) > 4
    assert "sunny" in "".join(chunk.text for chunk in spoken)


def test_the_usage_of_an_agent_is_counted_once(build: Any, endpoint: Endpoint) -> None:
    """Whether its tokens are streamed or not."""
    agent = build(endpoint.model(), [get_weather])
    totals = []
    for mode in ("values", "messages"):
        with get_usage_metadata_callback() as counted:
            list(agent.stream(SAID, stream_mode=mode))
        totals.append([usage["total_tokens"] for usage in counted.usage_metadata.values()])
    assert totals[0] == totals[1]


def test_an_agent_remembers(build: Any, endpoint: Endpoint) -> None:
    """With a checkpointer, which serialises the messages."""
    agent = build(endpoint.model(), [get_weather], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke(SAID, config)
    state = agent.invoke({"messages": [("user", "get_weather in Oslo")]}, config)
    assert len(state["messages"]) == 8


class Report(BaseModel):
    """A report."""

    summary: str


@pytest.mark.parametrize(
    "strategy", [Report, ToolStrategy(Report), ProviderStrategy(Report)], ids=["auto", "tool", "provider"]
)
def test_an_agent_answers_in_a_schema(strategy: Any, endpoint: Endpoint) -> None:
    """By a tool or by the service's own structured output."""
    if isinstance(strategy, ProviderStrategy):
        endpoint.service.reply_next(Reply(text='{"summary": "fine"}'))
    agent = create_agent(endpoint.model(), [], response_format=strategy)
    assert isinstance(agent.invoke({"messages": [("user", "Report")]})["structured_response"], Report)


def test_the_metadata_of_an_agent_names_all_its_calls(build: Any, gateway: Endpoint) -> None:
    """One correlation id for a whole run, if that is wanted."""
    build(gateway.model(), [get_weather]).invoke(SAID, {"metadata": {"correlation_id": "run-1"}})
    assert [request.headers["correlationid"] for request in gateway.chats] == ["run-1"] * 2
