"""Breakers in a forked process, where the threads that held their locks do not exist."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["look_after"]


class _Lockable(Protocol):
    def after_fork(self) -> None: ...


_alive: weakref.WeakSet[_Lockable] = weakref.WeakSet()


def look_after(lockable: _Lockable) -> None:
    """Call `after_fork` of `lockable` in each child that is forked while it lives."""
    _alive.add(lockable)


def _free_locks_of_parent() -> None:
    for lockable in list(_alive):
        lockable.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks_of_parent)
