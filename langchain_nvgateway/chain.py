"""A role's legs as a plain LangChain chain, built by `with_fallbacks`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.fallbacks import RunnableWithFallbacks

from .role_model import RoleModel
from .routing import Route

__all__ = ["FallsBackError", "LegModel", "RoleChain", "chain_of"]

ResultT = TypeVar("ResultT")


class FallsBackError(Exception):
    """Carries an error after which a chain asks its next leg.

    LangChain's fallbacks go by classes. Of one class, some errors concern the leg and others the request; so those
    that concern the leg travel in this one. Never leaves the chain.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class _LegRoute(Route):
    """The way of a call through a single leg: its failure is raised as it is, for the chain to see."""

    def _nobody_answered(self) -> BaseException:
        if not self._failures:
            return FallsBackError(super()._nobody_answered())
        _, failure, error = self._failures[0]
        # A conversation that is too long is for the caller to shorten: the chain knows nothing of windows.
        return error if failure.needs_larger_window else FallsBackError(error)


class LegModel(RoleModel):
    """One leg of a role as a chat model, for a chain."""

    route_class = _LegRoute

    def with_fallbacks(self, fallbacks: Sequence[Runnable[Any, Any]], **_: Any) -> RoleChain:
        """Return the chain of this leg and others."""
        return RoleChain(runnable=self, fallbacks=list(fallbacks), exceptions_to_handle=(FallsBackError,))


class RoleChain(RunnableWithFallbacks[LanguageModelInput, AIMessage]):
    """LangChain's own chain; when all legs fail, the first one's error is raised, as it was."""

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        """Return the answer of the first leg that gives one."""
        return _uncovered(lambda: super(RoleChain, self).invoke(input, config, **kwargs))

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AIMessage:
        """Do what `invoke` does."""
        error: BaseException
        try:
            return await super().ainvoke(input, config, **kwargs)
        except FallsBackError as carrier:
            error = carrier.error
        raise error

    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> Iterator[AIMessage]:
        """Stream the answer of the first leg whose stream begins."""
        error: BaseException
        try:
            yield from super().stream(input, config, **kwargs)
            return
        except FallsBackError as carrier:
            error = carrier.error
        raise error

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[AIMessage]:
        """Do what `stream` does."""
        error: BaseException
        try:
            async for chunk in super().astream(input, config, **kwargs):
                yield chunk
            return
        except FallsBackError as carrier:
            error = carrier.error
        raise error

    # By `invoke`, as other runnables do: LangChain's own way for fallbacks raises the last leg's error.

    def batch(self, inputs: list[LanguageModelInput], config: Any = None, **kwargs: Any) -> list[AIMessage]:
        """Return the answers to several inputs."""
        return Runnable.batch(self, inputs, config, **kwargs)

    async def abatch(self, inputs: list[LanguageModelInput], config: Any = None, **kwargs: Any) -> list[AIMessage]:
        """Do what `batch` does."""
        return await Runnable.abatch(self, inputs, config, **kwargs)


def chain_of(legs: Sequence[LegModel]) -> RoleChain:
    """Return the legs as a chain.

    Args:
        legs: At least one.
    """
    first, *others = legs
    return first.with_fallbacks(others)


def _uncovered(call: Callable[[], ResultT]) -> ResultT:
    error: BaseException
    try:
        return call()
    except FallsBackError as carrier:
        error = carrier.error
    # Outside of the block, so that the carrier is not the error's context.
    raise error
