"""What of a leg's stream its reader may see, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard

from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks, add_usage

from .answers import PLAIN, Contract, Hold, Holding, calls_something, check_answer, says_more, with_call_ids
from .errors import InvalidResponseError
from .failures import failure_of

__all__ = ["StreamWatch"]

_MARKERS = ("finish_reason", "stop_reason", "done_reason")
_TELLING = frozenset({*_MARKERS, "nvgateway"})
"""Metadata of a chunk that matter here."""


class StreamWatch:
    """Holds back what nobody may see yet, and the last chunk.

    Args:
        hold: What to hold back until the answer is whole.
        contract: What the answer has to be like; `None` if the chat model judges its answers itself.
    """

    def __init__(self, hold: Hold, contract: Contract | None) -> None:
        self._contract = contract
        self._holding = Holding(contract or PLAIN, hold)
        self._held: list[AIMessageChunk] = []
        self._shown: list[AIMessageChunk] = []
        self._has_calls = False
        self._has_ended = False
        self._is_whole = False
        self.usage: UsageMetadata | None = None
        """Tokens that the stream has told of so far."""

    @property
    def has_shown(self) -> bool:
        """Whether the reader has seen anything of the answer."""
        return bool(self._shown)

    def add(self, message: AIMessage) -> list[AIMessageChunk]:
        """Take a chunk, or a whole answer from a model that does not stream; return what may be seen now."""
        if _is_mere_text(message):
            return self._released(message, is_held=self._holding.holds(str(message.content)))
        chunk = _own_chunk(message)
        if chunk.usage_metadata:
            self.usage = add_usage(self.usage, chunk.usage_metadata)
        self._is_whole = self._is_whole or not isinstance(message, AIMessageChunk) or _is_marked(chunk)
        is_call = calls_something(chunk)
        self._has_calls = self._has_calls or is_call
        self._has_ended = self._has_ended or chunk.chunk_position == "last"
        is_held = self._holding.holds(chunk.text, is_call=is_call, says_more=says_more(chunk))
        return self._released(chunk, is_held=is_held)

    def _released(self, chunk: AIMessageChunk, *, is_held: bool) -> list[AIMessageChunk]:
        self._held.append(chunk)
        if is_held or self._has_ended:
            return []
        released, self._held = self._held, []
        self._shown += released
        return released

    def flaw(self, error: BaseException | None) -> BaseException | None:
        """Return what is wrong with the answer now that the stream is over, `None` if it can be used.

        Args:
            error: What the stream ended with; trouble behind the end of the answer is none.
        """
        if error is not None and not (self._is_whole and failure_of(error).falls_back):
            return error
        if not self._is_whole:
            reason = "a stream that ended before the answer was whole"
            return InvalidResponseError(f"The answer is {reason}. Ask again.", reason=reason)
        try:
            if self._contract is not None:
                check_answer(_joined([*self._shown, *self._held]), self._contract)
        except InvalidResponseError as unusable:
            return unusable
        if self._has_calls:
            # In one piece, and each with an id, which is the same for all who see them.
            self._held = [with_call_ids(_joined(self._held))]
        return None

    def whole(self, error: BaseException | None) -> AIMessage:
        """Return the whole answer, seen or not.

        Args:
            error: What the stream ended with.

        Raises:
            BaseException: The error, or what is wrong with the answer.
        """
        flaw = self.flaw(error)
        if flaw is not None:
            raise flaw
        return self.message()

    def message(self) -> AIMessage:
        """Return the answer that has no flaw, in one piece."""
        message = message_chunk_to_message(_joined([*self._shown, *self._held]))
        assert isinstance(message, AIMessage)
        return message

    def rest(self, metadata: dict[str, Any]) -> list[AIMessageChunk]:
        """Return what was held back, with the answer's metadata on the last chunk: LangChain adds chunks up."""
        last = self._held[-1] if self._held else AIMessageChunk(content="", id=self._shown[-1].id)
        metadata = {**last.response_metadata, "nvgateway": metadata}
        last = last.model_copy(update={"response_metadata": metadata, "chunk_position": "last"})
        self._held[-1:] = [last] if self._held else []
        return self._held or [last]

    def partial(self) -> AIMessageChunk | None:
        """Return what the reader has seen, which is never a part of a call."""
        return _joined(self._shown) if self._shown else None


def _is_mere_text(message: AIMessage) -> TypeGuard[AIMessageChunk]:
    """Whether a message is a chunk with a text in it and nothing else, as most are."""
    return (
        type(message) is AIMessageChunk
        and type(message.content) is str
        and message.chunk_position is None
        and not message.tool_call_chunks
        and not message.usage_metadata
        and not message.additional_kwargs
        and _TELLING.isdisjoint(message.response_metadata)
    )


def _own_chunk(message: AIMessage) -> AIMessageChunk:
    """Return the message as a chunk that may be changed, without what the leg says about itself."""
    metadata = {name: value for name, value in message.response_metadata.items() if name != "nvgateway"}
    if isinstance(message, AIMessageChunk):
        return message.model_copy(update={"response_metadata": metadata})
    values = {**message.model_dump(exclude={"type"}), "response_metadata": metadata, "chunk_position": "last"}
    return AIMessageChunk(**values)


def _is_marked(chunk: AIMessageChunk) -> bool:
    """Whether a chunk says itself that the answer ends with it.

    LangChain puts an empty last chunk behind any stream that has none, which says nothing about the service.
    """
    if any(chunk.response_metadata.get(name) for name in _MARKERS):
        return True
    is_own = chunk.content or chunk.tool_call_chunks or chunk.usage_metadata or chunk.response_metadata
    return chunk.chunk_position == "last" and bool(is_own)


def _joined(chunks: Iterable[AIMessageChunk]) -> AIMessageChunk:
    return add_ai_message_chunks(*chunks)
