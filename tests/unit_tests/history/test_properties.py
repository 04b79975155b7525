"""What holds for every conversation, however odd, and for every service."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_nvgateway.history import clean_history, dialect_of

from .conversations import CONVERSATIONS, DIALECTS, IDS, PROVIDERS, assert_is_acceptable


def words_of(message: BaseMessage) -> list[str]:
    """Return the text of a message, part by part."""
    if isinstance(message.content, str):
        return [message.content]
    return [part if isinstance(part, str) else str(part.get("text", "")) for part in message.content]


@given(CONVERSATIONS, st.sampled_from(DIALECTS))
def test_a_clean_conversation_is_acceptable(messages: Any, dialect: Any) -> None:
    """Each call has one result right behind it, each result its call; ids, names and arguments are legal."""
    assert_is_acceptable(clean_history(messages, dialect), dialect)


@given(CONVERSATIONS, st.sampled_from(DIALECTS))
def test_the_callers_messages_are_never_changed(messages: Any, dialect: Any) -> None:
    """Not even what is nested in them."""
    before = copy.deepcopy(messages)
    kept = list(messages)
    clean_history(messages, dialect)
    assert messages == before
    assert all(one is other for one, other in zip(messages, kept, strict=True))


@given(CONVERSATIONS, st.sampled_from(DIALECTS))
def test_a_clean_conversation_stays_as_it_is(messages: Any, dialect: Any) -> None:
    """A second time passes on the very same messages."""
    once = clean_history(messages, dialect)
    twice = clean_history(once, dialect)
    assert twice == once
    assert all(one is other for one, other in zip(twice, once, strict=True))


@given(CONVERSATIONS, st.sampled_from(DIALECTS))
def test_what_users_and_tools_said_is_never_lost(messages: Any, dialect: Any) -> None:
    """Nor is the one passed off as the other."""
    cleaned = clean_history(messages, dialect)
    said = [part for message in messages if isinstance(message, HumanMessage) for part in words_of(message)]
    still_said = [part for message in cleaned if isinstance(message, HumanMessage) for part in words_of(message)]
    assert sorted(filter(None, said)) == sorted(filter(None, still_said))
    images = [str(m.content).count("AAAA") for m in (*messages, *cleaned) if isinstance(m, HumanMessage)]
    assert sum(images) % 2 == 0
    found = sum(m.text.count("result") for m in messages if m.type in ("tool", "function"))
    found += sum(str(m.content).count("'content': 'result'") for m in messages if isinstance(m, HumanMessage))
    stubs = ("no result", "its result was lost")
    results = [m.text for m in cleaned if isinstance(m, ToolMessage) and not any(stub in m.text for stub in stubs)]
    assert sum(text.count("result") for text in results) == found


@given(st.lists(IDS.filter(bool), min_size=1, max_size=6, unique=True), st.sampled_from(DIALECTS), st.booleans())
def test_ids_stay_what_they_were_to_each_other(ids: list[str], dialect: Any, in_one_turn: bool) -> None:
    """Equal ids stay equal in calls and results and from turn to turn, different ones different."""
    batches = [ids] if in_one_turn else [[call_id] for call_id in (*ids, *ids)]
    messages: list[BaseMessage] = []
    for batch in batches:
        messages.append(AIMessage("", tool_calls=[{"id": call_id, "name": "f", "args": {}} for call_id in batch]))
        messages += [ToolMessage(f"for {ids.index(call_id)}", tool_call_id=call_id) for call_id in batch]
    sent: dict[str, set[str]] = {}
    for message in clean_history(messages, dialect):
        if isinstance(message, ToolMessage):
            sent.setdefault(message.text, set()).add(message.tool_call_id)
    assert all(len(found) == 1 for found in sent.values())
    assert len(set.union(*sent.values())) == len(ids)


@st.composite
def conversations_of_no_vendor(draw: st.DrawFn) -> list[BaseMessage]:
    """Draw conversations with calls good and bad, but without anything that only one vendor understands."""
    ids = st.sampled_from(["a", "b", "x" * 46, None])
    messages: list[BaseMessage] = []
    for _ in range(draw(st.integers(0, 5))):
        bad = {"id": draw(ids), "name": "f", "args": "{", "error": None}
        good = {"id": draw(ids), "name": "f", "args": {"x": draw(st.floats())}}
        turn = AIMessage(draw(st.sampled_from(["", " ", "Let me see."])))
        turn.tool_calls = draw(st.sampled_from([[], [good], [good, {**good, "id": "c"}]]))
        turn.invalid_tool_calls = draw(st.sampled_from([[], [bad]]))
        result = ToolMessage("fine", tool_call_id=draw(ids) or "")
        messages.append(draw(st.sampled_from([turn, turn, result, HumanMessage("Hello")])))
    return messages


@given(conversations_of_no_vendor(), st.sampled_from(PROVIDERS), st.sampled_from(PROVIDERS))
def test_cleaning_for_one_service_does_not_hinder_another(messages: Any, first: str, second: str) -> None:
    """A conversation that was cleaned on its way is what it would have been without that."""
    on_the_way = clean_history(messages, dialect_of(first))
    assert clean_history(on_the_way, dialect_of(second)) == clean_history(messages, dialect_of(second))


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_an_empty_conversation_is_clean(dialect: Any) -> None:
    """There is nothing to mend."""
    assert clean_history([], dialect) == []
