"""JSON schemas, each with a value that fits it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["OBJECTS"]

_TEXT = st.text(max_size=6)
_NAMES = st.text("abc", min_size=1, max_size=2) | st.sampled_from(["", "größe", '"', "\\", "a b"])
_FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)

Pair = tuple[dict[str, Any], Any]


@st.composite
def _text(draw: st.DrawFn) -> Pair:
    value = draw(_TEXT)
    rules = {
        "minLength": draw(st.integers(0, len(value))),
        "maxLength": draw(st.integers(len(value), 9)),
        "pattern": draw(st.sampled_from(["^", "$", r"^[\s\S]*$", "(a|b|)"])),
        "enum": [value, "other"],
    }
    return {"type": "string", **_some(draw, rules)}, value


@st.composite
def _number(draw: st.DrawFn) -> Pair:
    value = draw(st.integers(-(10**20), 10**20) | _FLOATS)
    is_whole = isinstance(value, int)
    rules: dict[str, Any] = {"minimum": value, "maximum": value, "const": value, "enum": [value, 5]}
    if is_whole:
        rules["multipleOf"] = 1
    return {"type": draw(st.sampled_from(["integer", "number"])) if is_whole else "number", **_some(draw, rules)}, value


@st.composite
def _array(draw: st.DrawFn, parts: st.SearchStrategy[Pair]) -> Pair:
    pairs = draw(st.lists(parts, max_size=3))
    value = [item for _, item in pairs]
    rules: dict[str, Any] = {"minItems": len(value), "maxItems": len(value), "items": {}}
    if pairs:
        rules["prefixItems"] = [schema for schema, _ in pairs]
        rules["items"] = {"anyOf": [schema for schema, _ in pairs]}
        rules["contains"] = pairs[0][0]
    if len(value) < 2:
        rules["uniqueItems"] = True
    chosen = _some(draw, rules)
    if "prefixItems" in chosen:
        chosen.pop("items", None)
    return {"type": "array", **chosen}, value


@st.composite
def _object(draw: st.DrawFn, parts: st.SearchStrategy[Pair]) -> Pair:
    pairs = draw(st.dictionaries(_NAMES, parts, max_size=3))
    value = {name: item for name, (_, item) in pairs.items()}
    rules = {
        "required": list(value),
        "additionalProperties": False,
        "propertyNames": {"type": "string"},
        "minProperties": len(value),
        "patternProperties": {"^unlikely$": False},
    }
    return {
        "type": "object",
        "properties": {name: schema for name, (schema, _) in pairs.items()},
        **_some(draw, rules),
    }, value


@st.composite
def _one_of_two(draw: st.DrawFn, parts: st.SearchStrategy[Pair]) -> Pair:
    (schema, value), (other, _) = draw(parts), draw(parts)
    return {"anyOf": draw(st.permutations([schema, other]))}, value


_LEAVES: st.SearchStrategy[Pair] = st.one_of(
    _text(), _number(), st.booleans().map(lambda value: ({"type": "boolean"}, value)), st.just(({"type": "null"}, None))
)
_ANY = st.recursive(_LEAVES, lambda parts: st.one_of(_array(parts), _object(parts), _one_of_two(parts)), max_leaves=5)
OBJECTS: st.SearchStrategy[Pair] = _object(_ANY)
"""A schema of an object, and an object that fits it."""


def _some(draw: st.DrawFn, rules: dict[str, Any]) -> dict[str, Any]:
    return {name: rules[name] for name in draw(st.sets(st.sampled_from(sorted(rules)), max_size=3))}
