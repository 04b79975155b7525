"""The run of a role in LangChain's callbacks: a chain, whose children are the runs of the legs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing, suppress
from contextvars import Token
from typing import Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager, CallbackManager
from langchain_core.callbacks.manager import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    var_child_runnable_config,
)
from langchain_core.tracers._streaming import _StreamingCallbackHandler
from langchain_core.utils.uuid import uuid7

from .chat_models.unwatched import AsyncUnwatchedManager, UnwatchedManager, believes_at_once, unwatched_manager

__all__ = [
    "Run",
    "Surrounding",
    "astart_run",
    "astream_within",
    "atapped",
    "start_run",
    "stream_within",
    "tapped",
    "unwatched_config",
    "whole",
]

Run = CallbackManagerForChainRun | AsyncCallbackManagerForChainRun
"""The run of a role in LangChain's callbacks."""

RunT = TypeVar("RunT", CallbackManagerForChainRun, AsyncCallbackManagerForChainRun)


def start_run(role: str, input: Any, config: RunnableConfig) -> CallbackManagerForChainRun:
    """Begin the run of a call."""
    if unwatched := unwatched_manager(config.get("callbacks")):
        return _untold(CallbackManagerForChainRun, config, unwatched)
    manager = get_callback_manager_for_config(config)
    return manager.on_chain_start(None, input, name=_name(role, config), run_id=config.get("run_id"))


async def astart_run(role: str, input: Any, config: RunnableConfig) -> AsyncCallbackManagerForChainRun:
    """Do what `start_run` does."""
    if unwatched := unwatched_manager(config.get("callbacks")):
        return _untold(AsyncCallbackManagerForChainRun, config, unwatched)
    manager = get_async_callback_manager_for_config(config)
    return await manager.on_chain_start(None, input, name=_name(role, config), run_id=config.get("run_id"))


def unwatched_config(config: RunnableConfig, run: Run, chat_model: BaseChatModel) -> RunnableConfig:
    """Return the config for a leg's call in a run that nobody looks on at; the leg need not find that out again."""
    is_told = believes_at_once(chat_model)
    if isinstance(run, CallbackManagerForChainRun):
        kind: type[BaseCallbackManager] = UnwatchedManager if is_told else CallbackManager
    else:
        kind = AsyncUnwatchedManager if is_told else AsyncCallbackManager
    manager = kind(
        handlers=[],
        parent_run_id=run.run_id,
        tags=run.inheritable_tags.copy(),
        inheritable_tags=run.inheritable_tags,
        metadata=run.inheritable_metadata.copy(),
        inheritable_metadata=run.inheritable_metadata,
    )
    of_leg = config.copy()
    of_leg["callbacks"] = manager
    # The role's own, which LangChain leaves out for a child too.
    of_leg.pop("run_name", None)
    of_leg.pop("run_id", None)
    return of_leg


def whole(seen: list[AIMessageChunk]) -> AIMessageChunk | None:
    """Return the whole answer for those who trace the run."""
    return add_ai_message_chunks(*seen) if seen else None


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
            if var_child_runnable_config.get() is None:  # As `surrounding` would find out as well.
                message = next(messages, None)
            else:
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


def _untold(kind: type[RunT], config: RunnableConfig, inherited: BaseCallbackManager) -> RunT:
    """Return a run that nobody is told of; tags and metadata of the config are with the legs in any case."""
    return kind(
        run_id=config["run_id"] or uuid7(),
        handlers=[],
        inheritable_handlers=[],
        parent_run_id=inherited.parent_run_id,
        inheritable_tags=inherited.inheritable_tags,
        inheritable_metadata=inherited.inheritable_metadata,
    )


def _name(role: str, config: RunnableConfig) -> str:
    # Not the role alone: LangGraph takes a run that is called like its node for the node itself.
    return config.get("run_name") or f"{role} model"
