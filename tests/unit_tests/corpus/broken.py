"""Broken replies: every form of the wire facts' table, over tools of each kind, schemas by each method."""

from __future__ import annotations

import json
from typing import Any

from .items import Broken, Method
from .offered import PERSON_SCHEMA, PING, SHELL, TOOLS, TRANSFER, Person, PersonDict, get_time, get_weather

__all__ = ["BROKEN"]

UNUSABLE = ("InvalidResponseError",)
"""Where the documents say that it is refused, and not as what."""
CORRUPTED = ("ToolCallCorruptedError",)
TRUNCATED = ("TruncatedResponseError",)
CUT = ("ToolCallCorruptedError", "TruncatedResponseError")
EMPTY = ("EmptyResponseError",)

DUBLIN = '{"location": "Dublin"}'
EDIT = '{"path": "a.py", "old": "x", "new": "y"}'
IBAN = '{"iban": "DE4410"}'

# -- Arguments that are no strict JSON object ----------------------------------------------------------------

_MALFORMED: dict[str, tuple[str, str]] = {
    "prose before": ("shell", 'I will now list the files {"command": ["git", "ls-files"]}'),
    "prose after": ("shell", '{"command": ["git", "ls-files"]} Let me know if you need more.'),
    "prose around": ("get_weather", f"Sure!\n{DUBLIN}\nDone."),
    "prose instead": ("get_weather", "the weather in Dublin"),
    "a code fence around": ("get_weather", f"```json\n{DUBLIN}\n```"),
    "doubled braces": ("shell", '{"{"command{"{["git", "ls-files"]}'),
    "braces of a template": ("get_weather", '{{"location": "Dublin"}}'),
    "over-escaped": ("get_weather", '{\\"location\\": \\"Dublin\\"}'),
    "an escaped quote at the end": ("get_weather", '{"location": "Dublin\\"}'),
    "a stray quote": ("shell", '{"command": ["git", "ls-files"]"}'),
    "a stray quote in a string": ("write", '{"text": "she said "hi" to me"}'),
    "a missing brace": ("get_weather", '{"location": "Dublin"'),
    "a missing bracket": ("shell", '{"command": ["git", "ls-files"}'),
    "a missing brace, nested": ("edit_files", '{"edits": [{"path": "a.py", "old": "x"]}'),
    "a missing first brace": ("get_weather", '"location": "Dublin"}'),
    "a brace too many": ("get_weather", f"{DUBLIN}}}"),
    "two objects": ("get_weather", f'{DUBLIN}{{"location": "Cork"}}'),
    "two objects on lines": ("get_weather", f'{DUBLIN}\n{{"location": "Cork"}}'),
    "cut in a string": ("shell", '{"command": ["git", "ls-f'),
    "cut after a comma": ("get_weather", '{"location": "Dublin",'),
    "cut after a colon": ("get_weather", '{"location":'),
    "cut in a key": ("BookFlight", '{"origin": "DUB", "sea'),
    "cut in an escape": ("write", '{"text": "\\u00'),
    "cut in a number's list": ("edit_files", '{"edits": [' + EDIT),
    "only a brace": ("get_weather", "{"),
    "cut for a tool without parameters": ("get_time", "{"),
    "a key without a value": ("get_weather", '{"location"}'),
    "a missing colon": ("get_weather", '{"location" "Dublin"}'),
    "a missing comma": ("get_weather", '{"location": "Dublin" "unit": "celsius"}'),
    "two commas": ("get_weather", '{"location": "Dublin",, "unit": "celsius"}'),
    "a comma first": ("get_weather", '{, "location": "Dublin"}'),
    "a trailing comma": ("get_weather", '{"location": "Dublin",}'),
    "a trailing comma in a list": ("shell", '{"command": ["ls",]}'),
    "single quotes": ("get_weather", "{'location': 'Dublin'}"),
    "typographic quotes": ("get_weather", "{“location”: “Dublin”}"),
    "backquotes": ("write", '{"text": `hi`}'),
    "triple quotes": ("write", '{"text": """hi"""}'),
    "an unquoted value": ("get_weather", '{"location": Dublin}'),
    "an unquoted key": ("get_weather", '{location: "Dublin"}'),
    "python's literals": ("switch", '{"on": True, "level": None}'),
    "NaN": ("count", '{"n": 1, "ratio": NaN}'),
    "Infinity": ("count", '{"n": 1, "ratio": Infinity}'),
    "minus Infinity": ("transfer", f'{{"to": {IBAN}, "amount": -Infinity}}'),
    "NaN deep inside": ("remember", '{"data": {"a": [1, {"b": NaN}]}}'),
    "undefined": ("switch", '{"on": true, "level": undefined}'),
    "a hex number": ("count", '{"n": 0x10}'),
    "a leading zero": ("count", '{"n": 010}'),
    "a plus sign": ("count", '{"n": +1}'),
    "a bare point": ("count", '{"n": 1, "ratio": .5}'),
    "a point at the end": ("count", '{"n": 1, "ratio": 5.}'),
    "an underscore in a number": ("count", '{"n": 1_000}'),
    "an invalid escape": ("write", '{"text": "C:\\dir"}'),
    "a hex escape": ("write", '{"text": "\\x41"}'),
    "an escaped single quote": ("write", '{"text": "it\\\'s"}'),
    "a short unicode escape": ("write", '{"text": "\\u12"}'),
    "a raw newline": ("write", '{"text": "two\nlines"}'),
    "a raw tab": ("write", '{"text": "a\tb"}'),
    "a raw carriage return": ("write", '{"text": "a\rb"}'),
    "a raw null character": ("write", '{"text": "a\x00b"}'),
    "a raw newline in a key": ("remember", '{"data": {"a\nb": 1}}'),
    "a byte order mark": ("get_weather", f"\ufeff{DUBLIN}"),
    "a no-break space before": ("get_weather", f"\u00a0{DUBLIN}"),
    "a line comment": ("get_weather", '{"location": "Dublin" // the capital\n}'),
    "a block comment": ("get_weather", '{"location": /* where */ "Dublin"}'),
    "a hash comment": ("get_weather", '{"location": "Dublin"} # the capital'),
    "a semicolon": ("get_weather", f"{DUBLIN};"),
    "an ellipsis": ("get_weather", '{"location": "Dublin", ...}'),
    "an end mark of the model": ("get_weather", f"{DUBLIN}<|eot_id|>"),
    "an end tag": ("get_weather", f"{DUBLIN}</tool_call>"),
    "keyword arguments": ("get_weather", 'location="Dublin"'),
    "yaml": ("get_weather", "location: Dublin"),
    "xml": ("get_weather", "<location>Dublin</location>"),
    "a question mark": ("get_weather", "?"),
    "encoded twice": ("get_weather", json.dumps(DUBLIN)),
    "encoded thrice": ("get_weather", json.dumps(json.dumps(DUBLIN))),
    "encoded twice, nested": ("edit_files", json.dumps(f'{{"edits": [{EDIT}]}}')),
    "encoded twice without parameters": ("get_time", '"{}"'),
    "a list": ("get_weather", f"[{DUBLIN}]"),
    "a list of the values": ("shell", '["git", "ls-files"]'),
    "an empty list": ("get_weather", "[]"),
    "an empty list without parameters": ("get_time", "[]"),
    "a number": ("count", "3"),
    "a number without parameters": ("get_time", "42"),
    "a text": ("get_weather", '"Dublin"'),
    "true": ("switch", "true"),
    "false without parameters": ("get_time", "false"),
    "null": ("get_weather", "null"),
    "the text None": ("get_weather", "None"),
    "nothing": ("get_weather", ""),
    "nothing for a nested tool": ("edit_files", ""),
    "nothing for a class": ("BookFlight", ""),
    "nothing for a strict tool": ("shell", ""),
    "blanks": ("get_weather", "  \n"),
}

# -- Strict JSON that does not satisfy the tool's schema -----------------------------------------------------

_MISFITS: dict[str, tuple[str, str]] = {
    "a required field missing": ("get_weather", '{"unit": "celsius"}'),
    "an empty object": ("get_weather", "{}"),
    "an empty object for a strict tool": ("shell", "{}"),
    "an empty object for a class": ("BookFlight", "{}"),
    "an empty object for a typed dict": ("SearchNews", "{}"),
    "one of two required fields missing": ("BookFlight", '{"origin": "DUB"}'),
    "the field in another case": ("get_weather", '{"Location": "Dublin"}'),
    "the field under another name": ("SearchNews", '{"query": "rain"}'),
    "the arguments wrapped once more": ("get_weather", f'{{"arguments": {DUBLIN}}}'),
    "the arguments under the tool's name": ("get_weather", f'{{"get_weather": {DUBLIN}}}'),
    "the tool's schema": ("get_weather", '{"type": "object", "properties": {"location": "Dublin"}}'),
    "a number for a text": ("get_weather", '{"location": 12345}'),
    "a list for a text": ("get_weather", '{"location": ["Dublin"]}'),
    "an object for a text": ("get_weather", '{"location": {"city": "Dublin"}}'),
    "the field's schema for a text": ("write", '{"text": {"type": "string", "description": "hi"}}'),
    "null for a text": ("get_weather", '{"location": null}'),
    "null for an enum": ("paint", '{"color": null}'),
    "outside a literal": ("get_weather", '{"location": "Dublin", "unit": "kelvin"}'),
    "a literal in another case": ("get_weather", '{"location": "Dublin", "unit": "Celsius"}'),
    "outside an enum": ("paint", '{"color": "green"}'),
    "an enum by its name": ("paint", '{"color": "RED"}'),
    "a text for an integer": ("paint", '{"color": "red", "coats": "2"}'),
    "a fraction for an integer": ("count", '{"n": 3.5}'),
    "a text for a number": ("count", '{"n": 1, "ratio": "1.5"}'),
    "a boolean for an integer": ("count", '{"n": true}'),
    "a text for a boolean": ("switch", '{"on": "true"}'),
    "a number for a boolean": ("switch", '{"on": 1}'),
    "a text for an optional integer": ("switch", '{"on": true, "level": "high"}'),
    "a list as text": ("edit_files", json.dumps({"edits": f"[{EDIT}]"})),
    "a list's items as texts": ("edit_files", json.dumps({"edits": [EDIT]})),
    "an object as text": ("remember", '{"data": "{\\"a\\": 1}"}'),
    "a command as text": ("shell", '{"command": "git ls-files"}'),
    "a command as the text of a list": ("shell", '{"command": "[\\"git\\", \\"ls-files\\"]"}'),
    "an object for a list": ("edit_files", f'{{"edits": {EDIT}}}'),
    "a nested field missing": ("edit_files", '{"edits": [{"path": "a.py"}]}'),
    "a nested field of a later item missing": ("edit_files", f'{{"edits": [{EDIT}, {{"old": "x"}}]}}'),
    "a nested field of the wrong type": ("edit_files", '{"edits": [{"path": 1, "old": "x"}]}'),
    "null in a list": ("edit_files", '{"edits": [null]}'),
    "a list in a list": ("shell", '{"command": [["ls"]]}'),
    "a number in a list of texts": ("shell", '{"command": ["head", "-n", 5]}'),
    "below the minimum": ("BookFlight", '{"origin": "DUB", "seats": 0}'),
    "above the maximum": ("BookFlight", '{"origin": "DUB", "seats": 10}'),
    "against a pattern": ("BookFlight", '{"origin": "dublin", "seats": 1}'),
    "shorter than allowed": ("BookFlight", '{"origin": "DUB", "seats": 1, "meal": "x"}'),
    "a number for an optional text": ("BookFlight", '{"origin": "DUB", "seats": 1, "note": 7}'),
    "a text for an integer of a class": ("BookFlight", '{"origin": "DUB", "seats": "2"}'),
    "a text for an integer of a typed dict": ("SearchNews", '{"topic": "rain", "limit": "5"}'),
    "a list for a text of a typed dict": ("SearchNews", '{"topic": ["rain"]}'),
    "an unknown field where forbidden": ("transfer", f'{{"to": {IBAN}, "amount": 1, "memo": "x"}}'),
    "an unknown field of a strict tool": ("shell", '{"command": ["ls"], "timeout": 5}'),
    "an unknown field behind a reference": ("transfer", '{"to": {"iban": "DE4410", "bic": "X"}, "amount": 1}'),
    "none of several forms": ("transfer", '{"to": {"cash": true}, "amount": 1}'),
    "a text for an object of several forms": ("transfer", '{"to": "DE4410", "amount": 1}'),
    "a pattern behind a reference": ("transfer", '{"to": {"iban": "4410"}, "amount": 1}'),
    "a length behind a reference": ("transfer", '{"to": {"card": "123"}, "amount": 1}'),
    "at an exclusive minimum": ("transfer", f'{{"to": {IBAN}, "amount": 0}}'),
    "more items than allowed": ("transfer", f'{{"to": {IBAN}, "amount": 1, "tags": ["a", "b", "c", "d"]}}'),
    "repeated items": ("transfer", f'{{"to": {IBAN}, "amount": 1, "tags": ["a", "a"]}}'),
}

_TWICE: dict[str, tuple[str, str]] = {
    "a key twice": ("get_weather", '{"location": "Dublin", "location": "Cork"}'),
    "a key twice with the same value": ("get_weather", '{"location": "Dublin", "location": "Dublin"}'),
    "a nested key twice": ("edit_files", '{"edits": [{"path": "a", "path": "b", "old": "x"}]}'),
    "a deep key twice": ("remember", '{"data": {"a": {"b": {"c": 1, "c": 2}}}}'),
    "a key twice, once escaped": ("get_weather", '{"location": "Dublin", "loc\\u0061tion": "Cork"}'),
    "an unknown key twice": ("get_weather", '{"location": "Dublin", "x": 1, "x": 1}'),
}


def _calls(cases: dict[str, tuple[str, str]], kind: str, words: tuple[str, ...] = ()) -> list[Broken]:
    return [
        Broken(id=f"{kind}: {name} ({tool})", tools=TOOLS, calls=((tool, text),), words=words)
        for name, (tool, text) in cases.items()
    ]


_RAW: list[Broken] = [
    Broken(id=f"arguments sent as {name}", tools=TOOLS, calls=(("get_weather", value),), error=UNUSABLE)
    for name, value in {
        "an object": {"location": "Dublin"},
        "a list": [{"location": "Dublin"}],
        "a number": 42,
        "true": True,
        "null": None,
    }.items()
]

_FINISHES: list[Broken] = [
    Broken(id=f"cut by length: {name}", tools=TOOLS, calls=calls, text=text, finish="length", error=TRUNCATED)
    for name, text, calls in (
        ("in a string", None, (("shell", '{"command": ["git", "ls-f'),)),
        ("in a nested list", None, (("edit_files", '{"edits": [{"path": "a.py", "old": "x"}, {"pa'),)),
        ("after the name", None, (("get_weather", ""),)),
        ("after the name of a tool without parameters", None, (("get_time", ""),)),
        ("though the arguments look whole", None, (("get_weather", DUBLIN),)),
        ("though a tool without parameters was called", None, (("get_time", "{}"),)),
        ("the second call", None, (("get_weather", DUBLIN), ("shell", '{"command": ["rm", "-rf", "/tm'))),
        ("behind two whole calls", None, (("get_weather", DUBLIN), ("get_time", "{}"))),
        ("in a form that could be completed", None, (("shell", '{"command": ["rm", "-rf", "/tmp"'),)),
    )
] + [
    Broken(
        id=f"cut silently: {name}", tools=TOOLS, calls=((tool, text),), finish=finish, error=CUT
    )
    for name, tool, text, finish in (
        ("finish tool_calls", "shell", '{"command": ["git", "ls-f', "tool_calls"),
        ("finish stop", "shell", '{"command": ["rm", "-rf", "/tmp"', "stop"),
        ("finish function_call", "write", '{"text": "once upon a ti', "function_call"),
    )
]  # fmt: skip

_NAMES: list[Broken] = [
    Broken(id=f"a name that was not offered: {name!r}", tools=TOOLS, calls=((name, arguments),))
    for name, arguments in (
        ("get_weather_v2", DUBLIN),
        ("delete_everything", "{}"),
        ("", DUBLIN),
        ("   ", DUBLIN),
        ("Get_Weather", DUBLIN),
        ("GET_WEATHER", DUBLIN),
        ("bookflight", '{"origin": "DUB", "seats": 1}'),
        ("functions.get_weather", DUBLIN),
        ("get_weatherget_weather", DUBLIN),
        ("shellshell", '{"command": ["ls"]}'),
        ("get_weather ", DUBLIN),
        ("get_weather\n", DUBLIN),
        ("get_weather()", DUBLIN),
        ("get-weather", DUBLIN),
        ("getWeather", DUBLIN),
        ("get_weather<|channel|>commentary", DUBLIN),
        ('{"name": "get_weather"}', DUBLIN),
        ("get_tim", "{}"),
        ("ping_", ""),
        ("функция", "{}"),
    )
] + [
    Broken(id="a call although no tool was offered", calls=(("get_weather", DUBLIN),)),
    Broken(id="a call of another tool than the only one", tools=(get_time,), calls=(("get_weather", DUBLIN),)),
]  # fmt: skip

_BESIDE: list[Broken] = [
    Broken(id=f"a good call beside a broken one: {name}", tools=TOOLS, calls=calls)
    for name, calls in {
        "first good": (("get_weather", DUBLIN), ("shell", '{"command": ["rm", "-rf", "/tm')),
        "last good": (("shell", '{"command": ["rm", "-rf", "/tm'), ("get_weather", DUBLIN)),
        "in the middle": (("get_weather", DUBLIN), ("count", '{"n": "many"}'), ("get_time", "{}")),
        "an unknown name first": (("get_wether", DUBLIN), ("get_time", "{}")),
        "an unknown name last": (("get_time", "{}"), ("get_wether", DUBLIN)),
        "a missing field last": (("get_weather", DUBLIN), ("get_weather", "{}")),
        "the same tool, single quotes": (("get_weather", DUBLIN), ("get_weather", "{'location': 'Cork'}")),
    }.items()
] + [
    Broken(
        id=f"text beside a broken call: {name}", tools=TOOLS, text="Let me look.", calls=calls, shows=True, error=error,
        finish=finish,
    )
    for name, calls, finish, error in (
        ("no JSON", (("get_weather", "{'location': 'Dublin'}"),), "tool_calls", CORRUPTED),
        ("missing field", (("get_weather", "{}"),), "tool_calls", CORRUPTED),
        ("cut", (("shell", '{"command": ["rm", "-rf", "/tm'),), "length", TRUNCATED),
    )
]  # fmt: skip

# -- What tool_choice demanded -------------------------------------------------------------------------------

_CHOICES: dict[str, Any] = {
    "a name": "get_weather",
    "any": "any",
    "required": "required",
    "True": True,
    "a dict": {"type": "function", "function": {"name": "get_weather"}},
}
_DEMANDS: list[Broken] = [
    Broken(
        id=f"no call although tool_choice is {name}", tools=(get_weather,), tool_choice=choice, error=UNUSABLE,
        text="I can answer that without any tool.", shows=True,
    )
    for name, choice in _CHOICES.items()
] + [
    Broken(
        id=f"another tool than tool_choice named by {name}", tools=TOOLS, tool_choice=_CHOICES[name], error=UNUSABLE,
        calls=(("get_time", "{}"),),
    )
    for name in ("a name", "a dict")
] + [
    Broken(
        id="another tool beside the one that tool_choice named", tools=TOOLS, tool_choice="get_weather", error=UNUSABLE,
        calls=(("get_weather", DUBLIN), ("get_time", "{}")),
    ),
    Broken(
        id="an unknown tool although tool_choice is any", tools=TOOLS, tool_choice="any", calls=(("nothing", "{}"),)
    ),
    Broken(id="nothing although tool_choice is any", tools=TOOLS, tool_choice="any", text="", error=UNUSABLE),
    Broken(
        id="a call although tool_choice is none", tools=TOOLS, tool_choice="none", error=UNUSABLE,
        calls=(("get_weather", DUBLIN),),
    ),
]  # fmt: skip

# -- Calls written into the text -----------------------------------------------------------------------------

LEAKS: dict[str, str] = {
    "llama's python marks": '<|python_start|>{"name": "get_weather", '
    '"parameters": {"location": "Dublin"}}<|python_end|>',
    "llama's python marks, typed": '<|python_start|>{"type": "function", "name": "get_weather", '
    '"parameters": {"location": "Dublin"}}<|python_end|>',
    "llama's python marks, pythonic": '<|python_start|>[get_weather(location="Dublin")]<|python_end|>',
    "llama's python tag": '<|python_tag|>{"type": "function", "name": "get_weather", '
    '"parameters": {"location": "Dublin"}}',
    "llama's python tag, code": '<|python_tag|>get_weather.call(location="Dublin")',
    "nemotron": '<TOOLCALL>[{"name": "get_weather", "arguments": {"location": "Dublin"}}]</TOOLCALL>',
    "nemotron, two": '<TOOLCALL>[{"name": "get_weather", "arguments": {"location": "Dublin"}}, '
    '{"name": "get_time", "arguments": {}}]</TOOLCALL>',
    "hermes": '<tool_call>\n{"name": "get_weather", "arguments": {"location": "Dublin"}}\n</tool_call>',
    "hermes, on one line": '<tool_call>{"name": "get_weather", "arguments": {"location": "Dublin"}}</tool_call>',
    "qwen's coder": "<tool_call>\n<function=get_weather>\n<parameter=location>\nDublin\n</parameter>\n</function>\n"
    "</tool_call>",
    "mistral": '[TOOL_CALLS][{"name": "get_weather", "arguments": {"location": "Dublin"}}]',
    "mistral, spaced": '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"location": "Dublin"}}]',
    "a function tag": '<function=get_weather>{"location": "Dublin"}</function>',
    "bare and typed": '{"type": "function", "name": "get_weather", "parameters": {"location": "Dublin"}}',
    "bare, with parameters": '{"name": "get_weather", "parameters": {"location": "Dublin"}}',
    "bare, with arguments": '{"name": "get_weather", "arguments": {"location": "Dublin"}}',
    "bare, over lines": '{\n  "name": "get_weather",\n  "arguments": {\n    "location": "Dublin"\n  }\n}',
    "a list of calls": '[{"name": "get_weather", "arguments": {"location": "Dublin"}}, '
    '{"name": "get_weather", "arguments": {"location": "Cork"}}]',
    "pythonic": '[get_weather(location="Dublin")]',
    "pythonic, two": '[get_weather(location="Dublin"), get_time()]',
    "pythonic, single quotes": "[get_weather(location='Dublin', unit='celsius')]",
}
_LEAKED: list[Broken] = [
    Broken(id=f"leaked into the text: {name}", tools=TOOLS, text=text, finish="stop")
    for name, text in LEAKS.items()
] + [
    Broken(id=f"leaked and cut: {name}", tools=TOOLS, text=text[:-10], finish="length", error=CUT)
    for name, text in LEAKS.items()
] + [
    Broken(
        id=f"leaked behind a preamble: {name}", tools=TOOLS, text=f"I'll look that up.\n{text}", finish="stop",
        shows=True,
    )
    for name, text in LEAKS.items()
] + [
    Broken(id=f"leaked, {name}", tools=TOOLS, text=text, finish="stop")
    for name, text in {
        "with blanks around": f"\n\n{LEAKS['bare and typed']}\n",
        "with the end mark only once": LEAKS["hermes"].removesuffix("</tool_call>"),
        "without parameters": '{"type": "function", "name": "get_time", "parameters": {}}',
        "of a tool without parameters": "[get_time()]",
        "nested": '{"name": "edit_files", "parameters": {"edits": [' + EDIT + "]}}",
        "broken as well": "<tool_call>{'name': 'get_weather', 'arguments': {'location': 'Dublin'}}</tool_call>",
    }.items()
] + [
    Broken(
        id="leaked beside a call", tools=TOOLS, text=LEAKS["hermes"], calls=(("get_time", "{}"),), finish="tool_calls"
    ),
    Broken(
        id="leaked although a call was demanded", tools=TOOLS, tool_choice="any", text=LEAKS["bare and typed"],
        finish="stop", error=UNUSABLE,
    ),
    Broken(
        id="leaked by a tool in openai's form", tools=(SHELL, PING), finish="stop",
        text='{"type": "function", "name": "shell", "parameters": {"command": ["rm", "-rf", "/tmp"]}}',
    ),
    Broken(
        id="leaked by a tool given as a schema", tools=(TRANSFER,), finish="stop",
        text='<TOOLCALL>[{"name": "transfer", "arguments": {"to": {"iban": "DE4410"}, "amount": 5}}]</TOOLCALL>',
    ),
]  # fmt: skip

# -- Nothing -------------------------------------------------------------------------------------------------

_EMPTY: list[Broken] = [
    Broken(id=f"an empty answer {where}: {name}", tools=tools, text=text, message=message, error=EMPTY)
    for where, tools in (("with tools", TOOLS), ("to a plain call", ()))
    for name, text, message in (
        ("no text", "", None),
        ("a space", " ", None),
        ("newlines", "\n\n\n", None),
        ("blanks of all kinds", " \t\r\n ", None),
        ("null", None, {"content": None}),
    )
] + [
    Broken(id="an empty answer cut by length", tools=TOOLS, text="", finish="length", error=UNUSABLE),
    Broken(id="an empty list of calls", tools=TOOLS, message={"content": None, "tool_calls": []}, error=EMPTY),
    Broken(id="finish tool_calls without a call", tools=TOOLS, text="", finish="tool_calls", error=UNUSABLE),
]  # fmt: skip

# -- Answers in a schema -------------------------------------------------------------------------------------

ADA = '{"name": "Ada", "age": 36}'
_FUNCTIONS = {"class": "Person", "typed dict": "PersonDict", "dict": "Person"}
"""What the call is named that brings the answer by function calling."""
_SCHEMAS: dict[str, Any] = {"class": Person, "typed dict": PersonDict, "dict": PERSON_SCHEMA}
_BAD_TEXTS: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "prose": ("Ada is 36 years old.", "stop", UNUSABLE),
    "prose before": (f"Here you are: {ADA}", "stop", UNUSABLE),
    "prose after": (f"{ADA}\nAnything else?", "stop", UNUSABLE),
    "cut": ('{"name": "Ada", "age": 3', "length", TRUNCATED),
    "cut silently": ('{"name": "Ada", "age": 36', "stop", UNUSABLE),
    "whole, but finish length": (ADA, "length", TRUNCATED),
    "single quotes": ("{'name': 'Ada', 'age': 36}", "stop", UNUSABLE),
    "a trailing comma": ('{"name": "Ada", "age": 36,}', "stop", UNUSABLE),
    "a comment": ('{"name": "Ada", "age": 36 // years\n}', "stop", UNUSABLE),
    "a raw newline": ('{"name": "Ada\nLovelace", "age": 36}', "stop", UNUSABLE),
    "NaN": ('{"name": "Ada", "age": NaN}', "stop", UNUSABLE),
    "a key twice": ('{"name": "Ada", "age": 36, "age": 37}', "stop", UNUSABLE),
    "encoded twice": (json.dumps(ADA), "stop", UNUSABLE),
    "a list": (f"[{ADA}]", "stop", UNUSABLE),
    "null": ("null", "stop", UNUSABLE),
    "two objects": (f"{ADA}\n{ADA}", "stop", UNUSABLE),
    "two code fences": (f"```json\n{ADA}\n```\n```json\n{ADA}\n```", "stop", UNUSABLE),
    "a code fence in prose": (f"Here:\n```json\n{ADA}\n```", "stop", UNUSABLE),
    "a code fence around no strict JSON": ("```json\n{'name': 'Ada', 'age': 36}\n```", "stop", UNUSABLE),
    "an open code fence": (f"```json\n{ADA}", "stop", UNUSABLE),
    "nothing": ("", "stop", UNUSABLE),
    "newlines": ("\n\n", "stop", UNUSABLE),
    "a leaked call": (f'<|python_start|>{{"name": "Person", "parameters": {ADA}}}<|python_end|>', "stop", UNUSABLE),
}
_BAD_PEOPLE: dict[str, str] = {
    "a field missing": '{"name": "Ada"}',
    "an empty object": "{}",
    "a wrong type": '{"name": "Ada", "age": "old"}',
    "a fraction": '{"name": "Ada", "age": 36.5}',
    "null": '{"name": null, "age": 36}',
    "wrapped": f'{{"person": {ADA}}}',
    "an object for a text": '{"name": {"first": "Ada"}, "age": 36}',
}


def _answers(method: Method, schema: str, texts: dict[str, tuple[str, Any, tuple[str, ...]]]) -> list[Broken]:
    return [
        Broken(
            id=f"{method} ({schema}): {name}", schema=_SCHEMAS[schema], method=method, text=text, finish=finish,
            error=error, shows=True,
        )
        for name, (text, finish, error) in texts.items()
    ]  # fmt: skip


_MISFIT_TEXTS = {name: (text, "stop", UNUSABLE) for name, text in _BAD_PEOPLE.items()}
_A_FEW = ("prose before", "cut", "cut silently", "NaN", "a key twice", "encoded twice", "nothing")
_FEW_TEXTS = {name: _BAD_TEXTS[name] for name in _A_FEW}

_ANSWERS: list[Broken] = [
    *_answers("json_schema", "class", {**_BAD_TEXTS, **_MISFIT_TEXTS}),
    *_answers("json_schema", "typed dict", {**_FEW_TEXTS, **_MISFIT_TEXTS}),
    *_answers("json_schema", "dict", {**_BAD_TEXTS, **_MISFIT_TEXTS}),
    *_answers("json_schema", "dict", {"an unknown field": ('{"name": "Ada", "age": 36, "x": 1}', "stop", UNUSABLE)}),
    *_answers("json_mode", "class", _FEW_TEXTS),
    *_answers("json_mode", "dict", _BAD_TEXTS),
    Broken(
        id="json_schema: a call in place of the answer", schema=Person, method="json_schema", error=UNUSABLE,
        calls=(("Person", ADA),),
    ),
]  # fmt: skip

_PEOPLE: list[Broken] = [
    Broken(
        id=f"function_calling ({schema}): {name}", schema=_SCHEMAS[schema], method="function_calling",
        calls=((tool, text),), finish=finish, error=error,
    )
    for schema, own in _FUNCTIONS.items()
    for name, tool, text, finish, error in (
        *((name, own, text, "tool_calls", CORRUPTED) for name, text in _BAD_PEOPLE.items()),
        ("cut", own, '{"name": "Ada", "age": 3', "length", TRUNCATED),
        ("cut silently", own, '{"name": "Ada", "age": 36', "tool_calls", CORRUPTED),
        ("encoded twice", own, json.dumps(ADA), "tool_calls", CORRUPTED),
        ("another name", "person", ADA, "tool_calls", CORRUPTED),
        ("nothing", own, "", "tool_calls", CORRUPTED),
    )
    if not (schema != "class" and name in ("an empty object", "wrapped"))
] + [
    Broken(
        id=f"function_calling ({schema}): {name}", schema=_SCHEMAS[schema], method="function_calling", text=text,
        finish="stop", error=UNUSABLE, shows=shows,
    )
    for schema, own in _FUNCTIONS.items()
    for name, text, shows in (
        ("the object as text", ADA, True),
        ("prose", "Ada is 36.", True),
        ("leaked", f'{{"type": "function", "name": "{own}", "parameters": {ADA}}}', False),
    )
]  # fmt: skip
BROKEN: list[Broken] = [
    *_calls(_MALFORMED, "no JSON object"),
    *_calls(_MISFITS, "against the schema"),
    *_calls(_TWICE, "duplicate keys", ("duplicate", "twice", "repeat", "more than once")),
    *_RAW,
    *_FINISHES,
    *_NAMES,
    *_BESIDE,
    *_DEMANDS,
    *_LEAKED,
    *_EMPTY,
    *_ANSWERS,
    *_PEOPLE,
]
