"""Ids of tool calls that the service takes: the same for the same call in every turn and at every service."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from .calls import Call
from .dialects import Dialect

__all__ = ["CallIds"]


class CallIds:
    """Gives out the ids of one conversation.

    Args:
        dialect: What the service takes.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._ids = dialect.ids
        self._missing: Counter[str] = Counter()

    def sent(self, call_id: str) -> str:
        """Return an id as the service takes it, the same for the same id; an empty one stays empty."""
        if not call_id or self._ids.fullmatch(call_id):
            return call_id
        # By digest and not by cutting: two ids may begin alike.
        return _by_digest(call_id)

    def made_up(self, call: Call) -> str:
        """Return an id for a call without one: by what it calls, and by how often that was called before."""
        said = f"{call.name} {json.dumps(call.args)}"
        self._missing[said] += 1
        return _by_digest(f"{said} {self._missing[said]}")

    @staticmethod
    def another(call_id: str, number: int) -> str:
        """Return an id for a further call with an id that its turn has already."""
        return _by_digest(f"{call_id} {number}")


def _by_digest(text: str) -> str:
    return f"call_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
