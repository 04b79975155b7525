"""Whether an answer can be used: the rules, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import EmptyResponseError, InvalidResponseError, ToolCallCorruptedError, TruncatedResponseError
from .contract import Contract
from .leaks import is_leaked_call
from .schemas import Schema
from .strict_json import NotStrictError, is_plain, strict_value, unfenced

__all__ = ["Answer", "Call", "Flaw", "flaw_in"]

_CUT = frozenset({"length", "max_tokens", "model_context_window_exceeded"})
"""How OpenAI, Anthropic, Google and Ollama say that an answer was cut, in lower case."""

_UNFINISHED = _CUT | {"abort", "error", "malformed_function_call", "unexpected_tool_call"}
"""Finish reasons, of vLLM and Google too, that leave no call to be relied on."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call as it came."""

    name: Any

    arguments: Any
    """Their raw text; the object, of a model whose raw text nobody has."""

    is_raw: bool = True
    """Whether `arguments` is what the service sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as far as its rules go."""

    text: str
    calls: Sequence[Call] = ()
    finish_reason: str | None = None

    has_more: bool = False
    """Whether it says something that is neither text nor call, such as an image or a refusal."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with an answer."""

    error: type[InvalidResponseError]
    """The error that says so."""

    reason: str
    """In words of ours, with nothing of the answer in them."""

    raw: str
    """The part of the answer that is wrong, as it came."""


def flaw_in(answer: Answer, contract: Contract) -> Flaw | None:
    """Return what makes an answer unusable, `None` if nothing does."""
    if answer.calls:
        flaw = _flaw_in_calls(answer, contract)
    elif contract.choice == "required" and not answer.has_more:
        flaw = _missing_call(answer, contract)
    else:
        flaw = None
    is_object = not answer.calls and contract.answer is not None
    if flaw is None and is_object and not answer.has_more:
        flaw = _flaw_in_object(answer, contract.answer)
    if flaw is None and contract.offers_tools and not is_object and is_leaked_call(answer.text, contract.tools):
        flaw = Flaw(ToolCallCorruptedError, "a tool call was written into the text", answer.text)
    if flaw is None and not (answer.calls or answer.has_more or answer.text.strip()):
        flaw = Flaw(EmptyResponseError, "it is empty", answer.text)
    return flaw


def _flaw_in_calls(answer: Answer, contract: Contract) -> Flaw | None:
    if str(answer.finish_reason).lower() in _UNFINISHED:
        return Flaw(TruncatedResponseError, "it was cut in the midst of a tool call", str(answer.calls[-1].arguments))
    for call in answer.calls:
        reason = _why_not(call, contract)
        if reason:
            return Flaw(ToolCallCorruptedError, reason, _raw(call))
    return None


def _why_not(call: Call, contract: Contract) -> str | None:
    """Return why a call cannot be run.

    Without the name that it calls: reasons are told to listeners, and a model may write anything into a name.
    """
    if contract.choice == "none":
        return "it calls a tool although it must not"
    if not isinstance(call.name, str) or not call.name.strip():
        return "it calls a tool without naming it"
    schema = contract.tools.get(call.name)
    if schema is None and contract.are_all_known:
        return "it calls a tool that was not offered"
    if contract.named is not None and call.name != contract.named:
        return "it calls another tool than the one that was demanded"
    return _flaw_in_arguments(call, schema)


def _flaw_in_arguments(call: Call, schema: Schema | None) -> str | None:
    arguments = call.arguments
    if call.is_raw:
        if arguments is not None and not isinstance(arguments, str):
            return "the arguments of a tool call are not sent as text"
        try:
            # Nothing at all is what some services send for a tool that has no parameters.
            arguments = strict_value(arguments) if arguments else {}
        except NotStrictError as problem:
            return f"the arguments of a tool call are not strict JSON ({problem})"
    if not isinstance(arguments, dict):
        return "the arguments of a tool call are not an object"
    if not call.is_raw and not is_plain(arguments):
        return "the arguments of a tool call are not strict JSON (NaN or Infinity, which are no JSON)"
    broken = schema.flaw(arguments) if schema else None
    return f"the arguments of a tool call do not fit the tool's schema ({broken})" if broken else None


def _missing_call(answer: Answer, contract: Contract) -> Flaw:
    if str(answer.finish_reason).lower() in _CUT:
        return Flaw(TruncatedResponseError, "it was cut before the tool call that was demanded", answer.text)
    if contract.offers_tools and is_leaked_call(answer.text, contract.tools):
        return Flaw(ToolCallCorruptedError, "a tool call was written into the text", answer.text)
    return Flaw(ToolCallCorruptedError, "it calls no tool although that was demanded", answer.text)


def _flaw_in_object(answer: Answer, schema: Schema | None) -> Flaw | None:
    if not answer.text.strip():
        return Flaw(EmptyResponseError, "it is empty", answer.text)
    if str(answer.finish_reason).lower() in _CUT:
        return Flaw(TruncatedResponseError, "it was cut in the midst of the object in a schema", answer.text)
    try:
        value = strict_value(unfenced(answer.text))
    except NotStrictError as problem:
        return Flaw(InvalidResponseError, f"it is not strict JSON ({problem})", answer.text)
    broken = schema.flaw(value) if schema else None
    return Flaw(InvalidResponseError, f"it does not fit the schema ({broken})", answer.text) if broken else None


def _raw(call: Call) -> str:
    return call.arguments if isinstance(call.arguments, str) else str(call.arguments)
