"""Conversations that go from leg to leg, each of which takes something else."""

from __future__ import annotations

import copy
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_nvgateway import EgressPolicy, ModelManager
from langchain_nvgateway.emulator import Emulator, Reply

from ..chat_models.calling import Call
from .fakes import acting, get_time, saying


def said(answer: Any) -> AIMessage:
    """Return an answer as an agent puts it into its history."""
    return AIMessage(
        content=answer.content, tool_calls=answer.tool_calls, response_metadata={"model_provider": "openai"}
    )


def test_ten_turns_that_alternate_between_two_services(emu: Emulator, call: Call) -> None:
    """With a tool call in each turn, and one in the history that was malformed from the beginning."""
    model = ModelManager.from_env().model("planner").bind_tools([get_time])
    poison = {"name": "get_time", "args": '{"zone": "Os', "id": "x" * 46, "error": None, "type": "invalid_tool_call"}
    history: list[Any] = [HumanMessage("get_time in Oslo"), AIMessage("", invalid_tool_calls=[poison])]
    providers = []
    for turn in range(10):
        history.append(HumanMessage(f"get_time in zone {turn}"))
        if turn % 2:
            emu.nim.fail_next("internal_error")
        answer = call(model, history)
        providers.append(answer.response_metadata["nvgateway"]["provider"])
        history.append(said(answer))
        history += [ToolMessage("noon", tool_call_id=found["id"]) for found in answer.tool_calls]
        assert answer.tool_calls
    assert providers == ["nvidia-nim", "nvidia-gateway"] * 5


def test_a_leg_of_somebody_elses_gets_a_conversation_that_it_can_take(call: Call) -> None:
    """A fake in a vendor's place gets what the vendor would get, and the caller's messages stay as they are."""
    got: list[BaseMessage] = []

    def act(messages: list[BaseMessage], _kwargs: Any) -> AIMessage:
        got[:] = messages
        return AIMessage("fine")

    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    lost = {"name": "get_time", "args": {"zone": "Oslo"}, "id": "call/1"}
    turn = AIMessage([thought, {"type": "text", "text": "Let me see."}], tool_calls=[lost])
    history = [HumanMessage("Hello"), turn, HumanMessage("And?")]
    before = copy.deepcopy(history)
    for provider in ("anthropic", "google-genai"):
        policy = EgressPolicy(allow_external=True)
        down = acting(lambda _messages, _kwargs: AIMessage(""))
        manager = ModelManager(models={"nvidia-nim": down, provider: acting(act)}, policy=policy)
        call(manager.model("planner"), history)
        assert [message.type for message in got] == ["human", "ai", "tool", "human"]
        assert got[2].tool_call_id == got[1].tool_calls[0]["id"]  # type: ignore[attr-defined]  # as their types say
        assert history == before
    assert got[1].content == "Let me see."
    assert "/" not in _asked_of_anthropic(history)


def _asked_of_anthropic(history: list[Any]) -> str:
    ids: list[str] = []

    def act(messages: list[BaseMessage], _kwargs: Any) -> AIMessage:
        ids.append(messages[1].tool_calls[0]["id"])  # type: ignore[attr-defined]  # an AIMessage
        return AIMessage("fine")

    models = {"nvidia-nim": saying(""), "anthropic": acting(act)}
    ModelManager(models=models, policy=EgressPolicy(allow_external=True)).model("planner").invoke(history)
    return ids[0]


def test_a_poisoned_conversation_goes_on(emu: Emulator, call: Call) -> None:
    """NIM would refuse the malformed call word for word, now and for ever."""
    emu.nim.reply_next(Reply(text="Noon."))
    poison = {"name": "get_time", "args": '{"zone": "Os', "id": "1", "error": None, "type": "invalid_tool_call"}
    history = [HumanMessage("get_time in Oslo"), AIMessage("", invalid_tool_calls=[poison]), HumanMessage("And?")]
    answer = call(ModelManager.from_env().model("planner").bind_tools([get_time]), history)
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-nim"


def test_the_next_leg_is_asked_when_one_cannot_read_the_history(emu: Emulator, call: Call) -> None:
    """A model that complains of its turns with several calls even when they are split."""
    emu.nim.fail_always("single_tool_calls")
    calls: Any = [{"name": "get_time", "args": {"zone": zone}, "id": zone} for zone in ("Oslo", "Rome")]
    results = [ToolMessage("noon", tool_call_id=zone) for zone in ("Oslo", "Rome")]
    history = [HumanMessage("Hello"), AIMessage("", tool_calls=calls), *results]
    answer = call(ModelManager.from_env().model("planner").bind_tools([get_time]), history)
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"
