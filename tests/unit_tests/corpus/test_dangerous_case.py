"""The case that all of this is for: a command that is cut in the middle, completed by guessing, and run."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import BaseTool, tool
from langchain_openai import ChatOpenAI

from langchain_nvgateway import ChatNIM, ModelManager, NVGatewayError
from langchain_nvgateway.emulator import Emulator, RecordedRequest, Reply

from ..chat_models.calling import SCOUT

MEANT = '{"command": "rm -rf /tmp/build/cache"}'
CUT = '{"command": "rm -rf /tmp'
SAID: Any = {"messages": [("user", "Clean the build cache.")]}
DONE = "Nothing was removed."

finishes = pytest.mark.parametrize("finish", ["length", "tool_calls", None], ids=str)


class Shell:
    """A harmless tool of that name, which only remembers what it was to run."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    @property
    def tools(self) -> list[BaseTool]:
        """The tool."""

        @tool
        def shell(command: str) -> str:
            """Run a command."""
            self.commands.append(command)
            return "done"

        return [shell]


@pytest.fixture
def shell() -> Shell:
    """A shell that runs nothing."""
    return Shell()


def cut_the_command(emu: Emulator, finish: str | None) -> None:
    """Let NIM call the shell with half a command, and say a text once there is a result."""

    def speak(request: RecordedRequest) -> Reply:
        if request.json["messages"][-1]["role"] == "tool":
            return Reply(text="All clean.")
        return Reply(tool_calls=[("shell", CUT)], finish_reason=finish)

    emu.nim.reply_always(speak)
    emu.gateway.reply_always(Reply(text=DONE))


def streamed(agent: Any) -> list[Any]:
    """Run an agent with its messages streamed."""
    return list(agent.stream(SAID, stream_mode="messages"))


async def astreamed(agent: Any) -> list[Any]:
    """Do what `streamed` does."""
    return [item async for item in agent.astream(SAID, stream_mode="messages")]


RUNS: dict[str, Any] = {
    "invoke": lambda agent: agent.invoke(SAID),
    "ainvoke": lambda agent: asyncio.run(agent.ainvoke(SAID)),
    "stream": streamed,
    "astream": lambda agent: asyncio.run(astreamed(agent)),
}
runs = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@pytest.fixture
def plain_model(emu: Emulator) -> Iterator[ChatOpenAI]:
    """LangChain's own model for such a service."""
    key: Any = emu.nim.api_key  # ChatOpenAI takes text as well, which its annotation does not say.
    yield ChatOpenAI(model=SCOUT, base_url=emu.env["NVIDIA_NIM_BASE_URL"], api_key=key, max_retries=0)
    gc.collect()


@finishes
def test_without_this_package_the_cut_command_runs(
    finish: str | None, plain_model: ChatOpenAI, emu: Emulator, shell: Shell
) -> None:
    """LangChain completes the arguments of a stream, and the tool runs with half of the path."""
    cut_the_command(emu, finish)
    streamed(create_agent(plain_model, shell.tools))
    assert shell.commands == ["rm -rf /tmp"]


@finishes
@runs
def test_a_chat_model_does_not_let_it_through(finish: str | None, run: Any, emu: Emulator, shell: Shell) -> None:
    """The run ends with a typed error, and the tool was not called."""
    cut_the_command(emu, finish)
    with pytest.raises(NVGatewayError) as caught:
        run(create_agent(ChatNIM(max_retries=0), shell.tools))
    assert shell.commands == []
    assert caught.value.is_retryable  # type: ignore[attr-defined]  # a ModelError has it


@finishes
@runs
def test_a_role_asks_the_next_leg(finish: str | None, run: Any, emu: Emulator, shell: Shell) -> None:
    """Its answer is the agent's, and the tool was not called."""
    cut_the_command(emu, finish)
    found = run(create_agent(ModelManager.from_env().model("planner"), shell.tools))
    assert shell.commands == []
    if isinstance(found, dict):
        assert found["messages"][-1].text == DONE
    else:
        chunks = [message for message, _ in found if isinstance(message, AIMessageChunk)]
        assert "".join(chunk.text for chunk in chunks) == DONE
        assert not any(chunk.tool_call_chunks for chunk in chunks)


@runs
def test_the_command_that_was_meant_runs(run: Any, emu: Emulator, shell: Shell) -> None:
    """A whole call is no trouble."""

    def speak(request: RecordedRequest) -> Reply:
        is_told = request.json["messages"][-1]["role"] == "tool"
        return Reply(text="All clean.") if is_told else Reply(tool_calls=[("shell", MEANT)])

    emu.nim.reply_always(speak)
    run(create_agent(ModelManager.from_env().model("planner"), shell.tools))
    assert shell.commands == ["rm -rf /tmp/build/cache"]
