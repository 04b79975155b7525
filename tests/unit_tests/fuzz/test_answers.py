"""The checks of answers against Python's own reading of JSON, and against jsonschema asked directly."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_nvgateway.answers import Answer, Call, Contract, contract_of, flaw_in

from ..answers.pieces import LEAKS
from .fitting import OBJECTS
from .mutations import cuts_of, mutated
from .streams import Outcome, streamed, streamed_answer, whole_answer

NOISE = st.text(max_size=3) | st.sampled_from(
    [
        '"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "-",
        "1e999",
        "NaN",
        "Infinity",
        "\\",
        "\\ud800",
        "\\u00",
        "\n",
        "\x00",
        "\ufeff",
        "```",
        "```json\n",
        "<tool_call>",
        '"a":',
        "0",
        "1.0",
        "\u2028",
        "'",
        "//",
        "\t",
        "\x1f",
    ]
)
WRAPS = ["{}", "```json\n{}\n```", "<tool_call>{}</tool_call>", " {} ", '"{}"', "[{}]", "{}{}", "{};", "\ufeff{}"]
FINISHES = st.sampled_from(["tool_calls", "stop", "length"])
SLOW = settings(suppress_health_check=[HealthCheck.too_slow])


def _refuse(*_: object) -> NoReturn:
    raise ValueError


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _finite(digits: str) -> float:
    return float(digits) if math.isfinite(float(digits)) else _refuse()


def is_fit(text: str, schema: dict[str, Any]) -> bool:
    """Whether a text is an object in strict JSON that jsonschema accepts."""
    try:
        value = json.loads(
            text, object_pairs_hook=_without_doubles, parse_constant=_refuse, parse_float=_finite, strict=True
        )
        json.dumps(value, ensure_ascii=False).encode()  # Half a surrogate pair is no character.
    except ValueError:
        return False
    return isinstance(value, dict) and jsonschema.Draft202012Validator(schema).is_valid(value)


def _contract(schema: dict[str, Any]) -> Contract:
    return contract_of({"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]})


@st.composite
def _written(draw: st.DrawFn, value: Any) -> str:
    ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, 1]))
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent)


@st.composite
def spoiled(draw: st.DrawFn, text: str) -> str:
    """Draw what became of a text."""
    return draw(st.sampled_from(WRAPS)).replace("{}", draw(mutated(text, NOISE, most=2)))


@SLOW
@given(OBJECTS, st.data())
def test_what_fits_is_always_accepted(pair: tuple[dict[str, Any], Any], data: st.DataObject) -> None:
    """However it is written down."""
    schema, value = pair
    text = data.draw(_written(value))
    assert flaw_in(Answer("", [Call("f", text)], "tool_calls"), _contract(schema)) is None


@SLOW
@given(OBJECTS, st.data())
def test_what_was_spoiled_is_accepted_exactly_if_it_still_fits(
    pair: tuple[dict[str, Any], Any], data: st.DataObject
) -> None:
    """No call reaches a tool that a strict reader would not read, or that jsonschema would not accept."""
    schema, value = pair
    text = data.draw(spoiled(data.draw(_written(value))))
    flaw = flaw_in(Answer("", [Call("f", text)], "tool_calls"), _contract(schema))
    assert (flaw is None) == is_fit(text or "{}", schema)


@SLOW
@given(OBJECTS, st.data())
def test_an_object_for_a_schema_is_accepted_exactly_if_it_fits(
    pair: tuple[dict[str, Any], Any], data: st.DataObject
) -> None:
    """Arrays and texts may be asked for as well, so the schema alone decides; one fence around it is nothing."""
    schema, value = pair
    contract = contract_of({"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}})
    text = data.draw(mutated(data.draw(_written(value)), NOISE, most=2))
    fenced = f"```json\n{text}\n```"
    assert (flaw_in(Answer(text, [], "stop"), contract) is None) == is_fit(text, schema)
    if "```" not in text:
        assert (flaw_in(Answer(fenced, [], "stop"), contract) is None) == is_fit(text, schema)


@SLOW
@given(OBJECTS, FINISHES, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
def test_a_stream_is_judged_like_the_whole(
    pair: tuple[dict[str, Any], Any], finish: str, sizes: list[int], data: st.DataObject
) -> None:
    """For the same answer: text, calls, what is wrong, however the service and the network cut it."""
    schema, value = pair
    texts = st.just("") | st.sampled_from(sorted(LEAKS.values())).flatmap(lambda leak: mutated(leak, NOISE, most=1))
    calls = [
        (data.draw(st.sampled_from(["f", "f", "g", ""])), data.draw(spoiled(data.draw(_written(value)))))
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    text, contract = data.draw(texts), _contract(schema)
    body = b"".join(streamed_answer(text, calls, finish, sizes))

    stream = streamed(data.draw(cuts_of(body)), contract)
    whole = whole_answer(text, calls, finish, contract)

    assert stream.flaw == whole.flaw
    if whole.error is None:
        assert stream == whole
    else:
        assert stream.error is not None
        assert stream.calls == ()
        assert stream == Outcome(stream.text, (), stream.error, stream.reason)
