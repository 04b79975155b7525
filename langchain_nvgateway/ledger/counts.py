"""What became of all attempts of one role at one model, as sums."""

from __future__ import annotations

from typing import Any

from ..attempts import Outcome
from .latency import Latency

__all__ = ["LegCounts", "token_counts"]

TokenCounts = tuple[int | None, int | None]
"""Tokens of a question and of its answer, as far as somebody counted them."""

_LOST = ("failed", "rejected")
"""Outcomes of which nobody saw an answer."""


def token_counts(usage: Any) -> TokenCounts:
    """Return the tokens in LangChain's `UsageMetadata`; whatever else is given, nobody has counted."""
    if not isinstance(usage, dict):
        return None, None
    return _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))


class LegCounts:
    """The sums, which grow with each attempt."""

    __slots__ = (
        "fallbacks",
        "input_tokens",
        "latency",
        "lost_input",
        "lost_output",
        "outcomes",
        "output_tokens",
        "uncounted",
    )

    def __init__(self) -> None:
        self.outcomes: dict[Outcome, int] = {}
        self.fallbacks = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.lost_input = 0
        self.lost_output = 0
        self.uncounted = 0
        self.latency = Latency()

    def add(self, outcome: Outcome, seconds: float, tokens: TokenCounts) -> None:
        """Count one more attempt."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if outcome == "skipped":
            return
        if outcome == "answered":
            self.latency.add(seconds)
        asked, said = tokens
        # A failure that says nothing of tokens is an error's answer, and those are free.
        if (asked is None or said is None) and outcome != "failed":
            self.uncounted += 1
        if asked:
            self.input_tokens += asked
        if said:
            self.output_tokens += said
        if outcome in _LOST:
            self.lost_input += asked or 0
            self.lost_output += said or 0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
