"""The ways in which tool calls arrive broken (wire facts, section 3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .conversation import answer_schema_of, parameters_of, tools_of
from .json_text import encode_text
from .replies import Call, Turn
from .schema_refs import resolve

Arguments: TypeAlias = Callable[[str, dict[str, Any], dict[str, Any]], Any]
"""Breaks arguments, given as text, as the object they are, and with their schema."""
WholeTurn: TypeAlias = Callable[[Turn], None]
"""Breaks a turn that has calls."""


def corrupt(name: str, turn: Turn, body: Mapping[str, Any]) -> None:
    """Break the calls of a turn, or the JSON text that it was to be.

    Args:
        name: A name of `CORRUPTIONS`.
        turn: The turn; changed in place.
        body: The request, for the schemas of its tools.
    """
    if name in _TURNS:
        if turn.calls:
            _TURNS[name](turn)
        return
    breaks = _ARGUMENTS[name]
    if turn.calls:
        tools = tools_of(body)
        for call in turn.calls:
            schema = parameters_of(tools.get(call.name, {}))
            call.arguments = _broken(breaks, call.arguments, schema)
    elif turn.text is not None:
        text = _broken(breaks, turn.text, answer_schema_of(body) or {})
        turn.text = text if isinstance(text, str) else encode_text(text)
    if name in _FINISHES:
        turn.finish_reason = _FINISHES[name]


def _broken(breaks: Arguments, text: Any, schema: dict[str, Any]) -> Any:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return text  # It was scripted broken already.
    return breaks(text, value, schema) if isinstance(value, dict) else text


def _missing_brace(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    return text[:-1]


def _doubled_braces(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    if not value:
        return '{"{"}'
    name, first = next(iter(value.items()))
    return f'{{"{{"{name}"{{{encode_text(first)}}}'


def _over_escaped(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    return text.replace('"', '\\"') if '"' in text else "{\\}"


def _cut(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    return text[: max(1, len(text) * 2 // 3)]


def _object_for_string(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    for name, kind in _types(value, schema).items():
        if kind == "string":
            return encode_text({**value, name: {"value": value[name]}})
    return _wrong_type(text, value, schema)


def _nested_as_string(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    nested = {n: encode_text(v) for n, v in value.items() if isinstance(v, dict | list)}
    if not nested:
        return _wrong_type(text, value, schema)
    return encode_text({**value, **nested})


def _single_quotes(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    return repr(value) if value else "{'x': 1}"


def _unquoted_values(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    pairs = ", ".join(f"{name}: {item}" for name, item in value.items())
    return f"{{{pairs or 'x: y'}}}"


def _nan_value(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    name = next(iter(value), "x")
    return encode_text({**value, name: float("nan")})


def _invalid_escape(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    name = next(iter(value), "x")
    return encode_text({**value, name: "C:@new"}).replace("@", "\\d")


def _control_character(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    name = next(iter(value), "x")
    return encode_text({**value, name: "two@lines"}).replace("@", "\n")


def _trailing_comma(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    return text[:-1] + ",}"


def _duplicate_keys(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    name, first = next(iter(value.items()), ("x", 1))
    pair = f"{encode_text(name)}:{encode_text(first)}"
    return f"{{{pair},{pair}}}"


def _python_literals(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    name = next(iter(value), "x")
    return encode_text({**value, name: "@"}).replace('"@"', "None")


def _missing_required(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    for name in schema.get("required", ()):
        if name in value:
            return encode_text({n: v for n, v in value.items() if n != name})
    return _missing_brace(text, value, schema)


def _wrong_type(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    for name, kind in _types(value, schema).items():
        if kind in _WRONG:
            return encode_text({**value, name: _WRONG[kind]})
    return _missing_brace(text, value, schema)


def _outside_enum(text: str, value: dict[str, Any], schema: dict[str, Any]) -> Any:
    for name, part in schema.get("properties", {}).items():
        part = resolve(part["$ref"], schema) if isinstance(part, dict) and "$ref" in part else part
        if name in value and isinstance(part, dict) and "enum" in part:
            return encode_text({**value, name: "not-one-of-them"})
    return _wrong_type(text, value, schema)


def _types(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the declared types of the properties that have a value."""
    properties = schema.get("properties", {})
    parts = {n: properties[n] for n in value if isinstance(properties.get(n), dict)}
    return {name: part.get("type") for name, part in parts.items()}


_WRONG: dict[Any, Any] = {
    "string": [12345],
    "integer": "many",
    "number": "many",
    "boolean": "perhaps",
    "array": "not a list",
    "object": "not an object",
}

_ARGUMENTS: dict[str, Arguments] = {
    "prose_before": lambda text, value, schema: f"I will now call the tool {text}",
    "prose_after": lambda text, value, schema: f"{text} Let me know if you need more.",
    "doubled_braces": _doubled_braces,
    "over_escaped": _over_escaped,
    "stray_quote": lambda text, value, schema: f'{text[:-1]}"}}',
    "missing_brace": _missing_brace,
    "extra_brace": lambda text, value, schema: f"{text}}}",
    "cut_length": _cut,
    "cut_no_finish": _cut,
    "cut_silently": _cut,
    "double_encoded": lambda text, value, schema: encode_text(text),
    "list_arguments": lambda text, value, schema: encode_text([value]),
    "number_arguments": lambda text, value, schema: "42",
    "null_arguments": lambda text, value, schema: None,
    "object_arguments": lambda text, value, schema: value,
    "object_for_string": _object_for_string,
    "nested_as_string": _nested_as_string,
    "empty_arguments": lambda text, value, schema: "",
    "single_quotes": _single_quotes,
    "unquoted_values": _unquoted_values,
    "python_literals": _python_literals,
    "nan_value": _nan_value,
    "invalid_escape": _invalid_escape,
    "control_character": _control_character,
    "trailing_comma": _trailing_comma,
    "duplicate_keys": _duplicate_keys,
    "missing_required": _missing_required,
    "wrong_type": _wrong_type,
    "outside_enum": _outside_enum,
    "unknown_field": lambda text, value, schema: encode_text({**value, "unexpected_field": True}),
}

_FINISHES: dict[str, str | None] = {"cut_length": "length", "cut_no_finish": None}


def _leak(turn: Turn, text: str) -> None:
    """Say something instead of calling a tool."""
    turn.text = text
    turn.calls = []
    turn.finish_reason = "stop"


def _leaked_json(turn: Turn) -> None:
    call = turn.calls[0]
    function = f'"name": {encode_text(call.name)}, "parameters": {call.arguments}'
    _leak(turn, f'{{"type": "function", {function}}}')


def _leaked_python_start(turn: Turn) -> None:
    call = turn.calls[0]
    inner = f'{{"name": {encode_text(call.name)}, "parameters": {call.arguments}}}'
    _leak(turn, f"<|python_start|>{inner}<|python_end|>")


def _leaked_pythonic(turn: Turn) -> None:
    _leak(turn, "[" + ", ".join(_pythonic(call) for call in turn.calls) + "]")


def _pythonic(call: Call) -> str:
    try:
        values = json.loads(call.arguments)
    except (TypeError, ValueError):
        values = {}
    pairs = values.items() if isinstance(values, dict) else ()
    return f"{call.name}({', '.join(f'{name}={_quoted(item)}' for name, item in pairs)})"


def _quoted(item: Any) -> str:
    return encode_text(item) if isinstance(item, str) else repr(item)


def _leaked_toolcall(turn: Turn) -> None:
    call = turn.calls[0]
    inner = f'[{{"name": {encode_text(call.name)}, "arguments": {call.arguments}}}]'
    _leak(turn, f"<TOOLCALL>{inner}</TOOLCALL>")


def _no_call(turn: Turn) -> None:
    _leak(turn, "I can answer that without any tool.")


def _no_answer(turn: Turn) -> None:
    _leak(turn, "")


def _unknown_tool(turn: Turn) -> None:
    turn.calls[0].name = f"{turn.calls[0].name}_v2"


def _empty_name(turn: Turn) -> None:
    turn.calls[0].name = ""


def _repeated_name(turn: Turn) -> None:
    call = turn.calls[0]
    call.name_deltas = (call.name, call.name)
    call.name += call.name


def _missing_id(turn: Turn) -> None:
    turn.calls[0].id = None


_TURNS: dict[str, WholeTurn] = {
    "unknown_tool": _unknown_tool,
    "empty_name": _empty_name,
    "repeated_name": _repeated_name,
    "missing_id": _missing_id,
    "leaked_json": _leaked_json,
    "leaked_python_start": _leaked_python_start,
    "leaked_pythonic": _leaked_pythonic,
    "leaked_toolcall": _leaked_toolcall,
    "no_call": _no_call,
    "no_answer": _no_answer,
}

CORRUPTIONS: frozenset[str] = frozenset({*_ARGUMENTS, *_TURNS})
"""The names that `corrupt_next` takes.

A corruption for which a tool's schema leaves no room falls back on one that it has room for, in the
end on a missing brace. `missing_id` is the one that a client should put up with.
"""
