"""One id per model call, the same in LangChain's trace, in each HTTP attempt, on the answer and on errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7

from ..errors import ConfigurationError

__all__ = ["awithin_call", "call_of", "correlation_id_of", "with_run_id", "within_call"]

RunManager = CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun
Metadata = Mapping[str, Any] | None
ChunkT = TypeVar("ChunkT")

_current: ContextVar[str | None] = ContextVar("langchain_nvgateway_correlation_id", default=None)
_METADATA_KEY = "correlation_id"
_LONGEST = 256


def correlation_id_of(run_manager: RunManager | None) -> str:
    """Return the id of the call: the one in the run's metadata, else the run's own id.

    Raises:
        ConfigurationError: The id in the metadata cannot be sent as a header.
    """
    if run_manager is None:
        return _current.get() or str(uuid7())
    return _chosen(run_manager.metadata.get(_METADATA_KEY), str(run_manager.run_id))


@contextmanager
def call_of(run_manager: RunManager | None) -> Iterator[None]:
    """Make the run's id known to a `_stream` that LangChain calls within the block without its run."""
    if run_manager is None:
        yield
        return
    token = _current.set(correlation_id_of(run_manager))
    try:
        yield
    finally:
        _current.reset(token)


def with_run_id(config: RunnableConfig | None) -> RunnableConfig:
    """Return the config of a call with its run id fixed beforehand."""
    config = ensure_config(config)
    if config.get("run_id") is None:
        config["run_id"] = uuid7()
    return config


def within_call(
    config: RunnableConfig, own_metadata: Metadata, chunks: Iterator[ChunkT]
) -> Generator[ChunkT, None, None]:
    """Yield `chunks`, whose request is made with the id that the metadata say.

    Args:
        config: Config of the call, with its run id.
        own_metadata: Metadata of the model, which LangChain puts over those of the call.
        chunks: The stream.
    """
    try:
        token = _current.set(_id_in(config, own_metadata))
        try:
            first = next(chunks, None)
        finally:
            _current.reset(token)
        if first is not None:
            yield first
            yield from chunks
    finally:
        cast("Generator[ChunkT, None, None]", chunks).close()


async def awithin_call(
    config: RunnableConfig, own_metadata: Metadata, chunks: AsyncIterator[ChunkT]
) -> AsyncGenerator[ChunkT, None]:
    """Do what `within_call` does."""
    try:
        token = _current.set(_id_in(config, own_metadata))
        try:
            first = await anext(chunks, None)
        finally:
            _current.reset(token)
        if first is not None:
            yield first
            async for chunk in chunks:
                yield chunk
    finally:
        await cast("AsyncGenerator[ChunkT, None]", chunks).aclose()


def _id_in(config: RunnableConfig, own_metadata: Metadata) -> str:
    metadata = {**(config.get("metadata") or {}), **(own_metadata or {})}
    return _chosen(metadata.get(_METADATA_KEY), str(config["run_id"]))


def _chosen(wanted: object, run_id: str) -> str:
    if wanted is None:
        return run_id
    text = str(wanted)
    if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        msg = (
            f"The metadata's {_METADATA_KEY} cannot be sent as a header: give it 1 to {_LONGEST} printable "
            "ASCII characters, or leave it out to use the run's id."
        )
        raise ConfigurationError(msg, setting=_METADATA_KEY)
    return text
