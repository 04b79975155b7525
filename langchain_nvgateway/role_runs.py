"""The run of a role in LangChain's callbacks: a chain, whose children are the runs of the legs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks.manager import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_async_callback_manager_for_config, get_callback_manager_for_config
from langchain_core.tracers._streaming import _StreamingCallbackHandler

__all__ = ["astart_run", "atapped", "start_run", "tapped", "whole"]


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


def _name(role: str, config: RunnableConfig) -> str:
    # Not the role alone: LangGraph takes a run that is called like its node for the node itself.
    return config.get("run_name") or f"{role} model"
