"""Scripted chat models for the places of providers, which do the same in each call, and a tool for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_nvgateway.testing import ScriptedChatModel

__all__ = ["acting", "failing", "get_time", "saying"]


def acting(act: Callable[[list[BaseMessage], dict[str, Any]], Any], **fields: Any) -> ScriptedChatModel:
    """A model that does what `act` says of the messages and keyword arguments."""
    return ScriptedChatModel(act, at_end="repeat_last", **fields)


def saying(text: str, **fields: Any) -> ScriptedChatModel:
    """A model that always answers."""
    return ScriptedChatModel(text, at_end="repeat_last", **fields)


def failing(error: BaseException | Callable[[], BaseException], **fields: Any) -> ScriptedChatModel:
    """A model that always raises."""
    return acting(lambda _messages, _kwargs: error() if callable(error) else error, **fields)


def get_time(zone: str) -> str:
    """Tell the time.

    Args:
        zone: Where.
    """
    return f"noon in {zone}"
