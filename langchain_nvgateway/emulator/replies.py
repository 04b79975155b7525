"""What a test may script the model to say, and the turn it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from .json_text import encode_text
from .records import RecordedRequest


class Omit:
    """The value of a field that is to be left out, where `None` would be sent as `null`."""

    def __repr__(self) -> str:
        """Show the name under which it is exported."""
        return "OMIT"


OMIT: Final = Omit()
"""Leaves a field out of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One scripted answer of the model.

    Example:
        ```python
        emu.nim.reply_next(Reply(text="hello"))
        emu.nim.reply_next(Reply(tool_calls=[("get_weather", {"location": "Dublin"})]))
        emu.nim.reply_next(Reply(tool_calls=[("get_weather", '{"location": "Dub')]))
        ```
    """

    text: str | None = None
    tool_calls: Sequence[tuple[str, Any]] = ()
    """Pairs of name and arguments; arguments are a dict, or a raw string that is sent as it is."""
    finish_reason: str | Omit | None = OMIT
    """`stop` or `tool_calls` when left out; `None` sends no finish reason."""
    usage: Mapping[str, Any] | Omit | None = OMIT
    """Counted when left out; `None` sends none."""
    chunks: Sequence[Mapping[str, Any]] | None = None
    """Raw deltas of a stream; an item with `choices` or `error` is sent as a whole event."""
    id: str | Omit | None = OMIT
    """The completion's id; made up when left out."""
    model: str | Omit | None = OMIT
    """The model's name in the answer; the service's own when left out."""
    message: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the message, such as `refusal` or `reasoning_content`."""
    call_ids: Sequence[str | None] = ()
    """Ids of the tool calls, in order; made up for the rest, left out where `None`."""
    delay: float = 0.0
    """Seconds before the first byte."""
    event_pause: float = 0.0
    """Seconds between the events of a stream."""


Speaker: TypeAlias = Callable[[RecordedRequest], Reply | None]
"""Says what the model says to a request; `None` leaves it to the model's own wits."""


@dataclass(slots=True)
class Call:
    """One tool call as it goes over the wire."""

    name: str
    arguments: Any
    """Normally JSON text; anything else is sent as the JSON value that it is."""
    id: str | None
    name_deltas: tuple[str, ...] = ()
    """The name as a stream sends it, when not in one piece."""


Calls: TypeAlias = list[Call]


@dataclass(slots=True)
class Turn:
    """What the model says in one turn, ready to be written as a body or as a stream."""

    text: str | None
    calls: Calls
    finish_reason: str | None
    is_json: bool = False
    """Whether the text is the JSON that a response format demanded."""
    usage: Mapping[str, Any] | None = None
    id: str | None = None
    model: str | None = None
    chunks: Sequence[Mapping[str, Any]] | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    """Texts of further choices, when several were asked for."""
    logprobs: bool = False
    delay: float = 0.0
    event_pause: float = 0.0


def arguments_text(arguments: Any) -> Any:
    """Write a call's arguments as they go over the wire.

    Args:
        arguments: A dict is encoded; a string or anything else is sent as it is.
    """
    return encode_text(arguments) if isinstance(arguments, dict) else arguments
