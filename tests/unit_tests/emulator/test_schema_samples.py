"""Samples satisfy their schemas, as a validator of its own right judges."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_nvgateway.emulator.hints import Hints
from langchain_nvgateway.emulator.schema_checks import satisfies
from langchain_nvgateway.emulator.schema_samples import sample


def validate(value: Any, schema: Any) -> None:
    """Validate with jsonschema, formats included."""
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)


names = st.sampled_from(["location", "count", "query", "path", "user_name", "isDone", "größe"])
limits = st.integers(-50, 50)


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    """Numbers between limits, with steps."""
    schema: dict[str, Any] = {"type": draw(st.sampled_from(["integer", "number"]))}
    low = draw(limits)
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + draw(st.integers(12, 60))
    if draw(st.booleans()):
        schema["multipleOf"] = draw(st.sampled_from([1, 2, 3, 5, 0.5, 0.25]))
        if schema["type"] == "integer":
            schema["multipleOf"] = draw(st.sampled_from([1, 2, 3, 5]))
    return schema


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    """Strings with lengths, patterns or formats."""
    schema: dict[str, Any] = {"type": "string"}
    kind = draw(st.sampled_from(["length", "pattern", "format", "plain"]))
    if kind == "length":
        schema["minLength"] = draw(st.integers(0, 80))
        schema["maxLength"] = schema["minLength"] + draw(st.integers(0, 20))
    elif kind == "pattern":
        schema["pattern"] = draw(st.sampled_from(PATTERNS))
    elif kind == "format":
        schema["format"] = draw(st.sampled_from(FORMATS))
    return schema


PATTERNS = [
    r"^[a-z]+$",
    r"^\d{4}-\d{2}$",
    r"^(foo|bar)-[0-9]{1,3}$",
    r"^[^a-z]{3}$",
    r"\bword\b",
    r"^.{12,}$",
    r"^[A-Z]{2}\d?$",
    r"^https?://[\w.]+/$",
    r"^(?=.*\d)[a-z\d]{6,8}$",
    r"^([a-c])\1x*$",
    r"^(?:\+49|0)\s?\d{3,5}$",
    r"^[äöü]+$",
    r"^\S+@\S+\.\w+$",
]
FORMATS = ["date", "date-time", "time", "email", "uuid", "ipv4", "ipv6", "uri", "hostname"]
leaves = st.one_of(
    numbers(),
    strings(),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"enum": ["red", "green", 3, None, True]}),
    st.just({"const": {"a": [1]}}),
    st.just({"type": ["string", "null"]}),
    st.just({}),
    st.just(True),
)


def branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects, arrays and combinations of smaller schemas."""

    @st.composite
    def objects(draw: st.DrawFn) -> dict[str, Any]:
        properties = draw(st.dictionaries(names, inner, max_size=4))
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        schema["required"] = [n for n in properties if draw(st.booleans())]
        extra = draw(st.sampled_from([None, False, True, {"type": "string"}]))
        if extra is not None:
            schema["additionalProperties"] = extra
        if extra is not False and draw(st.booleans()):
            schema["minProperties"] = draw(st.integers(0, 6))
        return schema

    @st.composite
    def arrays(draw: st.DrawFn) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": draw(inner)}
        schema["minItems"] = draw(st.integers(0, 4))
        schema["maxItems"] = schema["minItems"] + draw(st.integers(0, 3))
        return schema

    return st.one_of(
        objects(),
        arrays(),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        inner.map(lambda part: {"allOf": [part, {"title": "Part"}]}),
        inner.map(lambda part: {"anyOf": [part, {"type": "null"}], "default": None}),
    )


schemas = st.recursive(leaves, branches, max_leaves=12)
TEXTS = ["", "What is 3 + 4.5 in San Francisco, CA?", "Name it 'foo-12' and \"bar\" in red"]


@settings(max_examples=300, deadline=None)
@given(schemas, st.sampled_from(TEXTS))
def test_a_sample_satisfies_its_schema(schema: Any, text: str) -> None:
    """Whatever is demanded and whatever the user said, the sample is valid."""
    validate(sample(schema, Hints(text)), schema)


@settings(max_examples=100, deadline=None)
@given(schemas, st.sampled_from(TEXTS))
def test_a_sample_is_always_the_same(schema: Any, text: str) -> None:
    """The same schema and text give the same value."""
    assert json.dumps(sample(schema, Hints(text))) == json.dumps(sample(schema, Hints(text)))


@settings(max_examples=300, deadline=None)
@given(
    schemas,
    st.recursive(
        st.none() | st.booleans() | st.integers(-60, 60) | st.floats(-60, 60) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=5,
    ),
)
def test_the_own_check_agrees_with_jsonschema(schema: Any, value: Any) -> None:
    """What chooses among samples judges any value as jsonschema does."""
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert satisfies(value, schema, schema) == expected


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "parent": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "children", "parent"],
        }
    },
    "$ref": "#/$defs/node",
}
HARD = {
    "recursive": TREE,
    "recursive from the root": {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    },
    "definitions of draft 7": {
        "definitions": {"Color": {"enum": ["red", "green"]}},
        "type": "object",
        "properties": {"color": {"allOf": [{"$ref": "#/definitions/Color"}], "default": "red"}},
        "required": ["color"],
    },
    "one of two shapes": {
        "oneOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ]
    },
    "discriminated": {
        "type": "object",
        "properties": {
            "step": {
                "oneOf": [
                    {
                        "type": "object",
                        "properties": {"kind": {"const": kind}, "n": {"type": "integer"}},
                        "required": ["kind", "n"],
                    }
                    for kind in ("read", "write")
                ],
                "discriminator": {"propertyName": "kind"},
            }
        },
        "required": ["step"],
    },
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"a": {"minimum": 7}, "b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    "all of several choices": {
        "allOf": [
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        ]
    },
    "any of and one of": {
        "anyOf": [{"type": "string"}, {"type": "integer"}],
        "oneOf": [{"type": "integer"}, {"type": "boolean"}],
    },
    "if then else": {
        "type": "object",
        "properties": {"kind": {"enum": ["big", "small"]}, "size": {"type": "integer"}},
        "required": ["kind", "size"],
        "if": {"properties": {"kind": {"const": "big"}}},
        "then": {"properties": {"size": {"minimum": 100}}},
        "else": {"properties": {"size": {"maximum": 10}}},
    },
    "not": {"type": "string", "not": {"const": "Sample value"}},
    "not that type": {"not": {"type": "string"}},
    "unique items": {"type": "array", "items": {"type": "integer"}, "minItems": 5, "uniqueItems": True},
    "unique enum items": {
        "type": "array",
        "items": {"enum": ["a", "b", "c"]},
        "minItems": 3,
        "uniqueItems": True,
    },
    "items of a pattern that only one string fits": {
        "type": "array",
        "items": {"type": "string", "pattern": r"\bword\b"},
        "minItems": 2,
    },
    "unique patterned items": {
        "type": "array",
        "items": {"type": "string", "pattern": "^[a-z]{2}$"},
        "minItems": 4,
        "uniqueItems": True,
    },
    "unique objects": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"id": {"type": "integer"}},
            "required": ["id"],
        },
        "minItems": 3,
        "uniqueItems": True,
    },
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": False,
        "minItems": 2,
    },
    "contains": {
        "type": "array",
        "items": {"type": "integer"},
        "contains": {"minimum": 90},
        "minContains": 2,
    },
    "pattern properties": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": False,
        "minProperties": 2,
    },
    "property names": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z]{3}$"},
        "minProperties": 2,
    },
    "dependent": {
        "type": "object",
        "properties": {"card": {"type": "integer"}, "address": {"type": "string", "default": ""}},
        "required": ["card"],
        "dependentRequired": {"card": ["address"]},
    },
    "required but not described": {"type": "object", "required": ["anything"]},
    "at most two properties": {
        "type": "object",
        "properties": {n: {"type": "integer"} for n in "abcd"},
        "required": ["c"],
        "maxProperties": 2,
    },
    "close limits": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "tenths": {"type": "number", "minimum": 0.3, "multipleOf": 0.1},
    "only negative": {"type": "integer", "maximum": -7},
    "long pattern": {"type": "string", "pattern": "^[ab]+$", "minLength": 30, "maxLength": 31},
    "open pattern": {"type": "string", "pattern": "^x", "minLength": 10},
    "no type but limits": {"minimum": 3},
    "no type but properties": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
    "null only": {"type": "null"},
    "json pointer escapes": {
        "$defs": {"a/b~c": {"type": "integer"}},
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/a~1b~0c"}},
        "required": ["x"],
    },
    "reference with siblings": {
        "$defs": {"s": {"type": "string"}},
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/s", "maxLength": 3, "description": "short"}},
        "required": ["x"],
    },
    "false branch": {"anyOf": [False, {"type": "integer"}]},
    "mutual recursion": {
        "$defs": {
            "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}},
            "b": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]},
        },
        "$ref": "#/$defs/a",
    },
}


@pytest.mark.parametrize("name", HARD)
def test_a_hard_schema_is_satisfied(name: str) -> None:
    """Each construct that tools use in the wild has a valid sample."""
    validate(sample(HARD[name]), HARD[name])


def test_a_schema_that_nothing_satisfies_gives_an_empty_object() -> None:
    """An impossible schema ends in an empty object instead of an error or a loop."""
    endless = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert sample({"type": "string", "maxLength": 1, "minLength": 2}) == {}
    assert sample(endless) == {}
    assert sample(False) == {}


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("What is 3 + 4?", {"a": {"type": "integer"}, "b": {"type": "integer"}}, {"a": 3, "b": 4}),
        ("magic_function2(-3)", {"x": {"type": "integer"}}, {"x": -3}),
        ("It costs 2.50 dollars", {"price": {"type": "number"}}, {"price": 2.5}),
        ("Call it 'foo bar'", {"title": {"type": "string"}}, {"title": "foo bar"}),
        ("Weather in New York City?", {"city": {"type": "string"}}, {"city": "New York City"}),
        ("Make it GREEN", {"c": {"enum": ["red", "green"]}}, {"c": "green"}),
        ("Open src/main.py now", {"path": {"type": "string"}}, {"path": "src/main.py"}),
        ("Find cats", {"query": {"type": "string"}}, {"query": "Find cats"}),
        ("At most 2000", {"n": {"type": "integer", "maximum": 9}}, {"n": 1}),
    ],
)
def test_values_are_taken_from_the_text(text: str, schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """What the user mentions is preferred where it is valid."""
    whole = {"type": "object", "properties": schema, "required": list(schema)}
    assert sample(whole, Hints(text)) == expected
