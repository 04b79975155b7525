"""Streams of a role that never end are over in time, also while nobody sees anything of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

from langchain_nvgateway import AllProvidersFailedError, ModelManager, NVGatewayError, NVGatewaySettings

from ..chat_models.raw_server import chunk
from .attacks import STREAM
from .hostile_server import HostileServer, Play, attacking
from .test_hostile_servers import ask, look_up, told

PATIENCE = 8.0
"""Seconds; without its limit, each call here takes twice as many and more."""


def dripping(*start: bytes, again: bytes) -> Play:
    """Begin a stream, and go on with the same event for ever."""

    def play(server: HostileServer) -> Iterable[bytes]:
        return itertools.chain([STREAM, *start], iter(lambda: None if server.is_over.wait(0.05) else again, None))

    return play


def arguments(text: str, name: str | None = None) -> dict[str, Any]:
    """Write a piece of a tool call."""
    function = {"arguments": text} if name is None else {"name": name, "arguments": text}
    return {"tool_calls": [{"index": 0, "function": function, **({"id": "a"} if name else {})}]}


BEGINNING = chunk(arguments('{"name": "', "look_up"))
MORE = chunk(arguments("x"))
WORDS = chunk({"content": "I look. "})

HELD: dict[str, Play] = {
    "thoughts": dripping(again=chunk({"reasoning_content": "hm "})),
    "blanks": dripping(again=chunk({"content": " "})),
    "arguments": dripping(BEGINNING, again=MORE),
    "what may be a leaked call": dripping(
        chunk({"content": '{"name": "look_up", "x": "'}), again=chunk({"content": "x"})
    ),
}


@pytest.fixture
def settings() -> dict[str, Any]:
    """One second for a call of a role."""
    return {"nvidia_nim_api_key": "fake-key", "request_timeout": 1.0, "first_token_timeout": 0.5}


@pytest.fixture
def role_of(settings: dict[str, Any]) -> Iterator[Any]:
    """Make the model of a role whose NIM is a hostile server."""
    made: list[ModelManager] = []

    def build(server: HostileServer, **settings_of_role: Any) -> Any:
        made.append(ModelManager(NVGatewaySettings(**settings, nvidia_nim_base_url=f"{server.origin}/v1")))
        return made[-1].model("planner", **settings_of_role).bind_tools([look_up])

    yield build
    for manager in made:
        manager.close()


def graph_of(role: Any, style: str) -> Any:
    """Build a graph with one node, which asks for a whole answer."""

    async def aplan(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await role.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("planner", aplan if style == "astream" else lambda state: {"messages": [role.invoke("hello")]})
    graph.add_edge(START, "planner").add_edge("planner", END)
    return graph.compile()


def watched(graph: Any, style: str) -> list[Any]:
    """Return what is shown of the messages in a graph."""
    question, mode = {"messages": [("user", "hello")]}, {"stream_mode": "messages"}

    async def shown() -> list[Any]:
        return [message async for message, _ in graph.astream(question, **mode)]

    return asyncio.run(shown()) if style == "astream" else [message for message, _ in graph.stream(question, **mode)]


@pytest.mark.parametrize("style", ["stream", "astream", "invoke", "ainvoke"])
@pytest.mark.parametrize("name", HELD)
def test_what_is_held_back_does_not_prolong_a_call(name: str, style: str, role_of: Any) -> None:
    """The time for a call of a role holds until its reader sees something, in sync as in async."""
    start = time.monotonic()
    with attacking(HELD[name]) as server, pytest.raises(AllProvidersFailedError):
        ask(role_of(server), style)

    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_whole_answer_that_is_watched_is_over_in_time(style: str, role_of: Any) -> None:
    """Also where its watcher has seen words before a call that never ends: nobody but the watcher wants a stream."""
    start = time.monotonic()
    with attacking(dripping(WORDS, BEGINNING, again=MORE)) as server, pytest.raises(AllProvidersFailedError):
        watched(graph_of(role_of(server), style), style)

    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_whole_answer_that_is_watched_counts_also_if_its_stream_goes_on_behind_it(style: str, role_of: Any) -> None:
    """The time is over after the finish reason, so nothing is missing."""
    with attacking(dripping(WORDS, chunk({}, "stop"), again=b": still here\n\n")) as server:
        shown = watched(graph_of(role_of(server), style), style)

    assert "".join(message.text for message in shown) == "I look. "


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_role_that_holds_everything_back_is_over_in_time(style: str, role_of: Any) -> None:
    """What its model shows, the reader of the role does not see."""
    start = time.monotonic()
    with attacking(dripping(WORDS, BEGINNING, again=MORE)) as server, pytest.raises(AllProvidersFailedError):
        ask(role_of(server, hold="all"), style)

    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_call_behind_visible_words_may_take_long(style: str, role_of: Any) -> None:
    """While its pieces come, the service is not silent, although nothing more can be seen."""

    def play(server: HostileServer) -> Iterator[bytes]:
        yield from (STREAM, WORDS, BEGINNING)
        for _ in range(15):
            server.is_over.wait(0.1)
            yield MORE
        yield chunk(arguments('"}'), "tool_calls")

    with attacking(play) as server:
        answer = told(role_of(server), style)

    assert [call["args"] for call in getattr(answer, "tool_calls", [])] == [{"name": "x" * 15}], answer


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_text_of_a_role_may_go_on_for_longer_than_a_call_may_take_to_begin(style: str, role_of: Any) -> None:
    """Once its reader sees something, only silences count, and the twentyfold of the longest."""

    def play(server: HostileServer) -> Iterator[bytes]:
        yield STREAM
        for _ in range(15):
            yield chunk({"content": "word "})
            server.is_over.wait(0.1)
        yield chunk({}, "stop")

    with attacking(play) as server:
        try:
            text = ask(role_of(server), style).text
        except NVGatewayError as error:
            text = str(error)

    assert text == "word " * 15
