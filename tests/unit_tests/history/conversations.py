"""Odd conversations, and the rules that each of them keeps to once it is clean."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_openai.chat_models.base import _convert_from_v1_to_chat_completions, _convert_message_to_dict

from langchain_nvgateway.history import Dialect, dialect_of

PROVIDERS = ["nvidia-nim", "nvidia-gateway", "openai", "anthropic", "google-genai"]
DIALECTS = [dialect_of(provider, single_tool_call=single) for provider in PROVIDERS for single in (False, True)]

LONG = "chatcmpl-tool-" + "0" * 31
IDS = st.sampled_from(["a", "b", "call_0", "functions.f:0", "odd \ud800", f"{LONG}1", f"{LONG}2"]) | st.text(
    max_size=50
)
WORDS = st.sampled_from(["", " ", "\n", "fine", "Zoë 🎉"]) | st.text(max_size=10)
NAMES = st.sampled_from(["f", "get_time", "", " ", "no such tool!", "ns.tool", "1st", "日本", "x" * 200])
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({1, 2}) | st.just(b"x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ARGS = st.dictionaries(st.text(max_size=3), VALUES, max_size=2)
ARGUMENTS = st.sampled_from(["{}", '{"x": 1}', "", "{", "[1]", '{"x": NaN}', '"{}"', "I will {}"]) | st.none()
VENDORS = st.sampled_from([None, "openai", "anthropic", "google_genai", "somebody_else"])
MARKS = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}, {"extras": {"signature": "c2ln"}}])


@st.composite
def assistant_blocks(draw: st.DrawFn) -> Any:
    words, call_id = draw(WORDS), draw(IDS)
    block: Any = draw(
        st.sampled_from(
            [
                words,
                {"type": "text", "text": words},
                {"type": "thinking", "thinking": words, "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "c2ln"},
                {"type": "reasoning", "reasoning": words},
                {"type": "reasoning_content", "reasoning_content": {"text": words}},
                {"type": "tool_use", "id": call_id, "name": draw(NAMES), "input": draw(ARGS)},
                {"type": "tool_call", "id": call_id, "name": draw(NAMES), "args": draw(ARGS)},
                {"type": "invalid_tool_call", "id": call_id, "name": draw(NAMES), "args": "{"},
                {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []},
                {"type": "refusal", "refusal": words},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "of_no_known_kind"},
            ]
        )
    )
    return {**block, **draw(MARKS)} if isinstance(block, dict) else block


@st.composite
def turns(draw: st.DrawFn) -> AIMessage:
    content = draw(WORDS | st.lists(assistant_blocks(), max_size=4))
    provider = draw(VENDORS)
    message = AIMessage(
        content=content,
        tool_calls=[
            {"id": draw(IDS | st.none()), "name": draw(NAMES), "args": draw(ARGS)}
            for _ in range(draw(st.integers(0, 3)))
        ],
        invalid_tool_calls=[
            {"id": draw(IDS | st.none()), "name": draw(NAMES | st.none()), "args": draw(ARGUMENTS), "error": "no"}
            for _ in range(draw(st.sampled_from([0, 0, 1, 2])))
        ],
        response_metadata={"model_provider": provider} if provider else {},
    )
    function = {"name": draw(NAMES), "arguments": draw(ARGUMENTS)}
    raw = {"id": draw(IDS | st.none()), "type": "function", "function": function}
    # Set afterwards: LangChain itself reads them when a message is built.
    message.additional_kwargs = draw(
        st.sampled_from([{}, {}, {"tool_calls": [raw]}, {"function_call": function}, {"reasoning_content": "hm"}])
    )
    return message


@st.composite
def streamed_turns(draw: st.DrawFn) -> AIMessageChunk:
    piece = {"id": draw(IDS), "name": draw(NAMES), "args": draw(ARGUMENTS), "index": 0}
    return AIMessageChunk(content=draw(WORDS), tool_call_chunks=[{**piece, "type": "tool_call_chunk"}])


RESULT_PARTS = st.sampled_from(
    ["part", {"type": "text", "text": "part"}, {"type": "json", "value": 1}, {"text": "bare"},
     {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
)  # fmt: skip
RESULTS = st.builds(
    ToolMessage,
    content=st.just("result ") | st.lists(RESULT_PARTS, max_size=2),
    tool_call_id=IDS,
    name=NAMES | st.none(),
)
FUNCTION_RESULTS = st.builds(FunctionMessage, content=st.just("result"), name=NAMES)
USER_PARTS = st.sampled_from(
    ["said", {"type": "text", "text": "said", "cache_control": {"type": "ephemeral"}},
     {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
     {"type": "tool_result", "tool_use_id": "a", "content": "result"}]
)  # fmt: skip
USERS = st.builds(HumanMessage, content=WORDS | st.lists(USER_PARTS, max_size=3))
OTHERS = st.sampled_from(
    [SystemMessage("Be brief."), SystemMessage([{"type": "text", "text": "Be brief."}]), ChatMessage("x", role="user")]
)
CONVERSATIONS: st.SearchStrategy[list[BaseMessage]] = st.lists(
    turns() | turns() | streamed_turns() | RESULTS | RESULTS | FUNCTION_RESULTS | USERS | OTHERS, max_size=8
)


def assert_is_acceptable(messages: Sequence[BaseMessage], dialect: Dialect) -> None:
    """Check what the services demand of a conversation."""
    waiting: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            assert waiting, "a result without a call"
            assert message.tool_call_id == waiting.pop(0)
            continue
        assert not waiting, f"no result for {waiting}"
        if isinstance(message, AIMessage):
            waiting = _checked_calls(message, dialect)
    assert not waiting, f"no result for {waiting}"
    if dialect.family == "openai":
        for written in as_written(messages):
            assert_is_acceptable_on_the_wire(written, dialect)


def _checked_calls(message: AIMessage, dialect: Dialect) -> list[str]:
    assert not message.invalid_tool_calls
    assert not {"tool_calls", "function_call"} & message.additional_kwargs.keys()
    ids = [call["id"] or "" for call in message.tool_calls]
    assert len(set(ids)) == len(ids)
    assert len(ids) <= 1 or not dialect.single_tool_call
    for call in message.tool_calls:
        assert 1 <= len(call["id"] or "") <= 40
        assert dialect.family != "anthropic" or re.fullmatch(r"[a-zA-Z0-9_-]+", call["id"] or "")
        assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,128}", call["name"])
        assert isinstance(json.loads(json.dumps(call["args"], allow_nan=False)), dict)
    assert not ids or message.content == "" or message.text.strip() or isinstance(message.content, list)
    return ids


def as_written(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return the messages as langchain-openai puts them into a request."""
    return [
        _convert_message_to_dict(_convert_from_v1_to_chat_completions(m) if isinstance(m, AIMessage) else m)
        for m in messages
    ]


def assert_is_acceptable_on_the_wire(written: dict[str, Any], dialect: Dialect) -> None:
    """Check one message of a request."""
    content, calls = written["content"], written.get("tool_calls", [])
    assert "function_call" not in written
    if calls:
        assert content is None or isinstance(content, list) or content.strip()
    for call in calls:
        arguments = json.loads(call["function"]["arguments"], parse_constant=lambda _: 1 / 0)
        assert isinstance(arguments, dict)
    if isinstance(content, list):
        assert content
        assert written["role"] == "user" or not dialect.lists_for_users_only
        kinds = {part["type"] for part in content}
        assert kinds <= {"text", "image_url", "input_audio", "refusal", "audio", "file"}
        assert written["role"] != "assistant" or kinds <= {"text", "refusal", "audio"}
