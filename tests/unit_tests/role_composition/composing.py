"""Roles made of fakes or of the emulator's services, and what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langchain_nvgateway import ModelManager
from langchain_nvgateway.emulator import Emulator, RecordedRequest

from ..chat_models.calling import SCOUT

NIM_LEG = f"nvidia-nim:{SCOUT}"
GATEWAY_LEG = "nvidia-gateway:gpt-4o"
WEATHER: Any = {"messages": [("user", "get_weather in Dublin")]}


@tool
def get_weather(location: str) -> str:
    """Look up the weather.

    Args:
        location: Where.
    """
    return f"sunny in {location}"


class Plan(BaseModel):
    """A plan."""

    title: str


class PlanDict(TypedDict):
    """A plan."""

    title: str


PLAN_SCHEMA = {
    "title": "Plan",
    "description": "A plan.",
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}

Act = Callable[[list[BaseMessage], dict[str, Any]], AIMessage]


class FakeLeg(BaseChatModel):
    """Does what `act` does with each call, and remembers its keyword arguments; streams word by word."""

    act: Act
    calls: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "fake-leg"

    def _answer(self, messages: list[BaseMessage], stop: Any, kwargs: dict[str, Any]) -> AIMessage:
        self.calls.append({**kwargs, **({"stop": stop} if stop else {})})
        return self.act(messages, kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages, stop, kwargs))])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages, stop, kwargs)
        for word in answer.text.split(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(f"{word} "))
        whole = AIMessageChunk(**answer.model_dump(exclude={"type", "content"}), content="")
        whole.response_metadata["finish_reason"] = "stop"
        yield ChatGenerationChunk(message=whole)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=list(tools), **kwargs)


def says(text: str = "fine", **kwargs: Any) -> FakeLeg:
    """A leg that always says the same."""
    return FakeLeg(act=lambda _messages, _kwargs: AIMessage(text, **kwargs))


def calls_weather() -> FakeLeg:
    """A leg that always calls the tool."""
    return says("", tool_calls=[{"name": "get_weather", "args": {"location": "Dublin"}, "id": "1"}])


def raises(error: BaseException | Callable[[], BaseException], *, times: int = 1_000_000, then: str = "") -> FakeLeg:
    """A leg that raises so many times, and then answers."""
    left = [times]

    def act(_messages: list[BaseMessage], _kwargs: dict[str, Any]) -> AIMessage:
        if left[0]:
            left[0] -= 1
            raise error() if callable(error) else error
        return AIMessage(then)

    return FakeLeg(act=act)


def manager_of(first: Any, second: Any) -> ModelManager:
    """A manager whose roles have two legs, both fakes."""
    return ModelManager(models={"nvidia-nim": first, "nvidia-gateway": second})


def chats(service: Any) -> list[RecordedRequest]:
    """The chat requests that a service of the emulator got."""
    return [request for request in service.requests if request.route == "chat"]


def failing_nim(emu: Emulator) -> ModelManager:
    """A manager whose first leg always fails."""
    emu.nim.fail_always("internal_error")
    return ModelManager.from_env()


def who(answer: Any) -> str:
    """Return which leg gave an answer."""
    found = answer.response_metadata["nvgateway"]
    return f"{found['provider']}:{found['model']}"


class Recorder(BaseCallbackHandler):
    """Remembers the runs of chains and chat models, and what became of them."""

    def __init__(self) -> None:
        self.runs: dict[Any, dict[str, Any]] = {}

    def _begin(self, run_type: str, run_id: Any, details: dict[str, Any]) -> None:
        self.runs[run_id] = {"type": run_type, "id": run_id, "output": None, "error": None, **details}

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **details: Any) -> None:
        self._begin("chain", run_id, {"input": inputs, **details})

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **details: Any) -> None:
        self._begin("model", run_id, {"input": messages, **details})

    def on_chain_end(self, outputs: Any, *, run_id: Any, **details: Any) -> None:
        self.runs[run_id]["output"] = outputs

    def on_llm_end(self, response: Any, *, run_id: Any, **details: Any) -> None:
        self.runs[run_id]["output"] = response

    def on_chain_error(self, error: BaseException, *, run_id: Any, **details: Any) -> None:
        self.runs[run_id]["error"] = error

    def on_llm_error(self, error: BaseException, *, run_id: Any, **details: Any) -> None:
        self.runs[run_id]["error"] = error

    def of_type(self, run_type: str) -> list[dict[str, Any]]:
        """Return the runs of chains or of models, in their order."""
        return [run for run in self.runs.values() if run["type"] == run_type]
