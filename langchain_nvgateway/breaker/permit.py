"""The right to make one call, which takes its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .circuit import Lease
from .openings import Opening, Setback, opening_of

if TYPE_CHECKING:
    from .circuit_breaker import CircuitBreaker

__all__ = ["Permit", "Probe"]


class Permit:
    """The right to make one call; say how it went, once.

    The first verdict wins. It counts only if the circuit is still in the state in which the call began.
    A permit that is dropped without a verdict counts as neutral.
    """

    __slots__ = ("_breaker", "generation", "is_settled")

    lease: Lease | None = None
    """The lease of a probe."""

    def __init__(self, breaker: CircuitBreaker, generation: int) -> None:
        self._breaker = breaker
        self.generation = generation
        self.is_settled = False
        """Whether the verdict is given."""

    def success(self) -> None:
        """The endpoint answered."""
        self._breaker._succeed(self)

    def failure(self, error: BaseException, *, retry_after: float | None = None, opens: Opening | None = None) -> None:
        """The endpoint failed.

        Args:
            error: How it failed. One that says nothing about the endpoint is neutral, unless `opens` is given.
            retry_after: Seconds that the service asked to wait; `error.retry_after` when not given. Negative
                and non-finite ones are as if it had not.
            opens: When the failure opens the circuit, and for how long; by default what `opening_of(error)` says:
                a 429 opens at once, 404 and 410 for the maximum, any other at the threshold.
        """
        opens = opens or opening_of(error)
        if opens is None:
            self.neutral()
            return
        if retry_after is None:
            said = getattr(error, "retry_after", None)
            retry_after = said if isinstance(said, int | float) else None
        self._breaker._fail(self, Setback(opens, retry_after))

    def neutral(self) -> None:
        """The call says nothing about the endpoint; a probe may be made again."""
        self._breaker._neutral(self)


class Probe(Permit):
    """The permit of a call that decides whether a half-open circuit closes."""

    __slots__ = ("lease",)

    lease: Lease

    def __init__(self, breaker: CircuitBreaker, generation: int, lease: Lease) -> None:
        super().__init__(breaker, generation)
        self.lease = lease

    def __del__(self) -> None:
        # The collector may run in the midst of anything, so this takes no lock: the next `acquire` looks after it.
        if not self.is_settled:
            self._breaker._dropped.append(self.lease)
