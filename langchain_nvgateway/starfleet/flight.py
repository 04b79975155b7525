"""One refresh that is under way, with all who wait for it: threads and tasks of any event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress

from ..errors import StarfleetError

__all__ = ["Flight"]

_GRACE = 1.0


class Flight:
    """A refresh that ends once, for everybody.

    No waiter owns it, so none can end it: a cancelled task only stops listening.

    Args:
        seconds: How long the refresh may take.
        is_background: Whether it was started by a caller who did not wait.
    """

    def __init__(self, seconds: float, *, is_background: bool) -> None:
        self.is_background = is_background
        self.called_off = threading.Event()
        """Set when nobody wants its outcome any more."""
        # A name lookup knows no timeout. Real time, since the clocks of the provider may be a test's.
        self._overdue_at = time.monotonic() + seconds + _GRACE
        self._future: Future[str | StarfleetError] = Future()

    def land(self, outcome: str | StarfleetError) -> None:
        """Give the token, or the error of which each waiter gets a copy, to all who wait; once."""
        self._future.set_result(outcome)

    def wait(self, longest: float) -> str | StarfleetError | None:
        """Block until it has landed and return the outcome, or `None` when it is overdue.

        Args:
            longest: Seconds that the waiter has.
        """
        with suppress(TimeoutError):
            return self._future.result(min(self._seconds_left(), longest))
        return None

    async def await_landing(self, longest: float) -> str | StarfleetError | None:
        """Do what `wait` does, in a task."""
        if not self._future.done():
            landed = asyncio.Event()
            loop = asyncio.get_running_loop()

            def wake(_: object) -> None:
                # The loop of a waiter that was abandoned may be closed by now; that concerns nobody else.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(landed.set)

            self._future.add_done_callback(wake)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._seconds_left(), longest)):
                    await landed.wait()
        return self._future.result() if self._future.done() else None

    def _seconds_left(self) -> float:
        return max(0.0, self._overdue_at - time.monotonic())
