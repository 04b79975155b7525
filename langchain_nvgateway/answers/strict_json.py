"""JSON as RFC 8259 has it, never completed and never repaired by guessing.

Python's own parser takes more: `NaN`, a key that stands twice (the last one wins), numbers beyond every range.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

__all__ = ["NotStrictError", "is_plain", "strict_value", "unfenced"]

_FENCE = re.compile(r"\s*```[ \t]*(?:json|JSON)?[ \t]*\r?\n(?P<inside>.*?)\r?\n?[ \t]*```\s*", re.DOTALL)
_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class NotStrictError(ValueError):
    """A text is no JSON; `str()` says why in a few words of ours, with nothing of the text."""


def strict_value(text: str) -> Any:
    """Return the value that a text is the JSON of.

    Raises:
        NotStrictError: It is no JSON, or JSON that two readers would understand in two ways.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
    except NotStrictError:
        raise
    except RecursionError:
        raise NotStrictError("nested too deep") from None
    except json.JSONDecodeError as problem:
        what = problem.msg.removesuffix(" at").removesuffix(" starting")
        raise NotStrictError(f"{what[:1].lower()}{what[1:]}, at character {problem.pos}") from None
    except ValueError:
        raise NotStrictError("a number with too many digits") from None
    if _HALF_A_CHARACTER.search(text):
        _check_characters(value)
    return value


def is_plain(value: Any) -> bool:
    """Whether JSON can hold a value that was parsed already: no number in it is infinite or none at all."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return False
        if isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item
    return True


def unfenced(text: str) -> str:
    """Return what is within a text that is exactly one code fence, else the text as it is."""
    found = _FENCE.fullmatch(text)
    return found["inside"] if found and "```" not in found["inside"] else text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise NotStrictError("a key that stands twice")
    return value


def _constant(name: str) -> Any:
    raise NotStrictError("NaN or Infinity, which are no JSON")


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotStrictError("a number beyond every range")
    return value


def _check_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is no character: a tool that writes it to a file would fail (RFC 8259, section 8.2).
        raise NotStrictError("half a character") from None
