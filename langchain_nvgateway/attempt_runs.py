"""What a trace shows of an attempt: the leg's run in LangChain's callbacks, with what the role knows of it."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables import RunnableConfig

from .attempts import Outcome
from .leg import Leg

__all__ = ["OUTCOME", "AttemptRun", "traced"]

OUTCOME = "nvgateway_outcome"
"""The metadata of a leg's run that says what became of the attempt, as `Attempt.outcome` does."""


class AttemptRun(BaseCallbackHandler):
    """Writes the outcome of an attempt into the metadata of its run, as soon as it is known."""

    run_inline = True

    def __init__(self) -> None:
        self._metadata: dict[str, Any] | None = None

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, metadata: dict[str, Any] | None = None, **details: Any
    ) -> None:
        """Take the run's metadata, which all handlers share; later runs are of models that the leg asks in its turn."""
        if self._metadata is None:
            self._metadata = metadata

    def on_llm_end(self, response: Any, **details: Any) -> None:
        """Say so before tracers send the run off; the role may still reject the answer."""
        self.end("answered")

    def on_llm_error(self, error: BaseException, **details: Any) -> None:
        """Do what `on_llm_end` does."""
        self.end("rejected" if getattr(error, "is_quality", None) is True else "failed")

    def end(self, outcome: Outcome) -> None:
        """Write what became of the attempt."""
        if self._metadata is not None:
            self._metadata[OUTCOME] = outcome


def traced(config: RunnableConfig, role: str, leg: Leg) -> tuple[RunnableConfig, AttemptRun | None]:
    """Return the config for a leg's call whose run says whose attempt it is; nothing is done where nobody looks on.

    Args:
        config: Config with a callback manager of the call's own.
        role: Name of the role.
        leg: The leg.
    """
    manager = config.get("callbacks")
    if not isinstance(manager, BaseCallbackManager) or not manager.handlers:
        return config, None
    run = AttemptRun()
    manager.set_handlers([run, *manager.handlers])
    marks = {"nvgateway_role": role, "nvgateway_provider": leg.provider, "nvgateway_model": leg.model}
    return {**config, "metadata": {**(config.get("metadata") or {}), **marks}}, run
