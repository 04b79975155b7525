"""LangChain's retries around a role, which let go of nothing that is bound to it later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from langchain_core.language_models import LanguageModelInput
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.retry import RunnableRetry

from .errors import AllProvidersFailedError, StreamInterruptedError

__all__ = ["RetriedRole"]

_WORTH_ANOTHER_TRY = (AllProvidersFailedError, StreamInterruptedError)
"""What a role raises when the services failed it; anything else would fail again."""


class RetriedRole(RunnableRetry[LanguageModelInput, Any]):  # type: ignore[no-redef]  # LangChain's own annotation
    """A role's model whose calls are repeated."""

    @classmethod
    def around(
        cls,
        bound: Runnable[LanguageModelInput, Any],
        *,
        retry_if_exception_type: tuple[type[BaseException], ...] = _WORTH_ANOTHER_TRY,
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: Any = None,
        stop_after_attempt: int = 3,
    ) -> Self:
        """Return `bound` with retries; the arguments are those of `Runnable.with_retry`."""
        return cls(
            bound=bound,
            kwargs={},
            config={},
            retry_exception_types=retry_if_exception_type,
            wait_exponential_jitter=wait_exponential_jitter,
            exponential_jitter_params=exponential_jitter_params,
            max_attempt_number=stop_after_attempt,
        )

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        """Offer tools to every leg, with the same retries."""
        return self._with(self.bound.bind_tools(tools, **kwargs))  # type: ignore[attr-defined]  # a role's model has it

    def with_structured_output(self, schema: Any = None, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        """Have answers in a schema, with the same retries."""
        return self._with(self.bound.with_structured_output(schema, **kwargs))  # type: ignore[attr-defined]  # likewise

    def bind(self, **kwargs: Any) -> Any:
        """Give every call keyword arguments, with the same retries."""
        return self._with(self.bound.bind(**kwargs))

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Give every call a config, with the same retries."""
        return self._with(self.bound.with_config(config, **kwargs))

    def with_retry(self, **kwargs: Any) -> Any:
        """Repeat calls as these arguments say, instead."""
        return type(self).around(self.bound, **kwargs)

    def _with(self, bound: Runnable[LanguageModelInput, Any]) -> Self:
        return self.model_copy(update={"bound": bound})
