"""A call is the same however the network cuts its bytes, in the midst of a character too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langchain_nvgateway import NVGatewayError

from ..chat_models.calling import Call, error_of
from ..chat_models.conftest import call_stream
from ..chat_models.raw_server import chunk, serving
from .offered import TOOLS
from .shapes import first, piece

__all__ = ["call_stream"]

TEXT = '{"text": "日本語 🎌 é"}'


def raw(delta: Any, finish: str | None = None) -> bytes:
    """Write a chunk whose letters are not escaped."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n".encode()


CALL = raw(first()) + raw(piece(TEXT[:12])) + raw(piece(TEXT[12:])) + chunk({}, "tool_calls")
PLACES = [place for place, byte in enumerate(CALL) if byte & 0xC0 == 0x80]
"""Every place within a character of several bytes."""


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(CALL)])
def test_a_call_may_come_in_pieces_of_any_size(size: int, call_stream: Call) -> None:
    """A byte a time, and all at once."""
    pieces = [CALL[place : place + size] for place in range(0, len(CALL), size)]
    with serving(*pieces) as server:
        answer = call_stream(server.model().bind_tools(list(TOOLS)))
    assert [(found["name"], found["args"]) for found in answer.tool_calls] == [("write", json.loads(TEXT))]


@pytest.mark.parametrize("place", PLACES)
def test_a_call_may_be_split_within_a_character(place: int, call_stream: Call) -> None:
    """Nothing is decoded before it is there."""
    with serving(CALL[:place], CALL[place:]) as server:
        answer = call_stream(server.model().bind_tools(list(TOOLS)))
    assert answer.tool_calls[0]["args"] == json.loads(TEXT)


def test_a_stream_that_ends_within_a_character_is_broken(call_stream: Call) -> None:
    """And no part of its call is seen."""
    with serving(CALL[: PLACES[0]]) as server:
        error = error_of(call_stream, server.model().bind_tools(list(TOOLS)))
    assert isinstance(error, NVGatewayError)
    partial = getattr(error, "partial", None)
    assert partial is None or partial.tool_calls == []
