"""Token counts that need no tokenizer: LangChain would download one from a public host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately

__all__ = ["OfflineTokenCounts"]


class OfflineTokenCounts:
    """The methods of a chat model that count tokens."""

    def get_num_tokens(self, text: str) -> int:
        """Return about how many tokens a text has, counted offline."""
        return count_tokens_approximately([("human", text)], extra_tokens_per_message=0.0)

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None, **kwargs: Any
    ) -> int:
        """Return about how many tokens messages and tools have, counted offline."""
        return count_tokens_approximately(messages, tools=list(tools) if tools else None)

    def get_token_ids(self, text: str) -> list[int]:
        """Refuse: the ids need a tokenizer that would have to be downloaded from a public host.

        Raises:
            NotImplementedError: Always.
        """
        msg = "Token ids need a download from a public host; use get_num_tokens, which counts offline."
        raise NotImplementedError(msg)
