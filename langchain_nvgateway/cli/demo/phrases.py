"""What happens, in few words."""

from __future__ import annotations

import re
from typing import Any

from langchain_core.messages import ToolCall, ToolMessage

from ...events import LegSkipped
from ..terminal import clean

__all__ = ["answer_text", "call_text", "circuit_name", "result_text", "skip_reason", "tests_text"]

_LONGEST = 60
_LONGEST_ANSWER = 300
_KINDS = ("quality", "credentials")


def answer_text(text: str) -> str:
    """Return a text that a model says, in one line and quoted."""
    text = clean(text)
    return f'"{text}"' if len(text) <= _LONGEST_ANSWER else f'"{text[: _LONGEST_ANSWER - 3]}..."'


def call_text(call: ToolCall) -> str:
    """Return a tool call as one would write it."""
    shown = {name: value for name, value in call["args"].items() if name != "internal_reasoning"}
    arguments = ", ".join(f"{clean(str(name))}={_value(value)}" for name, value in shown.items())
    return f"{clean(call['name'])}({arguments})"


def result_text(name: str, result: ToolMessage) -> str:
    """Return what came of a tool in few words."""
    content = str(result.content)
    lines = content.splitlines()
    if result.status == "error":
        return f"refused: {clean(content)[:200]}"
    match name:
        case "list_files":
            return clean(", ".join(lines))
        case "read_file":
            return f"{len(lines)} lines"
        case "run_tests":
            return tests_text(content)
        case _:
            return clean(content)[:200]


def tests_text(output: str) -> str:
    """Return the end of what a test runner says."""
    ran = re.findall(r"^Ran (\d+) test", output, re.MULTILINE)
    last = output.strip().splitlines()[-1] if output.strip() else "nothing"
    return f"{ran[-1] if ran else '0'} tests ran: {clean(last)}"


def circuit_name(breaker: str) -> str:
    """Return a breaker's name without that of the model."""
    provider, _, rest = breaker.partition(":")
    kind = rest.rpartition("/")[2]
    return f"{provider} {kind}" if kind in _KINDS else provider


def skip_reason(event: LegSkipped) -> str:
    """Return why a leg is skipped, without its name."""
    endpoint = re.escape(f"{event.provider}:{event.model}")
    reason = re.sub(rf"the circuit {endpoint}/(quality|credentials)", r"its \1 circuit", event.reason)
    reason = re.sub(rf"the circuit {endpoint}", "its circuit", reason)
    return re.sub(r"for another ([\d.]+) s", lambda found: f"({float(found[1]):.0f} s)", reason)


def _value(value: Any) -> str:
    if not isinstance(value, str):
        return clean(repr(value))
    if "\n" in value.strip() or len(value) > 5 * _LONGEST:
        return f"<{len(value)} characters>"
    text = clean(value)
    return f'"{text}"' if len(text) <= _LONGEST else f'"{text[: _LONGEST - 3]}..."'
