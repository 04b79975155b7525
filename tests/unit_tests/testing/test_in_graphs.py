"""Scripted models under LangGraph and LangChain's event streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph

from langchain_nvgateway.testing import ScriptedChatModel, broken_call, calls

from ..role_composition.agents import run, stream
from ..role_composition.composing import WEATHER, get_weather


def graph_of(model: Any, *, is_async: bool) -> Any:
    """A graph of one node that asks the model."""

    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def anode(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return StateGraph(MessagesState).add_node("node", anode if is_async else node).add_edge(START, "node").compile()


def test_an_agent_runs_what_the_script_calls(is_async: bool) -> None:
    """And goes on with its result."""
    model = ScriptedChatModel([calls("get_weather", location="Dublin"), calls("get_weather", location="Cork")], "Sunny")
    messages = run(create_agent(model, [get_weather]), is_async=is_async)["messages"]
    kinds = [HumanMessage, AIMessage, ToolMessage, ToolMessage, AIMessage]
    assert [type(message) for message in messages] == kinds
    assert [message.text for message in model.requests[1].messages[2:]] == ["sunny in Dublin", "sunny in Cork"]
    assert model.requests[0].tool_names == ["get_weather"]


def test_a_message_without_an_id_may_be_played_twice_in_a_graph() -> None:
    """LangGraph would take two messages of one id for one."""
    model = ScriptedChatModel(AIMessage("fine"), at_end="repeat_last")
    state = run(graph_of(model, is_async=False), {"messages": ["Hello"]})
    state = run(graph_of(model, is_async=False), {"messages": [*state["messages"], "And again?"]})
    assert [message.text for message in state["messages"]] == ["Hello", "fine", "And again?", "fine"]


def test_langgraphs_message_stream_shows_the_words(is_async: bool) -> None:
    """Of a model that is asked for the whole answer."""
    model = ScriptedChatModel("one two three")
    items = stream(graph_of(model, is_async=is_async), is_async=is_async, stream_mode="messages")
    assert [chunk.text for chunk, _ in items if chunk.text] == ["one ", "two ", "three"]
    assert len({chunk.id for chunk, _ in items}) == 1
    assert model.requests[0].style == ("astream" if is_async else "stream")


def test_an_agent_without_a_guard_runs_what_langchain_made_of_a_broken_call(is_async: bool) -> None:
    """Only when its tokens are watched: then the whole answer is added up from chunks, and the cut JSON completed."""
    ran: list[str] = []

    def shell(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "done"

    def agent() -> Any:
        return create_agent(ScriptedChatModel(broken_call("shell", '{"command": "rm -rf /tm'), "Done."), [shell])

    run(agent(), is_async=is_async)
    assert ran == []
    stream(agent(), is_async=is_async, stream_mode="messages")
    assert ran == ["rm -rf /tm"]


@pytest.mark.parametrize("style", ["stream", "invoke"])
def test_event_streams_show_the_words(style: str) -> None:
    """And the whole answer at their end."""

    async def events() -> list[Any]:
        model = ScriptedChatModel(["one two ", calls("get_weather", location="Cork")])
        bound = model.bind_tools([get_weather])
        seen = graph_of(bound, is_async=True) if style == "invoke" else bound
        return [event async for event in seen.astream_events(WEATHER if style == "invoke" else "Hello", version="v2")]

    found = asyncio.run(events())
    words = [event["data"]["chunk"].text for event in found if event["event"] == "on_chat_model_stream"]
    assert [word for word in words if word] == ["one ", "two "]
    (end,) = [event["data"]["output"] for event in found if event["event"] == "on_chat_model_end"]
    assert (end.text, end.tool_calls[0]["args"]) == ("one two ", {"location": "Cork"})
    assert end.usage_metadata["output_tokens"] == 4


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_content_streams_of_version_3_show_the_words(is_async: bool) -> None:
    """LangChain's newer event streams."""

    async def aread() -> Any:
        return await (await ScriptedChatModel("one two").astream_events("Hello", version="v3"))

    def read() -> Any:
        return ScriptedChatModel("one two").stream_events("Hello", version="v3").output

    message = asyncio.run(aread()) if is_async else read()
    assert message.text == "one two"
    assert message.usage_metadata["output_tokens"] == 2
