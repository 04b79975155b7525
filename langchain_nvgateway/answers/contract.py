"""What a call asks of its answer: which tools it may call, whether it has to, and which schema it is to meet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from .schemas import Schema

__all__ = ["PLAIN", "Choice", "Contract", "asked_in", "contract_in", "contract_of", "tools_of"]

Choice = Literal["auto", "none", "required"]

_ANY_OBJECT = Schema({"type": "object"})
_ASKED = ("tools", "tool_choice", "functions", "function_call", "response_format", "answer_schema")
"""What of a request is about the form of its answer."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What an answer may be."""

    tools: Mapping[str, Schema] = field(default_factory=lambda: MappingProxyType({}))
    """Tools on offer, each with what its arguments have to be like."""

    are_all_known: bool = True
    """Whether no other tool may be called."""

    choice: Choice = "auto"
    """Whether a tool may be called, must not be, or has to be."""

    named: str | None = None
    """The one tool that has to be called."""

    answer: Schema | None = None
    """What the text has to be the JSON of, if the answer calls no tool."""

    @property
    def offers_tools(self) -> bool:
        """Whether the answer may call a tool."""
        return self.choice != "none" and (bool(self.tools) or not self.are_all_known)


PLAIN = Contract()
"""Asks for nothing but an answer."""


def contract_of(request: Mapping[str, Any]) -> Contract:
    """Return what a chat completion request asks of its answer.

    Equal requests share one contract, so that schemas are compiled once, not per call.

    Args:
        request: The request as it is sent, and `answer_schema` beside it: the schema that `response_format` does
            not name.
    """
    asked = asked_in(request)
    return contract_in(json.dumps(asked, default=str)) if asked else PLAIN


def asked_in(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a request is about the form of its answer."""
    return {name: request[name] for name in _ASKED if request.get(name)}


@lru_cache(maxsize=256)
def contract_in(asked_text: str) -> Contract:
    """Return the contract in the JSON of what `asked_in` returns, for those who have it."""
    asked = json.loads(asked_text)
    choice, named = _choice(asked.get("tool_choice") or asked.get("function_call"))
    return Contract(
        tools=tools_of([*(asked.get("tools") or ()), *(asked.get("functions") or ())]),
        choice=choice,
        named=named,
        answer=_answer_schema(asked.get("response_format"), asked.get("answer_schema")),
    )


def tools_of(tools: Iterable[Any]) -> dict[str, Schema]:
    """Return the tools by name; those that run at the service and never come back as calls are left out.

    Args:
        tools: Dicts in OpenAI's form.
    """
    found = {}
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            found[function["name"]] = Schema(parameters) if isinstance(parameters, Mapping) else _ANY_OBJECT
    return found


def _choice(given: Any) -> tuple[Choice, str | None]:
    if given == "none":
        return "none", None
    if given in ("required", "any"):
        return "required", None
    if isinstance(given, Mapping):
        allowed = given.get("allowed_tools")
        if isinstance(allowed, Mapping):
            return _choice(allowed.get("mode"))
        function = given.get("function", given)
        name = function.get("name") if isinstance(function, Mapping) else None
        return ("required", name) if isinstance(name, str) else ("auto", None)
    return "auto", None


def _answer_schema(response_format: Any, own: Any) -> Schema | None:
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if kind == "json_schema":
        described = response_format.get("json_schema")
        schema = own or (described.get("schema") if isinstance(described, Mapping) else None)
        return Schema(schema) if isinstance(schema, Mapping) else _ANY_OBJECT
    if kind == "json_object":
        return Schema(own) if isinstance(own, Mapping) else _ANY_OBJECT
    return None
