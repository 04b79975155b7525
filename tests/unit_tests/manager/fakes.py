"""Fake chat models for the places of providers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import Field

__all__ = ["Fake", "failing", "saying"]


class Fake(BaseChatModel):
    """Does what `act` does with the messages and keyword arguments of each call, and remembers them."""

    act: Callable[[list[BaseMessage], dict[str, Any]], AIMessage]
    calls: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.calls.append(kwargs)
        return ChatResult(generations=[ChatGeneration(message=self.act(messages, kwargs))])

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=list(tools), **kwargs)


def saying(text: str, **kwargs: Any) -> Fake:
    """A fake that always answers."""
    return Fake(act=lambda _messages, _kwargs: AIMessage(text), **kwargs)


def failing(error: BaseException | Callable[[], BaseException], **kwargs: Any) -> Fake:
    """A fake that always raises."""

    def act(_messages: list[BaseMessage], _kwargs: dict[str, Any]) -> AIMessage:
        raise error() if callable(error) else error

    return Fake(act=act, **kwargs)
