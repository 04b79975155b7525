"""What is no failure passes through a role untouched, and counts nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt, NodeInterrupt, ParentCommand
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, Interrupt, interrupt

from langchain_nvgateway import ModelManager
from langchain_nvgateway.breaker import BreakerState

from ..chat_models.calling import Call
from .agents import run
from .composing import GATEWAY_LEG, NIM_LEG, FakeLeg, Plan, Recorder, get_weather, manager_of, raises, says, who

pytestmark = pytest.mark.filterwarnings("ignore:NodeInterrupt is deprecated")


def control_flow(name: str) -> BaseException:
    """Return an exception that is no failure."""
    if name == "node interrupt":
        return NodeInterrupt("Is that all right?")
    return {
        "graph interrupt": GraphInterrupt((Interrupt(value="Is that all right?"),)),
        "parent command": ParentCommand(Command(graph=Command.PARENT, goto="elsewhere")),
        "keyboard": KeyboardInterrupt(),
        "exit": SystemExit(3),
    }[name]


NAMES = ["graph interrupt", "node interrupt", "parent command", "keyboard", "exit"]


def nothing_was_counted(manager: ModelManager) -> bool:
    """Whether each circuit is as it was in the beginning."""
    snapshots = [breaker.snapshot() for breaker in manager.breakers.values()]
    return all(found.state is BreakerState.CLOSED and not found.consecutive_failures for found in snapshots)


BOUND: dict[str, Callable[[Any], Any]] = {
    "plain": lambda role: role,
    "tools": lambda role: role.bind_tools([get_weather]),
    "retries": lambda role: role.with_retry(),
}


@pytest.mark.parametrize("bound", list(BOUND))
@pytest.mark.parametrize("name", NAMES)
def test_control_flow_passes_through(name: str, bound: str, call: Call) -> None:
    """The very exception, from each call style; the second leg is not asked."""
    second, error = says(), control_flow(name)
    manager = manager_of(raises(error), second)
    with pytest.raises(type(error)) as caught:
        call(BOUND[bound](manager.model("planner")), "Hello")
    assert caught.value is error
    assert second.calls == []
    assert nothing_was_counted(manager)


@pytest.mark.parametrize("name", NAMES)
def test_control_flow_passes_through_a_chain(name: str, call: Call) -> None:
    """With tools, too."""
    second, error = says(), control_flow(name)
    manager = manager_of(raises(error), second)
    with pytest.raises(type(error)) as caught:
        call(manager.chain("planner").bind_tools([get_weather]), "Hello")
    assert caught.value is error
    assert second.calls == []
    assert nothing_was_counted(manager)


@pytest.mark.parametrize("name", ["graph interrupt", "parent command"])
def test_control_flow_passes_through_a_schema(name: str, kind: str, call_whole: Call) -> None:
    """With structured output too."""
    second, error = says(), control_flow(name)
    role: Any = getattr(manager_of(raises(error), second), kind)("planner")
    with pytest.raises(type(error)):
        call_whole(role.with_structured_output(Plan), "Hello")
    assert second.calls == []


def interrupting_leg() -> FakeLeg:
    """A leg that asks a human first."""

    def act(_messages: Any, _kwargs: Any) -> AIMessage:
        return AIMessage(f"They said {interrupt('Is that all right?')}")

    return FakeLeg(act=act)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("kind", "bound"),
    [("model", "plain"), ("model", "tools"), ("model", "retries"), ("chain", "plain"), ("chain", "tools")],
)
def test_an_interrupted_run_can_be_resumed(kind: str, bound: str, is_async: bool) -> None:
    """The leg goes on where it asked, and answers itself."""
    manager = manager_of(interrupting_leg(), says("not asked"))
    role: Any = BOUND[bound](getattr(manager, kind)("planner"))

    def planner(state: MessagesState) -> Any:
        return {"messages": [role.invoke(state["messages"])]}

    async def aplanner(state: MessagesState) -> Any:
        return {"messages": [await role.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("planner", aplanner if is_async else planner)
    graph.add_edge(START, "planner")
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    state = run(compiled, {"messages": [("user", "Hello")]}, config, is_async=is_async)
    assert [asked.value for asked in state["__interrupt__"]] == ["Is that all right?"]
    assert nothing_was_counted(manager)
    state = run(compiled, Command(resume="yes"), config, is_async=is_async)
    assert state["messages"][-1].text == "They said yes"
    assert who(state["messages"][-1]) == NIM_LEG


def test_the_run_of_an_interrupted_call_ends_with_the_interrupt(call: Call) -> None:
    """In traces, the role's run and the leg's."""
    error, recorder = control_flow("graph interrupt"), Recorder()
    with pytest.raises(GraphInterrupt):
        call(manager_of(raises(error), says()).model("planner"), "Hello", {"callbacks": [recorder]})
    assert [run["error"] for run in recorder.runs.values()] == [error, error]


def test_a_cancelled_task_asks_no_other_leg() -> None:
    """The task ends, and the leg is not to blame."""
    entered = asyncio.Event()

    class Waiting(FakeLeg):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            entered.set()
            await asyncio.Event().wait()

    second = says()
    manager = manager_of(Waiting(act=lambda _messages, _kwargs: AIMessage("never")), second)

    async def cancel() -> None:
        task = asyncio.create_task(manager.model("planner").ainvoke("Hello"))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert second.calls == []
    assert nothing_was_counted(manager)


def test_a_callers_own_time_limit_is_no_failure_of_the_leg() -> None:
    """`asyncio.timeout` around the call cancels it."""

    class Waiting(FakeLeg):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            await asyncio.Event().wait()

    second = says()
    manager = manager_of(Waiting(act=lambda _messages, _kwargs: AIMessage("never")), second)

    async def leave() -> None:
        async with asyncio.timeout(0.05):
            await manager.model("planner").ainvoke("Hello")

    with pytest.raises(TimeoutError):
        asyncio.run(leave())
    assert second.calls == []
    assert nothing_was_counted(manager)


@pytest.mark.parametrize("error", [TypeError("bug"), AttributeError("bug"), NameError("bug"), AssertionError("bug")])
def test_mistakes_in_code_are_raised_at_once(error: Exception, kind: str, call: Call) -> None:
    """And not hidden by another leg."""
    second = says()
    manager = manager_of(raises(error), second)
    with pytest.raises(type(error)) as caught:
        call(getattr(manager, kind)("planner"), "Hello")
    assert caught.value is error
    assert second.calls == []
    assert nothing_was_counted(manager)


def test_a_failure_beside_control_flow_still_falls_back(call: Call) -> None:
    """An ordinary error goes to the second leg as ever."""
    assert who(call(manager_of(raises(ConnectionError()), says()).model("planner"), "Hello")) == GATEWAY_LEG
