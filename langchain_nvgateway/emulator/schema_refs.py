"""Resolves references inside one JSON schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote


def resolve(ref: str, root: Any) -> Any:
    """Return what a local `$ref` points to; an empty schema when it points nowhere.

    Args:
        ref: `#`, or `#/` and a JSON pointer (RFC 6901).
        root: The schema that holds it.
    """
    place = root
    for token in ref.removeprefix("#").split("/")[1:]:
        key = unquote(token).replace("~1", "/").replace("~0", "~")
        if isinstance(place, Mapping) and key in place:
            place = place[key]
        elif isinstance(place, list) and key.isdecimal() and int(key) < len(place):
            place = place[int(key)]
        else:
            return {}
    return place


def merge(first: Any, second: Any) -> Any:
    """Join two schemas into one that demands what both demand, as far as one can.

    Args:
        first: A schema.
        second: Another one; where two values exclude each other, this one wins.
    """
    if first is False or second is False:
        return False
    if first is True or second is True:
        return second if first is True else first
    merged = dict(first)
    for key, value in second.items():
        merged[key] = _JOIN.get(key, _take_second)(merged[key], value) if key in merged else value
    return merged


def _take_second(first: Any, second: Any) -> Any:
    return second


def _join_properties(first: Any, second: Any) -> Any:
    joined = dict(first)
    for name, schema in second.items():
        joined[name] = merge(joined[name], schema) if name in joined else schema
    return joined


def _join_types(first: Any, second: Any) -> Any:
    allowed = types_of(first)
    both = [kind for kind in types_of(second) if kind in allowed]
    if "integer" not in both and "integer" in {*allowed, *types_of(second)}:
        both += ["integer"] if "number" in {*allowed, *types_of(second)} else []
    return both


def types_of(types: Any) -> list[str]:
    """List the types that a `type` keyword allows."""
    return [types] if isinstance(types, str) else list(types)


_JOIN: dict[str, Callable[[Any, Any], Any]] = {
    "properties": _join_properties,
    "patternProperties": _join_properties,
    "$defs": _join_properties,
    "definitions": _join_properties,
    "required": lambda a, b: list(dict.fromkeys([*a, *b])),
    "enum": lambda a, b: [value for value in a if value in b],
    "type": _join_types,
    "items": lambda a, b: merge(a, b) if isinstance(a, dict) and isinstance(b, dict) else b,
    "additionalProperties": merge,
    "allOf": lambda a, b: [*a, *b],
    "minimum": max,
    "maximum": min,
    "exclusiveMinimum": max,
    "exclusiveMaximum": min,
    "minLength": max,
    "maxLength": min,
    "minItems": max,
    "maxItems": min,
    "minProperties": max,
    "maxProperties": min,
}
