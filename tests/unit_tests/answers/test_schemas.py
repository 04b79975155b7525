"""Values against JSON Schema: as jsonschema judges, and never more than the schema clearly says."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from langchain_nvgateway.answers.schemas import Schema

from .values import CANARY, VALUES

FOREIGN = r"^\p{L}+$"
NAMES = st.sampled_from(["a", "b", "pattern", "default", "enum", "const", "patternProperties", "$ref", "type"])
SMALL = st.integers(0, 3)


def _grown(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return schemas with smaller ones in them."""
    some = st.lists(parts, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(NAMES, parts, max_size=3),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": parts,
            "propertyNames": parts,
            "items": parts,
            "prefixItems": some,
            "contains": parts,
            "anyOf": some,
            "oneOf": some,
            "allOf": some,
            "not": parts,
            "if": parts,
            "then": parts,
            "dependentSchemas": st.dictionaries(NAMES, parts, max_size=2),
        },
    )


_TYPE = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
_LEAVES: st.SearchStrategy[Any] = st.booleans() | st.fixed_dictionaries(
    {},
    optional={
        "type": _TYPE | st.lists(_TYPE, min_size=1, max_size=3, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "default": VALUES,
        "minimum": SMALL,
        "exclusiveMaximum": SMALL,
        "multipleOf": st.integers(1, 3),
        "minLength": SMALL,
        "maxItems": SMALL,
        "uniqueItems": st.booleans(),
        "minProperties": SMALL,
        "format": st.sampled_from(["email", "date-time", "nonsense"]),
        "$ref": st.sampled_from(["#/$defs/a", "#/$defs/b", "#"]),
    },
)
SCHEMAS = st.builds(
    lambda schema, defs: {**schema, "$defs": defs},
    _grown(st.recursive(_LEAVES, _grown, max_leaves=6)),
    st.fixed_dictionaries({"a": _LEAVES.filter(lambda leaf: "$ref" not in str(leaf)), "b": st.just({"type": "array"})}),
)
"""Schemas of the newest draft without patterns."""
FITTING = VALUES | st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=2), max_size=4)


@settings(max_examples=50)  # Drawing a schema takes long.
@given(SCHEMAS, FITTING)
def test_a_value_has_a_flaw_exactly_if_it_is_invalid(schema: dict[str, Any], value: Any) -> None:
    """As the validator of the draft says, asked directly."""
    try:
        is_valid = Draft202012Validator(schema).is_valid(value)
    except BaseException as problem:
        if type(problem).__name__ not in ("RecursionError", "PanicException"):
            raise
        return
    assert (Schema(schema).flaw(value) is None) == is_valid


@settings(max_examples=50)  # Drawing a schema takes long.
@given(SCHEMAS, st.builds(lambda value, more: {**value, CANARY: more}, st.dictionaries(NAMES, VALUES), VALUES))
def test_the_words_of_a_flaw_hold_nothing_of_the_value(schema: dict[str, Any], value: Any) -> None:
    """They are of the schema alone."""
    words = Schema(schema).flaw(value)
    if words is not None and CANARY not in str(schema):
        assert CANARY not in words


@pytest.mark.parametrize("draft", [None, "http://json-schema.org/draft-07/schema#", "http://json-schema.org/schema#"])
@pytest.mark.parametrize(("value", "is_whole"), [(3, True), (3.0, True), (-0.0, True), (3.5, False), (True, False)])
def test_a_whole_number_is_an_integer(draft: str | None, value: Any, is_whole: bool) -> None:
    """Also when it is written with a fraction of zero."""
    schema = {"type": "integer"} if draft is None else {"type": "integer", "$schema": draft}
    assert (Schema(schema).flaw(value) is None) == is_whole


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^[A-Z]{3}$", "DUB", True),
        ("^[A-Z]{3}$", "DUB\n", False),
        ("^a$|^b$", "b\n", False),
        ("(?:a|b$)", "b\n", False),
        (r"^\$[0-9]+$", "$12", True),
        (r"^\$[0-9]+$", "$12\n", False),
        ("^[$]$", "$", True),
        ("^[$]$", "Z", False),
        (r"^[\]$]$", "$", True),
        (r"^\\$", "\\", True),
        (r"^\\$", "\\\n", False),
        (r"^(?<year>[0-9]{4})-(?<month>[0-9]{2})$", "2024-12", True),
        (r"^(?<year>[0-9]{4})$", "24", False),
        ("(?<=a)b", "ab", True),
        ("(?<!a)b", "ab", False),
        ("[[]", "[", True),
        ("^[[a]+$", "[a", True),
        ("^[^[]+$", "[", False),
        ("^[&&]$", "&", True),
        ("^[+--]$", ",", True),
    ],
)
def test_a_pattern_means_what_it_means_in_a_schema(pattern: str, text: str, fits: bool) -> None:
    """`$` is the very end, groups are named as ECMA-262 names them, and a bracket in a class is a character."""
    assert (Schema({"pattern": pattern}).flaw(text) is None) == fits
    named = Schema({"patternProperties": {pattern: {}}, "additionalProperties": False})
    assert (named.flaw({text: 1}) is None) == fits


def test_a_pattern_is_read_where_properties_have_odd_names() -> None:
    """A property may be named as a keyword is."""
    names = ("default", "enum", "const", "examples", "pattern", "patternProperties", "properties")
    schema = Schema({"properties": {name: {"pattern": "^a$"} for name in names}})
    assert [name for name in names if schema.flaw({name: "a\n"}) is None] == []


@pytest.mark.parametrize("keyword", ["const", "enum"])
def test_a_value_in_a_schema_is_no_schema(keyword: str) -> None:
    """It may look like one."""
    values = [{"pattern": "^a$"}, {"pattern": FOREIGN}]
    allowed = [Schema({keyword: value if keyword == "const" else [value]}) for value in values]
    assert [schema.flaw(value) for schema, value in zip(allowed, values, strict=True)] == [None, None]
    forbidden = [Schema({"not": {keyword: value if keyword == "const" else [value]}}) for value in values]
    assert None not in [schema.flaw(value) for schema, value in zip(forbidden, values, strict=True)]


def test_a_property_named_as_a_keyword_of_names_keeps_its_schema() -> None:
    """What is meant for a property is no pattern of names."""
    schema = Schema({"properties": {"patternProperties": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}})
    assert schema.flaw({"patternProperties": 1}) is not None


@pytest.mark.parametrize(
    "schema",
    {
        "a pattern": {"pattern": FOREIGN},
        "a pattern beside a type": {"type": ["object", "string"], "pattern": FOREIGN},
        "a pattern in a reference": {"$ref": "#/$defs/a", "$defs": {"a": {"pattern": FOREIGN}}},
        "a pattern in a list": {"allOf": [{"pattern": FOREIGN}, {}]},
        "a pattern of names": {"patternProperties": {FOREIGN: False}},
        "a pattern of names, and no others": {"patternProperties": {FOREIGN: {}}, "additionalProperties": False},
        "a pattern of names, and none left": {"patternProperties": {FOREIGN: {}}, "unevaluatedProperties": False},
        "a pattern that must not fit": {"not": {"pattern": FOREIGN}},
        "one of two patterns": {"oneOf": [{"pattern": FOREIGN}, {"type": ["object", "string"]}]},
        "a pattern as a condition": {"if": {"pattern": FOREIGN}, "then": False},
        "a pattern of names that must not fit": {"not": {"patternProperties": {FOREIGN: {"type": "number"}}}},
        "a pattern that no name may have": {"propertyNames": {"not": {"pattern": FOREIGN}}},
    }.values(),
    ids=str,
)
def test_a_pattern_that_nobody_understands_forbids_nothing(schema: dict[str, Any]) -> None:
    """Python has no Unicode properties, so it cannot say what they forbid."""
    assert Schema(schema).flaw("1") is None
    assert Schema(schema).flaw({"1": 1}) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": FOREIGN, "maxLength": 2}, "abc"),
        ({"properties": {"a": {"pattern": FOREIGN}}, "required": ["a"]}, {}),
        ({"patternProperties": {FOREIGN: {}, "^x": {"type": "string"}}}, {"x": 1}),
        ({"not": {"pattern": FOREIGN}, "type": "object"}, "abc"),
    ],
)
def test_the_rest_of_such_a_schema_holds(schema: dict[str, Any], value: Any) -> None:
    """Only the pattern itself is left out."""
    assert Schema(schema).flaw(value) is not None


REMOTE = """
    import sys
    from langchain_nvgateway.answers.schemas import Schema
    seen = []

    def watch(event, args):
        if event.startswith(("socket.", "urllib.")) or (event == "open" and "hostname" in str(args[0])):
            seen.append(event)

    sys.addaudithook(watch)
    for url in ("http://127.0.0.1:9/a.json", "https://example.com/a", "ftp://127.0.0.1:9/a", "file:///etc/hostname"):
        for schema in (
            {"$ref": url},
            {"$schema": url, "type": "string"},
            {"$id": url, "$ref": "other.json"},
            {"$dynamicRef": url},
            {"properties": {"a": {"$ref": url}}},
        ):
            if Schema(schema).flaw({"a": 1}) and "type" not in schema:
                seen.append(schema)
    print(seen)
"""


def test_a_reference_to_elsewhere_is_never_followed() -> None:
    """It forbids nothing, and no socket is made; an audit hook in a process of its own would know."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(REMOTE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr


@pytest.mark.parametrize("name", ["definitions", "$defs"])
def test_references_reach_into_the_schema_itself(name: str) -> None:
    """Under either name, as drafts have them."""
    schema = Schema({name: {"Size": {"enum": ["S", "M"]}}, "properties": {"size": {"$ref": f"#/{name}/Size"}}})
    assert schema.flaw({"size": "S"}) is None
    assert schema.flaw({"size": "XL"}) is not None


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    {
        "draft 4, by its limits": ({"minimum": 1, "exclusiveMinimum": True}, 2, 1),
        "draft 4, by its name": (
            {"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 1, "exclusiveMaximum": True}, 0, 1,
        ),
        "draft 7, by its items": ({"items": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], ["a", "b"]),
        "draft 7, by its name": (
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}, ["a"], [1],
        ),
        "draft 7, where it means something else": (
            {"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [False], "maxItems": 1}, [1], [1, 2],
        ),
        "2020-12, by its items": ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], ["a", "b"]),
    }.values(),
)  # fmt: skip
def test_a_schema_is_read_in_the_draft_that_it_is_of(schema: dict[str, Any], good: Any, bad: Any) -> None:
    """The one that it names, or the newest in which it is valid."""
    assert Schema(schema).flaw(good) is None
    assert Schema(schema).flaw(bad) is not None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": 3},
        {"type": None},
        {"required": "a"},
        {"required": True},
        {"properties": []},
        {"properties": {"a": "text"}},
        {"properties": {"a": None}},
        {"$ref": 3},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#nowhere"},
        {"$ref": "urn:nowhere"},
        {"$schema": 3},
        {"$schema": []},
        {"$schema": {}},
        {"$schema": ""},
        {"$schema": "nonsense"},
        {"$schema": "http://[nonsense"},
        {"$id": "http://[nonsense", "$ref": "a"},
        {"$id": 3},
        {"pattern": 3},
        {"pattern": "("},
        {"pattern": "(" * 5_000},
        {"pattern": "a{99999999999}"},
        {"patternProperties": []},
        {"patternProperties": {"(": {}}},
        {"enum": "a"},
        {"minimum": "1"},
        {"anyOf": []},
        {"items": "text"},
        {"$defs": 3},
        {"": 1, "nonsense": [{"$ref": 1}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("value", [{"a": 1}, {}, "a", ["a"], None], ids=str)
def test_a_schema_that_is_none_forbids_nothing(schema: dict[str, Any], value: Any) -> None:
    """Nobody could say what it forbids."""
    assert Schema(schema).flaw(value) is None


def test_what_is_nested_without_end_has_a_flaw() -> None:
    """It cannot be checked against a schema that follows it down."""
    value: Any = {}
    for _ in range(5_000):
        value = {"a": value}
    schema = Schema({"properties": {"a": {"$ref": "#"}}, "additionalProperties": False})
    assert schema.flaw(value) == "it is nested too deep to be checked"


LONG = "a" * 84


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"required": ["a"]}, {}, "it breaks the rule required"),
        ({"properties": {"a": {"type": "string"}}}, {"a": 1}, "it breaks the rule properties/a/type"),
        ({"anyOf": [{"type": "string"}]}, 1, "it breaks the rule anyOf"),
        ({"properties": {"a" * 90: {"type": "string"}}}, {"a" * 90: 1}, "it breaks the rule type"),
        ({"properties": {LONG: {"type": "string"}}}, {LONG: 1}, f"it breaks the rule properties/{LONG}/type"),
        ({"items": {"minimum": 3}}, [4, 2], "it breaks the rule items/minimum"),
    ],
)  # fmt: skip
def test_a_flaw_names_the_rule(schema: dict[str, Any], value: Any, words: str) -> None:
    """By its place in the schema; by its keyword alone where that is long."""
    assert Schema(schema).flaw(value) == words


def test_a_schema_is_not_changed() -> None:
    """Its patterns are translated in a copy."""
    schema = {"properties": {"a": {"pattern": "^a$"}}, "patternProperties": {FOREIGN: {}, "b$": {}}}
    before = str(schema)
    Schema(schema).flaw({})
    assert str(schema) == before
