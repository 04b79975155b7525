"""Tool calls that a model wrote into its text instead of making them.

A text is taken for a call only if it is one: alone, after a marker of the kind that models are trained with, or after
a short word that the model will now do something. Text that shows JSON, quotes a call or explains one is none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from .call_forms import (
    end_of_code_call,
    end_of_json_call,
    end_of_marked_call,
    is_cut_marker,
    is_marked,
    tells_of_call,
)

__all__ = ["LONGEST_HEAD", "announces", "is_leaked_call", "places"]

_LONGEST_PREAMBLE = 240
"""Characters before a leaked call; who writes more than that explains something."""

LONGEST_HEAD = 3 * _LONGEST_PREAMBLE
"""Characters from the beginning of a text after which it is clear whether it may be a call."""

_BOUNDARY = re.compile(r"(?:^|\n|[.!?:]\s)\s*")
"""Where a call may begin: at the beginning of the text, of a line, or of a sentence."""

_INTENT = re.compile(
    r"\b(?:I will|I'll|I’ll|I(?: am|'m|’m) (?:going|calling|using)|I need to|I have to|I must|I should"
    r"|I can|let me|let's|let’s|calling|invoking|fetching|looking|checking|searching|using|sure|okay|ok|certainly"
    r"|of course|right away|one moment|now|first|next|to (?:do|answer|get|find|check|look|list|read|see)"
    r"|(?:function|tool) calls?)\b",
    re.IGNORECASE,
)
"""Words that announce a deed."""

_EXPLANATION = re.compile(
    r"\b(?:examples?|e\.g|for instance|such as|looks? like|like this|would|could|you (?:can|may|should|need|must)"
    r"|format|schema|syntax|snippet|template|documentation|means|equivalent|returned|logged|printed|said|wrote|quote"
    r"|answer(?:ed)? with|respond(?:s|ed)? with|emit(?:s|ted)?)\b|```|`",
    re.IGNORECASE,
)
"""Words, and ticks, of somebody who shows a call and does not make it."""


def is_leaked_call(text: str, offered: Collection[str]) -> bool:
    """Whether a text is a tool call, or ends in one.

    Args:
        text: The whole text of an answer.
        offered: Names of the tools that the model could have called.
    """
    text = text.strip()
    return any(_is_call_at(text, place, offered) for place in places(text))


def places(text: str) -> Iterator[int]:
    """Yield where in a text a call could begin."""
    for found in _BOUNDARY.finditer(text, 0, _LONGEST_PREAMBLE):
        yield found.end()
    for found in re.finditer(r"(?<!\A)[<\[]|\bf[a-z]*(?:\[|\Z)", text[: _LONGEST_PREAMBLE + 30]):
        body = text[found.start() :]
        if is_marked(body) or is_cut_marker(body):
            yield found.start()


def announces(preamble: str, *, has_mark: bool) -> bool:
    """Whether what stands before a call is nothing, or says that it will be made."""
    if _EXPLANATION.search(preamble):
        return False
    return has_mark or not preamble or bool(_INTENT.search(preamble))


def _is_call_at(text: str, place: int, offered: Collection[str]) -> bool:
    preamble, body = text[:place], text[place:]
    has_mark, is_alone = is_marked(body), not preamble
    if not announces(preamble, has_mark=has_mark):
        return False
    if has_mark:
        end = end_of_marked_call(body)
        return end is not None and (is_alone or not body[end:].strip())
    is_json = tells_of_call(text[place:LONGEST_HEAD], offered)
    end = end_of_json_call(body, offered) if is_json else None
    end = end or end_of_code_call(body, offered, is_alone=is_alone)
    if end is None:
        return False
    rest = body[end:].strip()
    return not rest or (is_alone and len(rest) <= _LONGEST_PREAMBLE and not _EXPLANATION.search(rest))
