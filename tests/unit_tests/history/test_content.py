"""What a message says: text where there is text only, and nothing that only another vendor understands."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_nvgateway.history import Dialect, clean_history, dialect_of

GATEWAY, NIM = dialect_of("nvidia-gateway"), dialect_of("nvidia-nim")
CLAUDE, GEMINI = dialect_of("anthropic"), dialect_of("google-genai")
CALL: Any = {"id": "a", "name": "f", "args": {"x": 1}, "type": "tool_call"}
RESULT = ToolMessage("fine", tool_call_id="a")
MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
TOOL_USE = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def only(message: Any, dialect: Dialect) -> Any:
    """Return what becomes of the content of one message, which may call `f`."""
    calls = [RESULT] if getattr(message, "tool_calls", None) else []
    return clean_history([message, *calls], dialect)[0].content


@pytest.mark.parametrize("content", ["", "  \n", [], [text("")], [text(" "), text("\n")], ["", THINKING]], ids=str)
@pytest.mark.parametrize("dialect", [GATEWAY, NIM, GEMINI], ids=lambda dialect: dialect.family)
def test_a_turn_with_calls_and_no_words_has_no_text(content: Any, dialect: Dialect) -> None:
    """The empty text is sent as `null`, and blanks are as good as nothing."""
    assert only(AIMessage(content, tool_calls=[CALL]), dialect) == ""


def test_blanks_of_a_turn_without_calls_stay() -> None:
    """There they are what the model said."""
    assert only(AIMessage("  "), NIM) == "  "


@pytest.mark.parametrize(
    "message",
    [
        SystemMessage([text("a"), text("b", **MARK)]),
        AIMessage([text("a"), text("b")]),
        AIMessage([text("a"), text("b")], tool_calls=[CALL]),
        ChatMessage([text("a"), text("b")], role="developer"),
    ],
    ids=lambda message: message.type,
)
def test_lists_become_text_where_only_users_may_have_them(message: Any) -> None:
    """NIM refuses them elsewhere."""
    assert only(message, NIM) == "ab"


def test_a_users_list_stays_a_list() -> None:
    """The very same one."""
    for message in (HumanMessage([text("Look:"), IMAGE]), ChatMessage([text("Look:"), IMAGE], role="user")):
        assert clean_history([message], NIM)[0] is message


def test_a_result_says_what_was_left_out_of_it() -> None:
    """An image cannot be part of a text."""
    message = ToolMessage([text("one"), IMAGE, {"type": "json", "value": 1}], tool_call_id="a")
    cleaned = clean_history([AIMessage("", tool_calls=[CALL]), message], NIM)
    assert cleaned[1].content == 'one[image_url left out]{"type": "json", "value": 1}'
    parts: Any = clean_history([AIMessage("", tool_calls=[CALL]), message], GATEWAY)[1].content
    assert parts == [text("one"), IMAGE, text('{"type": "json", "value": 1}')]


@pytest.mark.parametrize("dialect", [GATEWAY, NIM, GEMINI], ids=lambda dialect: dialect.family)
@pytest.mark.parametrize("provider", ["anthropic", None])
def test_reasoning_of_another_vendor_is_dropped(dialect: Dialect, provider: str | None) -> None:
    """What is left is text, and the call."""
    content = [
        THINKING,
        {"type": "redacted_thinking", "data": "c2ln"},
        text("Let me ", **MARK),
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        text("see."),
        TOOL_USE,
    ]
    metadata = {"model_provider": provider} if provider else {}
    message = AIMessage(content, tool_calls=[CALL], response_metadata=metadata)
    cleaned: Any = clean_history([message, RESULT], dialect)
    assert (cleaned[0].content, cleaned[0].tool_calls) == ("Let me see.", [CALL])
    assert clean_history([message, RESULT], CLAUDE)[0] is message


@pytest.mark.parametrize("dialect", [GATEWAY, NIM, CLAUDE], ids=lambda dialect: dialect.family)
def test_googles_signatures_are_dropped_for_others(dialect: Dialect) -> None:
    """In its blocks and beside them."""
    message = AIMessage(
        [text("Hi", extras={"signature": "c2ln"})],
        additional_kwargs={"__gemini_function_call_thought_signatures__": {"a": "c2ln"}, "mine": 1},
        response_metadata={"model_provider": "google_genai", "output_version": "v1"},
    )
    (cleaned,) = clean_history([message], dialect)
    assert (cleaned.content, cleaned.additional_kwargs) == ("Hi", {"mine": 1})
    assert cleaned.response_metadata == {"model_provider": "google_genai"}
    assert clean_history([message], GEMINI)[0] is message


def test_reasoning_beside_the_content_stays_with_its_vendor() -> None:
    """NIM speaks OpenAI's language."""
    kwargs = {"reasoning_content": "hm"}
    message = AIMessage("Hi", additional_kwargs=kwargs, response_metadata={"model_provider": "openai"})
    assert clean_history([message], NIM)[0] is message
    assert clean_history([message], CLAUDE)[0].additional_kwargs == {}


@pytest.mark.parametrize("dialect", [GATEWAY, GEMINI], ids=lambda dialect: dialect.family)
@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage])
def test_cache_marks_are_for_anthropic(kind: Any, dialect: Dialect) -> None:
    """The words behind them are for all."""
    message = kind([text("a", **MARK), text("b", extras={**MARK, "x": 1})], additional_kwargs=MARK)
    (cleaned,) = clean_history([message], dialect)
    assert (cleaned.content, cleaned.additional_kwargs) == ([text("a"), text("b", extras={"x": 1})], {})
    assert clean_history([message], CLAUDE)[0] is message


def test_cache_marks_of_results_are_for_anthropic() -> None:
    """Beside the text of the tool."""
    message = ToolMessage([text("a", **MARK)], tool_call_id="a")
    assert clean_history([AIMessage("", tool_calls=[CALL]), message], GATEWAY)[1].content == [text("a")]
    assert clean_history([AIMessage("", tool_calls=[CALL]), message], CLAUDE)[1] is message


def test_blocks_that_repeat_a_call_say_what_it_says() -> None:
    """Anthropic's own turn with an id that is too long: the call is made from `tool_calls` alone."""
    long = "x" * 46
    content = [THINKING, text(""), {**TOOL_USE, "id": long}]
    message = AIMessage(content, tool_calls=[{**CALL, "id": long}], response_metadata={"model_provider": "anthropic"})
    cleaned: Any = clean_history([message, ToolMessage("fine", tool_call_id=long)], CLAUDE)
    assert cleaned[0].content == [THINKING]
    assert cleaned[0].tool_calls[0]["id"] == cleaned[1].tool_call_id


def test_calls_that_are_in_the_content_only_are_found() -> None:
    """And results that a user's message carries, in Anthropic's form."""
    answer: list[Any] = [{"type": "tool_result", "tool_use_id": "a", "content": [text("fine")]}, text("Go on.")]
    cleaned: Any = clean_history([AIMessage([TOOL_USE]), HumanMessage(answer)], GATEWAY)
    assert cleaned[0].tool_calls == [CALL]
    assert [(message.type, message.text) for message in cleaned[1:]] == [("tool", "fine"), ("human", "Go on.")]


def test_a_refusal_is_said_in_the_words_of_each_service() -> None:
    """As a part where there are such parts, else as text."""
    message = AIMessage([{"type": "refusal", "refusal": "No."}], response_metadata={"model_provider": "openai"})
    assert clean_history([message], GATEWAY)[0] is message
    assert only(message, NIM) == only(message, CLAUDE) == "No."


def test_bare_text_in_a_list_becomes_a_part() -> None:
    """OpenAI takes no other."""
    assert only(HumanMessage(["Look:", IMAGE]), GATEWAY) == [text("Look:"), IMAGE]
    assert only(HumanMessage([]), GATEWAY) == ""


def test_a_block_of_an_unknown_kind_does_not_crash() -> None:
    """A model's own is dropped, and with it what nobody can read."""
    assert only(AIMessage([{"odd": 1}, {"type": "odd"}, text("Hi")]), GATEWAY) == "Hi"
