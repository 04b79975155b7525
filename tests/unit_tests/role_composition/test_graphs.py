"""Graphs whose nodes are called like the roles, in each of LangGraph's stream modes."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from langchain_nvgateway import ModelManager
from langchain_nvgateway.emulator import Emulator

from .agents import check_the_weather_was_told, run, stream
from .composing import GATEWAY_LEG, WEATHER, chats, get_weather, manager_of, raises, says, who

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
each_fault = pytest.mark.parametrize("fault", [None, "internal_error", "cut_length"])


def weather_graph(model: Any, *, is_async: bool, **kwargs: Any) -> Any:
    """A programmer who calls a tool, in a node called like the role."""

    def programmer(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def aprogrammer(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("programmer", aprogrammer if is_async else programmer)
    graph.add_node("tools", ToolNode([get_weather]))
    graph.add_edge(START, "programmer")
    graph.add_conditional_edges("programmer", tools_condition)
    graph.add_edge("tools", "programmer")
    return graph.compile(**kwargs)


@pytest.fixture(params=["model", "named", "chain"])
def role_of(request: pytest.FixtureRequest) -> Any:
    """The role's model, also with a run that is called like the node, and its chain."""

    def role(manager: ModelManager) -> Any:
        if request.param == "chain":
            return manager.chain("programmer").bind_tools([get_weather])
        model = manager.model("programmer").bind_tools([get_weather])
        return model.with_config(run_name="programmer") if request.param == "named" else model

    return role


def started(emu: Emulator, fault: str | None) -> ModelManager:
    if fault:
        emu.nim.fail_always(fault)
    return ModelManager.from_env()


@both_ways
@each_fault
@pytest.mark.parametrize("mode", ["values", "updates", "messages", "debug"])
def test_a_graph_ends_with_the_tools_result(
    mode: str, fault: str | None, is_async: bool, role_of: Any, emu: Emulator
) -> None:
    """In each stream mode, whatever NIM does."""
    graph = weather_graph(role_of(started(emu, fault)), is_async=is_async, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    assert stream(graph, WEATHER, config, is_async=is_async, stream_mode=mode)
    check_the_weather_was_told(graph.get_state(config).values)


def streamed_messages(items: list[Any]) -> dict[str, Any]:
    """Return the messages that a stream brought, by id, each the sum of its chunks."""
    found: dict[str, list[Any]] = {}
    for message, _ in items:
        found.setdefault(message.id, []).append(message)
    for messages in found.values():
        assert all(isinstance(message, AIMessageChunk) for message in messages) or len(messages) == 1
    return {name: reduce(add, messages) for name, messages in found.items()}


@both_ways
@pytest.mark.parametrize("fault", [None, "internal_error"])
def test_streamed_messages_are_the_messages(fault: str | None, is_async: bool, role_of: Any, emu: Emulator) -> None:
    """None twice, none more, and each with the text that it has in the end."""
    graph = weather_graph(role_of(started(emu, fault)), is_async=is_async, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    found = streamed_messages(stream(graph, config=config, is_async=is_async, stream_mode="messages"))
    final = graph.get_state(config).values["messages"][1:]
    assert list(found) == [message.id for message in final]
    for message in final:
        assert found[message.id].text == message.text
        if isinstance(message, AIMessage):
            assert found[message.id].tool_calls == message.tool_calls


@both_ways
def test_fakes_are_streamed_as_well(is_async: bool) -> None:
    """The second one, when the first one fails."""
    graph = weather_graph(
        manager_of(raises(ConnectionError()), says("all is well")).model("programmer"), is_async=is_async
    )
    found = streamed_messages(stream(graph, is_async=is_async, stream_mode="messages"))
    assert [message.text.strip() for message in found.values()] == ["all is well"]


@both_ways
def test_roles_work_one_after_the_other(is_async: bool, emu: Emulator) -> None:
    """Each node asks its own role, and NIM fails in the midst of it."""
    roles = ("router", "planner", "programmer", "reviewer", "summarizer")
    emu.nim.fail_when(lambda request: len(request.json["messages"]) > 3, "internal_error")
    manager = ModelManager.from_env()
    graph = StateGraph(MessagesState)

    def node_of(role: str) -> Any:
        model = manager.model(role)

        def node(state: MessagesState) -> Any:
            return {"messages": [model.invoke(state["messages"]), HumanMessage(f"Now the next after {role}")]}

        async def anode(state: MessagesState) -> Any:
            answer = await model.ainvoke(state["messages"])
            return {"messages": [answer, HumanMessage(f"Now the next after {role}")]}

        return anode if is_async else node

    graph.add_sequence([(role, node_of(role)) for role in roles])
    graph.add_edge(START, roles[0])
    state = run(graph.compile(), {"messages": [("user", "Begin")]}, is_async=is_async)
    answers = [message for message in state["messages"] if isinstance(message, AIMessage)]
    assert [answer.response_metadata["nvgateway"]["role"] for answer in answers] == list(roles)
    assert [who(answer).split(":")[0] for answer in answers] == ["nvidia-nim"] * 2 + ["nvidia-gateway"] * 3
    assert [request.model for request in chats(emu.gateway)] == ["gpt-4o", "gpt-4o-mini", "gpt-4o-mini"]


@both_ways
def test_a_node_may_stream_by_itself(is_async: bool, emu: Emulator) -> None:
    """What it adds up is the second leg's answer."""
    emu.nim.fail_always("internal_error")
    model = ModelManager.from_env().model("planner")

    def planner(state: MessagesState) -> Any:
        return {"messages": [reduce(add, model.stream(state["messages"]))]}

    async def aplanner(state: MessagesState) -> Any:
        return {"messages": [reduce(add, [chunk async for chunk in model.astream(state["messages"])])]}

    graph = StateGraph(MessagesState)
    graph.add_node("planner", aplanner if is_async else planner)
    graph.add_edge(START, "planner")
    compiled = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    found = streamed_messages(stream(compiled, config=config, is_async=is_async, stream_mode="messages"))
    (final,) = compiled.get_state(config).values["messages"][1:]
    assert who(final) == GATEWAY_LEG
    assert [(name, message.text) for name, message in found.items()] == [(final.id, final.text)]
