"""What a call asks of every leg: plain text, tools, or an answer in a schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableSequence
from langchain_core.utils.function_calling import convert_to_openai_tool

from .answers import check_answer
from .errors import InvalidResponseError
from .leg import Leg

__all__ = ["Attached", "Binding", "PlainBinding", "SchemaBinding", "ToolBinding"]

_STRICT_KWARGS = ("tools", "functions", "response_format")


@dataclass(frozen=True, slots=True)
class Attached:
    """A leg's chat model as a binding made it."""

    runnable: Runnable[Any, Any]
    """Gives the answer."""

    parser: Runnable[Any, Any] | None = None
    """Gives the object from the answer, when a schema was asked for."""


class Binding:
    """What is asked of a chat model, whichever it is.

    What it makes of a chat model is kept: models convert tools and schemas anew each time they are given some.
    """

    is_strict = False
    """Whether answers have to be more than text."""

    offered: frozenset[str] | None = None
    """Names of the tools on offer; `None` if nobody knows them."""

    def __init__(self) -> None:
        # Weakly: runs may name any number of models, whose legs are forgotten in the end.
        self._attached: WeakKeyDictionary[Leg, Attached] = WeakKeyDictionary()

    def attached_to(self, leg: Leg) -> Attached:
        """Return the leg's chat model with all that is asked of it.

        Raises:
            NotImplementedError: It cannot do that.
        """
        kept = self._attached.get(leg)
        if kept is None:
            kept = self._attached[leg] = self._attach(leg.chat_model)
        return kept

    def is_strict_with(self, kwargs: dict[str, Any]) -> bool:
        """Whether answers have to be more than text, in a call with these keyword arguments."""
        return self.is_strict or any(kwargs.get(name) for name in _STRICT_KWARGS)

    def check(self, answer: AIMessage) -> None:
        """Let an answer pass that can be used.

        Raises:
            InvalidResponseError: It cannot.
        """
        check_answer(answer, offered=self.offered)

    def _attach(self, chat_model: BaseChatModel) -> Attached:
        raise NotImplementedError


class PlainBinding(Binding):
    """Nothing but the conversation."""

    def _attach(self, chat_model: BaseChatModel) -> Attached:
        return Attached(chat_model)


class ToolBinding(Binding):
    """Tools, as `BaseChatModel.bind_tools` takes them."""

    is_strict = True

    def __init__(self, tools: Sequence[Any], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self._tools = list(tools)
        self._kwargs = kwargs
        """For `bind_tools` beside the tools: `tool_choice`, `strict`, …"""
        self.is_strict = bool(self._tools)
        self.offered = _names(self._tools)

    def with_kwargs_of(self, other: Binding) -> ToolBinding:
        """Return the binding with what another one of the very same tools says beside them.

        LangGraph's agents bind their tools to a model once more that has them already.
        """
        if not isinstance(other, ToolBinding) or self.offered is None or other.offered != self.offered:
            return self
        return ToolBinding(self._tools, {**other._kwargs, **self._kwargs})

    def _attach(self, chat_model: BaseChatModel) -> Attached:
        return Attached(chat_model.bind_tools(self._tools, **self._kwargs))


class SchemaBinding(Binding):
    """An object in a schema, as `BaseChatModel.with_structured_output` takes it."""

    is_strict = True

    def __init__(self, schema: Any, kwargs: dict[str, Any], *, include_raw: bool) -> None:
        super().__init__()
        self._schema = schema
        self._kwargs = kwargs
        self._include_raw = include_raw

    def _attach(self, chat_model: BaseChatModel) -> Attached:
        structured = chat_model.with_structured_output(self._schema, **self._kwargs)
        if isinstance(structured, RunnableSequence):
            # Apart, since the answer is wanted too, and the other way to have it loses the call's keyword arguments.
            first, *rest = structured.steps
            return Attached(first, rest[0] if len(rest) == 1 else RunnableSequence(*rest))
        return Attached(structured)

    def calls_instead(self, raw: Any) -> bool:
        """Whether the answer calls a tool in place of an object; it may where tools stand beside the schema."""
        may_call = bool(self._kwargs.get("tools")) and self._include_raw
        return may_call and isinstance(raw, AIMessage) and bool(raw.tool_calls)

    def check_parsed(self, parsed: Any) -> None:
        """Let an object pass that is there.

        Raises:
            InvalidResponseError: There is none in the answer.
        """
        if parsed is None:
            reason = "it holds no object in the schema"
            msg = f"The answer cannot be used: {reason}. Ask again, or ask another model."
            raise InvalidResponseError(msg, reason=reason, is_quality=True)

    def result(self, raw: Any, parsed: Any) -> Any:
        """Return what the caller gets for an answer and the object in it."""
        return {"raw": raw, "parsed": parsed, "parsing_error": None} if self._include_raw else parsed


def _names(tools: list[Any]) -> frozenset[str] | None:
    names = set()
    for tool in tools:
        try:
            function = convert_to_openai_tool(tool).get("function", {})
        except (ValueError, TypeError):
            return None  # One that only some vendor understands.
        if "name" in function:
            names.add(function["name"])
        elif isinstance(tool, dict) and isinstance(tool.get("name"), str):
            names.add(tool["name"])
        # Else a tool that runs at the service, such as a web search, and never comes back as a call.
    return frozenset(names)
