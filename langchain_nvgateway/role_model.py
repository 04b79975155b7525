"""The chat model of a role: what LangChain sees of the calls that go from leg to leg.

Calls are routed in `invoke`, `ainvoke`, `stream` and `astream`, above LangChain's own handling of a model's call:
the role's run is a chain, the legs' runs are its children, and each answer's usage is counted once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, ClassVar, NoReturn, Self, cast

from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.config import (
    ensure_config,
    merge_configs,
)
from langchain_core.utils.uuid import uuid7
from pydantic import Field

from .answers import Hold
from .bindings import Binding, PlainBinding, SchemaBinding, ToolBinding
from .call_arguments import check_arguments, seconds_for
from .chat_models.inputs import messages_in
from .retried import RetriedRole
from .role_call import RoleCall
from .role_runs import astart_run, atapped, start_run, tapped, whole
from .routed_chat_model import RoutedChatModel
from .routing import Route

__all__ = ["RoleModel", "StructuredRole"]

_PLAIN = PlainBinding()


class RoleModel(RoutedChatModel):
    """One chat model for a role, made of several; `ModelManager.model` builds it.

    `bind_tools`, `bind`, `with_config` and `with_structured_output` return models with the same legs, in any order.
    """

    role: str
    """Name of the role."""

    hold: Hold = "calls"
    """What of a stream is held back until the answer is whole: tool calls, or `"all"`."""

    route_class: ClassVar[type[Route]] = Route
    """Who decides what comes next."""

    # Fields and not private attributes, which LangChain's `configurable_fields` would lose.

    source: Any = Field(repr=False, exclude=True)
    """Where the legs come from."""

    binding: Any = Field(default_factory=lambda: _PLAIN, repr=False, exclude=True)
    """What is asked of each leg."""

    bound_kwargs: dict[str, Any] = Field(default_factory=dict, repr=False, exclude=True)
    """Keyword arguments of every call."""

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
            include_raw: Return `{"raw", "parsed", "parsing_error"}` instead of the object alone. There never is a
                parsing error: an answer that cannot be parsed is rejected, and the next leg is asked.
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
        run = start_run(self.role, input, call.config)
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
        run = await astart_run(self.role, input, call.config)
        try:
            result = await call.aanswer(run)
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        if run.handlers:
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
        run = start_run(self.role, input, call.config)
        seen: list[AIMessageChunk] = []
        chunks: Iterator[AIMessageChunk] = call.chunks(run)
        try:
            with closing(cast("Generator[AIMessageChunk, None, None]", chunks)):
                watched = tapped(run, chunks)
                for chunk in watched:
                    seen.append(chunk)
                    yield chunk
        except BaseException as error:
            run.on_chain_error(error)
            raise
        if run.handlers:
            run.on_chain_end(whole(seen))

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
        run = await astart_run(self.role, input, call.config)
        seen: list[AIMessageChunk] = []
        try:
            async with aclosing(call.achunks(run)) as chunks:
                async for chunk in atapped(run, chunks):
                    seen.append(chunk)
                    yield chunk
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        if run.handlers:
            await run.on_chain_end(whole(seen))

    def _quiet_call(self, messages: list[BaseMessage], stop: list[str] | None, **kwargs: Any) -> RoleCall:
        return self._call(messages, None, stop=stop, **kwargs)

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
        if kwargs:
            check_arguments(self.role, kwargs)
        if stop is not None:
            kwargs["stop"] = stop
        seconds = seconds_for(kwargs.pop("timeout", None), self.source.request_timeout)
        route = self.route_class(
            self.role,
            plan.legs,
            binding=self.binding,
            is_strict=self.binding.is_strict_with(kwargs),
            seconds=seconds,
            correlation_id=str(config["metadata"]["correlation_id"]),
            tell=self.source.tell,
            record=self.source.record,
        )
        messages = messages_in(self, input)
        return RoleCall(route, self.binding, messages, kwargs, config, self.hold, seconds)


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
