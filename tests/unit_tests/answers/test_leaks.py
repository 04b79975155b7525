"""Calls in the text are found in every family's form, and a text about calls is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.answers.leak_watch import LeakWatch
from langchain_nvgateway.answers.leaks import is_leaked_call

from ..wire.cpu import grows_linearly
from .pieces import CALL, LEAKS, OFFERED, TEXTS, fed, pieces_of


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_a_leaked_call_is_found(text: str) -> None:
    """In the form of each family of models."""
    assert is_leaked_call(text, OFFERED)


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_blanks_around_a_call_do_not_hide_it(text: str) -> None:
    """Nor do they before it in the stream."""
    assert is_leaked_call(f"\n {text} \n", OFFERED)


@pytest.mark.parametrize(
    "preamble",
    [
        "I'll look that up.\n",
        "I’ll check the weather in Dublin: ",
        "Let me see.\n\n",
        "Sure! ",
        "Okay. ",
        "First, I need to know the weather.\n",
        "I am calling the tool now.\n",
        "To answer that, the weather has to be known.\n",
        "Function call: ",
    ],
)
def test_a_call_is_found_behind_words_that_announce_it(preamble: str) -> None:
    """In each form, unless it is code without brackets, which a sentence may end in."""
    missed = [name for name, text in LEAKS.items() if not is_leaked_call(preamble + text, OFFERED)]
    assert missed == ["code without brackets", "code without brackets, with the namespace"]


@pytest.mark.parametrize(
    "preamble",
    [
        "For example:\n",
        "Such a call looks like this:\n",
        "You can send this:\n",
        "Let me explain the format:\n",
        "I would write:\n",
        "Sure, here is a snippet:\n",
        "The service returned:\n",
        "I will now quote `it`:\n",
        "I will answer with this:\n",
        "Now I emit:\n",
    ],
)
def test_a_call_that_is_shown_is_none(preamble: str) -> None:
    """In whichever form, the words before it say so."""
    assert [name for name, text in LEAKS.items() if is_leaked_call(preamble + text, OFFERED)] == []


@pytest.mark.parametrize("text", [CALL, f"[{CALL}]", '[get_weather(city="Oslo")]'])
def test_json_and_code_without_a_word_of_intent_are_none(text: str) -> None:
    """Somebody lists something."""
    assert not is_leaked_call(f"The weather is this:\n{text}", OFFERED)


@pytest.mark.parametrize(
    "preamble", ["The weather is this:\n", "It rains. ", "Let me see ", "Let me see it in ", "The weather, "]
)
@pytest.mark.parametrize("call", ["<tool_call>", "[TOOL_CALLS]", "functools[", "<|python_tag|>"])
def test_a_marked_call_needs_no_word_of_intent(preamble: str, call: str) -> None:
    """It may begin in the midst of a line, and nothing of it is shown."""
    text = f"{preamble}{call}{CALL}"
    assert is_leaked_call(text, OFFERED)
    assert fed(text) <= len(preamble)


def test_a_long_text_does_not_end_in_a_call() -> None:
    """Who writes more than a few lines explains something."""
    assert is_leaked_call(f"Let me see. {'It rains. ' * 20}\n{CALL}", OFFERED)
    assert not is_leaked_call(f"Let me see. {'It rains. ' * 24}\n{CALL}", OFFERED)
    assert not is_leaked_call(f"Let me see. {'It rains. ' * 30} <tool_call>{CALL}</tool_call>", OFFERED)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_another_text_is_no_call(text: str) -> None:
    """However much it looks like one."""
    assert not is_leaked_call(text, OFFERED)


@pytest.mark.parametrize(
    ("tail", "is_call"),
    [
        ("", True),
        ("\n", True),
        (" Let me know.", True),
        ("\nThat is an example.", False),
        (f" {'It rains. ' * 20}", True),
        (f" {'It rains. ' * 25}", False),
    ],
)
def test_a_call_with_a_few_words_behind_it_is_one(tail: str, is_call: bool) -> None:
    """If they explain nothing."""
    assert is_leaked_call(CALL + tail, OFFERED) == is_call
    assert is_leaked_call(f"Let me see.\n{CALL}{tail}", OFFERED) == (not tail.strip())


@pytest.mark.parametrize("end", ["</tool_call>", "<|tool_call_end|>", "<|/tool_call_end|>", "<｜tool▁call▁end｜>"])
def test_a_marked_call_may_have_words_behind_it_if_none_are_before(end: str) -> None:
    """Behind a preamble and a closing mark they say that it was a quotation."""
    marked = f"<tool_call>{CALL}{end}"
    assert is_leaked_call(f"{marked} There.", OFFERED)
    assert is_leaked_call(f"Let me see. {marked}", OFFERED)
    assert not is_leaked_call(f"Let me see. {marked} is what it is.", OFFERED)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_calls_are_found_in_wrappers(depth: int) -> None:
    """As services nest them, and not without end."""
    wrapped: Any = json.loads(CALL)
    for _ in range(depth):
        wrapped = {"tool_call": wrapped}
    assert is_leaked_call(json.dumps(wrapped), OFFERED) == (depth < 5)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "get_weather"},
        {"arguments": {"city": "Oslo"}},
        {"name": "Ada", "arguments": ["a", "b"]},
        {"name": ["get_weather"], "arguments": {}},
        {"name": "get_weather", "description": "Weather.", "parameters": {}},
        {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {}}}},
        {"type": "object", "name": "Ada", "parameters": {}},
        {"name": "get_weather", "description": "Weather,\nand more.", "parameters": {}},
        [json.loads(CALL), {"name": "Ada"}],
        [],
        [[]],
        {},
    ],
    ids=str,
)
def test_json_that_says_of_itself_no_call_is_none(value: Any) -> None:
    """Without a tool's name and arguments, or with a tool's description."""
    assert not is_leaked_call(json.dumps(value).replace("\\n", "\n"), OFFERED)


@pytest.mark.parametrize("kind", ["function", "function_call", "tool_call", "tool_use"])
def test_json_of_the_type_of_a_call_is_one(kind: str) -> None:
    """Even of a tool that nobody offered."""
    assert is_leaked_call(json.dumps({"type": kind, "name": "unknown", "arguments": {}}), OFFERED)


@pytest.mark.parametrize("name", ["name", "tool", "tool_name", "function", "function_name", "recipient_name", "action"])
@pytest.mark.parametrize("arguments", ["parameters", "arguments", "args", "input", "tool_input", "action_input"])
def test_a_call_is_found_by_any_of_its_keys(name: str, arguments: str) -> None:
    """As models name the tool and what it takes, whole or cut."""
    text = json.dumps({name: "get_weather", arguments: {"city": "Oslo"}})
    assert is_leaked_call(text, OFFERED)
    assert is_leaked_call(text[:-3], OFFERED)


@pytest.mark.parametrize(
    ("text", "is_call"),
    [
        ('{"name": "get_weather', False),
        ('{"name": "get_weather"', True),
        ('{"name": "get_weather", ', True),
        ('{"name": "get_weather", "city": "Os', False),
        ('{"name": "get_weather", "city": "Oslo", "arguments": {', True),
        ('{"name": "functions.get_weather", "arguments": {', True),
        ("{'name': 'get_weather', 'arguments': {}}", True),
        ('{"type": "function", "na', True),
        ('{"type": "object", "na', False),
        ('{"name": "get_weathers", "arguments": {', False),
        ('get_weather, "name": "get_weather", "arguments": {', False),
        (f'{{"text": "{"a" * 500}", "name": "get_weather", "arguments": {{', False),
        (f'{CALL}, {{"x": 1', True),
        (f'{CALL}, {{"x": 1}}', False),
        (f"{CALL}; {CALL}", True),
        (f'{{"arguments": {{"city": "{"a" * 500}"}}, "name": "get_weather"}}, {{"x": 1', True),
    ],
)
def test_json_that_is_cut_is_a_call_if_it_began_as_one(text: str, is_call: bool) -> None:
    """With the name of a tool, and nothing but arguments behind it."""
    assert is_leaked_call(text, OFFERED) == is_call


@pytest.mark.parametrize(
    ("text", "is_call"),
    [
        ("[get_time()]", True),
        ("[get_time(), get_weather(city='Oslo')]", True),
        ("[get_time()\n get_time()]", True),
        ("[functions.get_time()]", True),
        ('[get_weather(city="Oslo"', True),
        ('[get_weather(city="a) ] b", size={"x": [1]})]', True),
        (r'[get_weather(city="a\" b)")]', True),
        ('[get_weather("Oslo")]', True),
        ("[get_weather(docs/get_weather.md)", True),
        ("[get_weather](docs/get_weather.md)", False),
        ("[get_weather()](docs/get_weather.md)", False),
        ("[get_rain()]", False),
        ("[]", False),
        ('get_weather(city="Oslo")', True),
        ('get_weather(city="Oslo"', True),
        ('functions.get_weather(city="Oslo")', True),
        ("get_weather()", False),
        ("get_weather(city)", False),
        ("get_weather", False),
        ("get_rain(city='Oslo')", False),
        ("get_weather(city='Oslo') is a call as an example.", False),
        ("Let me see. get_weather(city='Oslo')", False),
    ],
)
def test_a_call_as_code_is_found(text: str, is_call: bool) -> None:
    """In a list, or with a named argument."""
    assert is_leaked_call(text, OFFERED) == is_call


@pytest.mark.parametrize(
    "arguments",
    [
        'city="Oslo"',
        'city="a) b"',
        "city='a(b'",
        'city="a\'b"',
        r'city="a\" b)"',
        'city={"a": [1, (2)]}, size=f(x)',
    ],
)
def test_a_call_as_code_ends_with_its_bracket(arguments: str) -> None:
    """Words behind it, and before it, say that it is quoted."""
    text = f"Let me see.\n[get_weather({arguments})]"
    assert is_leaked_call(text, OFFERED)
    assert not is_leaked_call(f"{text} is it.", OFFERED)


def test_no_tool_no_call() -> None:
    """Where nobody offered the tool, only a mark or a type says that a text is a call."""
    assert not is_leaked_call(CALL, [])
    assert not is_leaked_call('[get_weather(city="Oslo")]', [])
    assert is_leaked_call(f"<tool_call>{CALL}</tool_call>", [])


@pytest.mark.parametrize("name", ["get.weather", "a+b", "(", "[x]", "wetter-für-köln"])
def test_the_name_of_a_tool_is_no_pattern(name: str) -> None:
    """Whatever characters it has."""
    text = json.dumps({"name": name, "arguments": {"city": "Oslo"}}, ensure_ascii=False)
    assert is_leaked_call(text[:-3], [name])
    assert not is_leaked_call('{"name": "getXweather", "arguments": {"city": ', [name])


HOSTILE = {
    "brackets": "[",
    "braces": "{",
    "objects": '{"a":',
    "quotes": '"',
    "apostrophes": "'",
    "line breaks": "\n",
    "angles": "<",
    "closing tags": "</a",
    "opening tags": "<tool_call>",
    "bars": "<|",
    "wide bars": "<｜",
    "ends": "end",
    "blanks": " ",
    "backslashes": "\\",
    "sentences": ". ",
    "letters": "a",
    "digits": "1",
    "calls as code": "get_time(), ",
    "calls as JSON": '{"name": "get_time", "arguments": {}} ',
    "open calls": "get_time(",
    "words": "functools[",
}
BEGINNINGS = ("", "[", "<tool_call>", "<tool_call><|", "Let me see.\n[", '{"name": "get_time", "arguments": "')


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_the_time_for_a_text_grows_with_its_length(unit: str) -> None:
    """A model that babbles does not stop the process."""

    def judged(size: int) -> list[bool]:
        return [is_leaked_call(begin + unit * (size // len(unit)), OFFERED) for begin in BEGINNINGS]

    assert grows_linearly(judged, 50_000)


@given(st.lists(st.sampled_from([*HOSTILE.values(), *BEGINNINGS, "x"]), max_size=5), st.data())
def test_a_hostile_text_is_judged_at_once(units: list[str], data: st.DataObject) -> None:
    """Nothing is raised, and it is the same whether it comes in one piece or in many."""
    text = "".join(unit * data.draw(st.sampled_from([1, 3, 400])) for unit in units)
    watch, other = LeakWatch(OFFERED), LeakWatch(OFFERED)
    held = watch.add(text)
    assert held == ([other.add(piece) for piece in pieces_of(text, data)] or [False])[-1]
    is_leaked_call(text, OFFERED)


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("preamble", ["", "Let me see.\n"])
def test_no_letter_of_a_call_is_shown(text: str, preamble: str) -> None:
    """A letter a time: what flows ends before the call."""
    if is_leaked_call(preamble + text, OFFERED):
        assert (preamble + text)[: fed(preamble + text)].strip() in ("", preamble.strip())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_most_of_another_text_flows(text: str) -> None:
    """A letter a time: it is held only where a call could begin with the same letters."""
    assert fed(text + " And so on.") == len(text) + 11
