"""Calls at which nobody looks on: what LangChain would tell handlers of them is not even put together.

For each call LangChain collects what traces show: parameters, metadata, messages, results. Where there is no handler,
all that a call needs of that is a run id and the metadata.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackManager,
    CallbackManager,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models import chat_models as langchain
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7
from langchain_openai.chat_models.base import BaseChatOpenAI

from .inputs import messages_in

__all__ = [
    "AsyncUnwatchedManager",
    "UnwatchedCalls",
    "UnwatchedManager",
    "believes_at_once",
    "unwatched_manager",
    "with_signature",
]

MethodT = TypeVar("MethodT", bound=Callable[..., Any])
RunT = TypeVar("RunT", CallbackManagerForLLMRun, AsyncCallbackManagerForLLMRun)

_OF_GENERATE = frozenset({"callbacks", "tags", "metadata", "run_name", "run_id"})
"""What LangChain gives its own `generate`, and refuses as keyword arguments of a call."""

_OF_TRACES = frozenset({"ls_structured_output_format", "structured_output_format"})
"""Keyword arguments that LangChain shows in traces and does not hand on."""


class UnwatchedManager(CallbackManager):
    """Says that LangChain has been asked already who looks on at a call, and that nobody does."""


class AsyncUnwatchedManager(AsyncCallbackManager):
    """Does what `UnwatchedManager` does."""


def unwatched_manager(callbacks: Callbacks) -> BaseCallbackManager | None:
    """Return what a call inherits at which nobody looks on; `None` if somebody does.

    Args:
        callbacks: Those of the call's config; others may look on by way of the environment or of context variables.
    """
    if isinstance(callbacks, BaseCallbackManager):
        if callbacks.handlers:
            return None
        if isinstance(callbacks, UnwatchedManager | AsyncUnwatchedManager):
            return callbacks
    elif callbacks:
        return None
    manager = CallbackManager.configure(callbacks)
    return None if manager.handlers else manager


class UnwatchedCalls(BaseChatOpenAI):
    """`invoke` and `ainvoke` of a chat model, which take LangChain's long way only where somebody looks on."""

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the answer to `input`."""
        config = _complete(config)
        run = _unwatched_run(self, config, kwargs, CallbackManagerForLLMRun)
        if run is None:
            return super().invoke(input, config, stop=stop, **kwargs)
        messages, kwargs = self._converted(input), _without(_OF_TRACES, kwargs)
        return _answer_in(self._generate_with_cache(messages, stop=stop, run_manager=run, **kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the answer to `input`."""
        config = _complete(config)
        run = _unwatched_run(self, config, kwargs, AsyncCallbackManagerForLLMRun)
        if run is None:
            return await super().ainvoke(input, config, stop=stop, **kwargs)
        messages, kwargs = self._converted(input), _without(_OF_TRACES, kwargs)
        return _answer_in(await self._agenerate_with_cache(messages, stop=stop, run_manager=run, **kwargs))

    def _converted(self, input: LanguageModelInput) -> list[BaseMessage]:
        return _normalize_messages(messages_in(self, input))


def believes_at_once(model: BaseChatModel) -> bool:
    """Whether a model is told by an `UnwatchedManager` that nobody looks on before anybody may begin to.

    A subclass may, in an `invoke` of its own; other models ask LangChain in any case.
    """
    kind = type(model)
    return kind.invoke is UnwatchedCalls.invoke and kind.ainvoke is UnwatchedCalls.ainvoke


def with_signature(method: MethodT) -> MethodT:
    """Keep a method's signature at hand: LangChain asks for that of `_generate` in each call."""
    method.__dict__["__signature__"] = inspect.signature(method)
    return method


def _complete(config: RunnableConfig | None) -> RunnableConfig:
    """Return the config of a call with all that is around it; one that says who looks on has it already."""
    if config and isinstance(config.get("callbacks"), UnwatchedManager | AsyncUnwatchedManager):
        return config
    return ensure_config(config)


def _unwatched_run(
    model: BaseChatModel, config: RunnableConfig, kwargs: dict[str, Any], run_class: type[RunT]
) -> RunT | None:
    """Return the run of a call that nobody is told of; `None` if somebody is, or LangChain has to decide.

    Args:
        model: The model.
        config: Config of the call, complete as `ensure_config` makes it.
        kwargs: Keyword arguments of the call.
        run_class: The kind of run, sync or async.
    """
    if model.callbacks or model.verbose or not _OF_GENERATE.isdisjoint(kwargs) or not _is_as_made(type(model)):
        return None
    manager = unwatched_manager(config.get("callbacks"))
    if manager is None:
        return None
    return run_class(
        run_id=config.get("run_id") or uuid7(),
        handlers=[],
        inheritable_handlers=[],
        parent_run_id=manager.parent_run_id,
        metadata={**manager.metadata, **(config.get("metadata") or {}), **(model.metadata or {})},
    )


def _is_as_made(kind: type[BaseChatModel]) -> bool:
    """Whether LangChain's long way is LangChain's own: subclasses and tracing libraries put theirs in its place."""
    for method in (
        BaseChatModel.invoke,
        BaseChatModel.ainvoke,
        kind._convert_input,
        kind.generate_prompt,
        kind.agenerate_prompt,
        kind.generate,
        kind.agenerate,
    ):
        if type(method) is not FunctionType or method.__globals__ is not _LANGCHAIN:
            return False
    return True


_LANGCHAIN = vars(langchain)


def _without(names: frozenset[str], kwargs: dict[str, Any]) -> dict[str, Any]:
    if names.isdisjoint(kwargs):
        return kwargs
    return {name: value for name, value in kwargs.items() if name not in names}


def _answer_in(result: ChatResult) -> AIMessage:
    message = result.generations[0].message
    assert isinstance(message, AIMessage)
    return message
