"""Calls in the text: none of one is seen before the verdict, words around code are no call, and time is linear."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from langchain_nvgateway.answers.leak_watch import LeakWatch
from langchain_nvgateway.answers.leaks import is_leaked_call

from ..wire.cpu import grows_linearly

OFFERED = ("search", "get_weather", "now")
CALL = '{"name": "search", "arguments": {"q": 1}}'
LEAKS = {
    "a typed call": '{"type": "function", "name": "other", "parameters": {"a": 1}}',
    "a bare call": CALL,
    "a name with a namespace": CALL.replace("search", "functions.search"),
    "code with a namespace": 'functions.search(q="x")',
    "a list of code with a namespace": '[functions.search(q="x")]',
    "an index first": '{"index": 0, "name": "search", "arguments": {}}',
    "a thought first": '{"thought": "I look it up.", "action": "search", "action_input": "x"}',
    "a type of its own": '{"type": "action", "tool": "search", "args": {}}',
    "a wrapper behind": '{"status": "calling", "tool_calls": [{"name": "search", "args": {}}]}',
    "arguments first": '{"arguments": {"q": 1}, "name": "search"}',
    "code that is cut": '[search(q="x"), get_wea',
}
PREAMBLES = ("", "\n\n", "I will do that. ", "Sure:\n", "Let me look that up.\n\n")
LEAKED_BEHIND = [
    pytest.param(preamble, leak, id=f"{name} behind {preamble!r}")
    for preamble in PREAMBLES
    for name, leak in LEAKS.items()
    if not preamble.strip() or leak.startswith(("{", "["))  # Code behind words is no call.
]


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize(("preamble", "leak"), LEAKED_BEHIND)
def test_nothing_of_a_leaked_call_is_seen_before_the_verdict(preamble: str, leak: str, size: int) -> None:
    """Whatever its first key, and whatever stands before its name."""
    text = preamble + leak
    watch, seen = LeakWatch(OFFERED), 0
    for start in range(0, len(text), size):
        if not watch.add(text[start : start + size]):
            seen = start + size
    assert is_leaked_call(text, OFFERED)
    assert seen <= len(preamble)


def test_a_marker_without_brackets_is_held_behind_words_too() -> None:
    """`functools[` begins like a word, and is shown as soon as it is another one."""
    watch = LeakWatch(OFFERED)
    assert [watch.add(piece) for piece in ("Okay ", "func", "tools", "[", '{"name"')] == [False, True, True, True, True]
    watch = LeakWatch(OFFERED)
    assert [watch.add(piece) for piece in ("Okay ", "func", "tion")] == [False, True, False]


@pytest.mark.parametrize("text", ["[now() - 1h]", "[now() - 1h] is the window.", "[now(), now() + 1]"])
def test_a_formula_in_brackets_is_no_call(text: str) -> None:
    """Only calls stand in the brackets of a leaked list of them."""
    assert not is_leaked_call(text, OFFERED)


def test_an_object_that_is_whole_and_no_call_is_shown_at_once() -> None:
    """So is a long one that has nothing of a call up to where a call would have said so."""
    watch = LeakWatch(OFFERED)
    assert [watch.add(piece) for piece in ('{"answer": ', "42", "}", " is it.")] == [True, True, False, False]
    watch = LeakWatch(OFFERED)
    assert [watch.add(piece) for piece in ('{"answer": "', "x" * 1_000, "y")] == [True, False, False]


HOSTILE: dict[str, Callable[[int], str]] = {
    "a closing tag that never closes": lambda size: "<tool_call>{<|" + "end" * size,
    "many calls as JSON": lambda size: CALL * size,
    "many calls as code": lambda size: "search(q=1)" * size,
    "a list of many calls as code": lambda size: "[" + "search(q=1), " * size + "]",
}


@pytest.mark.parametrize("written", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_linear_time(written: Callable[[int], str]) -> None:
    """A model that runs wild does not stop the process that reads it."""
    assert grows_linearly(lambda size: is_leaked_call(written(size), OFFERED), 5_000)
