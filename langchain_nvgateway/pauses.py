"""A limit for each of many waits that follow one another, as `asyncio.timeout` sets it, with one timer for them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["Pauses"]

ValueT = TypeVar("ValueT")


class Pauses:
    """Ends a wait that lasts too long; leave the block that it opens when no more waits follow.

    A timer for each wait would be set and cancelled again and again; this one looks, when it rings, whether a wait is
    over by now, and else rings again when it would be.
    """

    __slots__ = ("_due", "_is_over", "_task", "_timer")

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._due = 0.0
        self._is_over = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        if self._timer:
            self._timer.cancel()

    async def wait(self, awaited: Awaitable[ValueT], seconds: float) -> ValueT:
        """Return what is awaited.

        Args:
            awaited: What to wait for.
            seconds: How long at most.

        Raises:
            TimeoutError: It did not come in time.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        due = self._due = loop.time() + seconds
        if self._timer is None or self._timer.when() > due:
            self._set(loop, due)
        cancelled_before = task.cancelling()
        self._task = task
        try:
            return await awaited
        except asyncio.CancelledError as error:
            if self._is_over and task.cancelling() <= cancelled_before + 1:
                raise TimeoutError from error
            raise
        finally:
            self._task = None
            if self._is_over:
                self._is_over = False
                task.uncancel()

    def _set(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_at(due, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._task is None:
            return  # The next wait sets it again.
        if loop.time() < self._due:
            self._set(loop, self._due)
        else:
            self._is_over = True
            self._task.cancel()
