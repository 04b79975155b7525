"""What of a stream flows and what waits, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.answers import PLAIN, Contract, Hold, Holding, contract_of
from langchain_nvgateway.answers.leak_watch import LeakWatch
from langchain_nvgateway.answers.leaks import is_leaked_call
from langchain_nvgateway.answers.schemas import Schema

from .pieces import FILLED, LEAKS, OFFERED, TEXTS, fed, pieces_of

WITH_TOOLS = contract_of({"tools": [{"type": "function", "function": {"name": name}} for name in OFFERED]})

FRAGMENTS = [
    *LEAKS.values(), *TEXTS.values(), *OFFERED, "<tool_call>", "</tool_call>", "<function=", "[TOOL_CALLS]",
    "functools[", "<|python_start|>", "<|", "<｜", "<", "[", "]", "(", ")", "=", ",", ";", ":", "`", "```",
    " ", "\n", ". ", "! ", "}", "functions.", "I'll look that up.", "Sure", "now", "For example", "city", "1", "f",
    "fun", "get", "Oslo",
]  # fmt: skip
OPENED = ["{", '{"name": "', '{"type": "func', '{"name": "get_time"', '"arguments": {}', '[{"', "\\"]
MIXED = st.lists(st.sampled_from(FRAGMENTS), max_size=7).map("".join)
"""Texts of calls, of parts of calls, and of words about them."""
MIXED_UP = st.lists(st.sampled_from([*FRAGMENTS, *OPENED]), max_size=7).map("".join)
"""Such texts with half an object in them, of which only its end says whether it is a call."""


@given(MIXED_UP, st.data())
def test_what_is_held_does_not_depend_on_the_cuts(text: str, data: st.DataObject) -> None:
    """After each piece it is as if all had come in one."""
    watch, come = LeakWatch(OFFERED), ""
    for piece in pieces_of(text, data):
        come += piece
        assert watch.add(piece) == LeakWatch(OFFERED).add(come)


@given(st.sampled_from(["", "Let me see. ", "I'll check it:\n", "Sure!\n\n", "First, it rains.\n"]), st.data())
def test_what_flows_ends_before_the_call(preamble: str, data: st.DataObject) -> None:
    """Whatever comes behind it, and however all of it is cut."""
    call = data.draw(st.sampled_from(list(LEAKS.values())))
    text = preamble + call + data.draw(st.just("") | MIXED_UP)
    watch, come, shown = LeakWatch(OFFERED), "", ""
    for piece in pieces_of(text, data):
        come += piece
        shown = shown if watch.add(piece) else come
    # What comes behind a call may turn it into a text about one, which flows, and then be a call itself.
    if all(is_leaked_call(text[:end], OFFERED) for end in range(len(preamble + call), len(text) + 1)):
        assert preamble.startswith(shown.rstrip())


@given(MIXED)
def test_a_text_that_flows_is_no_call(text: str) -> None:
    """All of it has flowed only if it is none: nothing is shown that is refused afterwards."""
    assert not (is_leaked_call(text, OFFERED) and not LeakWatch(OFFERED).add(text))


WORDS = st.sampled_from(["It", "rains", "in", "Oslo", "would", "I", "will", "see", "ask", "Ada", "42", "well", "Sure"])
MARKS = st.sampled_from([". ", ", ", "! ", "? ", ": ", "; ", " - ", " ", "\n", "\n\n", ".\n- ", " (so) ", " 'x' ", "/"])


@given(st.lists(st.tuples(WORDS, MARKS), min_size=1, max_size=60))
def test_ordinary_words_flow_at_once(words: list[tuple[str, str]]) -> None:
    """A letter a time, and they are no call."""
    text = "".join(word + mark for word, mark in words).strip()
    assert fed(text) == len(text)
    assert not is_leaked_call(text, OFFERED)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nothing_is_held_when_it_is_clear_that_a_text_is_no_call(text: str) -> None:
    """A few words behind it make it clear."""
    assert not LeakWatch(OFFERED).add(f"{text} And so on.")


def test_nothing_is_looked_for_in_the_midst_of_a_long_text() -> None:
    """It is clear by then what it is."""
    watch = LeakWatch(OFFERED)
    assert not watch.add(FILLED * 20)
    assert not any(watch.add(letter) for letter in f"\nLet me see.\n{LEAKS['hermes']}")


def test_a_long_piece_is_judged_as_many_short_ones() -> None:
    """Neither looks farther than the other."""
    text = "{" + " " * 800 + '"x": 1}'
    assert LeakWatch(OFFERED).add(text)
    assert fed(text) == 0


def test_a_long_call_is_held_to_its_end() -> None:
    """However long its arguments are."""
    watch = LeakWatch(OFFERED)
    assert all(
        watch.add(piece) for piece in ['{"name": "get_weather", "arguments": {"city": "', *["Oslo " * 100] * 9, '"}}']
    )


def held(contract: Contract, *pieces: str, hold: Hold = "calls") -> list[bool]:
    """Return which of these pieces have to wait."""
    holding = Holding(contract, hold)
    return [holding.holds(piece) for piece in pieces]


def test_blanks_wait_for_the_first_word() -> None:
    """An answer of blanks is none."""
    assert held(PLAIN, "", " ", "\n", "It", " ") == [True, True, True, False, False]


def test_blanks_flow_behind_something_that_is_no_text() -> None:
    """Such as a refusal."""
    holding = Holding(PLAIN)
    assert [holding.holds("", says_more=True), holding.holds(" ")] == [False, False]


@pytest.mark.parametrize("contract", [PLAIN, WITH_TOOLS], ids=["plain", "tools"])
def test_all_waits_behind_a_call(contract: Contract) -> None:
    """Text too, which belongs to the same answer."""
    holding = Holding(contract)
    assert not holding.holds("It rains.")
    assert holding.holds("", is_call=True)
    assert holding.holds("It rains.")


def test_all_waits_where_everything_is_to_be_held() -> None:
    """From the first word on."""
    assert held(PLAIN, "It", " rains.", hold="all") == [True, True]


def test_an_object_in_a_schema_waits() -> None:
    """Nobody may use a part of it."""
    assert held(Contract(answer=Schema({})), "It", " rains.") == [True, True]


def test_a_call_in_the_text_waits_where_tools_are_offered() -> None:
    """Elsewhere it is a text like any other."""
    assert held(WITH_TOOLS, "It rains.", "\nI'll see.\n", "<tool_call>") == [False, False, True]
    assert held(PLAIN, "It rains.", "\nI'll see.\n", "<tool_call>") == [False, False, False]


def test_a_call_in_the_text_is_no_matter_where_none_may_be_made() -> None:
    """`tool_choice="none"` asks for words alone."""
    contract = Contract(tools=WITH_TOOLS.tools, choice="none")
    assert held(contract, "<tool_call>", "{") == [False, False]
