"""Stream shapes: the same call delivered in every way that services have, and streams that go wrong."""

from __future__ import annotations

from typing import Any

from .items import Broken, Valid
from .offered import TOOLS

__all__ = ["BROKEN_SHAPES", "VALID_SHAPES"]

Delta = dict[str, Any]

TEXT = '{"text": "a \\"b\\" \\u00e9 \\ud83c\\udf8c {é} \\\\"}'
ARGS = {"text": 'a "b" é 🎌 {é} \\'}
DUBLIN = '{"location": "Dublin"}'
CORK = '{"location": "Cork"}'
BOTH = (("get_weather", {"location": "Dublin"}), ("get_weather", {"location": "Cork"}))
NULL: Any = object()
"""For arguments that are `null`, where `None` leaves them out."""
UNSIGNED = ("StreamInterruptedError", "TruncatedResponseError")
"""What a stream without a finish reason may become: trouble of the service, or of the answer."""


def piece(args: Any = None, *, index: int | None = 0, **fields: Any) -> Delta:
    """Return a delta with a piece of one call; `name` and `id` are left out when not given."""
    function = {name: fields.pop(name) for name in ("name",) if name in fields}
    if args is not None:
        function["arguments"] = None if args is NULL else args
    call: Delta = {**fields, "function": function}
    return {"tool_calls": [call if index is None else {"index": index, **call}]}


def first(name: str = "write", args: Any = "", *, index: int | None = 0, id: str | None = "c1") -> Delta:
    """Return the delta that opens a call."""
    return piece(args, index=index, name=name, type="function", **({} if id is None else {"id": id}))


def letters(text: str, *, index: int | None = 0, **fields: Any) -> list[Delta]:
    """Return a delta for each character."""
    return [piece(letter, index=index, **fields) for letter in text]


def last(finish: str, delta: Delta) -> Delta:
    """Return a whole chunk with a delta and the finish reason."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _split(text: str, *places: int) -> list[str]:
    return [text[a:b] for a, b in zip((0, *places), (*places, len(text)), strict=True)]


ROLE: Delta = {"role": "assistant", "content": ""}
ESCAPE = TEXT.index("\\u00e9")

_WRITES: dict[str, list[Delta]] = {
    "a character a time": [ROLE, first(), *letters(TEXT)],
    "split inside an escape": [ROLE, first(), *map(piece, _split(TEXT, ESCAPE + 1, ESCAPE + 4))],
    "split inside a surrogate pair": [ROLE, first(), *map(piece, _split(TEXT, TEXT.index("\\udf8c"), -2))],
    "id in each delta": [ROLE, first(), *letters(TEXT, id="c1")],
    "name null in later deltas": [ROLE, first(), *letters(TEXT, name=None)],
    "name empty in later deltas": [ROLE, first(), *letters(TEXT, name="")],
    "type in each delta": [ROLE, first(), *letters(TEXT, type="function")],
    "id late": [ROLE, first(id=None), piece(TEXT[:9]), piece(TEXT[9:], id="c1")],
    "name late": [ROLE, piece(TEXT[:9], id="c1", type="function"), piece(TEXT[9:], name="write")],
    "no index": [ROLE, first(index=None), *letters(TEXT, index=None)],
    "no index, id in each delta": [ROLE, first(index=None), *letters(TEXT, index=None, id="c1")],
    "no id at all": [ROLE, first(id=None), *letters(TEXT)],
    "empty choices between": [ROLE, {"choices": []}, first(), {"choices": []}, piece(TEXT[:5]), {"choices": []},
                              piece(TEXT[5:])],
    "role repeated": [ROLE, ROLE, {**first(), "role": "assistant"}, ROLE, {**piece(TEXT), "role": "assistant"}],
    "no role": [first(), piece(TEXT)],
    "whole in one delta": [ROLE, first(args=TEXT)],
    "whole in the first delta, with the role": [{**first(args=TEXT), "role": "assistant", "content": None}],
    "null content beside": [ROLE, {**first(), "content": None}, {**piece(TEXT), "content": None}],
    "empty arguments between": [ROLE, first(), piece(""), piece(TEXT[:5]), piece(""), piece(TEXT[5:]), piece("")],
    "null arguments first": [ROLE, first(args=NULL), piece(TEXT)],
    "empty and null lists of calls between": [ROLE, first(), {"tool_calls": []}, piece(TEXT[:5]),
                                              {"tool_calls": None}, piece(TEXT[5:])],
    "reasoning around": [ROLE, {"reasoning_content": "Hm."}, first(), piece(TEXT), {"reasoning_content": "Yes."}],
    "blanks around the object": [ROLE, first(), piece("\n "), piece(TEXT), piece(" \n")],
}  # fmt: skip

VALID_SHAPES: list[Valid] = [
    Valid(id=f"stream: {name}", tools=TOOLS, deltas=tuple(deltas), does=(("write", ARGS),))
    for name, deltas in _WRITES.items()
] + [
    Valid(
        id="stream: finish with the last arguments", tools=TOOLS, does=(("write", ARGS),), finish=None,
        deltas=(ROLE, first(), piece(TEXT[:7]), last("tool_calls", piece(TEXT[7:]))),
    ),
    Valid(
        id="stream: everything in one chunk", tools=TOOLS, does=(("write", ARGS),), finish=None,
        deltas=(last("tool_calls", {**first(args=TEXT), "role": "assistant"}),),
    ),
    Valid(
        id="stream: finish stop", tools=TOOLS, does=(("write", ARGS),), finish="stop",
        deltas=(ROLE, first(), piece(TEXT)),
    ),
    Valid(
        id="stream: a null finish reason before the real one", tools=TOOLS, does=(("write", ARGS),), finish=None,
        deltas=(ROLE, first(), piece(TEXT), {"choices": [{"index": 0, "delta": {}, "finish_reason": None}]},
                last("tool_calls", {})),
    ),
    Valid(
        id="stream: no [DONE]", tools=TOOLS, does=(("write", ARGS),), fault="no_done",
        deltas=(ROLE, first(), piece(TEXT)),
    ),
    Valid(
        id="stream: text before", tools=TOOLS, does=(("write", ARGS),), says="Let me see.",
        deltas=(ROLE, {"content": "Let me"}, {"content": " see."}, first(), piece(TEXT)),
    ),
    Valid(
        id="stream: text between", tools=TOOLS, does=(("write", ARGS),), says="Let me see.",
        deltas=(ROLE, {"content": "Let me"}, first(), piece(TEXT[:4]), {"content": " see."}, piece(TEXT[4:])),
    ),
    Valid(
        id="stream: text in the same delta", tools=TOOLS, does=(("write", ARGS),), says="Let me see.",
        deltas=({**first(), "content": "Let me see."}, piece(TEXT)),
    ),
    Valid(
        id="stream: two calls one after the other", tools=TOOLS, does=BOTH,
        deltas=(ROLE, first("get_weather"), *letters(DUBLIN), first("get_weather", index=1, id="c2"),
                *letters(CORK, index=1)),
    ),
    Valid(
        id="stream: two calls interleaved by index", tools=TOOLS, does=BOTH,
        deltas=(ROLE, first("get_weather"), first("get_weather", index=1, id="c2"),
                *(delta for a, b in zip(DUBLIN[:20], CORK, strict=True) for delta in (piece(a), piece(b, index=1))),
                piece(DUBLIN[20:])),
    ),
    Valid(
        id="stream: two calls in one delta", tools=TOOLS, does=BOTH,
        deltas=(ROLE, {"tool_calls": [first("get_weather", DUBLIN)["tool_calls"][0],
                                      first("get_weather", CORK, index=1, id="c2")["tool_calls"][0]]}),
    ),
    Valid(
        id="stream: two calls without an index, told apart by id", tools=TOOLS, does=BOTH,
        deltas=(ROLE, first("get_weather", index=None), *letters(DUBLIN, index=None),
                first("get_weather", index=None, id="c2"), *letters(CORK, index=None)),
    ),
    Valid(
        id="stream: a tool without parameters and without arguments", tools=TOOLS, does=(("get_time", {}),),
        deltas=(ROLE, first("get_time")),
    ),
    Valid(
        id="stream: text a character a time", tools=TOOLS, says="Dublin [x] {y} <z>",
        deltas=(ROLE, *({"content": letter} for letter in "Dublin [x] {y} <z>")),
    ),
    Valid(
        id="stream: data that begins like a call, a character a time", tools=TOOLS, says='{"name": "Ada"}',
        deltas=(ROLE, *({"content": letter} for letter in '{"name": "Ada"}')),
    ),
]  # fmt: skip

RM = '{"command": ["rm", "-rf", "/tmp/build"]}'
LEAK = '<tool_call>{"name": "shell", "arguments": {"command": ["ls"]}}</tool_call>'

BROKEN_SHAPES: list[Broken] = [
    Broken(
        id="stream: the name in each delta", tools=TOOLS,
        deltas=(ROLE, first("shell"), *letters('{"command": ["ls"]}', name="shell")),
    ),
    Broken(
        id="stream: the name twice", tools=TOOLS,
        deltas=(ROLE, first("shell"), piece('{"command": ', name="shell"), piece('["ls"]}')),
    ),
    Broken(
        id="stream: no name at all", tools=TOOLS,
        deltas=(ROLE, piece("", id="c1", type="function"), piece('{"command": ["ls"]}')),
    ),
    Broken(
        id="stream: no finish reason", tools=TOOLS, finish=None, error=UNSIGNED,
        deltas=(ROLE, first("shell"), piece(RM)),
    ),
    Broken(
        id="stream: no finish reason, cut", tools=TOOLS, finish=None, error=UNSIGNED,
        deltas=(ROLE, first("shell"), piece(RM[:25])),
    ),
    Broken(
        id="stream: only [DONE] after a whole call", tools=TOOLS, fault="done_only", error=UNSIGNED,
        deltas=(ROLE, first("shell"), piece(RM)),
    ),
    Broken(
        id="stream: no finish reason after text and a call", tools=TOOLS, finish=None, error=UNSIGNED, shows=True,
        deltas=(ROLE, {"content": "Let me see."}, first("shell"), piece(RM)),
    ),
    Broken(
        id="stream: an error in the middle of a call", tools=TOOLS, error=("NVGatewayError",),
        deltas=(ROLE, first("shell"), piece(RM[:25]), {"error": {"message": "boom", "code": 500}}, piece(RM[25:])),
    ),
    Broken(
        id="stream: an error after a whole call", tools=TOOLS, error=("NVGatewayError",),
        deltas=(ROLE, first("shell"), piece(RM), {"error": {"message": "boom", "code": 500}}),
    ),
    Broken(
        id="stream: cut arguments, finish tool_calls", tools=TOOLS,
        deltas=(ROLE, first("shell"), *letters('{"command": ["rm", "-rf", "/tmp"')),
    ),
    Broken(
        id="stream: cut arguments, finish length", tools=TOOLS, finish="length", error=("TruncatedResponseError",),
        deltas=(ROLE, first("shell"), *letters('{"command": ["rm", "-rf", "/tmp"')),
    ),
    Broken(
        id="stream: whole arguments, finish length in the same chunk", tools=TOOLS, finish=None,
        error=("TruncatedResponseError",), deltas=(ROLE, first("shell"), last("length", piece(RM))),
    ),
    Broken(
        id="stream: the second of two calls cut", tools=TOOLS,
        deltas=(ROLE, first("get_weather"), piece(DUBLIN), first("shell", index=1, id="c2"), piece(RM[:25], index=1)),
    ),
    Broken(
        id="stream: the first of two calls cut", tools=TOOLS,
        deltas=(ROLE, first("shell"), piece(RM[:25]), first("get_weather", index=1, id="c2"), piece(DUBLIN, index=1)),
    ),
    Broken(
        id="stream: the second of two interleaved calls cut", tools=TOOLS,
        deltas=(ROLE, first("get_weather"), first("shell", index=1, id="c2"), piece(DUBLIN[:9]),
                piece(RM[:25], index=1), piece(DUBLIN[9:])),
    ),
    Broken(
        id="stream: arguments from their beginning in each delta", tools=TOOLS,
        deltas=(ROLE, first("shell"), *(piece(RM[:end]) for end in range(10, len(RM) + 10, 10))),
    ),
    Broken(
        id="stream: the whole arguments twice", tools=TOOLS, deltas=(ROLE, first("shell"), piece(RM), piece(RM)),
    ),
    Broken(
        id="stream: two calls without index or id, mixed up", tools=TOOLS,
        deltas=(ROLE, first("shell", index=None), piece(RM[:9], index=None), piece(DUBLIN[:9], index=None),
                piece(RM[9:], index=None), piece(DUBLIN[9:], index=None)),
    ),
    Broken(
        id="stream: arguments as an object", tools=TOOLS, error=("InvalidResponseError",),
        deltas=(ROLE, first("shell", {"command": ["ls"]})),
    ),
    Broken(
        id="stream: no arguments for a tool that has to have some", tools=TOOLS, deltas=(ROLE, first("shell")),
    ),
    Broken(
        id="stream: a call leaked a character a time", tools=TOOLS,
        deltas=(ROLE, *({"content": letter} for letter in LEAK)), finish="stop",
    ),
    Broken(
        id="stream: a bare call leaked a character a time", tools=TOOLS, finish="stop",
        deltas=(ROLE, *({"content": c} for c in '{"name": "shell", "parameters": {"command": ["ls"]}}')),
    ),
    Broken(
        id="stream: a call leaked in one delta", tools=TOOLS, deltas=(ROLE, {"content": LEAK}), finish="stop",
    ),
    Broken(
        id="stream: blanks a character a time", tools=TOOLS, error=("EmptyResponseError",), finish="stop",
        deltas=(ROLE, {"content": " "}, {"content": "\n"}, {"content": " "}),
    ),
    Broken(
        id="stream: role chunks only", tools=TOOLS, error=("EmptyResponseError",), finish="stop",
        deltas=(ROLE, ROLE),
    ),
]  # fmt: skip
