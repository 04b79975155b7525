"""Single things that a ledger remembers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..attempts import Outcome

__all__ = ["BreakerChange", "RecordedAttempt"]


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """One leg in one call."""

    at_seconds: float
    """When it was over, in seconds since the manager was built."""

    role: str
    provider: str
    model: str
    outcome: Outcome
    seconds: float

    input_tokens: int | None
    """Tokens of the question; `None` when nobody counted them."""

    output_tokens: int | None
    """Tokens of the answer; `None` when nobody counted them."""

    cost: float | None
    """Dollars; `None` when nobody knows."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """A breaker's change of state."""

    at_seconds: float
    """When, in seconds since the manager was built."""

    breaker: str
    """Name of the breaker: `provider:model`, or that with `/credentials` or `/quality`."""

    state: str
    """What it changed to: `closed`, `open` or `half-open`."""

    reason: str | None
    """Why: see `langchain_nvgateway.breaker.Reason`; `None` for half-open, which needs none."""

    open_seconds: float | None
    """For how long it opened; `None` if it did not."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)
