"""Odd replies that are not broken, and what comes out of each."""

from __future__ import annotations

import json
from typing import Any

from .items import Method, Valid
from .offered import PERSON_SCHEMA, TOOLS, Person, PersonDict, get_weather

__all__ = ["VALID"]

DUBLIN = '{"location": "Dublin"}'
IBAN = '{"iban": "DE4410"}'
LONG_ID = "chatcmpl-tool-0123456789abcdef0123456789abcdef"


def _nested(levels: int) -> str:
    return '{"a": ' * levels + "1" + "}" * levels


def _nested_lists(levels: int) -> str:
    return "[" * levels + "]" * levels


# Each is parsed by `json.loads` for what comes out: the text is strict JSON, and nothing else may be made of it.
_ARGUMENTS: dict[str, tuple[str, str]] = {
    "plain": ("get_weather", DUBLIN),
    "all fields": ("get_weather", '{"location": "Dublin", "unit": "fahrenheit"}'),
    "the fields in another order": ("get_weather", '{"unit": "celsius", "location": "Dublin"}'),
    "without blanks": ("get_weather", '{"location":"Dublin"}'),
    "blanks around": ("get_weather", f"  \n\t{DUBLIN}\r\n  "),
    "pretty-printed": ("edit_files", json.dumps({"edits": [{"path": "a", "old": "b"}]}, indent=4)),
    "carriage returns between": ("get_weather", '{\r\n"location"\r\n:\r\n"Dublin"\r\n}'),
    "a slash that is escaped": ("write", '{"text": "a\\/b"}'),
    "every short escape": ("write", '{"text": "\\" \\\\ \\/ \\b \\f \\n \\r \\t"}'),
    "an escaped letter": ("write", '{"text": "\\u0041\\u0062"}'),
    "an escaped letter in a key": ("get_weather", '{"loc\\u0061tion": "Dublin"}'),
    "an escaped null character": ("write", '{"text": "a\\u0000b"}'),
    "a surrogate pair": ("write", '{"text": "\\ud83c\\udf8c"}'),
    "upper-case hex digits": ("write", '{"text": "\\u00E9\\uD83C\\uDF8C"}'),
    "emoji": ("write", '{"text": "👩‍👩‍👧‍👦 🇮🇪 🎌"}'),
    "letters of many scripts": ("write", '{"text": "Ünïcödé 日本語 العربية हिन्दी"}'),
    "combining marks": ("write", '{"text": "e\u0301 n\u0303"}'),
    "line and paragraph separators": ("write", '{"text": "a\u2028b\u2029c"}'),
    "a next-line character": ("write", '{"text": "a\x85b"}'),
    "a delete character": ("write", '{"text": "a\x7fb"}'),
    "a byte order mark in a string": ("write", '{"text": "\ufeffhello"}'),
    "a zero-width space": ("write", '{"text": "a\u200bb"}'),
    "a replacement character": ("write", '{"text": "a\ufffdb"}'),
    "a private-use character": ("write", '{"text": "a\ue000b"}'),
    "an empty string": ("write", '{"text": ""}'),
    "a string of blanks": ("write", '{"text": "   "}'),
    "a string of newlines": ("write", '{"text": "\\n\\n"}'),
    "an empty location": ("get_weather", '{"location": ""}'),
    "braces in a string": ("write", '{"text": "}}{{ ]["}'),
    "quotes in a string": ("write", '{"text": "she said \\"hi\\" and \'bye\'"}'),
    "backslashes in a string": ("write", '{"text": "C:\\\\dir\\\\new"}'),
    "a backslash at the end": ("write", '{"text": "a\\\\"}'),
    "code in a string": ("write", '{"text": "def f(x):\\n    return {\\"a\\": [x]}\\n"}'),
    "a comment in a string": ("write", '{"text": "// no /* comment */ # here"}'),
    "JSON in a string": ("write", '{"text": "{\\"a\\": 1}"}'),
    "a list in a string": ("write", '{"text": "[1, 2, 3]"}'),
    "a number in a string": ("write", '{"text": "42"}'),
    "null in a string": ("write", '{"text": "null"}'),
    "NaN in a string": ("write", '{"text": "NaN Infinity"}'),
    "a trailing comma in a string": ("write", '{"text": ",}"}'),
    "a duplicate key in a string": ("write", '{"text": "{\\"a\\": 1, \\"a\\": 2}"}'),
    "a call in a string": ("write", '{"text": "<tool_call>{\\"name\\": \\"get_weather\\"}</tool_call>"}'),
    "marks of a model in a string": ("write", '{"text": "<|python_start|>[TOOL_CALLS]<|eot_id|></s>"}'),
    "a code fence in a string": ("write", '{"text": "```json\\n{}\\n```"}'),
    "HTML in a string": ("write", '{"text": "<p class=\\"x\\">&amp;</p>"}'),
    "a long string": ("write", json.dumps({"text": "abc 123 " * 12_800})),
    "a long string of quotes": ("write", json.dumps({"text": '"\\{' * 1_500})),
    "a long string of emoji": ("write", json.dumps({"text": "🎌" * 5_000}, ensure_ascii=False)),
    "many fields": ("remember", json.dumps({"data": {f"field {number}": number for number in range(500)}})),
    "many items": ("edit_files", json.dumps({"edits": [{"path": str(n), "old": "", "new": ""} for n in range(300)]})),
    "objects nested deep": ("remember", f'{{"data": {_nested(200)}}}'),
    "lists nested deep": ("remember", f'{{"data": {{"a": {_nested_lists(200)}}}}}'),
    "an empty object for a field": ("remember", '{"data": {}}'),
    "an empty key": ("remember", '{"data": {"": 1}}'),
    "the same key on two levels": ("remember", '{"data": {"data": {"data": 1}}}'),
    "the same key in two objects": ("remember", '{"data": {"a": {"x": 1}, "b": {"x": 2}}}'),
    "keys in two cases": ("remember", '{"data": {"a": 1, "A": 2}}'),
    "every type": ("remember", '{"data": {"a": null, "b": true, "c": false, "d": 1.5, "e": "", "f": [], "g": {}}}'),
    "keys that python knows": ("remember", '{"data": {"__class__": 1, "self": 2, "class": 3}}'),
    "keys of a schema": ("remember", '{"data": {"type": "object", "properties": {}, "required": []}}'),
    "a call as data": ("remember", '{"data": {"name": "get_weather", "arguments": {"location": "Dublin"}}}'),
    "an integer": ("count", '{"n": 3}'),
    "zero": ("count", '{"n": 0}'),
    "minus zero": ("count", '{"n": -0}'),
    "a negative integer": ("count", '{"n": -12}'),
    "a big integer": ("count", '{"n": 123456789012345678901234567890}'),
    "a whole number with a fraction": ("count", '{"n": 3.0}'),
    "a whole number with an exponent": ("count", '{"n": 1e3}'),
    "a whole number with a signed exponent": ("count", '{"n": 1E+2}'),
    "an integer for a number": ("count", '{"n": 1, "ratio": 2}'),
    "a small number": ("count", '{"n": 1, "ratio": 1e-300}'),
    "many digits": ("count", '{"n": 1, "ratio": 3.14159265358979323846}'),
    "null for an optional field": ("switch", '{"on": false, "level": null}'),
    "a value for an optional field": ("switch", '{"on": false, "level": 3}'),
    "an optional field left out": ("switch", '{"on": true}'),
    "an extra field where allowed": ("get_weather", '{"location": "Dublin", "reason": "the user asked"}'),
    "an extra nested field where allowed": ("edit_files", '{"edits": [{"path": "a", "old": "b", "line": 7}]}'),
    "an extra field of a class": ("BookFlight", '{"origin": "DUB", "seats": 2, "class": "first"}'),
    "an empty list": ("edit_files", '{"edits": []}'),
    "an empty command": ("shell", '{"command": []}'),
    "a command with quotes": ("shell", '{"command": ["sh", "-c", "echo \\"${HOME}\\" > \'/tmp/{a,b}\'"]}'),
    "an enum's last value": ("paint", '{"color": "blue", "coats": 2}'),
    "the lowest value": ("BookFlight", '{"origin": "DUB", "seats": 1}'),
    "the highest value": ("BookFlight", '{"origin": "DUB", "seats": 9, "note": "", "meal": "no"}'),
    "null for an optional field of a class": ("BookFlight", '{"origin": "DUB", "seats": 1, "note": null}'),
    "a typed dict": ("SearchNews", '{"topic": "rain"}'),
    "a typed dict with all fields": ("SearchNews", '{"limit": 3, "topic": "rain"}'),
    "the first of several forms": ("transfer", f'{{"to": {IBAN}, "amount": 0.01}}'),
    "the second of several forms": ("transfer", '{"to": {"card": "4111"}, "amount": 10, "tags": ["a", "b", "c"]}'),
    "an empty object without parameters": ("get_time", "{}"),
    "an empty object with blanks": ("get_time", " { } "),
    "an empty object where nobody says anything": ("ping", "{}"),
    "anything where nobody says anything": ("ping", '{"loud": true}'),
}

_CALLS: list[Valid] = [
    Valid(id=f"arguments: {name} ({tool})", tools=TOOLS, calls=((tool, text),), does=((tool, json.loads(text)),))
    for name, (tool, text) in _ARGUMENTS.items()
] + [
    Valid(id=f"no arguments for {tool}", tools=TOOLS, calls=((tool, ""),), does=((tool, {}),))
    for tool in ("get_time", "ping")
]

_CORK = {"location": "Cork"}
_TURNS: list[Valid] = [
    Valid(
        id="two calls of one tool", tools=TOOLS, calls=(("get_weather", DUBLIN), ("get_weather", json.dumps(_CORK))),
        does=(("get_weather", {"location": "Dublin"}), ("get_weather", _CORK)),
    ),
    Valid(
        id="the same call twice", tools=TOOLS, calls=(("get_weather", DUBLIN),) * 2,
        does=(("get_weather", {"location": "Dublin"}),) * 2,
    ),
    Valid(
        id="three tools", tools=TOOLS, calls=(("get_time", ""), ("ping", "{}"), ("count", '{"n": 1}')),
        does=(("get_time", {}), ("ping", {}), ("count", {"n": 1})),
    ),
    Valid(
        id="twelve calls", tools=TOOLS, calls=tuple(("count", f'{{"n": {n}}}') for n in range(12)),
        does=tuple(("count", {"n": n}) for n in range(12)),
    ),
    Valid(
        id="a call without an id", tools=TOOLS, calls=(("get_weather", DUBLIN, None),),
        does=(("get_weather", {"location": "Dublin"}),),
    ),
    Valid(
        id="two calls without an id", tools=TOOLS, calls=(("get_weather", DUBLIN, None), ("get_time", "{}", None)),
        does=(("get_weather", {"location": "Dublin"}), ("get_time", {})),
    ),
    Valid(
        id="an id of 46 characters", tools=TOOLS, calls=(("get_weather", DUBLIN, LONG_ID),),
        does=(("get_weather", {"location": "Dublin"}),),
    ),
    Valid(
        id="an odd id", tools=TOOLS, calls=(("get_weather", DUBLIN, "functions.get_weather:0"),),
        does=(("get_weather", {"location": "Dublin"}),),
    ),
    *(
        Valid(
            id=f"a call with finish {finish}", tools=TOOLS, calls=(("get_weather", DUBLIN),), finish=finish,
            does=(("get_weather", {"location": "Dublin"}),),
        )
        for finish in ("stop", "tool_calls", "function_call")
    ),
    *(
        Valid(
            id=f"a call beside {name}", tools=TOOLS, calls=(("get_weather", DUBLIN),), text=text,
            does=(("get_weather", {"location": "Dublin"}),),
        )
        for name, text in {
            "text": "Let me look that up.",
            "an empty text": "",
            "text over lines": "First,\n\nI look at the weather:\n",
            "text that shows JSON": 'I will send {"location": "Dublin"} to it.',
            "a list": "1. weather\n2. time",
        }.items()
    ),
    *(
        Valid(
            id=f"the call that tool_choice demanded by {name}", tools=(get_weather,), tool_choice=choice,
            calls=(("get_weather", DUBLIN),), does=(("get_weather", {"location": "Dublin"}),), finish=finish,
        )
        for name, choice, finish in (
            ("a name", "get_weather", "stop"),
            ("any", "any", "tool_calls"),
            ("required", "required", "tool_calls"),
            ("True", True, "tool_calls"),
            ("a dict", {"type": "function", "function": {"name": "get_weather"}}, "stop"),
        )
    ),
    Valid(
        id="another call where tool_choice is any", tools=TOOLS, tool_choice="any", calls=(("get_time", "{}"),),
        does=(("get_time", {}),),
    ),
    Valid(id="text where tool_choice is auto", tools=TOOLS, tool_choice="auto", text="Hello."),
    Valid(id="text where tool_choice is none", tools=TOOLS, tool_choice="none", text="Hello."),
]  # fmt: skip

CALL = '{"name": "get_weather", "arguments": {"location": "Dublin"}}'
_TEXTS: dict[str, str] = {
    "plain": "Hello, how can I help?",
    "a single letter": "A",
    "a zero": "0",
    "a dot": ".",
    "false": "false",
    "null": "null",
    "an emoji": "👍",
    "a brace": "{",
    "a bracket": "[",
    "an angle": "<",
    "blanks around": "\n\n  Yes.  \n",
    "unicode": "Ünïcödé 日本語 \u2028 🎌",
    "a JSON answer": '{"answer": 42, "unit": "kg"}',
    "a JSON answer over lines": '{\n  "title": "Plan",\n  "steps": ["a", "b"]\n}',
    "a JSON answer with a name": '{"name": "Ada", "age": 36}',
    "a JSON answer with parameters": '{"parameters": {"alpha": 0.5}, "score": 3}',
    "a JSON list": '["Dublin", "Cork"]',
    "a JSON list of objects": '[{"city": "Dublin"}, {"city": "Cork"}]',
    "a list of numbers": "[1, 2, 3]",
    "an empty list": "[]",
    "an empty object": "{}",
    "a python list": "['Dublin', 'Cork']",
    "a list of tasks": "[x] done\n[ ] open",
    "a list of tasks with dashes": "- [x] done\n- [ ] open",
    "a link": "[the documentation](https://example.com/docs) says so.",
    "a link to a tool": "[get_weather](docs/get_weather.md) tells the weather.",
    "a citation": "[1] Dublin is the capital of Ireland.",
    "a note in brackets": "[Note: this is a guess] It rains.",
    "a template": "{{ location }} is where it rains.",
    "a set": "{1, 2, 3}",
    "a code block": "Here is the code:\n```python\nprint(get_weather(location='Dublin'))\n```",
    "a code block of JSON": '```json\n{"location": "Dublin"}\n```',
    "a code block with a call": f"A call looks like this:\n\n```json\n{CALL}\n```\n\nIt is sent to the tool.",
    "a code block with marks": f"Hermes writes:\n\n```\n<tool_call>\n{CALL}\n</tool_call>\n```\n\nThat is all.",
    "a call in the midst of a sentence": f"The model would say {CALL} and then wait for the result.",
    "a call in backticks": f"Send `{CALL}` to the tool, and read what comes back.",
    "a pythonic call in prose": 'You can call get_weather(location="Dublin") to find out.',
    "a pythonic list in prose": 'Some models write [get_weather(location="Dublin")] in place of a call.',
    "a tool's name": "get_weather",
    "a tool's name with parentheses": "I could use get_weather() for that, but I know the answer: sunny.",
    "a tool's name in backticks": "`get_weather` needs a location.",
    "marks in backticks": "Some models wrap calls in `<tool_call>` and `</tool_call>`, others in `[TOOL_CALLS]`.",
    "marks of llama in backticks": "Llama uses `<|python_start|>` and `<|python_tag|>` for this.",
    "a mark in prose": "The tag <TOOLCALL> opens a call in Nemotron's format.",
    "XML": "<answer><city>Dublin</city></answer>",
    "HTML": "<!DOCTYPE html>\n<html><body><p>It rains.</p></body></html>",
    "a heading": "# Weather\n\nIt rains.",
    "a table": "| city | weather |\n|---|---|\n| Dublin | rain |",
    "YAML": "name: Ada\narguments:\n  - a\n  - b",
    "a diff": "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-{a}\n+[b]",
    "a formula": "[f(x) - f(y)] / (x - y)",
    "a shell command": "$ git ls-files | xargs -n1 wc -l",
    "a long text": "It rains in Dublin. " * 500,
}
_WORDS: list[Valid] = [
    Valid(id=f"text: {name}", tools=TOOLS, text=text) for name, text in _TEXTS.items()
] + [
    Valid(id="text: cut by length", tools=TOOLS, text="Once upon a", finish="length"),
    Valid(id="text: cut by length in a plain call", text="Once upon a", finish="length"),
    *(
        Valid(id=f"text of a plain call: {name}", text=text)
        for name, text in {
            "a call": '{"type": "function", "name": "get_weather", "parameters": {"location": "Dublin"}}',
            "a call with arguments": CALL,
            "a list of calls": f"[{CALL}]",
            "a pythonic call": '[get_weather(location="Dublin")]',
            "JSON that is cut": '{"a": ',
            "JSON that python would not read": "{'a': NaN,}",
            "a key twice": '{"a": 1, "a": 2}',
            "a single letter": "B",
            "a zero": "0",
        }.items()
    ),
]  # fmt: skip

ADA = {"name": "Ada", "age": 36}
_SCHEMAS: dict[str, Any] = {"class": Person, "typed dict": PersonDict, "dict": PERSON_SCHEMA}
_FUNCTIONS = {"class": "Person", "typed dict": "PersonDict", "dict": "Person"}
_ADAS: dict[str, str] = {
    "plain": json.dumps(ADA),
    "in another order": '{"age": 36, "name": "Ada"}',
    "pretty-printed with blanks around": f"\n\n{json.dumps(ADA, indent=2)}\n",
    "a whole number with a fraction": '{"name": "Ada", "age": 36.0}',
    "escaped letters": '{"name": "\\u0041da", "age": 36}',
}
_FENCED: dict[str, str] = {
    "a code fence of JSON": f"```json\n{json.dumps(ADA)}\n```",
    "a code fence of JSON with blanks around": f"\n```json\n{json.dumps(ADA, indent=2)}\n```\n",
}
_ODD_PEOPLE: dict[str, dict[str, Any]] = {
    "unicode": {"name": "Ünïcödé 日本語 🎌 \u2028", "age": 36},
    "an empty text": {"name": "", "age": 0},
    "braces and quotes": {"name": '}"{ [a] \\ "b"', "age": -1},
    "a code fence in a text": {"name": "```json\n{}\n```", "age": 36},
    "a call in a text": {"name": CALL, "age": 36},
    "a long text": {"name": "Ada " * 1_000, "age": 36},
}


def _answer(method: Method, schema: str, name: str, text: str, parsed: Any) -> Valid:
    if method == "function_calling":
        call = (_FUNCTIONS[schema], text)
        return Valid(
            id=f"{method} ({schema}): {name}", schema=_SCHEMAS[schema], method=method, calls=(call,), parsed=parsed,
            does=((call[0], json.loads(text)),),
        )  # fmt: skip
    return Valid(id=f"{method} ({schema}): {name}", schema=_SCHEMAS[schema], method=method, text=text, parsed=parsed)


_METHODS: tuple[Method, ...] = ("function_calling", "json_schema", "json_mode")
_ANSWERS: list[Valid] = [
    _answer(method, schema, name, text, ADA)
    for method in _METHODS
    for schema in _SCHEMAS
    for name, text in {**_ADAS, **({} if method == "function_calling" else _FENCED)}.items()
] + [
    _answer(method, schema, name, json.dumps(person, ensure_ascii=False), person)
    for method in _METHODS
    for schema in ("class", "dict")
    for name, person in _ODD_PEOPLE.items()
]  # fmt: skip

VALID: list[Valid] = [*_CALLS, *_TURNS, *_WORDS, *_ANSWERS]
