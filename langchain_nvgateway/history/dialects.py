"""What each service takes in a conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

__all__ = ["Dialect", "Family", "dialect_of"]

Family = Literal["openai", "anthropic", "google"]

_ENCODABLE_ID = re.compile(r"[^\ud800-\udfff]{1,40}")
"""Azure OpenAI refuses a longer `tool_calls[].id` with `string_above_max_length`; a lone surrogate has no encoding."""

_WORD_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
"""Anthropic's own pattern is `^[a-zA-Z0-9_-]+$`; the length is OpenAI's, so that an id is the same at both."""

_OPENAI_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ANY_NAME = re.compile(r"[a-zA-Z0-9_.:/-]{1,128}")
"""NIM's servers set no rule, and names such as `fs.read` are common."""

_ANTHROPIC_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_GOOGLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a service, or one model of it, takes in a conversation."""

    family: Family = "openai"
    """Whose form of messages the service understands."""

    lists_for_users_only: bool = False
    """Whether only a user's message may be a list of parts."""

    single_tool_call: bool = False
    """Whether an assistant turn may have one tool call at most."""

    ids: re.Pattern[str] = _ENCODABLE_ID
    """What the id of a tool call may be."""

    names: re.Pattern[str] = _OPENAI_NAME
    """What the name of a tool may be."""


_DIALECTS = {
    "nvidia-nim": Dialect(lists_for_users_only=True, names=_ANY_NAME),
    "nvidia-gateway": Dialect(),
    "openai": Dialect(),
    "anthropic": Dialect(family="anthropic", ids=_WORD_ID, names=_ANTHROPIC_NAME),
    "google-genai": Dialect(family="google", names=_GOOGLE_NAME),
}


@lru_cache(maxsize=64)
def dialect_of(provider: str, *, single_tool_call: bool = False) -> Dialect:
    """Return what a provider takes; one that is not known is taken to understand what OpenAI does.

    Args:
        provider: `nvidia-nim`, `nvidia-gateway`, `openai`, `anthropic` or `google-genai`.
        single_tool_call: Whether the model takes one tool call per turn only.
    """
    return replace(_DIALECTS.get(provider, Dialect()), single_tool_call=single_tool_call)
