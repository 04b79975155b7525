"""What a message says, in parts that the service takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage, is_data_content_block

from .dialects import Dialect
from .vendors import is_of_same_vendor, without_cache_mark

__all__ = ["CALL_BLOCKS", "Content", "assistant_content", "plain_content", "result_content"]

Content = str | list[str | dict[str, Any]]

CALL_BLOCKS = frozenset({"tool_use", "tool_call", "invalid_tool_call", "function_call", "input_json_delta"})
"""Blocks that say again what a message's `tool_calls` say."""

_TEXT_BLOCKS = frozenset({"text", "output_text", "input_text", None})
_MEDIA_BLOCKS = frozenset(
    {"image", "image_url", "audio", "input_audio", "file", "video", "document", "media", "file_data"}
)
_OPENAI_PARTS = frozenset({"text", "image_url", "input_audio", "refusal", "audio", "file"})
_PLAIN_TEXT_KEYS = frozenset({"type", "text", "index", "id", "annotations", "citations"})


def plain_content(content: Content, dialect: Dialect, *, is_users: bool) -> Content:
    """Return what a user or the system says; the same content if the service takes it as it is."""
    return _cleaned(content, dialect, _clean_part, is_users=is_users)


def result_content(content: Content, dialect: Dialect) -> Content:
    """Return what a tool has answered; parts of a kind that OpenAI does not know become text."""
    return _cleaned(content, dialect, _result_part, is_users=False)


def assistant_content(message: AIMessage, dialect: Dialect, *, has_calls: bool, keeps_call_blocks: bool) -> Content:
    """Return what a model says beside its calls.

    Args:
        message: The turn.
        dialect: What the service takes.
        has_calls: Whether the turn has calls; then text of nothing but blanks is none.
        keeps_call_blocks: Whether blocks that repeat the calls still say the same as they do.
    """
    content: Content = message.content
    if isinstance(content, list):
        if dialect.family != "openai" and is_of_same_vendor(message, dialect):
            content = _kept(content, has_calls=has_calls, keeps_call_blocks=keeps_call_blocks)
        else:
            content = _spoken(content, dialect)
    if has_calls and isinstance(content, str) and not content.strip():
        return ""
    return content


def _cleaned(content: Content, dialect: Dialect, clean: Callable[[Any, Dialect], Any], *, is_users: bool) -> Content:
    if not isinstance(content, list):
        return content
    if dialect.lists_for_users_only and not is_users:
        return "".join(_as_text(part) for part in content)
    if not content:
        return ""
    parts = [clean(part, dialect) for part in content]
    return content if _are_same(parts, content) else parts


def _clean_part(part: Any, dialect: Dialect) -> Any:
    if isinstance(part, str):
        return _text_part(part) if dialect.family == "openai" else part
    if isinstance(part, dict) and dialect.family != "anthropic":
        return without_cache_mark(part)
    return part


def _result_part(part: Any, dialect: Dialect) -> Any:
    part = _clean_part(part, dialect)
    if dialect.family != "openai":
        return part
    if isinstance(part, dict):
        kind = part.get("type")
        if kind in _OPENAI_PARTS or (kind in _MEDIA_BLOCKS and (is_data_content_block(part) or "source" in part)):
            return part
    return _text_part(_as_text(part))


def _kept(content: list[Any], *, has_calls: bool, keeps_call_blocks: bool) -> Content:
    """Return a vendor's own blocks for that vendor."""
    blocks = [
        block
        for block in content
        if not (isinstance(block, dict) and block.get("type") in CALL_BLOCKS and not keeps_call_blocks)
        and not (has_calls and _is_blank_text(block))
    ]
    if _are_same(blocks, content):
        return content
    return blocks or ""


def _spoken(content: list[Any], dialect: Dialect) -> Content:
    """Return the words of a turn: text where it is text only, and else parts."""
    parts = [part for block in content if (part := _spoken_part(block, dialect)) is not None]
    if dialect.lists_for_users_only:
        return "".join(_as_text(part) for part in parts if isinstance(part, str) or "refusal" in part)
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    whole = [_text_part(part) if isinstance(part, str) else part for part in parts if part != ""]
    return content if whole == content else whole


def _spoken_part(block: Any, dialect: Dialect) -> Any:
    """Return a block as text, as a part, or as `None` where it is of use to its own vendor only."""
    if isinstance(block, str):
        return block
    if not isinstance(block, dict):
        return None
    kind = block.get("type")
    if kind in _TEXT_BLOCKS and isinstance(block.get("text"), str):
        return block["text"]
    if kind == "refusal" and isinstance(block.get("refusal"), str):
        return block if dialect.family == "openai" else block["refusal"]
    if dialect.family == "openai":
        # Audio is referred to by its id; an assistant's turn can have no other media there.
        return block if kind == "audio" and block.get("id") else None
    if dialect.family == "google" and kind in _MEDIA_BLOCKS:
        return without_cache_mark(block)
    return None


def _as_text(part: Any) -> str:
    """Return a part as text; media are named, anything else is written as JSON."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        for name in ("text", "refusal"):
            if isinstance(part.get(name), str):
                return str(part[name])
        if part.get("type") == "tool_result":
            nested = part.get("content")
            return "".join(map(_as_text, nested)) if isinstance(nested, list) else str(nested or "")
        if part.get("type") in _MEDIA_BLOCKS:
            return f"[{part['type']} left out]"
    try:
        return json.dumps(part, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return "[a part that is no text left out]"


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _is_blank_text(block: Any) -> bool:
    if isinstance(block, str):
        return not block.strip()
    # A block with more than text may be there for what else it has, as Google's signatures.
    return (
        isinstance(block, dict)
        and block.get("type") == "text"
        and not str(block.get("text") or "").strip()
        and block.keys() <= _PLAIN_TEXT_KEYS
    )


def _are_same(new: list[Any], old: list[Any]) -> bool:
    return len(new) == len(old) and all(one is other for one, other in zip(new, old, strict=True))
