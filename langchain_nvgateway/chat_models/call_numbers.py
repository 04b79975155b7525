"""Which call a piece of a tool call belongs to, where servers leave that out or say it wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["MOST_CALLS", "CallNumbers"]

MOST_CALLS = 1_000
"""More calls than that are in no answer of a model."""


class CallNumbers:
    """Gives each piece of a streamed tool call the index of its call."""

    def __init__(self) -> None:
        self._last = -1
        self._seen: set[int] = set()
        self._ids: dict[int, str] = {}
        self._moved: dict[int, int] = {}
        """Where the call now is that a server gave the index of another one."""

    @property
    def are_too_many(self) -> bool:
        """Whether there are more than `MOST_CALLS`."""
        return len(self._seen) > MOST_CALLS

    def number(self, calls: Sequence[dict[str, Any]]) -> None:
        """Set `index` of each piece in one delta: a new id is a new call."""
        for position, call in enumerate(calls):
            index = call.get("index")
            if not isinstance(index, int) or isinstance(index, bool):
                index = self._guessed(position, call)
            else:
                index = self._corrected(index, call)
            call["index"] = self._last = index
            self._seen.add(index)
            if call.get("id"):
                self._ids[index] = call["id"]

    def _guessed(self, position: int, call: dict[str, Any]) -> int:
        """Return the index for a piece that comes without one."""
        is_other = bool(call.get("id")) and self._ids.get(self._last) not in (None, call["id"])
        is_beside = position > 0 and not call.get("id") and bool(call["function"].get("name"))
        return self._last + (is_other or is_beside or self._last < 0)

    def _corrected(self, index: int, call: dict[str, Any]) -> int:
        """Return the index of a call's own for one that a server gave to another call before.

        Some number all calls 0. Others send a new id with each piece: only a piece with a name begins a call.
        """
        place = self._moved.get(index, index)
        is_other = bool(call.get("id")) and self._ids.get(place) not in (None, call["id"])
        if is_other and call["function"].get("name"):
            place = self._moved[index] = max((*self._ids, place)) + 1
        return place
