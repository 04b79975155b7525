"""What happened in a run, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LegCount", "Tally", "ToolUse"]


@dataclass(slots=True)
class LegCount:
    """What became of the calls of one role at one model."""

    role: str
    provider: str
    model: str
    answered: int = 0
    failed: int = 0
    rejected: int = 0
    skipped: int = 0

    @property
    def asked(self) -> int:
        """How often something was sent to it."""
        return self.answered + self.failed + self.rejected


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool call that ran."""

    role: str
    name: str
    args: Mapping[str, Any]
    refused: bool


@dataclass(slots=True)
class Tally:
    """Counts of a run."""

    calls: int = 0
    """Calls of role models."""

    answered: int = 0
    """Those that got an answer."""

    tool_calls: int = 0
    """Tool calls in answers that were accepted."""

    tools: list[ToolUse] = field(default_factory=list)
    """Those that ran."""

    legs: list[LegCount] = field(default_factory=list)

    def count(self, role: str, attempts: Iterable[Mapping[str, Any]]) -> None:
        """Count what became of each leg in one call."""
        for attempt in attempts:
            leg = self._leg(role, attempt["provider"], attempt["model"])
            match attempt["outcome"]:
                case "answered":
                    leg.answered += 1
                case "rejected":
                    leg.rejected += 1
                case "skipped":
                    leg.skipped += 1
                case _:
                    leg.failed += 1

    def total(self, outcome: str, provider: str | None = None) -> int:
        """Return how often something came of a call: `answered`, `failed`, `rejected`, `skipped` or `asked`."""
        return sum(getattr(leg, outcome) for leg in self.legs if provider in (None, leg.provider))

    def _leg(self, role: str, provider: str, model: str) -> LegCount:
        for leg in self.legs:
            if (leg.role, leg.provider, leg.model) == (role, provider, model):
                return leg
        leg = LegCount(role, provider, model)
        self.legs.append(leg)
        return leg
