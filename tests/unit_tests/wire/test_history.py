"""Ids of tool calls that every service takes."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.history import with_short_call_ids

IDS = st.text(min_size=1, max_size=60)


def conversation(ids: list[str]) -> list[dict[str, Any]]:
    calls = [{"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for call_id in ids]
    results = [{"role": "tool", "tool_call_id": call_id, "content": "fine"} for call_id in ids]
    return [{"role": "user", "content": "hello"}, {"role": "assistant", "content": None, "tool_calls": calls}, *results]


@given(st.lists(IDS, max_size=6))
def test_ids_become_short_and_stay_what_they_were_to_each_other(ids: list[str]) -> None:
    """Equal ids stay equal in calls and results, different ones different; a second time changes nothing."""
    messages = conversation(ids)
    before = copy.deepcopy(messages)
    after = with_short_call_ids(messages)
    assert messages == before
    called = [call["id"] for call in after[1]["tool_calls"]]
    assert called == [message["tool_call_id"] for message in after[2:]]
    assert all(len(call_id) <= 40 for call_id in called)
    assert [called.index(call_id) for call_id in called] == [ids.index(call_id) for call_id in ids]
    assert with_short_call_ids(after) == after
    assert [call_id for call_id in called if call_id in ids] == [call_id for call_id in ids if len(call_id) <= 40]


def test_ids_that_begin_alike_stay_apart() -> None:
    """NIM's ids of one answer differ in their last characters only."""
    ids = [f"chatcmpl-tool-{'0' * 31}{number}" for number in range(2)]
    first, second = with_short_call_ids(conversation(ids))[1]["tool_calls"]
    assert first["id"] != second["id"]
