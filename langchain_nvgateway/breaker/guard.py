"""A call under a breaker as a `with` block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .permit import Permit

if TYPE_CHECKING:
    from .circuit_breaker import CircuitBreaker

__all__ = ["Guard"]


class Guard:
    """Takes a permit on entering, and on leaving gives the verdict that the block did not give.

    No error is a success; for an error, `opening_of` says whether it is a failure or neutral. Every error passes.
    For one `with` or `async with`.
    """

    __slots__ = ("_breaker", "_permit")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._permit: Permit

    def __enter__(self) -> Permit:
        self._permit = self._breaker.acquire()
        return self._permit

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self._permit.success()
        else:
            self._permit.failure(error)

    async def __aenter__(self) -> Permit:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.__exit__(kind, error, traceback)
