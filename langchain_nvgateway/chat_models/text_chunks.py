"""LangChain's chunks for bare text, which is what nearly all chunks of a stream bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

if TYPE_CHECKING:
    from .sealed_chat_model import SealedChatModel

__all__ = ["TextChunks"]


class TextChunks:
    """Makes the chunk for a text: the one that langchain-openai's converter makes, in less time.

    What the converter says beside the text is the same for each, and asked of it once.

    Args:
        model: The chat model that streams.
    """

    def __init__(self, model: SealedChatModel) -> None:
        empty = {"choices": [{"delta": {"content": ""}}]}
        example = model._convert_chunk_to_generation_chunk(empty, AIMessageChunk, None)
        self._metadata: dict[str, Any] = example.message.response_metadata if example else {}

    def chunk(self, text: str) -> ChatGenerationChunk:
        """Return a chunk that shares nothing with any other."""
        message = AIMessageChunk(content=text)
        message.response_metadata.update(self._metadata)
        return ChatGenerationChunk(message=message)
