"""Tool calls that a model wrote into its text instead of making them.

A text is taken for a call only if it is one: alone, after a marker of the kind that models are trained with, or after
a short word that the model will now do something. Text that shows JSON, quotes a call or explains one is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

__all__ = ["LeakWatch", "is_leaked_call"]

_LONGEST_PREAMBLE = 240
"""Characters before a leaked call; who writes more than that explains something."""

_LONGEST_HEAD = 3 * _LONGEST_PREAMBLE
"""Characters from the beginning of a text after which it is clear whether it may be a call."""

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

_AFTER_MARKER = re.compile(r"\s*(?:[\[{<]|```|[\w.:-]{1,80}\s*(?:[\[({<\">]|$)|$)")
"""What makes a marker the beginning of a call, and not a word that a text is about."""

_CLOSING = re.compile(r".*(?:</[\w:|-]+>|<\|/?(?=\w*end)\w+\|>|<｜[^｜]*end｜>)", re.DOTALL)

_NAME_KEYS = ("name", "tool", "tool_name", "function", "function_name", "recipient_name", "action")
_ARGUMENT_KEYS = (
    *("parameters", "arguments", "args", "input", "tool_input", "action_input", "tool_args", "params", "kwargs"),
)
_WRAPPERS = ("function", "function_call", "tool_call", "tool_calls", "tool_uses", "call")
_CALL_TYPES = ("function", "function_call", "tool_call", "tool_use")

_FIRST_KEY = re.compile(r"""[\s\[]*\{\s*["'](?P<key>[^"']*)""")
_ARGUMENTS_FOLLOW = re.compile(rf"""["'](?:{"|".join(_ARGUMENT_KEYS)})["']\s*:""")
_TYPE_OF_CALL = re.compile(r"""["']type["']\s*:\s*["'](?:function|function_call|tool_call|tool_use)["']""")
_WRAPPED = re.compile(rf"""["'](?:{"|".join(_WRAPPERS)})["']\s*:\s*[\[{{]""")
_BETWEEN = re.compile(r"[ \t\r\n,;]*")
_CODE = re.compile(r"\s*(?:functions\.)?([\w.-]+)\(\s*(\w+\s*=|\))?")
_CUT_NAME = re.compile(r"[\w.-]*")

_BOUNDARY = re.compile(r"(?:^|\n|[.!?:]\s)\s*")
"""Where a call may begin: at the beginning of the text, of a line, or of a sentence."""

_INTENT = re.compile(
    r"\b(?:I will|I'll|I’ll|I(?: am|'m|’m) (?:going|calling|using)|I need to|I have to|I must|I should"
    r"|I can|let me|let's|let’s|calling|invoking|fetching|looking|checking|searching|using|sure|okay|ok|certainly"
    r"|of course|right away|one moment|now|first|next|to (?:do|answer|get|find|check|look|list|read|see)"
    r"|(?:function|tool) calls?)\b",
    re.IGNORECASE,
)
"""Words that announce a deed."""

_EXPLANATION = re.compile(
    r"\b(?:examples?|e\.g|for instance|such as|looks? like|like this|would|could|you (?:can|may|should|need|must)"
    r"|format|schema|syntax|snippet|template|documentation|means|equivalent|returned|logged|printed|said|wrote|quote"
    r"|answer(?:ed)? with|respond(?:s|ed)? with|emit(?:s|ted)?)\b|```|`",
    re.IGNORECASE,
)
"""Words, and ticks, of somebody who shows a call and does not make it."""


def is_leaked_call(text: str, offered: Collection[str]) -> bool:
    """Whether a text is a tool call, or ends in one.

    Args:
        text: The whole text of an answer.
        offered: Names of the tools that the model could have called.
    """
    text = text.strip()
    return any(_is_call_at(text, place, offered) for place in _places(text))


class LeakWatch:
    """Says of a text that is still coming whether it may turn out to be a leaked call.

    Args:
        offered: Names of the tools that the model can call.
    """

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = offered
        self._head = ""
        self._may_be_call = False

    def add(self, piece: str) -> bool:
        """Take the next piece of the text; return whether the reader has to wait with it."""
        if len(self._head) < _LONGEST_HEAD:
            self._head = (self._head + piece).lstrip()[:_LONGEST_HEAD]
            text = self._head
            self._may_be_call = any(_may_be_call_at(text, place, self._offered) for place in _places(text))
        return self._may_be_call


def _places(text: str) -> Iterator[int]:
    """Yield where in a text a call could begin."""
    for found in _BOUNDARY.finditer(text, 0, _LONGEST_PREAMBLE):
        yield found.end()
    for found in re.finditer(r"(?<!\A)[<\[]|\bf[a-z]*(?:\[|\Z)", text[: _LONGEST_PREAMBLE + 30]):
        if text.startswith(_MARKERS, found.start()) or _is_cut_marker(text[found.start() :]):
            yield found.start()


def _is_cut_marker(text: str) -> bool:
    return any(marker.startswith(text) for marker in _MARKERS)


def _is_call_at(text: str, place: int, offered: Collection[str]) -> bool:
    preamble, body = text[:place], text[place:]
    is_marked = body.startswith(_MARKERS)
    if not _announces(preamble, is_marked=is_marked):
        return False
    if is_marked:
        return _is_marked_call(body, is_alone=not preamble)
    is_json = _tells_of_call(text[place:_LONGEST_HEAD], offered)
    end = _end_of_json_call(body, offered) if is_json else None
    end = end or _end_of_code_call(body, offered, is_alone=not preamble)
    if end is None:
        return False
    rest = body[end:].strip()
    return not rest or (not preamble and len(rest) <= _LONGEST_PREAMBLE and not _EXPLANATION.search(rest))


def _announces(preamble: str, *, is_marked: bool) -> bool:
    """Whether what stands before a call is nothing, or says that it will be made."""
    if _EXPLANATION.search(preamble):
        return False
    return is_marked or not preamble or bool(_INTENT.search(preamble))


def _is_marked_call(body: str, *, is_alone: bool) -> bool:
    marker = next(marker for marker in _MARKERS if body.startswith(marker))
    if marker not in _CODE_MARKERS and marker[-1] not in '=["' and not _AFTER_MARKER.match(body, len(marker)):
        return False
    closing = _CLOSING.match(body)
    return is_alone or closing is None or not body[closing.end() :].strip()


def _end_of_json_call(body: str, offered: Collection[str]) -> int | None:
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
    head = body[: 2 * _LONGEST_PREAMBLE]
    if not _FIRST_KEY.match(head):
        return False
    if _TYPE_OF_CALL.search(head):
        return True
    name = _name_in(head, offered)
    return name is not None and (len(body) <= name.end() + 3 or bool(_ARGUMENTS_FOLLOW.search(head)))


def _tells_of_call(head: str, offered: Collection[str]) -> bool:
    """Whether the beginning of JSON has what makes a call of it."""
    first = _FIRST_KEY.match(head)
    if first and first["key"] in (*_ARGUMENT_KEYS, "id"):
        return True  # What it calls may come after whatever it calls it with.
    return bool(_TYPE_OF_CALL.search(head) or _WRAPPED.search(head) or _name_in(head, offered))


def _name_in(head: str, offered: Collection[str]) -> re.Match[str] | None:
    named = "|".join(map(re.escape, offered))
    return re.search(rf"""["'](?:{"|".join(_NAME_KEYS)})["']\s*:\s*["'](?:functions\.)?(?:{named})["']""", head)


def _end_of_code_call(body: str, offered: Collection[str], *, is_alone: bool) -> int | None:
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


def _is_offered(name: str, offered: Collection[str]) -> bool:
    return name.removeprefix("functions.") in offered


def _may_be_call_at(text: str, place: int, offered: Collection[str]) -> bool:
    """Whether a text that begins like this may still turn out to be a call, or to end in one."""
    preamble, body = text[:place], text[place:]
    is_marked = bool(body) and (body.startswith(_MARKERS) or _is_cut_marker(body))
    if not body or not _announces(preamble, is_marked=is_marked):
        return False
    if is_marked:
        return True
    if body[0] in "{[" and _may_become_json_call(body, offered, is_cut=len(text) >= _LONGEST_HEAD):
        return True
    stem = body[1:].lstrip() if body[0] == "[" else body
    if body[0] != "[" and place:
        return False
    spelt = (f"{prefix}{name}(" for name in offered for prefix in ("", "functions."))
    return any(name.startswith(stem[: len(name)]) for name in spelt)


def _may_become_json_call(body: str, offered: Collection[str], *, is_cut: bool) -> bool:
    """Whether JSON that begins like this may still turn out to be a call.

    Args:
        body: As much of it as has come.
        offered: Names of the tools that the model can call.
        is_cut: Whether more has come, of which nobody asks.
    """
    if re.fullmatch(r"[\s\[]*\{?\s*", body):
        return True
    if not _FIRST_KEY.match(body):
        return False
    try:
        json.JSONDecoder(strict=False).raw_decode(body)
    except (ValueError, RecursionError):
        return not is_cut or _tells_of_call(body, offered)
    return _tells_of_call(body, offered) and _end_of_json_call(body, offered) is not None
