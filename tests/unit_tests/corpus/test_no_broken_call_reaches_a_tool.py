"""Whatever is broken about a call, no tool of an agent runs with it; what is only odd reaches its tool."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.tools import StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_nvgateway import ModelManager, NVGatewayError
from langchain_nvgateway.emulator import Emulator, RecordedRequest, Reply

from .items import Item
from .offered import TOOLS
from .playing import ALL_BROKEN, ALL_VALID, letters_of, reply_of, told

SAID: Any = {"messages": [("user", "Do it.")]}
GROUPS = 4
BROKEN = [item for item in ALL_BROKEN if item.tools]
ODD = [item for item in ALL_VALID if item.tools is TOOLS and item.does]
STYLES = ("invoke", "ainvoke", "stream", "astream")

styles = pytest.mark.parametrize("style", STYLES)
groups = pytest.mark.parametrize("number", range(GROUPS))


class Recorder:
    """Tools of the corpus that remember what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._tools = {name: self._recording(name, schema) for name, schema in _schemas().items()}

    def tools(self, item: Item) -> list[StructuredTool]:
        """Return the tools that an item offers."""
        if item.tools is TOOLS:
            return list(self._tools.values())
        return [self._tools[convert_to_openai_tool(offered)["function"]["name"]] for offered in item.tools]

    def _recording(self, name: str, schema: dict[str, Any]) -> StructuredTool:
        def run(**arguments: Any) -> str:
            self.calls.append((name, arguments))
            return "done"

        return StructuredTool(name=name, description=name, args_schema=schema, func=run)


def _schemas() -> dict[str, dict[str, Any]]:
    written = [convert_to_openai_tool(offered)["function"] for offered in TOOLS]
    nothing = {"type": "object", "properties": {}}
    return {tool["name"]: tool.get("parameters", nothing) for tool in written}


class Choosing(AgentMiddleware):
    """Sets the tool choice of an item."""

    def __init__(self, choice: Any) -> None:
        super().__init__()
        self._choice = choice

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(self._chosen(request))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await handler(self._chosen(request))

    def _chosen(self, request: Any) -> Any:
        is_first = request.messages[-1].type == "human"
        return request.override(tool_choice=self._choice) if is_first else request


def script(emu: Emulator, item: Item, style: str) -> None:
    """Let NIM give the reply of an item to the first question, and both legs say a text to the rest."""
    emu.reset()
    is_by_letters = style == "astream" and item.deltas is None

    def speak(request: RecordedRequest) -> Reply:
        is_first = request.json["messages"][-1]["role"] == "user"
        return (letters_of if is_by_letters else reply_of)(item) if is_first else Reply(text="fine")

    emu.nim.reply_always(speak)
    emu.gateway.reply_always(Reply(text="fine"))
    if item.fault:
        emu.nim.fail_next(item.fault)


def run(agent: Any, style: str) -> None:
    """Run an agent in a style; `stream` is how LangGraph makes each model stream."""
    if style == "invoke":
        agent.invoke(SAID)
    elif style == "ainvoke":
        asyncio.run(agent.ainvoke(SAID))
    elif style == "stream":
        list(agent.stream(SAID, stream_mode="messages"))
    else:
        asyncio.run(_consume(agent))


async def _consume(agent: Any) -> None:
    async for _ in agent.astream(SAID, stream_mode="messages"):
        pass


def ran(emu: Emulator, recorder: Recorder, item: Item, style: str) -> tuple[list[Any], Exception | None]:
    """Return the calls that reached a tool in one run of an agent, and how the run ended."""
    script(emu, item, style)
    recorder.calls.clear()
    middleware = [] if item.tool_choice is None else [Choosing(item.tool_choice)]
    agent: Any = create_agent(ModelManager.from_env().model("planner"), recorder.tools(item), middleware=middleware)
    error: Exception | None = None
    try:
        run(agent, style)
    except Exception as caught:
        error = caught
    return list(recorder.calls), error


@styles
@groups
def test_no_broken_call_reaches_a_tool(number: int, style: str, emu: Emulator) -> None:
    """The Gateway's text is the answer; a stream that has shown text, or a call that was demanded, ends in an error.

    Each of them in a stream of LangGraph, where arguments are completed by guessing; a third in the other styles.
    """
    recorder, problems = Recorder(), []
    items = BROKEN if style == "stream" else BROKEN[STYLES.index(style) % 3 :: 3]
    for item in items[number::GROUPS]:
        if item.deltas is not None and style in ("invoke", "ainvoke"):
            continue
        calls, error = ran(emu, recorder, item, style)
        if calls:
            problems.append(f"{item.id} [{style}]: a tool ran: {str(calls)[:200]}")
        elif error is not None and not (isinstance(error, NVGatewayError) and _may_fail(item)):
            problems.append(f"{item.id} [{style}]: nobody answered: {error}")
    told(problems)


def _may_fail(item: Item) -> bool:
    """Whether the Gateway's text is no answer either, or comes too late."""
    return item.shows or item.tool_choice is not None


@styles
def test_odd_calls_reach_their_tools(style: str, emu: Emulator) -> None:
    """Each with exactly the arguments that the model wrote."""
    recorder, problems = Recorder(), []
    for item in ODD[STYLES.index(style) :: len(STYLES)]:
        if item.deltas is not None and style in ("invoke", "ainvoke"):
            continue
        calls, error = ran(emu, recorder, item, style)
        if error is not None or sorted(map(str, calls)) != sorted(map(str, item.does)):
            problems.append(f"{item.id} [{style}]: {repr(error)[:300] if error else str(calls)[:200]}")
    told(problems)
