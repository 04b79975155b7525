"""Says whether a value satisfies a JSON schema, for choosing among samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .schema_refs import resolve, types_of

_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: not isinstance(v, bool) and (isinstance(v, int) or (isinstance(v, float) and v.is_integer())),
}


def satisfies(value: Any, schema: Any, root: Any) -> bool:
    """Say whether a value satisfies a schema.

    Args:
        value: The value.
        schema: The schema, a part of `root`.
        root: What `$ref` refers to.
    """
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema and not satisfies(value, resolve(schema["$ref"], root), root):
        return False
    if "type" in schema and not any(_TYPES[t](value) for t in types_of(schema["type"])):
        return False
    if "const" in schema and not same(value, schema["const"]):
        return False
    if "enum" in schema and not any(same(value, allowed) for allowed in schema["enum"]):
        return False
    return _fits_kind(value, schema, root) and _fits_combinations(value, schema, root)


def same(first: Any, second: Any) -> bool:
    """Compare as JSON does: `true` is not 1, but 1.0 is."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def _fits_combinations(value: Any, schema: Mapping[str, Any], root: Any) -> bool:
    if not all(satisfies(value, part, root) for part in schema.get("allOf", ())):
        return False
    if "anyOf" in schema and not any(satisfies(value, part, root) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(satisfies(value, p, root) for p in schema["oneOf"]) != 1:
        return False
    if "not" in schema and satisfies(value, schema["not"], root):
        return False
    if "if" in schema:
        branch = "then" if satisfies(value, schema["if"], root) else "else"
        return satisfies(value, schema.get(branch, True), root)
    return True


def _fits_kind(value: Any, schema: Mapping[str, Any], root: Any) -> bool:
    if isinstance(value, str):
        return _fits_string(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _fits_number(value, schema)
    if isinstance(value, list):
        return _fits_array(value, schema, root)
    if isinstance(value, dict):
        return _fits_object(value, schema, root)
    return True


def _fits_string(value: str, schema: Mapping[str, Any]) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return False
    return "pattern" not in schema or re.search(schema["pattern"], value) is not None


def _fits_number(value: float, schema: Mapping[str, Any]) -> bool:
    low = schema.get("exclusiveMinimum")
    high = schema.get("exclusiveMaximum")
    # In draft 4 these two are flags beside the limits.
    if low is True:
        low = schema.get("minimum")
    if high is True:
        high = schema.get("maximum")
    if low is not None and low is not False and value <= low:
        return False
    if high is not None and high is not False and value >= high:
        return False
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        return False
    step = schema.get("multipleOf")
    return not step or (value / step).is_integer()


def _fits_array(value: list[Any], schema: Mapping[str, Any], root: Any) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return False
    first, rest = item_schemas(schema)
    parts = [*first[: len(value)], *[rest] * (len(value) - len(first))]
    if not all(satisfies(item, part, root) for item, part in zip(value, parts, strict=True)):
        return False
    if schema.get("uniqueItems") and has_repeats(value):
        return False
    if "contains" not in schema:
        return True
    matches = sum(satisfies(item, schema["contains"], root) for item in value)
    return bool(schema.get("minContains", 1) <= matches <= schema.get("maxContains", matches))


def has_repeats(items: list[Any]) -> bool:
    """Say whether two items of a list are the same."""
    return any(same(a, b) for i, a in enumerate(items) for b in items[:i])


def item_schemas(schema: Mapping[str, Any]) -> tuple[list[Any], Any]:
    """Return the schemas of the first items of an array, and that of the rest."""
    items = schema.get("items", True)
    if isinstance(items, list):  # Before draft 2020-12 this is what `prefixItems` is now.
        return items, schema.get("additionalItems", True)
    return schema.get("prefixItems", []), items


def _fits_object(value: dict[str, Any], schema: Mapping[str, Any], root: Any) -> bool:
    if not all(name in value for name in schema.get("required", ())):
        return False
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        return False
    for name, needed in schema.get("dependentRequired", {}).items():
        if name in value and not all(other in value for other in needed):
            return False
    names = schema.get("propertyNames", True)
    return all(
        satisfies(name, names, root) and all(satisfies(item, part, root) for part in property_schemas(schema, name))
        for name, item in value.items()
    )


def property_schemas(schema: Mapping[str, Any], name: str) -> list[Any]:
    """List the schemas that apply to the property of this name."""
    parts = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    for pattern, part in schema.get("patternProperties", {}).items():
        if re.search(pattern, name):
            parts.append(part)
    return parts or [schema.get("additionalProperties", True)]
