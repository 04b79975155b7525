"""Values that a conversation's text offers for the fields of a schema."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_QUOTED = re.compile(r"(?<!\w)'([^'\n]+)'(?!\w)|\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`")
_PLACE = re.compile(r"\b(?:in|at|for|near|from|to|of)\s+((?:[A-Z][\w.'-]*)(?:,?\s+[A-Z][\w.'-]*)*)")
_FILE = re.compile(r"(?<![\w/])(?:[\w.-]*/)*[\w-]+\.[A-Za-z]\w{0,7}\b|(?<!\w)/(?:[\w.-]+/?)+")
_URL = re.compile(r"https?://[^\s'\"<>)]+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

PLACE_WORDS = frozenset({"location", "city", "place", "town", "region", "destination", "country", "where"})
WHOLE_TEXT_WORDS = frozenset(
    {"query", "question", "text", "input", "task", "prompt", "message", "request"}
    | {"content", "search", "instruction"}
)
FILE_WORDS = frozenset({"path", "file", "filename", "filepath"})


class Hints:
    """What one text offers; numbers and quoted strings are each handed out once.

    Args:
        text: What the user said.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._numbers = [_as_number(found) for found in _NUMBER.findall(text)]
        self._quoted = ["".join(groups) for groups in _QUOTED.findall(text)]

    def numbers(self) -> list[float | int]:
        """List the numbers that have not been handed out, in order."""
        return list(self._numbers)

    def use_number(self, number: float) -> None:
        """Hand out a number."""
        self._numbers.remove(number)

    def strings(self, field: str) -> list[str]:
        """List strings for a field, the likeliest first.

        Args:
            field: The name of the field.
        """
        words = set(re.findall(r"[a-z]+", field.lower()))
        found: list[str] = []
        if words & PLACE_WORDS:
            found += [place.rstrip(".") for place in _PLACE.findall(self.text)]
        if words & FILE_WORDS:
            found += _FILE.findall(self.text)
        if words & {"url", "uri", "link"}:
            found += self.formatted("uri")
        if "email" in words:
            found += self.formatted("email")
        found += self._quoted
        if words & WHOLE_TEXT_WORDS and self.text.strip():
            found.append(self.text.strip()[:500])
        return found

    def formatted(self, form: str) -> list[str]:
        """List strings of a JSON Schema format.

        Args:
            form: `uri`, `url` or `email`; there are none of other formats.
        """
        patterns = {"uri": _URL, "url": _URL, "email": _EMAIL}
        return patterns[form].findall(self.text) if form in patterns else []

    def use_string(self, text: str) -> None:
        """Hand out a string."""
        if text in self._quoted:
            self._quoted.remove(text)

    def mentions(self, value: str) -> bool:
        """Say whether the text has this value as a word of its own."""
        return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", self.text, re.IGNORECASE) is not None

    @property
    def topic(self) -> str:
        """What the text is about: its words after "about", or its first words."""
        about = re.search(r"\babout\s+([^.,;:?!\n]{1,60})", self.text)
        return about[1].strip() if about else " ".join(self.text.split()[:6])


def _as_number(text: str) -> float | int:
    return float(text) if "." in text else int(text)
