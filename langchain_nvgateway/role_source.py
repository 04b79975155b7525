"""What the model of a role asks its manager for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages.ai import UsageMetadata

from .attempts import Attempt
from .events import Event
from .leg import AbsentLeg, Leg

__all__ = ["RolePlan", "RoleSource"]


@dataclass(frozen=True, slots=True)
class RolePlan:
    """Who is asked in a call, and with what."""

    legs: Sequence[Leg | AbsentLeg]

    kwargs: Mapping[str, Any]
    """Keyword arguments that the run sets: `temperature`, `max_tokens`."""


class RoleSource(Protocol):
    """Where a role's model has its legs from: the manager."""

    @property
    def request_timeout(self) -> float:
        """Seconds for a whole call."""

    @property
    def profile(self) -> Mapping[str, Any] | None:
        """What all of the role's models can do, as LangChain's model profiles say it."""

    def plan(self, configurable: Mapping[str, Any]) -> RolePlan:
        """Return who is asked in a call with this `configurable`.

        Raises:
            ConfigurationError: It has a malformed override.
            EgressDeniedError: It names a model that is not allowed.
            NVGatewayError: The manager is closed.
        """

    def tell(self, event: Event) -> None:
        """Tell an event."""

    def record(self, role: str, attempt: Attempt, usage: UsageMetadata | None) -> None:
        """Take down an attempt, and the tokens that it cost as far as they are known."""
