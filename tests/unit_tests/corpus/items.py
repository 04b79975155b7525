"""What an item of the corpus is: a question, a scripted reply, and what has to become of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langchain_nvgateway.emulator import OMIT

__all__ = ["Broken", "Item", "Valid"]

Method = Literal["function_calling", "json_schema", "json_mode"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One reply, and what the model was offered."""

    id: str

    tools: tuple[Any, ...] = ()
    """What is given to `bind_tools`; none of it when empty."""

    tool_choice: Any = None

    schema: Any = None
    """What is given to `with_structured_output`."""

    method: Method | None = None

    text: str | None = None

    calls: tuple[tuple[Any, ...], ...] = ()
    """Name, raw arguments and, if the id matters, id: `None` for a call without one. Arguments that are no text are
    sent as the JSON value that they are."""

    finish: Any = OMIT
    """`stop` or `tool_calls` when left out, `None` for no finish reason."""

    message: Mapping[str, Any] | None = None
    """Further fields of the message."""

    deltas: tuple[Mapping[str, Any], ...] | None = None
    """Raw deltas (or whole chunks, with `choices` or `error`); such an item is a stream only."""

    fault: str | None = None
    """A fault of the emulator on top."""

    shows: bool = False
    """Whether a stream shows text before the trouble can be known."""


@dataclass(frozen=True, kw_only=True)
class Broken(Item):
    """A reply that nobody may see."""

    error: tuple[str, ...] = ("ToolCallCorruptedError",)
    """Names of the errors that it may become."""

    words: tuple[str, ...] = ()
    """The reason, in lower case, has to have one of these; any reason will do when empty."""


@dataclass(frozen=True, kw_only=True)
class Valid(Item):
    """A reply that has to come out as it went in."""

    says: str | None = None
    """The text that comes out; the scripted one when `None`."""

    does: tuple[tuple[str, Any], ...] = ()
    """Names and arguments of the calls that come out."""

    parsed: Any = None
    """The object that comes out, as a dict, where a schema was asked for."""
