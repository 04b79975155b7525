"""Texts that are still coming, and may turn out to be a tool call that a model wrote instead of making it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from .call_forms import (
    FIRST_KEY,
    end_of_json_call,
    is_cut_marker,
    is_marked,
    may_be_code_call,
    may_be_marked_call,
    tells_of_call,
)
from .leaks import LONGEST_HEAD, announces, places

__all__ = ["LeakWatch"]

_OPENERS = frozenset("{[<")
"""Without one of these, no call begins behind other words."""


class LeakWatch:
    """Says of a text that is still coming whether it may turn out to be a leaked call.

    Args:
        offered: Names of the tools that the model can call.
    """

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = offered
        self._head = ""
        self._may_be_call = False

    def add(self, piece: str) -> bool:
        """Take the next piece of the text; return whether the reader has to wait with it."""
        if len(self._head) >= LONGEST_HEAD:
            return self._may_be_call
        may_begin = not self._head or self._may_be_call or not _OPENERS.isdisjoint(piece) or _ends_in_marker(piece)
        self._head = (self._head + piece).lstrip()[:LONGEST_HEAD]
        if may_begin or len(self._head) == LONGEST_HEAD:
            text = self._head
            self._may_be_call = any(_may_be_call_at(text, place, self._offered) for place in places(text))
        return self._may_be_call


def _ends_in_marker(piece: str) -> bool:
    """Whether a piece ends in the beginning of the one mark that begins with a letter."""
    place = piece.rfind("f")
    return place >= 0 and is_cut_marker(piece[place:])


def _may_be_call_at(text: str, place: int, offered: Collection[str]) -> bool:
    """Whether a text that begins like this may still turn out to be a call, or to end in one."""
    preamble, body = text[:place], text[place:]
    if not body:
        return False
    has_mark, has_cut_mark = is_marked(body), is_cut_marker(body)
    if has_mark or has_cut_mark:
        may_be_call = has_cut_mark or may_be_marked_call(body)
    else:
        is_json = body[0] in "{[" and _may_become_json_call(body, offered, is_cut=len(text) >= LONGEST_HEAD)
        may_be_call = is_json or may_be_code_call(body, offered, is_alone=not place)
    # Asked last: what words stand before is the longest to find out, and of no interest before most text.
    return may_be_call and announces(preamble, has_mark=has_mark or has_cut_mark)


def _may_become_json_call(body: str, offered: Collection[str], *, is_cut: bool) -> bool:
    """Whether JSON that begins like this may still turn out to be a call.

    Args:
        body: As much of it as has come.
        offered: Names of the tools that the model can call.
        is_cut: Whether more has come, of which nobody asks.
    """
    if re.fullmatch(r"[\s\[]*\{?\s*", body):
        return True
    if not FIRST_KEY.match(body):
        return False
    try:
        json.JSONDecoder(strict=False).raw_decode(body)
    except (ValueError, RecursionError):
        return not is_cut or tells_of_call(body, offered)
    return tells_of_call(body, offered) and end_of_json_call(body, offered) is not None
