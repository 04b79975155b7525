"""Whether this thread is in Python's garbage collector.

It closes streams that nobody has read to their end, wherever it breaks in: also where OpenTelemetry holds a lock of
its own, which cannot be taken a second time. What is heard there has to wait.
"""

from __future__ import annotations

import gc
import threading

__all__ = ["is_collecting"]

_thread: int | None = None


def is_collecting() -> bool:
    """Whether the collector is at work in this thread."""
    return _thread == threading.get_ident()


def _note(phase: str, _info: dict[str, int]) -> None:
    global _thread
    _thread = threading.get_ident() if phase == "start" else None


gc.callbacks.append(_note)
