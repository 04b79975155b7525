"""Makes strings that match a regular expression."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

# The standard library's own parser understands every pattern that `re` does. It is private,
# has been there under this name since Python 3.11, and type checkers do not know it.
_parser: Any = importlib.import_module("re._parser")

PRINTABLE = "a1A-_ .bcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ023456789!#$%&()*+,/:;<=>?@"
"""Characters to try, the nicest first."""
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdecimal,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": lambda c: c.isalnum() or c == "_",
}


def pattern_samples(pattern: str, *, longest: int = 64) -> Iterator[str]:
    """Make strings that match, the shortest first.

    Args:
        pattern: A regular expression, searched for as JSON Schema does.
        longest: How far repetitions are stretched beyond their least.
    """
    try:
        parsed = _parser.parse(pattern)
        finder = re.compile(pattern)
    except re.error:
        return
    for extra in range(longest + 1):
        for choice in range(4):
            made = _Writer(extra, choice).write(parsed)
            if finder.search(made):
                yield made


class _Writer:
    """Writes one string for a parsed pattern.

    Args:
        extra: How often more than needed something is repeated.
        choice: Which of the possible characters and branches to take.
    """

    def __init__(self, extra: int, choice: int) -> None:
        self._extra = extra
        self._choice = choice
        self._groups: dict[int, str] = {}

    def write(self, parsed: Any) -> str:
        return "".join(self._part(str(op), argument) for op, argument in parsed)

    def _part(self, op: str, argument: Any) -> str:
        if op == "LITERAL":
            return chr(argument)
        if op == "NOT_LITERAL":
            return self._pick(lambda c: c != chr(argument))
        if op == "ANY":
            return self._pick(lambda c: True)
        if op == "IN":
            return self._pick(lambda c: _in_set(c, argument), _literals(argument))
        if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = argument
            count = min(least + self._extra, int(most))
            return "".join(self.write(inner) for _ in range(count))
        if op == "SUBPATTERN":
            made = self.write(argument[-1])
            self._groups[argument[0]] = made
            return made
        if op == "ATOMIC_GROUP":
            return self.write(argument)
        if op == "BRANCH":
            branches = argument[1]
            return self.write(branches[self._choice % len(branches)])
        if op == "GROUPREF":
            return self._groups.get(argument, "")
        # Anchors and assertions add no characters; whether they hold is checked afterwards.
        return ""

    def _pick(self, fits: Any, more: str = "") -> str:
        found = [c for c in PRINTABLE + more if fits(c)]
        return found[self._choice % len(found)] if found else ""


def _literals(items: Any) -> str:
    """List characters that a set names itself, for sets beyond ASCII."""
    found = []
    for op, argument in items:
        if str(op) == "LITERAL":
            found.append(chr(argument))
        elif str(op) == "RANGE":
            found.append(chr(argument[0]))
    return "".join(found)


def _in_set(char: str, items: Any) -> bool:
    negated = False
    inside = False
    for op, argument in items:
        name = str(op)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            inside |= ord(char) == argument
        elif name == "RANGE":
            inside |= argument[0] <= ord(char) <= argument[1]
        elif name == "CATEGORY":
            category = str(argument)
            positive = _CATEGORIES[category.replace("_NOT_", "_")](char)
            inside |= positive != ("_NOT_" in category)
    return inside != negated
