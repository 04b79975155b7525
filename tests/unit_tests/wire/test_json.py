"""JSON of services is read by a faster parser than the standard library's, which has to make no difference."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from langchain_nvgateway.chat_models.envelopes import json_value

_MANY = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=500)

_HALVES = st.characters(categories=["Cs"])
_TEXT = st.text(st.characters() | _HALVES, max_size=6)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.integers(10**400, 10**401)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=6
)
_PARTS = st.sampled_from(
    [*'{}[]",:\\ \n\t\r\0', *"0123456789-+.eE", "NaN", "-Infinity", "true", "null", '"a"', "\\ud83d", "\\ude00"]
)


@st.composite
def _json_texts(draw: st.DrawFn) -> bytes:
    """Draw JSON, whole, damaged or in one of the encodings that `json.loads` guesses."""
    text = json.dumps(draw(_VALUES), ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(_PARTS) + text[place + draw(st.integers(0, 2)) :]
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"])), "surrogatepass")


def _read(parse: Any, text: bytes) -> str:
    try:
        return f"{parse(text)!r}"  # Tells 1 from 1.0 and from True, and NaN is NaN.
    except ValueError:
        return "no JSON"
    except RecursionError:
        return "too deep"


@_MANY
@given(_json_texts() | st.lists(_PARTS, max_size=8).map(lambda parts: "".join(parts).encode()) | st.binary(max_size=9))
@example(b'{"a": 1, "b": 2, "a": 3}')
@example(b"[" * 250 + b"]" * 250)
@example(b"[" * 100_000)
@example(b"1" * 4300)
@example(b"1" * 4301)
@example(b"-" + b"9" * 4301)
@example(b"1" * 4400 + b".5")
@example(b"1e400")
@example(b"-0")
@example(b"-NaN")
@example(b"nan")
@example(b'"\xed\xa0\x80"')
@example(b'"\\ud83d\\ud83d\\ude00"')
@example(b'"\\u0000"')
@example(b'"\0"')
@example(b"1\x00")
@example(b"\x0c1")
@example(b"01")
@example(b"1.")
@example(b"[1,]")
def test_json_is_read_as_by_the_standard_library(text: bytes) -> None:
    """Whatever `json.loads` takes is taken, as the same value; whatever it refuses is refused."""
    assert _read(json_value, text) == _read(json.loads, text)
