"""LangChain's chunks for bare text, which is what nearly all chunks of a stream bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai.chat_models import base as langchain_openai

if TYPE_CHECKING:
    from .sealed_chat_model import SealedChatModel

__all__ = ["TextChunks", "takes_texts"]


def takes_texts(model: SealedChatModel) -> bool:
    """Whether `TextChunks` makes what the model's converter would: a subclass may have one of its own."""
    converter = type(model)._convert_chunk_to_generation_chunk
    return getattr(converter, "__globals__", None) is vars(langchain_openai)


class TextChunks:
    """Makes the chunk for a text: the one that langchain-openai's converter makes, in less time.

    What the converter says beside the text is the same for each, and asked of it once.

    Args:
        model: The chat model that streams.
    """

    def __init__(self, model: SealedChatModel) -> None:
        self._model = model
        self._metadata: dict[str, Any] | None = None

    def chunk(self, text: str) -> ChatGenerationChunk:
        """Return a chunk that shares nothing with any other."""
        if self._metadata is None:
            empty = {"choices": [{"delta": {"content": ""}}]}
            example = self._model._convert_chunk_to_generation_chunk(empty, AIMessageChunk, None)
            self._metadata = example.message.response_metadata if example else {}
        message = AIMessageChunk(content=text)
        message.response_metadata.update(self._metadata)
        return ChatGenerationChunk(message=message)
