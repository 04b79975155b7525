"""Ways to spoil what was right, and to cut it into pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

__all__ = ["JSON_NOISE", "cuts_of", "mutated"]

Sequence = TypeVar("Sequence", str, bytes)

JSON_NOISE = [b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"-1", b"1e999", b"NaN", b"\\ud800"]
"""What makes other JSON of JSON, or none."""


@st.composite
def mutated(draw: st.DrawFn, whole: Sequence, noise: st.SearchStrategy[Sequence], *, most: int = 4) -> Sequence:
    """Delete, insert, double, exchange or cut off up to `most` parts; none at all is possible, too."""
    for kind in draw(st.lists(st.sampled_from(["delete", "insert", "double", "swap", "cut", "put"]), max_size=most)):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(start + 12, len(whole))))
        before, part, after = whole[:start], whole[start:end], whole[end:]
        if kind == "delete":
            whole = before + after
        elif kind == "insert":
            whole = before + draw(noise) + part + after
        elif kind == "put":
            whole = before + draw(noise) + after
        elif kind == "double":
            whole = before + part + part + after
        elif kind == "swap":
            whole = before + after[:12] + part + after[12:]
        else:
            whole = before
    return whole


@st.composite
def cuts_of(draw: st.DrawFn, whole: Sequence) -> list[Sequence]:
    """Cut something into pieces, of which some may be of one byte; none is empty."""
    if draw(st.booleans()):
        size = draw(st.integers(1, 3))
        return [whole[place : place + size] for place in range(0, len(whole), size)]
    places = draw(st.sets(st.integers(0, len(whole)), max_size=12))
    return [whole[start:end] for start, end in pairwise(sorted({0, len(whole), *places}))]
