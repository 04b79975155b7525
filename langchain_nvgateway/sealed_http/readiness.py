"""Whether there is something to read."""

from __future__ import annotations

import select
from typing import Protocol

__all__ = ["is_readable"]


class _Socket(Protocol):
    def fileno(self) -> int: ...


def is_readable(sock: _Socket) -> bool:
    """Whether a socket has bytes or its end to read, or is closed; never waits."""
    number = sock.fileno()
    if number < 0:
        return True
    if hasattr(select, "poll"):  # `select` takes no numbers above 1023.
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([number], [], [], 0)[0])
