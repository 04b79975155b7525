"""LangGraph's message stream: it shows of a leg's answer what the role lets through, and takes it back if the leg dies.

LangGraph looks on by a handler among the callbacks, which would see all that a leg says, checked or not. So a gate
stands in the handler's place in the leg's run, and the role tells the handler what may be seen. LangGraph itself is
optional: its handlers are known by the name of their class.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID, uuid4

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import set_config_context, var_child_runnable_config

__all__ = ["RETRACTION", "MessageStream"]

RETRACTION = "nvgateway.retract"
"""Type of the `custom` event that takes a message back."""

_logger = logging.getLogger(__name__)

MessageT = TypeVar("MessageT", bound=BaseMessage)


class _Gate(BaseCallbackHandler):
    """Stands in for handlers of message streams in the run of a leg: all they learn by it is that the leg begins."""

    run_inline = True

    def __init__(self, handlers: list[BaseCallbackHandler]) -> None:
        self.handlers = handlers
        self.run: CallbackManagerForLLMRun | None = None
        """The leg's run, as only those handlers are told of it."""

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **details: Any
    ) -> None:
        """Let the handlers note the run's metadata and tags, with which they show its messages."""
        if self.run is not None:
            return  # Of a model that the leg asks in its turn, which is the leg's own affair.
        self.run = CallbackManagerForLLMRun(run_id=run_id, handlers=self.handlers, inheritable_handlers=[])
        for handler in self.handlers:
            handler.on_chat_model_start(serialized, messages, run_id=run_id, **details)


class MessageStream:
    """LangGraph's message stream during one leg's turn; without one, nothing here does anything.

    Args:
        config: Config for the leg, with a callback manager of its own, in which the gate is put.
        role_config: Config of the role's call, which knows LangGraph's stream of custom events.
    """

    def __init__(self, config: RunnableConfig, *, role_config: RunnableConfig) -> None:
        self._role_config = role_config
        self._gate: _Gate | None = None
        self.is_watched = False
        """Whether somebody may be looking on."""
        self._message_id: str | None = None
        self._is_shown = False
        manager = config.get("callbacks")
        if isinstance(manager, BaseCallbackManager):
            watching = [handler for handler in manager.handlers if _is_message_stream(handler)]
            if watching:
                self._gate, self.is_watched = _Gate(watching), True
                others = [handler for handler in manager.handlers if handler not in watching]
                manager.set_handlers([self._gate, *others])

    def with_one_id(self, message: MessageT) -> MessageT:
        """Return a chunk with the id of the leg's first one: vendors name some chunks and not others."""
        if self._gate is None:
            return message
        self._message_id = self._message_id or message.id or str(uuid4())
        return message if message.id == self._message_id else message.model_copy(update={"id": self._message_id})

    def show(self, chunks: Iterable[AIMessageChunk]) -> None:
        """Show what the role lets through."""
        run = self._gate and self._gate.run
        if not run:
            return
        for chunk in chunks:
            # A copy, since readers of a stream may do with it what they like.
            run.on_llm_new_token(chunk.text, chunk=ChatGenerationChunk(message=chunk.model_copy()))
            self._is_shown = self._is_shown or any(_has_seen(handler, self._message_id) for handler in run.handlers)

    def end(self, rest: Iterable[AIMessageChunk], message: AIMessage) -> None:
        """Show what was held back, now that the answer is good.

        Args:
            rest: What was held back.
            message: The whole answer; LangGraph's newer streams (version 3) take it from here.
        """
        self.show(rest)
        if self._gate and self._gate.run:
            self._gate.run.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]))

    def leave(self, error: BaseException) -> None:
        """Let what was shown stand: its reader wants no more of it."""
        if self._gate and self._gate.run:
            self._gate.run.on_llm_error(error)

    def retract(self, error: BaseException) -> None:
        """Take back what was shown."""
        self.leave(error)
        if self._is_shown:
            _write_custom({"type": RETRACTION, "message_id": self._message_id}, self._role_config)


def _is_message_stream(handler: BaseCallbackHandler) -> bool:
    return any(
        kind.__name__ == "StreamMessagesHandler" and kind.__module__.startswith("langgraph.")
        for kind in type(handler).__mro__
    )


def _has_seen(handler: BaseCallbackHandler, message_id: str | None) -> bool:
    """Whether a handler let a message through: it does not for runs tagged `nostream`, and for some subgraphs."""
    return message_id in getattr(handler, "seen", (message_id,))


def _write_custom(event: dict[str, Any], config: RunnableConfig) -> None:
    """Write to LangGraph's stream of custom events, if there is one."""
    from langgraph.config import get_stream_writer

    try:
        if var_child_runnable_config.get():
            get_stream_writer()(event)
        else:  # In a thread that a node has started by itself, only the config knows the graph.
            with set_config_context(config) as context:
                context.run(lambda: get_stream_writer()(event))
    except Exception:  # What became of the leg counts, not whether anybody is still there to be told.
        _logger.debug("Nobody could be told that the message %s is void", event["message_id"], exc_info=True)
