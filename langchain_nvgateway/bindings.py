"""What a call asks of every leg: plain text, tools, or an answer in a schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.runnables import Runnable, RunnableSequence
from langchain_core.utils.function_calling import convert_to_openai_tool

from .answers import PLAIN, Contract, Flaw, contract_of, error_of, schema_of
from .errors import InvalidResponseError
from .leg import Leg

__all__ = ["Attached", "Binding", "PlainBinding", "SchemaBinding", "ToolBinding"]

_STRICT_KWARGS = ("tools", "functions", "response_format")
_OWN_CHOICES = ("auto", "none", "required", "any")


@dataclass(frozen=True, slots=True)
class Attached:
    """A leg's chat model as a binding made it."""

    runnable: Runnable[Any, Any]
    """Gives the answer."""

    parser: Runnable[Any, Any] | None = None
    """Gives the object from the answer, when a schema was asked for."""

    contract: Contract | None = None
    """What the answer has to be like; `None` if the chat model judges its answers itself."""

    def contract_with(self, kwargs: dict[str, Any]) -> Contract | None:
        """Return the contract of a call with these keyword arguments, which may name tools or a schema of their own."""
        if self.contract is None or not (kwargs and any(map(kwargs.get, (*_STRICT_KWARGS, "tool_choice")))):
            return self.contract
        own = contract_of({**kwargs, **_choice(kwargs.get("tool_choice"))})
        are_all_known = all(isinstance(tool, dict) for tool in kwargs.get("tools") or ())
        return Contract(
            tools={**self.contract.tools, **own.tools},
            are_all_known=self.contract.are_all_known and are_all_known,
            choice=own.choice if kwargs.get("tool_choice") else self.contract.choice,
            named=own.named if kwargs.get("tool_choice") else self.contract.named,
            answer=own.answer or self.contract.answer,
        )


class Binding:
    """What is asked of a chat model, whichever it is.

    What it makes of a chat model is kept: models convert tools and schemas anew each time they are given some.
    """

    is_strict = False
    """Whether answers have to be more than text."""

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
            kept = self._attach(leg.chat_model)
            if not leg.judges_answers:
                kept = replace(kept, contract=self._contract(kept))
            self._attached[leg] = kept
        return kept

    def is_strict_with(self, kwargs: dict[str, Any]) -> bool:
        """Whether answers have to be more than text, in a call with these keyword arguments."""
        return self.is_strict or (bool(kwargs) and any(map(kwargs.get, _STRICT_KWARGS)))

    def _attach(self, chat_model: BaseChatModel) -> Attached:
        raise NotImplementedError

    def _contract(self, attached: Attached) -> Contract:
        """Return what an answer has to be like."""
        return PLAIN


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
        self._names = _names(self._tools)
        """Names of the tools; `None` if nobody knows them."""

    def with_kwargs_of(self, other: Binding) -> ToolBinding:
        """Return the binding with what another one of the very same tools says beside them.

        LangGraph's agents bind their tools to a model once more that has them already.
        """
        if not isinstance(other, ToolBinding) or self._names is None or other._names != self._names:
            return self
        return ToolBinding(self._tools, {**other._kwargs, **self._kwargs})

    def _attach(self, chat_model: BaseChatModel) -> Attached:
        return Attached(chat_model.bind_tools(self._tools, **self._kwargs))

    def _contract(self, attached: Attached) -> Contract:
        contract = _contract_of_tools(self._tools, self._kwargs.get("tool_choice"))
        asked = contract_of({"response_format": self._kwargs.get("response_format")})
        return replace(contract, answer=asked.answer)


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

    def _contract(self, attached: Attached) -> Contract:
        contract = _contract_of_tools([self._schema, *(self._kwargs.get("tools") or ())], None)
        schema = schema_of(self._schema)
        if schema is None or not _reads_json(attached.parser):
            return contract
        # LangChain's parser would complete JSON that is cut.
        asked = contract_of({"response_format": {"type": "json_schema"}, "answer_schema": schema})
        return replace(contract, answer=asked.answer)

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
            raise error_of(Flaw(InvalidResponseError, "it holds no object in the schema", ""))

    def result(self, raw: Any, parsed: Any) -> Any:
        """Return what the caller gets for an answer and the object in it."""
        return {"raw": raw, "parsed": parsed, "parsing_error": None} if self._include_raw else parsed


def _contract_of_tools(tools: Sequence[Any], tool_choice: Any) -> Contract:
    converted = [_converted(tool) for tool in tools]
    contract = contract_of({"tools": [tool for tool in converted if tool], **_choice(tool_choice)})
    return contract if all(converted) else replace(contract, are_all_known=False)


def _converted(tool: Any) -> dict[str, Any] | None:
    """Return a tool in OpenAI's form, `None` if only some vendor understands it."""
    try:
        return convert_to_openai_tool(tool)
    except (ValueError, TypeError, KeyError):
        return None


def _choice(tool_choice: Any) -> dict[str, Any]:
    """Return LangChain's ways to say which tool has to be called in OpenAI's form."""
    if tool_choice is True:
        return {"tool_choice": "required"}
    if isinstance(tool_choice, str) and tool_choice not in _OWN_CHOICES:
        return {"tool_choice": {"type": "function", "function": {"name": tool_choice}}}
    return {"tool_choice": tool_choice} if tool_choice else {}


def _reads_json(parser: Any) -> bool:
    steps = parser.steps if isinstance(parser, RunnableSequence) else [parser]
    return any(isinstance(step, JsonOutputParser) for step in steps)


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
