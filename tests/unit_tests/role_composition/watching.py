"""Graphs whose message stream is read, and legs that break off while they speak."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGenerationChunk
from langgraph.config import get_config
from langgraph.graph import START, MessagesState, StateGraph

from langchain_nvgateway import StreamInterruptedError

from .composing import FakeLeg, get_weather

DONE: dict[str, Any] = {"finish_reason": "stop"}
HELLO: Any = {"messages": [("user", "Hello")]}
BOTH = ["messages", "custom"]


class Speaking(FakeLeg):
    """Streams texts, chunks and endings; raises errors, and calls functions, in their places."""

    scripts: list[list[Any]]
    """What it does in each call; the last one again and again."""

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        self.calls.append(kwargs)
        for step in self.scripts[min(len(self.calls), len(self.scripts)) - 1]:
            if isinstance(step, BaseException):
                raise step
            if callable(step):
                step()
            elif isinstance(step, dict):
                yield ChatGenerationChunk(message=AIMessageChunk(""), generation_info=step)
            elif isinstance(step, str):
                yield ChatGenerationChunk(message=AIMessageChunk(step))
            else:
                yield ChatGenerationChunk(message=step.model_copy())


def speaking(*script: Any, then: list[Any] | None = None, **fields: Any) -> Speaking:
    """A leg that streams a script, and then perhaps another one."""
    scripts = [list(script), *([then] if then else [])]
    return Speaking(act=lambda _messages, _kwargs: AIMessage("not streamed"), scripts=scripts, **fields)


def calls(args: str, name: str | None = "get_weather") -> AIMessageChunk:
    """A chunk with a part of a call, or the whole of it; later parts have no name."""
    call = {"name": name, "args": args, "id": name and "call-1", "index": 0, "type": "tool_call_chunk"}
    return AIMessageChunk("", tool_call_chunks=[call])


def asking(model: Any, *, is_async: bool) -> Callable[..., Any]:
    """A node that asks a model."""

    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def anode(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return anode if is_async else node


def streaming(model: Any, *, is_async: bool) -> Any:
    """A node that asks once more when its stream is interrupted."""

    def node(state: MessagesState) -> Any:
        for _ in range(2):
            try:
                return {"messages": [add_ai_message_chunks(*model.stream(state["messages"]))]}
            except StreamInterruptedError:
                pass
        return None

    async def anode(state: MessagesState) -> Any:
        for _ in range(2):
            try:
                chunks = [chunk async for chunk in model.astream(state["messages"])]
                return {"messages": [add_ai_message_chunks(*chunks)]}
            except StreamInterruptedError:
                pass
        return None

    return anode if is_async else node


def graph_of(*nodes: Any, **kwargs: Any) -> Any:
    """A graph whose nodes all begin at once."""
    graph = StateGraph(MessagesState)
    for place, node in enumerate(nodes):
        graph.add_node(f"node {place}", node)
        graph.add_edge(START, f"node {place}")
    return graph.compile(**kwargs)


def _node(model: Any, *, is_async: bool) -> Any:
    return graph_of(asking(model, is_async=is_async))


def _agent(model: Any, *, is_async: bool) -> Any:
    return create_agent(model, [get_weather])


GRAPHS: dict[str, Callable[..., Any]] = {"node": _node, "agent": _agent}


class Reading:
    """A stream of a graph, read to its end, and what a reader is left with who takes back what is retracted."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Any]] = []
        self.state: Any = None
        self.error: BaseException | None = None

    def take(self, mode: str, payload: Any) -> None:
        """Note an item."""
        if mode == "values":
            self.state = payload
        else:
            self.items.append((mode, payload))

    @property
    def shown(self) -> list[Any]:
        """All messages and chunks, retracted or not."""
        return [payload[0] for mode, payload in self.items if mode == "messages"]

    @property
    def retracted(self) -> list[str]:
        """The ids that were taken back."""
        events = [payload for mode, payload in self.items if mode == "custom"]
        assert all(set(event) == {"type", "message_id"} for event in events)
        assert all(event["type"] == "nvgateway.retract" for event in events)
        return [event["message_id"] for event in events]

    @property
    def kept(self) -> dict[str, Any]:
        """The messages that a reader has in the end, by id."""
        found: dict[str, list[Any]] = {}
        for mode, payload in self.items:
            if mode == "custom":
                del found[payload["message_id"]]
            else:
                found.setdefault(payload[0].id, []).append(payload[0])
        for parts in found.values():
            assert len(parts) == 1 or all(isinstance(part, AIMessageChunk) for part in parts)
        return {name: reduce(add, parts) for name, parts in found.items()}

    def check_kept_is_the_state(self) -> None:
        """Check that the reader has the messages that the graph has, no more and no less, each once."""
        final = {message.id: message for message in self.state["messages"][1:]}
        kept = self.kept
        assert set(kept) == set(final)
        for name, message in final.items():
            assert kept[name].text == message.text
            assert getattr(kept[name], "tool_calls", []) == getattr(message, "tool_calls", [])


def read(
    graph: Any,
    said: Any = HELLO,
    *,
    is_async: bool,
    modes: list[str] = BOTH,
    on_item: Callable[[str, Any, Any], None] | None = None,
    config: Any = None,
    **kwargs: Any,
) -> Reading:
    """Read a graph's stream to its end, whatever that is."""
    reading = Reading()
    options = {"stream_mode": [*modes, "values"], **kwargs}

    def take(item: Any) -> None:
        namespace, mode, payload = item if len(item) == 3 else ((), *item)
        if mode != "values" or not namespace:
            reading.take(mode, payload)
        if on_item:
            on_item(mode, payload, namespace)

    async def read_async() -> None:
        async for item in graph.astream(said, config, **options):
            take(item)

    try:
        if is_async:
            asyncio.run(read_async())
        else:
            for item in graph.stream(said, config, **options):
                take(item)
    except Exception as error:
        reading.error = error
    return reading


def message_handler() -> Any:
    """LangGraph's handler for the message stream of the graph whose node this is called in."""
    (handler,) = [each for each in get_config()["callbacks"].handlers if type(each).__name__ == "StreamMessagesHandler"]
    return handler
