"""A chat model whose calls are routed above LangChain's own handling of a model's call.

`invoke`, `ainvoke`, `stream` and `astream` are for the subclass to define; LangChain's other ways to ask a chat model
come down to them here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from pydantic import Field

from .chat_models.token_counts import OfflineTokenCounts
from .role_call import RoleCall

__all__ = ["RoutedChatModel"]

_OF_THE_RUN = ("configurable", "metadata")


class RoutedChatModel(OfflineTokenCounts, BaseChatModel):
    """The ways to ask a chat model, apart from `invoke` and `stream` and their async forms."""

    cache: Any = False
    """Answers are kept, if at all, by the legs, whose keys tell what was asked of whom."""

    bound_config: Any = Field(default=None, repr=False, exclude=True)
    """Config of every call."""

    def _quiet_call(self, messages: list[BaseMessage], stop: list[str] | None, **kwargs: Any) -> RoleCall:
        """Return a call whose legs have no parent run."""
        raise NotImplementedError

    # LangChain's own `batch` and the like would not know the config that is bound.

    def batch(self, inputs: list[Any], config: Any = None, **kwargs: Any) -> Any:
        """Return the answers to several inputs, asked in parallel threads."""
        return super(RoutedChatModel, self._unbound()).batch(inputs, self._configs(config), **kwargs)

    async def abatch(self, inputs: list[Any], config: Any = None, **kwargs: Any) -> Any:
        """Return the answers to several inputs, asked in parallel tasks."""
        return await super(RoutedChatModel, self._unbound()).abatch(inputs, self._configs(config), **kwargs)

    def batch_as_completed(self, inputs: Sequence[Any], config: Any = None, **kwargs: Any) -> Any:
        """Yield place and answer of each of several inputs, as they come."""
        return super(RoutedChatModel, self._unbound()).batch_as_completed(inputs, self._configs(config), **kwargs)

    def abatch_as_completed(self, inputs: Sequence[Any], config: Any = None, **kwargs: Any) -> Any:
        """Do what `batch_as_completed` does, in parallel tasks."""
        return super(RoutedChatModel, self._unbound()).abatch_as_completed(inputs, self._configs(config), **kwargs)

    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """Return the answers to several conversations; each is a call of the role like any other."""
        config, kwargs = _config_of(callbacks, kwargs)
        return _result(
            [self.invoke(each, cast("RunnableConfig", {**config}), stop=stop, **kwargs) for each in messages]
        )

    async def agenerate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """Do what `generate` does."""
        config, kwargs = _config_of(callbacks, kwargs)
        calls = [self.ainvoke(each, cast("RunnableConfig", {**config}), stop=stop, **kwargs) for each in messages]
        return _result(await asyncio.gather(*calls))

    def stream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream events; see `BaseChatModel.stream_events`."""
        return super(RoutedChatModel, self._knowing(config)).stream_events(input, config, **kwargs)

    def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream events; see `BaseChatModel.astream_events`."""
        return super(RoutedChatModel, self._knowing(config)).astream_events(input, config, **kwargs)

    # LangChain's newer events (version 3) come here, with a run of the model's own.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = self._quiet_call(messages, stop, **kwargs).answer(None)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = await self._quiet_call(messages, stop, **kwargs).aanswer(None)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with closing(self._quiet_call(messages, stop, **kwargs).chunks(None)) as chunks:
            for chunk in chunks:
                yield _generation(chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._quiet_call(messages, stop, **kwargs).achunks(None)) as chunks:
            async for chunk in chunks:
                yield _generation(chunk)

    def _unbound(self) -> Self:
        copy = self.model_copy()
        copy.bound_config = None
        return copy

    def _configs(self, config: RunnableConfig | list[RunnableConfig] | None) -> Any:
        if self.bound_config is None:
            return config
        if isinstance(config, list):
            return [merge_configs(self.bound_config, each) for each in config]
        return merge_configs(self.bound_config, config)

    def _knowing(self, config: RunnableConfig | None) -> Self:
        """Return the model with what LangChain's newer events do not hand on: what the run sets for itself."""
        own = {name: value for name, value in (config or {}).items() if name in _OF_THE_RUN}
        copy = self.model_copy()
        copy.bound_config = merge_configs(self.bound_config, cast("RunnableConfig", own))
        return copy


def _config_of(callbacks: Any, kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config of a call of `generate`, and the keyword arguments that are the model's."""
    names = ("tags", "metadata", "run_name", "run_id")
    config = {"callbacks": callbacks, **{name: kwargs[name] for name in names if name in kwargs}}
    return config, {name: value for name, value in kwargs.items() if name not in names}


def _result(answers: Sequence[AIMessage]) -> LLMResult:
    return LLMResult(generations=[[ChatGeneration(message=answer)] for answer in answers])


def _generation(chunk: AIMessageChunk) -> ChatGenerationChunk:
    # Without usage, which the leg's own run tells; and LangChain replaces a chunk's metadata by the generation's.
    message = chunk.model_copy(update={"usage_metadata": None})
    return ChatGenerationChunk(message=message, generation_info=dict(chunk.response_metadata))
