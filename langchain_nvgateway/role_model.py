"""The chat model of a role: what LangChain sees of the calls that go from leg to leg.

Calls are routed in `invoke`, `ainvoke`, `stream` and `astream`, above LangChain's own handling of a model's call:
the role's run is a chain, the legs' runs are its children, and each answer's usage is counted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, Protocol, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.manager import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.config import (
    ensure_config,
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    merge_configs,
)
from langchain_core.tracers._streaming import _StreamingCallbackHandler
from langchain_core.utils.uuid import uuid7
from pydantic import Field

from .bindings import Binding, PlainBinding, SchemaBinding, ToolBinding
from .chat_models.token_counts import OfflineTokenCounts
from .errors import ConfigurationError
from .events import Event
from .leg import AbsentLeg, Leg
from .retried import RetriedRole
from .role_call import RoleCall
from .routing import Route
from .stream_watch import Hold

__all__ = ["RoleModel", "RolePlan", "RoleSource", "StructuredRole"]

_PLAIN = PlainBinding()

_OF_THE_RUN = ("configurable", "metadata")


@dataclass(frozen=True, slots=True)
class RolePlan:
    """Who is asked in a call, and with what."""

    legs: Sequence[Leg | AbsentLeg]

    kwargs: Mapping[str, Any]
    """Keyword arguments that the run sets: `temperature`, `max_tokens`."""


class RoleSource(Protocol):
    """Where a role's model has its legs from: the manager."""

    @property
    def request_timeout(self) -> float:
        """Seconds for a whole call."""

    @property
    def profile(self) -> Mapping[str, Any] | None:
        """What all of the role's models can do, as LangChain's model profiles say it."""

    def plan(self, configurable: Mapping[str, Any]) -> RolePlan:
        """Return who is asked in a call with this `configurable`.

        Raises:
            ConfigurationError: It has a malformed override.
            EgressDeniedError: It names a model that is not allowed.
            NVGatewayError: The manager is closed.
        """

    def tell(self, event: Event) -> None:
        """Tell an event."""


class RoleModel(OfflineTokenCounts, BaseChatModel):
    """One chat model for a role, made of several; `ModelManager.model` builds it.

    `bind_tools`, `bind`, `with_config` and `with_structured_output` return models with the same legs, in any order.
    """

    role: str
    """Name of the role."""

    hold: Hold = "calls"
    """What of a stream is held back until the answer is whole: tool calls, or `"all"`."""

    cache: Any = False
    """Answers are kept, if at all, by the legs, whose keys tell what was asked of whom."""

    route_class: ClassVar[type[Route]] = Route
    """Who decides what comes next."""

    # Fields and not private attributes, which LangChain's `configurable_fields` would lose.

    source: Any = Field(repr=False, exclude=True)
    """Where the legs come from."""

    binding: Any = Field(default_factory=lambda: _PLAIN, repr=False, exclude=True)
    """What is asked of each leg."""

    bound_kwargs: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)
    """Keyword arguments of every call."""

    bound_config: Any = Field(default=None, repr=False, exclude=True)
    """Config of every call."""

    @property
    def _llm_type(self) -> str:
        return "nvgateway-role"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"], params["ls_model_name"] = "nvgateway", kwargs.get("model", self.role)
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        return cast("ModelProfile | None", self.source.profile)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # Copies share the legs, and so the breakers and the token.
        return self.model_copy()

    def __reduce__(self) -> NoReturn:
        msg = "A role's model cannot be pickled, since its breakers live in this process; build a ModelManager in each."
        raise TypeError(msg)

    # -- What LangChain binds to a model ---------------------------------------------------------------------

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools to every leg.

        Args:
            tools: Functions, `BaseTool`s, pydantic classes, TypedDicts or dicts.
            tool_choice: A tool's name, `"any"`, `"auto"`, … as the legs' `bind_tools` take it.
            kwargs: More for the legs' `bind_tools`.
        """
        if not tools:
            return self._copy(binding=_PLAIN, kwargs=kwargs)
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self._copy(binding=ToolBinding(tools, {**choice, **kwargs}).with_kwargs_of(self.binding))

    def with_structured_output(
        self, schema: Any = None, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Have answers in a schema, by whichever method; tools that are bound give way to it.

        Args:
            schema: A pydantic class, TypedDict, JSON schema or OpenAI tool.
            include_raw: Return `{"raw", "parsed", "parsing_error"}` instead of the object alone.
            kwargs: `method`, `strict` and whatever else the legs' `with_structured_output` take.
        """
        binding = SchemaBinding(schema, kwargs, include_raw=include_raw)
        return StructuredRole(model=self._copy(binding=binding))

    def bind(self, **kwargs: Any) -> Any:
        """Give every call keyword arguments, such as `stop` or `temperature`."""
        return self._copy(kwargs=kwargs)

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Give every call a config: tags, metadata, callbacks, `configurable`."""
        return self._copy(config=cast("RunnableConfig", {**(config or {}), **kwargs}))

    def with_retry(self, **kwargs: Any) -> Any:
        """Repeat calls that no leg could answer; see `Runnable.with_retry` for the arguments."""
        return RetriedRole.around(self, **kwargs)

    def _copy(
        self,
        *,
        binding: Binding | None = None,
        kwargs: dict[str, Any] | None = None,
        config: RunnableConfig | None = None,
    ) -> Self:
        copy = self.model_copy()
        copy.binding = binding or self.binding
        copy.bound_kwargs = {**self.bound_kwargs, **(kwargs or {})}
        copy.bound_config = merge_configs(self.bound_config, config) if config else self.bound_config
        return copy

    # -- Calls -----------------------------------------------------------------------------------------------

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the answer of the first leg that gives a usable one.

        Raises:
            AllProvidersFailedError: None did; `.attempts` says why.
            ModelInvalidRequestError: The request is at fault, whoever is asked.
            ContentFilteredError: The content filter stopped it.
        """
        call = self._call(input, config, stop=stop, **kwargs)
        run = self._start(call, input)
        try:
            result = call.answer(run)
        except BaseException as error:
            run.on_chain_error(error)
            raise
        run.on_chain_end(result)
        return result

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Do what `invoke` does."""
        call = self._call(input, config, stop=stop, **kwargs)
        run = await self._astart(call, input)
        try:
            result = await call.aanswer(run)
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        await run.on_chain_end(result)
        return result

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Generator[AIMessageChunk, None, None]:
        """Stream the answer of one leg; the next one answers if that fails before anything can be seen.

        Raises:
            StreamInterruptedError: The leg failed later; `.partial` is what came.
            Exception: As `invoke`.
        """
        call = self._call(input, config, stop=stop, **kwargs)
        run = self._start(call, input)
        seen: list[AIMessageChunk] = []
        chunks: Iterator[AIMessageChunk] = call.chunks(run)
        try:
            with closing(cast("Generator[AIMessageChunk, None, None]", chunks)):
                watched = _tapped(run, chunks)
                for chunk in watched:
                    seen.append(chunk)
                    yield chunk
        except BaseException as error:
            run.on_chain_error(error)
            raise
        run.on_chain_end(_whole(run, seen))

    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """Do what `stream` does."""
        call = self._call(input, config, stop=stop, **kwargs)
        run = await self._astart(call, input)
        seen: list[AIMessageChunk] = []
        try:
            async with aclosing(call.achunks(run)) as chunks:
                async for chunk in _atapped(run, chunks):
                    seen.append(chunk)
                    yield chunk
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        await run.on_chain_end(_whole(run, seen))

    # LangChain's own `batch` and the like would not know the config that is bound.

    def batch(self, inputs: list[Any], config: Any = None, **kwargs: Any) -> Any:
        """Return the answers to several inputs, asked in parallel threads."""
        return super(RoleModel, self._unbound()).batch(inputs, self._configs(config), **kwargs)

    async def abatch(self, inputs: list[Any], config: Any = None, **kwargs: Any) -> Any:
        """Return the answers to several inputs, asked in parallel tasks."""
        return await super(RoleModel, self._unbound()).abatch(inputs, self._configs(config), **kwargs)

    def batch_as_completed(self, inputs: Sequence[Any], config: Any = None, **kwargs: Any) -> Any:
        """Yield place and answer of each of several inputs, as they come."""
        return super(RoleModel, self._unbound()).batch_as_completed(inputs, self._configs(config), **kwargs)

    def abatch_as_completed(self, inputs: Sequence[Any], config: Any = None, **kwargs: Any) -> Any:
        """Do what `batch_as_completed` does, in parallel tasks."""
        return super(RoleModel, self._unbound()).abatch_as_completed(inputs, self._configs(config), **kwargs)

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
        return super(RoleModel, self._knowing(config)).stream_events(input, config, **kwargs)

    def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Stream events; see `BaseChatModel.astream_events`."""
        return super(RoleModel, self._knowing(config)).astream_events(input, config, **kwargs)

    # LangChain's newer events (version 3) come here, with a run of the model's own.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = self._call(messages, None, stop=stop, **kwargs).answer(None)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = await self._call(messages, None, stop=stop, **kwargs).aanswer(None)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with closing(self._call(messages, None, stop=stop, **kwargs).chunks(None)) as chunks:
            for chunk in chunks:
                yield _generation(chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with aclosing(self._call(messages, None, stop=stop, **kwargs).achunks(None)) as chunks:
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
        given: dict[str, Any] = {**(config or {})}
        return self._copy(config=cast("RunnableConfig", {name: given[name] for name in _OF_THE_RUN if given.get(name)}))

    # -- One call --------------------------------------------------------------------------------------------

    def _call(
        self, input: LanguageModelInput, config: RunnableConfig | None, *, stop: list[str] | None, **kwargs: Any
    ) -> RoleCall:
        config = ensure_config(merge_configs(self.bound_config, config) if self.bound_config else config)
        plan = self.source.plan(config.get("configurable") or {})
        run_id = config["run_id"] = config.get("run_id") or uuid7()
        # One id for the call at every leg, in the Gateway's audit log as in the trace.
        config["metadata"] = {"correlation_id": str(run_id), **(config.get("metadata") or {})}
        kwargs = {**plan.kwargs, **self.bound_kwargs, **kwargs}
        if stop is not None:
            kwargs["stop"] = stop
        seconds = _limit(kwargs.pop("timeout", None), self.source.request_timeout)
        route = self.route_class(
            self.role,
            plan.legs,
            binding=self.binding,
            is_strict=self.binding.is_strict_with(kwargs),
            seconds=seconds,
            correlation_id=str(config["metadata"]["correlation_id"]),
            tell=self.source.tell,
        )
        messages = self._convert_input(input).to_messages()
        return RoleCall(route, self.binding, messages, kwargs, config, self.hold, seconds)

    def _start(self, call: RoleCall, input: Any) -> CallbackManagerForChainRun:
        name, run_id = call.config.get("run_name") or self._run_name, call.config.get("run_id")
        return get_callback_manager_for_config(call.config).on_chain_start(None, input, name=name, run_id=run_id)

    async def _astart(self, call: RoleCall, input: Any) -> AsyncCallbackManagerForChainRun:
        name, run_id = call.config.get("run_name") or self._run_name, call.config.get("run_id")
        manager = get_async_callback_manager_for_config(call.config)
        return await manager.on_chain_start(None, input, name=name, run_id=run_id)

    @property
    def _run_name(self) -> str:
        # Not the role alone: LangGraph takes a run that is called like its node for the node itself.
        return f"{self.role} model"


class StructuredRole(RunnableSerializable[LanguageModelInput, Any]):
    """A role's model that answers in a schema; its streams bring the whole object at once."""

    model: RoleModel

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Return the object in the answer of the first leg that gives a good one; raises as the model does."""
        return self.model.invoke(input, config, **kwargs)

    async def ainvoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Do what `invoke` does."""
        return await self.model.ainvoke(input, config, **kwargs)

    def with_retry(self, **kwargs: Any) -> Any:
        """Repeat calls that no leg could answer; see `Runnable.with_retry` for the arguments."""
        return RetriedRole.around(self, **kwargs)


def _limit(wanted: Any, longest: float) -> float:
    """Return the seconds for a call that sets its own `timeout`."""
    if wanted is None:
        return longest
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not wanted > 0:
        msg = f"timeout is {wanted!r}; give a number of seconds above 0, or leave it out."
        raise ConfigurationError(msg, setting="timeout")
    return float(wanted)


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


def _whole(run: Any, seen: list[AIMessageChunk]) -> AIMessageChunk | None:
    """Return the whole answer for those who trace the run; adding it up would be wasted on nobody."""
    return add_ai_message_chunks(*seen) if seen and run.handlers else None


def _tapped(run: CallbackManagerForChainRun, chunks: Iterator[AIMessageChunk]) -> Iterator[AIMessageChunk]:
    for handler in run.handlers:
        if isinstance(handler, _StreamingCallbackHandler):
            return handler.tap_output_iter(run.run_id, chunks)
    return chunks


def _atapped(
    run: AsyncCallbackManagerForChainRun, chunks: AsyncIterator[AIMessageChunk]
) -> AsyncIterator[AIMessageChunk]:
    """Let `astream_events` see the chunks of the role's own run, as it sees those of any chain."""
    for handler in run.handlers:
        if isinstance(handler, _StreamingCallbackHandler):
            return handler.tap_output_aiter(run.run_id, chunks)
    return chunks
