"""Which pieces of streamed calls belong together, in each way that servers number them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.chat_models.call_numbers import CallNumbers
from langchain_nvgateway.chat_models.wire_answers import CallPieces

Delta = list[dict[str, Any]]


def piece(text: str = "", *, name: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a piece of a call as a server sends it."""
    return {**fields, "function": {"arguments": text, **({} if name is None else {"name": name})}}


def numbers(*deltas: Delta) -> list[list[int]]:
    """Return the index that each piece of these deltas gets."""
    given_numbers = CallNumbers()
    found = []
    for delta in copy.deepcopy(deltas):
        given_numbers.number(delta)
        found.append([call["index"] for call in delta])
    return found


def joined(*deltas: Delta) -> list[tuple[Any, Any, Any]]:
    """Return id, name and arguments of the calls that these deltas are pieces of."""
    given_numbers, pieces = CallNumbers(), CallPieces()
    for delta in copy.deepcopy(deltas):
        given_numbers.number(delta)
        pieces.add(delta)
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in pieces.joined()]


AB = [("a", "get_time", '{"x": 1}'), ("b", "get_rain", '{"y": 2}')]

SHAPES: dict[str, list[Delta]] = {
    "as the specification has it": [
        [piece(name="get_time", index=0, id="a")], [piece('{"x"', index=0)], [piece(": 1}", index=0)],
        [piece(name="get_rain", index=1, id="b")], [piece('{"y": 2}', index=1)],
    ],
    "without an index, an id first": [
        [piece(name="get_time", id="a")], [piece('{"x"')], [piece(": 1}")],
        [piece(name="get_rain", id="b")], [piece('{"y": 2}')],
    ],
    "without an index, an id in each piece": [
        [piece(name="get_time", id="a")], [piece('{"x"', id="a")], [piece(": 1}", id="a")],
        [piece(name="get_rain", id="b")], [piece('{"y": 2}', id="b")],
    ],
    "without an index, all in one delta": [
        [piece('{"x": 1}', name="get_time", id="a"), piece('{"y": 2}', name="get_rain", id="b")],
    ],
    "an index of null": [
        [piece('{"x": 1}', name="get_time", id="a", index=None)],
        [piece('{"y": 2}', name="get_rain", id="b", index=None)],
    ],
    "an index of text": [
        [piece('{"x": 1}', name="get_time", id="a", index="0")],
        [piece('{"y": 2}', name="get_rain", id="b", index="1")],
    ],
    "an index of true": [
        [piece('{"x": 1}', name="get_time", id="a", index=True)],
        [piece('{"y": 2}', name="get_rain", id="b", index=True)],
    ],
    "0 for all": [
        [piece(name="get_time", index=0, id="a")], [piece('{"x": 1}', index=0)],
        [piece(name="get_rain", index=0, id="b")], [piece('{"y"', index=0)], [piece(": 2}", index=0)],
    ],
    "0 for all, in one delta": [
        [piece('{"x": 1}', name="get_time", index=0, id="a"), piece('{"y": 2}', name="get_rain", index=0, id="b")],
    ],
    "a random id in each piece": [
        [piece(name="get_time", index=0, id="a")], [piece('{"x"', index=0, id="r1")], [piece(": 1}", index=0, id="r2")],
        [piece(name="get_rain", index=1, id="b")], [piece('{"y": 2}', index=1, id="r3")],
    ],
    "a late id": [
        [piece('{"x"', name="get_time", index=0)], [piece(": 1}", index=0, id="a")],
        [piece('{"y"', name="get_rain", index=1)], [piece(": 2}", index=1, id="b")],
    ],
    "interleaved": [
        [piece(name="get_time", index=0, id="a"), piece(name="get_rain", index=1, id="b")],
        [piece('{"x"', index=0), piece('{"y"', index=1)], [piece(": 2}", index=1)], [piece(": 1}", index=0)],
    ],
    "from 1": [
        [piece('{"x": 1}', name="get_time", index=1, id="a")], [piece('{"y": 2}', name="get_rain", index=2, id="b")],
    ],
    "with gaps": [
        [piece('{"x": 1}', name="get_time", index=3, id="a")], [piece('{"y": 2}', name="get_rain", index=7, id="b")],
    ],
    "an index for the first only": [
        [piece('{"x"', name="get_time", index=0, id="a")], [piece(": 1}")],
        [piece('{"y": 2}', name="get_rain", id="b")],
    ],
    "the name in each piece": [
        [piece('{"x"', name="get_time", index=0, id="a")], [piece(": 1}", name="", index=0, id="a")],
        [piece('{"y": 2}', name="get_rain", index=1, id="b")],
    ],
    "empty ids": [
        [piece(name="get_time", index=0, id="a")], [piece('{"x": 1}', index=0, id="")],
        [piece(name="get_rain", index=1, id="b")], [piece('{"y": 2}', index=1, id="")],
    ],
}  # fmt: skip


@pytest.mark.parametrize("deltas", SHAPES.values(), ids=SHAPES)
def test_the_calls_are_put_together(deltas: list[Delta]) -> None:
    """The same two, however a server sends them."""
    assert joined(*deltas) == AB


def test_three_calls_that_a_server_numbers_alike_are_three() -> None:
    """Each piece goes to the last of them."""
    deltas = [[piece(name="f", index=0, id=each), piece(each, index=0)] for each in "abc"]
    assert numbers(*deltas) == [[0, 0], [1, 1], [2, 2]]


def test_a_call_that_was_moved_makes_room_for_none() -> None:
    """It gets an index that no other has."""
    first, second = piece(name="f", index=0, id="a"), piece(name="f", index=1, id="b")
    assert numbers([first], [second], [piece(name="f", index=0, id="c")], [piece(index=0)]) == [[0], [1], [2], [2]]


def test_a_call_without_ids_keeps_its_index() -> None:
    """There is nothing that could say otherwise."""
    assert numbers([piece(name="f", index=0)], [piece(name="g", index=0)], [piece(index=1)]) == [[0], [0], [1]]


def test_calls_side_by_side_without_id_and_index_are_told_apart_by_their_names() -> None:
    """What follows goes to the last of them."""
    assert numbers([piece(name="f"), piece(name="g"), piece()], [piece()]) == [[0, 1, 1], [1]]


@pytest.mark.parametrize("fields", [{}, {"id": "a"}], ids=["no id", "one id"])
def test_a_name_that_is_said_again_begins_no_call(fields: dict[str, str]) -> None:
    """Without an index, a piece goes to the call before it unless something tells it apart."""
    first, second = piece("{", name="f", **fields), piece("}", name="f", **fields)
    assert numbers([first], [second]) == [[0], [0]]
    assert numbers([piece(name="f", id="a"), piece(name="f", id="a")]) == [[0, 0]]


def test_a_first_piece_that_says_nothing_begins_a_call() -> None:
    """With the first index."""
    assert numbers([piece("{")], [piece("}", id="a")]) == [[0], [0]]


@st.composite
def calls_and_deltas(draw: st.DrawFn) -> tuple[list[tuple[str | None, str, str]], list[Delta]]:
    """Draw calls, and pieces of them as one of many servers would send them."""
    has_index, has_id = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    is_interleaved = has_index and draw(st.booleans())
    repeats_id, id_is_late = draw(st.booleans()), has_index and draw(st.booleans())
    all_zero = has_index and has_id and not is_interleaved and not id_is_late and draw(st.booleans())
    calls = [
        (f"id{place}" if has_id else None, draw(st.sampled_from("fgh")), draw(st.text("{}ab", max_size=6)))
        for place in range(draw(st.integers(1, 4)))
    ]
    sent: list[list[dict[str, Any]]] = []
    for place, (call_id, name, arguments) in enumerate(calls):
        parts = [piece(name=name), *(piece(letter) for letter in arguments)]
        for number, part in enumerate(parts):
            part.update({"index": 0 if all_zero else place} if has_index else {})
            is_said = number == (len(parts) - 1 if id_is_late else 0) or (repeats_id and not id_is_late)
            part.update({"id": call_id} if has_id and is_said else {})
        sent.append(parts)
    if is_interleaved:
        order = draw(st.permutations([place for place, parts in enumerate(sent) for _ in parts]))
        flat = [sent[place].pop(0) for place in order]
    else:
        flat = [part for parts in sent for part in parts]
    deltas: list[Delta] = []
    for part in flat:
        if deltas and draw(st.booleans()):
            deltas[-1].append(part)
        else:
            deltas.append([part])
    return calls, deltas


@given(calls_and_deltas())
def test_whatever_is_sent_comes_together_again(drawn: tuple[list[tuple[str | None, str, str]], list[Delta]]) -> None:
    """Each letter goes to its own call, in the order of the calls."""
    calls, deltas = drawn
    assert joined(*deltas) == calls


ODD_FUNCTIONS = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["", "f", None]), "arguments": st.just("x")}
)
ODD_PIECES = st.fixed_dictionaries(
    {"function": ODD_FUNCTIONS},
    optional={
        "index": st.sampled_from([0, 1, 5, -1, None, True, "0", 1.0]),
        "id": st.sampled_from(["a", "b", "", None]),
    },
)


@given(st.lists(st.lists(ODD_PIECES, max_size=3), max_size=6))
def test_no_piece_is_lost(deltas: list[Delta]) -> None:
    """Whatever a server makes up, each piece gets an index, and all letters are in some call."""
    letters = sum(call["function"].get("arguments", "") == "x" for delta in deltas for call in delta)
    assert all(type(index) is int for found in numbers(*deltas) for index in found)
    assert sum(len(arguments) for _, _, arguments in joined(*deltas)) == letters
