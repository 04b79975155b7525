"""Conversations that a service would refuse as they are."""

from __future__ import annotations

import copy
import json
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langchain_nvgateway.emulator import Emulator, Reply

from .calling import SCOUT, Call, Endpoint, error_of

NIM_ID = f"chatcmpl-tool-{'0123456789abcdef' * 2}"


def get_time(zone: str) -> str:
    """Tell the time in a zone."""
    return zone


def poisoned(call_id: str = "call_1") -> list[BaseMessage]:
    """Return a conversation in which the model has once broken the JSON of a call."""
    bad: Any = {"id": call_id, "name": "get_time", "args": '{"zone": "Oslo" "x"}', "error": "no JSON"}
    return [HumanMessage("What time is it?"), AIMessage("", invalid_tool_calls=[bad]), HumanMessage("Well?")]


def tool_turn(*ids: str, text: str = "") -> list[BaseMessage]:
    """Return a turn with calls, and its results."""
    calls: Any = [{"id": call_id, "name": "get_time", "args": {"zone": "Oslo"}} for call_id in ids]
    return [AIMessage(text, tool_calls=calls), *(ToolMessage("noon", tool_call_id=call_id) for call_id in ids)]


def raw_openai(nim: Endpoint) -> ChatOpenAI:
    """Return langchain-openai's own model of the same endpoint."""
    env = nim.emu.env
    key = SecretStr(env["NVIDIA_NIM_API_KEY"])
    return ChatOpenAI(model=SCOUT, base_url=env["NVIDIA_NIM_BASE_URL"], api_key=key, max_retries=0)


def test_a_poisoned_conversation_is_refused_as_it_is(nim: Endpoint, call: Call) -> None:
    """By NIM, every time again, when it is sent word for word."""
    with pytest.raises(openai.BadRequestError, match="Expecting ',' delimiter"):
        raw_openai(nim).invoke(poisoned())
    assert "Expecting ',' delimiter" in str(error_of(call, nim.model(clean_history=False), poisoned()))


def test_a_poisoned_conversation_goes_on(endpoint: Endpoint, call: Call) -> None:
    """The model reads that the call was malformed, and the caller's messages are as they were."""
    messages = poisoned()
    before = copy.deepcopy(messages)
    assert call(endpoint.model().bind_tools([get_time]), messages).tool_calls
    (request,) = endpoint.chats
    _, turn, result, _ = request.json["messages"]
    assert turn["content"] is None
    assert [made["function"] for made in turn["tool_calls"]] == [{"name": "get_time", "arguments": "{}"}]
    assert result["tool_call_id"] == turn["tool_calls"][0]["id"] == "call_1"
    assert "did not run" in result["content"]
    assert messages == before


def test_a_turn_of_nim_can_be_replayed_to_the_gateway(emu: Emulator, call: Call) -> None:
    """Its ids are longer than the Gateway takes."""
    nim, gateway = Endpoint("nim", emu), Endpoint("gateway", emu)
    nim.service.reply_next(Reply(tool_calls=[("get_time", {"zone": "Oslo"})], call_ids=[NIM_ID]))
    answer = call(nim.model().bind_tools([get_time]), "What time is it?")
    messages = [HumanMessage("What time is it?"), answer, ToolMessage("noon", tool_call_id=NIM_ID)]
    assert "string_above_max_length" in str(error_of(call, gateway.model(clean_history=False), messages).__dict__)
    assert "noon" in call(gateway.model().bind_tools([get_time]), messages).text
    _, turn, result = gateway.chats[-1].json["messages"]
    assert turn["tool_calls"][0]["id"] == result["tool_call_id"] != NIM_ID


def test_a_call_without_a_result_does_not_stop_a_conversation(endpoint: Endpoint, call: Call) -> None:
    """Nor does a result without a call."""
    messages = [*tool_turn("a", "b")[:2], HumanMessage("Well?"), ToolMessage("late", tool_call_id="c")]
    assert call(endpoint.model(), messages).text
    written = endpoint.chats[0].json["messages"]
    assert [message["role"] for message in written] == ["assistant", "tool", "tool", "user", "assistant", "tool"]
    assert [message.get("tool_call_id") for message in written if message["role"] == "tool"] == ["a", "b", "c"]


def test_nim_gets_lists_from_users_only(nim: Endpoint, call: Call) -> None:
    """The Gateway takes them from the system and from tools as well."""
    parts: list[Any] = [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]
    turn, result = tool_turn("a")
    messages = [SystemMessage(parts), HumanMessage(parts), turn, result.model_copy(update={"content": parts})]
    assert call(nim.model(), messages).text
    contents = [message["content"] for message in nim.chats[0].json["messages"]]
    assert contents == ["Be brief.", parts, None, "Be brief."]


def test_ten_turns_go_to_and_fro_between_the_services(emu: Emulator, call: Call) -> None:
    """With tools, with ids of both, and with a malformed call among them."""
    ends = [Endpoint("nim", emu), Endpoint("gateway", emu)]
    messages: list[BaseMessage] = [SystemMessage("Be brief."), *poisoned(NIM_ID)]
    for number in range(10):
        end = ends[number % 2]
        end.service.reply_next(
            Reply(text="Let me see." if number % 3 else None, tool_calls=[("get_time", {"zone": "Oslo"})])
        )
        answer = call(end.model().bind_tools([get_time]), messages)
        (made,) = answer.tool_calls
        messages += [answer, ToolMessage(f"time {number}", tool_call_id=made["id"])]
    final = call(ends[0].model(), [*messages, HumanMessage("Thanks.")])
    assert final.text
    written = ends[0].chats[-1].json["messages"]
    assert [message["content"] for message in written if message["role"] == "tool"][1:] == [
        f"time {number}" for number in range(10)
    ]
    assert all(
        json.loads(made["function"]["arguments"]) is not None for m in written for made in m.get("tool_calls", ())
    )


def test_cleaning_survives_copies(endpoint: Endpoint) -> None:
    """The switches are settings like any other."""
    model = endpoint.model(clean_history=False, single_tool_call=True)
    assert (model.model_copy().clean_history, copy.deepcopy(model).single_tool_call) == (False, True)
    assert (endpoint.model().clean_history, endpoint.model().single_tool_call) == (True, False)
