"""JSON values to draw, and a word that must not be found in a reason."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["CANARY", "SCALARS", "VALUES"]

CANARY = "Жаворонок"
"""Stands for what a model wrote and nobody may be told: no reason of ours has one of its letters."""

SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([CANARY, '"', "\\", "\n", "\u2028", "🎌", ""])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text() | st.just(CANARY), parts, max_size=4),
    max_leaves=8,
)
"""Whatever JSON can hold."""
