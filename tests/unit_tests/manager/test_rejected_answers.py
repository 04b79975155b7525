"""What is told of answers that nobody gets to see."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_nvgateway import AllProvidersFailedError, EgressPolicy, EmptyResponseError, ModelManager
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.events import AnswerRejected, Event
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import Call
from .fakes import acting, get_time, saying


def rejections_of(manager: ModelManager, call: Call, **binding: Any) -> list[AnswerRejected]:
    """Ask for a call, and return what was told of answers that were rejected."""
    heard: list[Event] = []
    manager.on_event(heard.append)
    call(manager.model("planner").bind_tools([get_time], **binding))
    return [event for event in heard if isinstance(event, AnswerRejected)]


def test_the_tokens_of_a_rejected_answer_are_counted(emu: Emulator, call: Call) -> None:
    """The service wants to be paid for them, whole or streamed."""
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    emu.nim.reply_next(Reply(tool_calls=[("get_time", '{"zone": ')], usage=usage))
    (rejection,) = rejections_of(ModelManager.from_env(), call)
    assert (rejection.input_tokens, rejection.output_tokens) == (11, 7)


def test_the_tokens_of_a_fakes_rejected_answer_are_counted(call: Call) -> None:
    """Whoever gave it."""
    usage: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    nim = acting(lambda _messages, _kwargs: AIMessage(" ", usage_metadata=usage))
    (rejection,) = rejections_of(ModelManager(models={"nvidia-nim": nim, "nvidia-gateway": saying("fine")}), call)
    assert (rejection.input_tokens, rejection.output_tokens) == (3, 2)


def test_tokens_that_nobody_counted_are_not_made_up(emu: Emulator, call: Call) -> None:
    """`None` is not 0."""
    emu.nim.reply_next(Reply(tool_calls=[("get_time", "{")], usage=None))
    (rejection,) = rejections_of(ModelManager.from_env(), call)
    assert (rejection.input_tokens, rejection.output_tokens) == (None, None)


def test_a_call_goes_on_after_unusable_answers_twice_at_most(call: Call) -> None:
    """Three models that cannot do it are enough; the fourth is not asked."""
    asked: list[str] = []

    def empty(name: str) -> ScriptedChatModel:
        def act(_messages: Any, _kwargs: Any) -> AIMessage:
            asked.append(name)
            return AIMessage("")

        return acting(act)

    names = ["nvidia-nim", "nvidia-gateway", "openai", "anthropic"]
    manager = ModelManager(models={name: empty(name) for name in names}, policy=EgressPolicy(allow_external=True))
    with pytest.raises(AllProvidersFailedError) as caught:
        call(manager.model("planner"))
    assert asked == names[:3]
    assert isinstance(caught.value.__cause__, EmptyResponseError)
