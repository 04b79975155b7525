"""Where the models of roles, and those of single places in a chain, have their legs from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages.ai import UsageMetadata

from .attempts import Attempt
from .events import Event
from .leg import Leg, common_profile
from .role_legs import RoleLegs
from .role_source import RolePlan

__all__ = ["Keeper", "LegSource", "PartSource"]


class Keeper(Protocol):
    """What keeps the books of all roles: the manager."""

    def check_open(self) -> None:
        """Raise an `NVGatewayError` once it is closed."""

    def tell(self, event: Event) -> None:
        """Tell those who listen."""

    def record(self, role: str, attempt: Attempt, usage: UsageMetadata | None) -> None:
        """Take an attempt into the books."""


@dataclass(frozen=True, slots=True)
class LegSource:
    """Where a role's model has its legs from."""

    manager: Keeper
    legs: RoleLegs
    request_timeout: float

    @property
    def profile(self) -> Mapping[str, Any] | None:
        """What all of the role's models can do."""
        return common_profile([leg for leg in self.legs.legs if isinstance(leg, Leg)])

    def plan(self, configurable: Mapping[str, Any]) -> RolePlan:
        """Return who is asked in a call."""
        self.manager.check_open()
        return self.legs.plan(configurable)

    def tell(self, event: Event) -> None:
        """Tell those who listen."""
        self.manager.tell(event)

    def record(self, role: str, attempt: Attempt, usage: UsageMetadata | None) -> None:
        """Take an attempt into the books."""
        self.manager.record(role, attempt, usage)


@dataclass(frozen=True, slots=True)
class PartSource:
    """Where the model of one place in a chain has its leg from."""

    source: LegSource
    place: int

    is_last: bool
    """Whether it has the legs of all later places as well: a run may put one more in front."""

    @property
    def request_timeout(self) -> float:
        """Seconds for a whole call."""
        return self.source.request_timeout

    @property
    def profile(self) -> Mapping[str, Any] | None:
        """What all of the role's models can do."""
        return self.source.profile

    def plan(self, configurable: Mapping[str, Any]) -> RolePlan:
        """Return who of the role's legs has this place."""
        plan = self.source.plan(configurable)
        legs = [leg for leg in plan.legs if isinstance(leg, Leg)]
        return RolePlan(legs[self.place : None if self.is_last else self.place + 1], plan.kwargs)

    def tell(self, event: Event) -> None:
        """Tell those who listen."""
        self.source.tell(event)

    def record(self, role: str, attempt: Attempt, usage: UsageMetadata | None) -> None:
        """Take an attempt into the books."""
        self.source.record(role, attempt, usage)
