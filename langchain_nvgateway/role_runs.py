"""The run of a role in LangChain's callbacks: a chain, whose children are the runs of the legs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing, suppress
from contextvars import Token
from typing import Any, cast

from langchain_core.callbacks.manager import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    var_child_runnable_config,
)
from langchain_core.tracers._streaming import _StreamingCallbackHandler

__all__ = ["Surrounding", "astart_run", "astream_within", "atapped", "start_run", "stream_within", "tapped", "whole"]


def start_run(role: str, input: Any, config: RunnableConfig) -> CallbackManagerForChainRun:
    """Begin the run of a call."""
    manager = get_callback_manager_for_config(config)
    return manager.on_chain_start(None, input, name=_name(role, config), run_id=config.get("run_id"))


async def astart_run(role: str, input: Any, config: RunnableConfig) -> AsyncCallbackManagerForChainRun:
    """Do what `start_run` does."""
    manager = get_async_callback_manager_for_config(config)
    return await manager.on_chain_start(None, input, name=_name(role, config), run_id=config.get("run_id"))


def whole(run: Any, seen: list[AIMessageChunk]) -> AIMessageChunk | None:
    """Return the whole answer for those who trace the run; adding it up would be wasted on nobody."""
    return add_ai_message_chunks(*seen) if seen and run.handlers else None


def tapped(run: CallbackManagerForChainRun, chunks: Iterator[AIMessageChunk]) -> Iterator[AIMessageChunk]:
    """Let LangChain's event streams see the chunks of the role's own run, as they see those of any chain."""
    for handler in run.handlers:
        if isinstance(handler, _StreamingCallbackHandler):
            return handler.tap_output_iter(run.run_id, chunks)
    return chunks


def atapped(
    run: AsyncCallbackManagerForChainRun, chunks: AsyncIterator[AIMessageChunk]
) -> AsyncIterator[AIMessageChunk]:
    """Do what `tapped` does."""
    for handler in run.handlers:
        if isinstance(handler, _StreamingCallbackHandler):
            return handler.tap_output_aiter(run.run_id, chunks)
    return chunks


class Surrounding:
    """Lets a leg find its own config around it, where it would find that of the chain or node that asks the role.

    LangChain's bindings add the callbacks that they find to those that they are given.
    """

    __slots__ = ("_config", "_token")

    def __init__(self, config: RunnableConfig) -> None:
        self._config = config
        self._token: Token[RunnableConfig | None] | None = None

    def __enter__(self) -> None:
        if var_child_runnable_config.get() is not None:
            self._token = var_child_runnable_config.set(self._config)

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
        if token is not None:
            with suppress(ValueError):  # A call that nobody has finished ends in the context of the collector.
                var_child_runnable_config.reset(token)


def stream_within(config: RunnableConfig, messages: Iterator[AIMessage]) -> Generator[AIMessage, None, None]:
    """Yield what a leg streams, which finds its own config around it each time it is asked to go on."""
    surrounding = Surrounding(config)
    with closing(cast("Generator[AIMessage, None, None]", messages)):
        while True:
            with surrounding:
                message = next(messages, None)
            if message is None:
                return
            yield message


async def astream_within(config: RunnableConfig, messages: AsyncIterator[AIMessage]) -> AsyncGenerator[AIMessage, None]:
    """Do what `stream_within` does."""
    surrounding = Surrounding(config)
    async with aclosing(cast("AsyncGenerator[AIMessage, None]", messages)):
        while True:
            with surrounding:
                message = await anext(messages, None)
            if message is None:
                return
            yield message


def _name(role: str, config: RunnableConfig) -> str:
    # Not the role alone: LangGraph takes a run that is called like its node for the node itself.
    return config.get("run_name") or f"{role} model"
