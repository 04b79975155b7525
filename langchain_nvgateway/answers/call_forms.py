"""The forms in which models write a tool call into their text, and how to find one where it begins."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

__all__ = [
    "FIRST_KEY",
    "end_of_code_call",
    "end_of_json_call",
    "end_of_marked_call",
    "is_cut_marker",
    "is_marked",
    "may_be_code_call",
    "may_be_marked_call",
    "tells_of_call",
]

_LONGEST_BEGINNING = 480
"""Characters by which cut or broken JSON has to have said what it calls."""

_MARKERS = (
    "<|python_start|>",  # Llama 4
    "<|python_tag|>",  # Llama 3
    "<TOOLCALL>",  # Nemotron
    "<tool_call>",  # Hermes, Qwen
    "<tool_calls>",
    "<toolcall>",
    "<function_call>",
    "<function_calls>",  # Claude
    "<function=",  # Llama 3, Qwen coder
    '<invoke name="',
    "<start_function_call>",  # Gemma
    "<|tool_call|>",  # Granite, Phi
    "<|tool_calls|>",
    "<|tool_call_begin|>",
    "<|tool_calls_section_begin|>",  # Kimi
    "<|channel|>commentary to=",  # gpt-oss
    "<｜tool▁calls▁begin｜>",  # DeepSeek
    "<｜tool▁call▁begin｜>",
    "[TOOL_CALLS]",  # Mistral
    "functools[",  # Phi
)
"""What models of a family write around or before a call; the server's parser should have taken it out."""

_CODE_MARKERS = ("<|python_start|>", "<|python_tag|>")
"""Whatever comes after these is meant for an interpreter."""

_AFTER_MARKER = re.compile(r"\s*(?:[\[{<]|``?$|```|[\w.:-]{1,80}\s*(?:[\[({<\">]|$)|$)")
"""What makes a marker the beginning of a call, and not a word that a text is about."""

_CLOSING = re.compile(r".*(?:</[\w:|-]+>|<\|/?(?=\w*end)\w+\|>|<｜[^｜]*end｜>)", re.DOTALL)

_NAME_KEYS = ("name", "tool", "tool_name", "function", "function_name", "recipient_name", "action")
_ARGUMENT_KEYS = (
    *("parameters", "arguments", "args", "input", "tool_input", "action_input", "tool_args", "params", "kwargs"),
)
_WRAPPERS = ("function", "function_call", "tool_call", "tool_calls", "tool_uses", "call")
_CALL_TYPES = ("function", "function_call", "tool_call", "tool_use")

FIRST_KEY = re.compile(r"""[\s\[]*\{\s*["'](?P<key>[^"']*)""")
"""How JSON begins that has an object in it."""

_ARGUMENTS_FOLLOW = re.compile(rf"""["'](?:{"|".join(_ARGUMENT_KEYS)})["']\s*:""")
_TYPE_OF_CALL = re.compile(r"""["']type["']\s*:\s*["'](?:function|function_call|tool_call|tool_use)["']""")
_WRAPPED = re.compile(rf"""["'](?:{"|".join(_WRAPPERS)})["']\s*:\s*[\[{{]""")
_BETWEEN = re.compile(r"[ \t\r\n,;]*")
_CODE = re.compile(r"\s*(?:functions\.)?([\w.-]+)\(\s*(\w+\s*=|\))?")
_CUT_NAME = re.compile(r"[\w.-]*")
_FIRST_ARGUMENT = re.compile(r"\s*(?:$|\w+\s*(?:=|$))")


def is_marked(body: str) -> bool:
    """Whether a text begins with one of the marks of a call."""
    return body.startswith(_MARKERS)


def is_cut_marker(text: str) -> bool:
    """Whether a text is the beginning of a mark."""
    return any(marker.startswith(text) for marker in _MARKERS)


def may_be_marked_call(body: str) -> bool:
    """Whether a text that begins with a mark goes on, so far, as a call does."""
    marker = next(marker for marker in _MARKERS if body.startswith(marker))
    return marker in _CODE_MARKERS or marker[-1] in '=["' or _AFTER_MARKER.match(body, len(marker)) is not None


def end_of_marked_call(body: str) -> int | None:
    """Return where a call behind a mark ends; at the end of the text if no other mark says so."""
    if not may_be_marked_call(body):
        return None
    closing = _CLOSING.match(body)
    return closing.end() if closing else len(body)


def end_of_json_call(body: str, offered: Collection[str]) -> int | None:
    """Return where a call as JSON ends; at the end of the text if it is cut or broken."""
    if body[:1] not in ("{", "["):
        return None
    end = 0
    while body[end : end + 1] in ("{", "["):
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(body, end)
        except (ValueError, RecursionError):
            return len(body) if end or _begins_like_call(body, offered) else None
        if not _is_call(value, offered):
            return None
        end = _end_of(_BETWEEN, body, end)
    return end


def _is_call(value: Any, offered: Collection[str], depth: int = 5) -> bool:
    """Whether a JSON value says of itself that it is a call, or a list of them."""
    if depth == 0:
        return False
    if isinstance(value, list):
        return bool(value) and all(_is_call(item, offered, depth - 1) for item in value)
    if not isinstance(value, dict) or "description" in value:
        return False  # Somebody lists tools.
    if any(_is_call(value[name], offered, depth - 1) for name in _WRAPPERS if isinstance(value.get(name), dict | list)):
        return True
    names = [value[name] for name in _NAME_KEYS if isinstance(value.get(name), str)]
    arguments = [value[name] for name in _ARGUMENT_KEYS if name in value]
    if not names or not arguments or _is_schema(arguments[0]):
        return False
    return value.get("type") in _CALL_TYPES or any(_is_offered(name, offered) for name in names)


def _is_schema(arguments: Any) -> bool:
    return isinstance(arguments, dict) and arguments.get("type") == "object" and "properties" in arguments


def _begins_like_call(body: str, offered: Collection[str]) -> bool:
    """Whether JSON that is cut or broken was going to be a call."""
    head = body[:_LONGEST_BEGINNING]
    if not FIRST_KEY.match(head):
        return False
    if _TYPE_OF_CALL.search(head):
        return True
    name = _name_in(head, offered)
    return name is not None and (len(body) <= name.end() + 3 or bool(_ARGUMENTS_FOLLOW.search(head)))


def tells_of_call(head: str, offered: Collection[str]) -> bool:
    """Whether the beginning of JSON has what makes a call of it."""
    first = FIRST_KEY.match(head)
    if first and first["key"] in (*_ARGUMENT_KEYS, "id"):
        return True  # What it calls may come after whatever it calls it with.
    return bool(_TYPE_OF_CALL.search(head) or _WRAPPED.search(head) or _name_in(head, offered))


def _name_in(head: str, offered: Collection[str]) -> re.Match[str] | None:
    named = "|".join(map(re.escape, offered))
    return re.search(rf"""["'](?:{"|".join(_NAME_KEYS)})["']\s*:\s*["'](?:functions\.)?(?:{named})["']""", head)


def end_of_code_call(body: str, offered: Collection[str], *, is_alone: bool) -> int | None:
    """Return where a call as Python code ends: `[get_weather(city="Oslo")]`, or without brackets if it is alone."""
    is_list = body.startswith("[")
    if not is_list and not is_alone:
        return None
    end, count = 1 if is_list else 0, 0
    while True:
        found = _CODE.match(body, end)
        if found is None or not _is_offered(found[1], offered) or (not is_list and "=" not in (found[2] or "")):
            break
        end = _end_of_brackets(body, body.index("(", found.start(1)))
        count += 1
        end = _end_of(_BETWEEN, body, end)
    if not count:
        return None
    if is_list and body.startswith("]", end):
        end += 1
        if body.startswith("(", end):
            return None  # A link to the tool's documentation.
    elif is_list:
        end = _end_of(_CUT_NAME, body, end)
        if end < len(body):
            return None  # More than calls is in the brackets, such as `[now() - 1h]`.
    return end


def _end_of(pattern: re.Pattern[str], body: str, start: int) -> int:
    found = pattern.match(body, start)
    return found.end() if found else start


def _end_of_brackets(body: str, start: int) -> int:
    """Return where the bracket that opens at `start` has been closed; the end of the text if it never is."""
    depth, quote = 0, ""
    for found in re.compile(r"\\.|[\"'()\[\]{}]", re.DOTALL).finditer(body, start):
        mark = found[0]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth == 0:
                return found.end()
    return len(body)


def may_be_code_call(body: str, offered: Collection[str], *, is_alone: bool) -> bool:
    """Whether a text that begins like this may still turn out to be a call as Python code."""
    spelt = [*offered, *(f"functions.{name}" for name in offered)]
    if body.startswith("["):
        stem = body[1:].lstrip()
        return any(f"{name}(".startswith(stem[: len(name) + 1]) for name in spelt)
    return is_alone and any(_may_be_bare_call(body, name) for name in spelt)


def _may_be_bare_call(body: str, name: str) -> bool:
    """Whether a text may be a call of this name without brackets, which names its arguments."""
    rest = body.removeprefix(f"{name}(")
    return f"{name}(".startswith(body) if rest == body else _FIRST_ARGUMENT.match(rest) is not None


def _is_offered(name: str, offered: Collection[str]) -> bool:
    return name.removeprefix("functions.") in offered
