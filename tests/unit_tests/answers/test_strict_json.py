"""JSON as RFC 8259 has it: all of it is read, and nothing else is."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.answers.strict_json import NotStrictError, is_plain, strict_value, unfenced

from .values import CANARY, VALUES

# -- A reader of its own: tokens by RFC 8259, reduced until one value is left ------------------------------------

_TOKEN = re.compile(
    r"[ \t\n\r]*(?:"
    r'(?P<s>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|(?P<v>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
    r"|(?P<mark>[\[\]{},:]))"
)
_WHOLE = re.compile(r"\[(?:[sv](?:,[sv])*)?\]|\{(?:s:[sv](?:,s:[sv])*)?\}")


def is_json(text: str) -> bool:
    """Whether a text follows the grammar of RFC 8259."""
    kinds, place, text = "", 0, text.rstrip(" \t\n\r")
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            return False
        place = token.end()
        kinds += token["mark"] or (token.lastgroup or "")
    before = None
    while before != kinds:
        before, kinds = kinds, _WHOLE.sub("v", kinds)
    return kinds in ("s", "v")


def is_strict(text: str) -> bool:
    """Whether a text is JSON that all readers understand alike."""
    if not is_json(text):
        return False
    is_clear = True

    def pairs(found: list[tuple[str, Any]]) -> list[Any]:
        nonlocal is_clear
        names = [name for name, _ in found]
        is_clear = is_clear and len(set(names)) == len(names)
        return [*names, *(value for _, value in found)]

    flat = [json.loads(text, object_pairs_hook=pairs)]
    while flat:
        item = flat.pop()
        flat += item if isinstance(item, list) else []
        is_clear = is_clear and not (isinstance(item, float) and math.isinf(item))
        is_clear = is_clear and not (isinstance(item, str) and re.search("[\ud800-\udfff]", item))
    return is_clear


def accepted(text: str) -> bool:
    """Whether our reader takes a text."""
    try:
        strict_value(text)
    except NotStrictError:
        return False
    return True


@st.composite
def edited_json(draw: st.DrawFn) -> str:
    """Draw JSON in which a few characters were left out, written twice or slipped in."""
    text = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(1)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        slipped_in = draw(st.sampled_from([*"\"\\{}[],:01-.e+ \n\t'un/#", "\x00", "\u00a0", "\ufeff"]))
        instead = draw(st.sampled_from([slipped_in, "", text[place : place + 1] * 2]))
        text = text[:place] + instead + text[place + draw(st.sampled_from([0, 1])) :]
    return text


@given(VALUES, st.booleans())
def test_every_value_comes_back(value: Any, is_ascii: bool) -> None:
    """What `json.dumps` writes is read as it was, type for type."""
    assert repr(strict_value(json.dumps(value, ensure_ascii=is_ascii))) == repr(value)


@given(edited_json() | st.text(alphabet='{}[]",:0123456789.eE+-\\ \ntruefalsn'))
def test_a_text_is_taken_exactly_if_it_is_strict(text: str) -> None:
    """A reader that was written from the RFC agrees on each edited text."""
    assert accepted(text) == is_strict(text)


@given(edited_json())
def test_a_reason_holds_nothing_of_the_text(text: str) -> None:
    """Reasons are shown to listeners, texts are not."""
    try:
        strict_value(text)
    except NotStrictError as problem:
        assert re.fullmatch(r"[A-Za-z][A-Za-z8 ,':\\()-]+( [0-9]+)?", str(problem))  # noqa: PT017 - or it is none
        assert not set(str(problem)) & set(CANARY)  # noqa: PT017 - as above


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        "a key twice": ('{"a": 1, "a": 1}', "a key that stands twice"),
        "a key twice, spelled in two ways": ('{"a": 1, "\\u0061": 1}', "a key that stands twice"),
        "a key twice, deep inside": ('[{"b": {"a": 1, "a": 1}}]', "a key that stands twice"),
        "NaN": ("[NaN]", "NaN or Infinity, which are no JSON"),
        "Infinity": ("Infinity", "NaN or Infinity, which are no JSON"),
        "minus Infinity": ("-Infinity", "NaN or Infinity, which are no JSON"),
        "a number beyond every range": ("1e400", "a number beyond every range"),
        "a negative number beyond every range": ("[-1e999]", "a number beyond every range"),
        "a number of five thousand digits": ("1" * 5_000, "a number with too many digits"),
        "half a character": ('"\\ud83d"', "half a character"),
        "half a character in a key": ('{"\\uDE00": 1}', "half a character"),
        "half a character as it is": ('"\ud83d"', "half a character"),
        "halves in the wrong order": ('"\\ude00\\ud83d"', "half a character"),
        "lists without end": ("[" * 200_000, "nested too deep"),
        "nothing": ("", "expecting value, at character 0"),
        "a missing value": ('{"a": }', "expecting value, at character 6"),
        "a stray text": ("{} x", "extra data, at character 3"),
        "an open string": ('{"a', "unterminated string, at character 1"),
        "a raw control character": ('"\n"', "invalid control character, at character 1"),
        "a byte order mark": ("\ufeff{}", "unexpected UTF-8 BOM (decode using utf-8-sig), at character 0"),
    }.values(),
)  # fmt: skip
def test_a_reason_says_what_is_wrong(text: str, reason: str) -> None:
    """In a few words of ours, and where."""
    with pytest.raises(NotStrictError) as caught:
        strict_value(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ['"\\ud83c\\udf8c"', '"🎌"', '"\\\\ud83c"', '{"\\uD83C\\uDF8C": "\\ud83c\\udf8c"}'])
def test_two_halves_are_a_character(text: str) -> None:
    """As are the letters of an escape behind a backslash that is escaped itself."""
    assert strict_value(text) == json.loads(text)


@given(VALUES)
def test_what_json_can_hold_is_plain(value: Any) -> None:
    """Whatever was read from JSON."""
    assert is_plain(value)


@given(st.data(), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_number_that_is_none_is_found_anywhere(data: st.DataObject, number: float) -> None:
    """In lists, tuples and objects, however deep."""
    value: Any = number
    for _ in range(data.draw(st.integers(0, 5))):
        beside = data.draw(VALUES)
        value = data.draw(st.sampled_from([[beside, value], [value, beside], (value,), {"a": beside, "b": value}]))
    assert not is_plain(value)


@pytest.mark.parametrize(
    "fence",
    [
        "```json\n{}\n```", "```\n{}\n```", "```JSON\n{}\n```", "\n ```json  \n{}\n```\n\n", "``` json\r\n{}\r\n```",
        "```json\n{}```", "```json\n{}\n  ```",
    ],
)  # fmt: skip
def test_a_code_fence_is_taken_off(fence: str) -> None:
    """Exactly one, around everything."""
    assert unfenced(fence) == "{}"


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "```json\n{}", "{}\n```", "Here:\n```json\n{}\n```", "```json\n{}\n```\nThere.", "```python\n{}\n```",
        "```json\n{}\n```\n```json\n{}\n```", "```json {} ```", "``````",
    ],
)  # fmt: skip
def test_another_text_stays_as_it_is(text: str) -> None:
    """With two fences, an open one, one of another language, or something beside it."""
    assert unfenced(text) == text


@given(VALUES)
def test_whatever_is_in_a_fence_comes_out(value: Any) -> None:
    """Unless there is a fence in it."""
    inside = json.dumps(value, indent=2)
    assert unfenced(f"```json\n{inside}\n```") == (f"```json\n{inside}\n```" if "```" in inside else inside)
