"""What became of a leg in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Attempt", "Outcome"]

Outcome = Literal["answered", "failed", "rejected", "skipped", "interrupted", "cancelled"]
"""`rejected`: an answer came and is unusable; `interrupted`: a stream broke off after its reader had seen a part;
`cancelled`: the caller went away, or LangGraph interrupted the run."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One leg in one call."""

    provider: str
    model: str
    outcome: Outcome

    error: str | None
    """Why it did not answer, in words."""

    seconds: float
    """How long it took."""

    kind: str | None = None
    """Kind of the failure: see `langchain_nvgateway.failures.FailureKind`; for those who count, not for answers."""

    def to_dict(self) -> dict[str, Any]:
        """Return what answers and errors carry."""
        return {
            "provider": self.provider,
            "model": self.model,
            "outcome": self.outcome,
            "error": self.error,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        why = f" ({self.error})" if self.error else ""
        return f"{self.provider}:{self.model} {self.outcome}{why}"
