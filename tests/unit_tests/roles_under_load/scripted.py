"""A fake chat model that behaves as it is told, alike in all four styles of a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelRateLimitError,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langgraph.errors import GraphInterrupt
from pydantic import Field

from langchain_nvgateway import ContentFilteredError

__all__ = ["BEHAVIOURS", "Behaviour", "RateLimited", "Scripted", "look_up"]


class RateLimited(ModelRateLimitError):
    """A rate limit that says how long it lasts."""

    def __init__(self, seconds: float) -> None:
        super().__init__("slow down")
        self.retry_after = seconds


def look_up(name: str) -> str:
    """Look up a name."""
    return name


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a model sends, and how that ends."""

    chunks: tuple[AIMessageChunk, ...] = ()
    error: Callable[[], BaseException] | None = None
    """What is raised after the chunks; whole answers fail with it at once."""

    def whole(self) -> AIMessage:
        """Return the whole answer."""
        if self.error:
            raise self.error()
        joined = reduce(add, [chunk.model_copy(deep=True) for chunk in self.chunks])
        return AIMessage(
            joined.content,
            tool_calls=joined.tool_calls if _is_whole(joined) else [],
            invalid_tool_calls=[] if _is_whole(joined) else [_invalid(joined)],
            response_metadata=joined.response_metadata,
        )

    def stream(self) -> Iterator[AIMessageChunk]:
        """Yield the chunks, and end as it ends."""
        for chunk in self.chunks:
            yield chunk.model_copy(deep=True)
        if self.error:
            raise self.error()


def _is_whole(message: AIMessageChunk) -> bool:
    return all((chunk["args"] or "").endswith("}") for chunk in message.tool_call_chunks)


def _invalid(message: AIMessageChunk) -> Any:
    (chunk,) = message.tool_call_chunks
    return {"type": "invalid_tool_call", "id": "1", "error": None, "name": chunk["name"], "args": chunk["args"]}


def _says(text: str, finish: str | None = None) -> AIMessageChunk:
    return AIMessageChunk(text, response_metadata={"finish_reason": finish} if finish else {})


def _calls(arguments: str, *, name: str | None = "look_up", finish: str | None = None) -> AIMessageChunk:
    chunk = tool_call_chunk(name=name, args=arguments, id="1" if name else None, index=0)
    metadata = {"finish_reason": finish} if finish else {}
    return AIMessageChunk("", tool_call_chunks=[chunk], response_metadata=metadata)


_ROLE = AIMessageChunk("")
_END = _says("", "stop")

BEHAVIOURS: Mapping[str, Behaviour] = {
    "text": Behaviour((_ROLE, _says("some "), _says("text"), _END)),
    "call": Behaviour((_ROLE, _calls('{"name"'), _calls(': "x"}', name=None, finish="tool_calls"))),
    "text and call": Behaviour((_says("text"), _calls('{"name": "x"}', finish="tool_calls"))),
    "down": Behaviour(error=lambda: ModelAPIError("down")),
    "cut before text": Behaviour((_ROLE,), ConnectionError),
    "cut after text": Behaviour((_ROLE, _says("some ")), ConnectionError),
    "cut in call": Behaviour((_ROLE, _calls('{"na')), ConnectionError),
    "unknown error": Behaviour(error=lambda: RuntimeError("whatever")),
    "timeout": Behaviour(error=TimeoutError),
    "limited": Behaviour(error=lambda: RateLimited(30.0)),
    "limited briefly": Behaviour(error=lambda: RateLimited(0.5)),
    "limited after text": Behaviour((_says("some "),), lambda: RateLimited(30.0)),
    "refused": Behaviour(error=lambda: ModelAuthenticationError("no")),
    "missing": Behaviour(error=lambda: ModelNotFoundError("retired")),
    "empty": Behaviour((_ROLE, _END)),
    "broken call": Behaviour((_ROLE, _calls('{"name"', finish="tool_calls"))),
    "text and broken call": Behaviour((_says("text"), _calls('{"name"', finish="tool_calls"))),
    "unfinished text": Behaviour((_says("some "), _says("text"))),
    "unfinished call": Behaviour((_ROLE, _calls('{"name": "x"}'))),
    "too long": Behaviour(error=lambda: ContextOverflowError("too long")),
    "invalid": Behaviour(error=lambda: ModelInvalidRequestError("no such parameter")),
    "filtered": Behaviour(error=lambda: ContentFilteredError("filtered")),
    "filtered after text": Behaviour((_says("some "),), lambda: ContentFilteredError("filtered")),
    "bug": Behaviour(error=lambda: TypeError("bug")),
    "interrupt": Behaviour(error=lambda: GraphInterrupt(())),
    "interrupt after text": Behaviour((_says("some "),), lambda: GraphInterrupt(())),
    "cancelled": Behaviour(error=asyncio.CancelledError),
}


class Scripted(BaseChatModel):
    """Behaves as `next` says, and notes that it was asked."""

    title: str
    next: str = "text"
    noted: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        self.noted.append(self.title)
        return ChatResult(generations=[ChatGeneration(message=BEHAVIOURS[self.next].whole())])

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(0)
        return self._generate(*args, **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.noted.append(self.title)
        for chunk in BEHAVIOURS[self.next].stream():
            yield ChatGenerationChunk(message=chunk)

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(*args, **kwargs):
            await asyncio.sleep(0)
            yield chunk

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        return self.bind(tools=list(tools), **kwargs)
