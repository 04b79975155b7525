"""What a script is made of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from pydantic import BaseModel

__all__ = ["DiesAfter", "ScriptedCall", "Slow", "Step", "broken_call", "calls", "check_step", "dies_after", "slow"]


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A tool call, as the text that a service sends; `calls` and `broken_call` make one."""

    name: str
    """The tool."""

    arguments: str
    """Their raw text, whole or not."""

    finish_reason: str = "tool_calls"
    """What the answer says about its end."""

    id: str | None = None
    """The call's id; made up anew in each answer when left out."""


@dataclass(frozen=True, slots=True)
class DiesAfter:
    """A stream that breaks off; `dies_after` makes one."""

    said: Step
    error: BaseException | type[BaseException]


@dataclass(frozen=True, slots=True)
class Slow:
    """A step with a delay before it; `slow` makes one."""

    seconds: float
    step: Step


Step: TypeAlias = (
    "str | AIMessage | ToolCall | BaseModel | ScriptedCall | DiesAfter | Slow | BaseException | type[BaseException]"
    " | list[Any] | tuple[Any, ...] | Callable[[list[BaseMessage], dict[str, Any]], Any]"
)
"""One answer, or what comes in its place.

- A text.
- An `AIMessage`, with whatever it has; a finish reason of `None` is a stream that ends without one.
- An `AIMessageChunk`, or a list of them: a stream sends them as they are, and nothing behind them.
- A tool call: `calls(…)`, `broken_call(…)`, or LangChain's `ToolCall` dict.
- An object of a pydantic class, as an answer to `with_structured_output`: sent as a call of the tool of that name if
  there is one, else as JSON.
- An exception, or a class of one, which is raised.
- `dies_after(…)`, `slow(…)`.
- A function of `(messages, kwargs)` that returns a step.
- A list of these: one answer of several parts, such as a text and two calls.
"""


def calls(name: str, /, **args: Any) -> ScriptedCall:
    """Return a tool call that is whole and valid JSON.

    Args:
        name: The tool.
        args: Its arguments.

    Raises:
        TypeError: An argument cannot be written as JSON.

    Example:
        ```python
        ScriptedChatModel(calls("shell", command="ls"), "There are two files.")
        ScriptedChatModel(["I look into both. ", calls("read", path="a"), calls("read", path="b")])
        ```
    """
    return ScriptedCall(name, json.dumps(args))


def broken_call(name: str, raw_arguments: str, *, finish_reason: str = "tool_calls") -> ScriptedCall:
    """Return a tool call whose arguments are sent as they stand: cut, malformed, or not an object.

    It arrives as the integrations of real services deliver it. In whole answers it is among `invalid_tool_calls`,
    unless it is JSON after all. Streams bring it as `tool_call_chunks` that stop where the text stops; there LangChain
    completes cut JSON by guessing, and whoever adds up the chunks finds a tool call that looks good.

    Args:
        name: The tool.
        raw_arguments: The text in the place of the arguments.
        finish_reason: What the answer says about its end: `length` if the service noticed that it cut it.
    """
    return ScriptedCall(name, raw_arguments, finish_reason)


def dies_after(said: Step, error: BaseException | type[BaseException] = ConnectionError) -> DiesAfter:
    """Return an answer that breaks off with an error: streams bring `said` first, whole answers fail with the error.

    Args:
        said: What comes before: a text, a call, a list of both, …
        error: What is raised then.
    """
    return DiesAfter(said, error)


def slow(seconds: float, step: Step) -> Slow:
    """Return a step that comes after a delay, in real time; in async code the wait can be cancelled.

    Args:
        seconds: How long it takes; in a list, the pause before that part.
        step: What comes then.

    Raises:
        ValueError: The number of seconds is negative, or no number.
    """
    if not (math.isfinite(seconds) and seconds >= 0):
        msg = f"slow() waits {seconds!r} seconds; give a number that is not negative."
        raise ValueError(msg)
    return Slow(seconds, step)


def check_step(step: Any) -> None:
    """Let a step pass.

    Raises:
        TypeError: It is none.
    """
    match step:
        case list() | tuple():
            for part in step:
                check_step(part)
        case Slow(step=inner) | DiesAfter(said=inner):
            check_step(inner)
        case str() | AIMessage() | ScriptedCall() | BaseException():
            pass
        case BaseMessage():
            raise _no_step(step)
        case {"name": str(), "args": dict()} | BaseModel():
            pass
        case type():
            if not issubclass(step, BaseException):
                raise _no_step(step)
        case _:
            if not callable(step):
                raise _no_step(step)


def _no_step(step: Any) -> TypeError:
    return TypeError(
        f"{step!r:.200} is no step of a script. Give a text, an AIMessage, an exception, calls(…), broken_call(…), "
        "dies_after(…), slow(…), an object of a pydantic class, a function of (messages, kwargs) that returns one of "
        "these, or a list of them as the parts of one answer."
    )
