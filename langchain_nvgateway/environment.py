"""Values from the environment."""

from __future__ import annotations

import os

__all__ = ["first_set"]


def first_set(*names: str) -> str | None:
    """Return the value of the first of these variables that is set to something, `None` if none is."""
    for name in names:
        value = os.environ.get(name)
        if value and value.strip():
            return value
    return None
