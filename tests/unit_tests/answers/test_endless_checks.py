"""A check against a schema ends, whatever a model writes."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_nvgateway.answers import Answer, Call, contract_of, flaw_in, keywords
from langchain_nvgateway.answers.schemas import Schema

from ..wire.cpu import grows_linearly

ENDLESS = "^(a|aa)+$"
WORDS = "a" * 80 + "!"
TOO_LONG = "it takes too long to be checked"
PATIENCE = 20.0
"""Seconds after which a check has not ended in time, also on a busy machine; without a limit it takes centuries."""

_ATOMS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "é",
            "7",
            " ",
            ".",
            "[a-c]",
            "[^a]",
            r"[\w-]",
            r"\d",
            r"\w",
            r"\s",
            r"\S",
            r"\b",
            r"\.",
            "^",
            r"\Z",
        ),
        *("{", "{e}", "{e<=1}", "{i}", "}", "]", "&", "(?i:A)", "(?=a)", "(?!b)", "-", "~", "#", r"\n", "/"),
    ]
)
_TIMES = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??"])
PATTERNS = st.recursive(
    st.lists(st.tuples(_ATOMS, _TIMES).map("".join), min_size=1, max_size=3).map("".join),
    lambda parts: st.builds("({}){}".format, parts, _TIMES) | st.builds("(?:{}|{})".format, parts, parts),
    max_leaves=4,
)
TEXTS = st.text("abcAé7٣ .-{}e<=1&~#[]/\n_!", max_size=10)


@given(PATTERNS, TEXTS)
@example("a{e}", "b")
@example("a{e}", "a{e}")
@example("a{i<=1}", "ab")
def test_an_ordinary_pattern_fits_what_it_fits_in_python(pattern: str, text: str) -> None:
    """The library that can be stopped gives the verdicts of the one that cannot."""
    try:
        fits = re.search(pattern, text) is not None
    except re.error:
        return
    assert (Schema({"pattern": pattern}).flaw(text) is None) == fits


BACKTRACKING: dict[str, tuple[dict[str, Any], Any]] = {
    "a pattern": ({"pattern": ENDLESS}, WORDS),
    "a pattern that must not fit": ({"not": {"pattern": ENDLESS}}, WORDS),
    "one of two": ({"anyOf": [{"pattern": ENDLESS}, {"type": "string"}]}, WORDS),
    "a pattern of names": ({"patternProperties": {ENDLESS: {}}}, {WORDS: 1}),
    "a name": ({"propertyNames": {"pattern": ENDLESS}}, {WORDS: 1}),
    "no other names": ({"additionalProperties": False, "patternProperties": {ENDLESS: {}}}, {WORDS: 1}),
}


@pytest.mark.parametrize("kind", BACKTRACKING)
def test_a_pattern_that_backtracks_without_end_is_given_up(kind: str) -> None:
    """The value does not fit, wherever the pattern stands: nobody can say that it does."""
    schema, value = BACKTRACKING[kind]
    start = time.monotonic()
    assert Schema(schema).flaw(value) == TOO_LONG
    assert time.monotonic() - start < PATIENCE


def test_a_call_with_such_words_is_refused() -> None:
    """With a reason that says so."""
    parameters = {"type": "object", "properties": {"name": {"type": "string", "pattern": ENDLESS}}}
    contract = contract_of({"tools": [{"function": {"name": "f", "parameters": parameters}}]})
    flaw = flaw_in(Answer("", [Call("f", f'{{"name": "{WORDS}"}}')], "stop"), contract)
    assert flaw is not None
    assert TOO_LONG in flaw.reason


def test_many_slow_patterns_have_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word of a long list may take its time, but not all of them."""
    monkeypatch.setattr(keywords, "CHECK_SECONDS", 0.5)
    monkeypatch.setattr(keywords, "PATTERN_SECONDS", 60.0)
    start = time.monotonic()
    assert Schema({"items": {"pattern": "^(a|aa)+b|x"}}).flaw(["a" * 22 + "x"] * 10_000) == TOO_LONG
    assert time.monotonic() - start < PATIENCE


def test_alternatives_in_a_recursion_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level would double the time."""
    monkeypatch.setattr(keywords, "CHECK_SECONDS", 0.5)
    nodes = [
        {"type": "object", "properties": {"op": {"const": op}, "part": {"$ref": "#"}}, "required": ["op"]}
        for op in ("and", "or")
    ]
    value: Any = {"op": "xor"}
    for _ in range(40):
        value = {"op": "and", "part": value}
    start = time.monotonic()
    assert Schema({"anyOf": nodes}).flaw(value) == TOO_LONG
    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize(
    ("schema", "item"),
    {
        "no two alike, of different kinds": ({"uniqueItems": True}, lambda place: {"a": place} if place % 2 else place),
        "no two alike, that collide": ({"uniqueItems": True}, lambda place: place * (2**61 - 1)),
        "many values": ({"items": {"enum": [f"v{place}" for place in range(2000)]}}, lambda place: "v1999"),
    }.values(),
)
def test_long_lists_take_linear_time(schema: dict[str, Any], item: Any) -> None:
    """A megabyte of them is checked, too."""

    def check(count: int) -> None:
        assert Schema(schema).flaw([item(place) for place in range(count)]) is None

    assert grows_linearly(check, 1000)


@pytest.mark.parametrize(
    ("items", "are_unique"),
    [
        ([1, True, "1", None, 0, False, [], {}, "", [1], [True]], True),
        ([1, 1.0], False),
        ([10**20, 1e20], False),
        ([0.5, 0.25, -0.5], True),
        ([-0.0, 0], False),
        ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False),
        ([{"a": 1}, {"a": True}], True),
    ],
    ids=str,
)
def test_what_is_alike_is_what_json_schema_takes_for_it(items: list[Any], are_unique: bool) -> None:
    """Numbers by their value, and no number is a boolean."""
    assert (Schema({"uniqueItems": True}).flaw(items) is None) == are_unique
    assert (Schema({"enum": items[:-1]}).flaw(items[-1]) is not None) == are_unique


DRAFTS = ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"]


@pytest.mark.parametrize("draft", DRAFTS)
def test_rules_hold_behind_a_reference_too(draft: str) -> None:
    """Also where a schema, or a part of it, names its draft."""
    kids = {"type": "array", "items": {"$ref": "#"}}
    price = {"$schema": draft, "multipleOf": 0.01}
    schema = Schema({"$schema": draft, "properties": {"price": {"multipleOf": 0.01}, "kids": kids}})
    bundled = Schema({"definitions": {"Price": price}, "properties": {"price": {"$ref": "#/definitions/Price"}}})

    assert schema.flaw({"kids": [{"price": 19.99}]}) is None
    assert schema.flaw({"kids": [{"price": 19.999}]})
    assert bundled.flaw({"price": 19.99}) is None
    assert bundled.flaw({"price": 19.999})


def test_recursion_of_an_older_draft_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draft 2019-09 has another word for it."""
    monkeypatch.setattr(keywords, "CHECK_SECONDS", 0.2)
    branch = {"type": "object", "properties": {"n": {"$recursiveRef": "#"}}, "required": ["z"]}
    schema = {"$schema": "https://json-schema.org/draft/2019-09/schema", "anyOf": [branch, branch]}
    value: dict[str, Any] = {}
    for _ in range(40):
        value = {"n": value}

    assert "too long" in str(Schema(schema).flaw(value))
