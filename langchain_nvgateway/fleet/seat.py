"""What one manager has of the fleet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..breaker import CircuitBreaker, SharedCircuitBreaker
from .fleet import Fleet

__all__ = ["Seat"]


class Seat:
    """Breakers that the fleet shares, until it is given up.

    Args:
        fleet: The fleet of this process.
        place_of: Returns the fingerprint of the endpoint that a breaker of a name is for.
    """

    def __init__(self, fleet: Fleet, place_of: Callable[[str], str]) -> None:
        self._fleet = fleet
        self._place_of = place_of
        self._breakers: list[SharedCircuitBreaker] = []

    def breaker(self, name: str, **rules: Any) -> CircuitBreaker:
        """Return a new breaker; its arguments are those of `CircuitBreaker`."""
        breaker = self._fleet.breaker(name, place=self._place_of(name), **rules)
        self._breakers.append(breaker)
        return breaker

    def start(self) -> None:
        """Look at the other processes, so that the first call knows of them."""
        self._fleet.start()

    def close(self) -> None:
        """Leave the fleet; the breakers go on by themselves. Never waits."""
        self._fleet.detach(self._breakers)
