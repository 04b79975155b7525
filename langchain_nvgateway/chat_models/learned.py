"""What services said about their models, remembered for all later calls of this process."""

from __future__ import annotations

import threading

__all__ = ["forget_learned", "learn_single_tool_call", "takes_single_tool_call"]

_MOST_MODELS = 256
"""How many models are remembered; the one that was learned first is forgotten first."""

_lock = threading.Lock()
_single_tool_call: dict[tuple[str, str], None] = {}


def takes_single_tool_call(url: str, model: str) -> bool:
    """Whether the model behind a URL has refused a turn with several tool calls."""
    # Without the lock: looking up a key is one step, and this is asked for each call.
    return (url, model) in _single_tool_call


def learn_single_tool_call(url: str, model: str) -> None:
    """Remember that the model behind a URL takes one tool call per turn."""
    with _lock:
        _single_tool_call[url, model] = None
        if len(_single_tool_call) > _MOST_MODELS:
            del _single_tool_call[next(iter(_single_tool_call))]


def forget_learned() -> None:
    """Forget everything, as if the process had just begun."""
    with _lock:
        _single_tool_call.clear()
