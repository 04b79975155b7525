"""What an answer and an error say about who was asked."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError, ModelAPIError, ModelRateLimitError
from langchain_core.messages import AIMessage

from langchain_nvgateway import AllProvidersFailedError, ContentFilteredError, EgressPolicy, ModelManager
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import STYLES
from .fakes import acting, failing, saying

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"
GATEWAY = "nvidia-gateway:gpt-4o"
ALL = EgressPolicy(allow_external=True)
PROVIDERS = ("nvidia-nim", "nvidia-gateway", "openai", "anthropic", "google-genai")

each_style = pytest.mark.parametrize("style", STYLES)


class Waiting(ModelRateLimitError):
    """A rate limit that says how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__("slow down")
        self.retry_after = seconds


def manager_of(*fakes: ScriptedChatModel, **kwargs: Any) -> ModelManager:
    """A manager whose providers are these fakes, in their order."""
    return ModelManager(models=dict(zip(PROVIDERS, fakes, strict=False)), policy=ALL, **kwargs)


def said(answer: Any) -> list[tuple[str, str]]:
    found = answer.response_metadata["nvgateway"]["attempts"]
    return [(attempt["provider"], attempt["outcome"]) for attempt in found]


@each_style
def test_an_answer_says_who_gave_it_and_who_did_not(style: str) -> None:
    """Role, provider, model, and each attempt with its outcome, error and seconds."""
    manager = manager_of(failing(ModelAPIError("down")), saying("fine"))
    answer = STYLES[style](manager.model("planner"))
    found = answer.response_metadata["nvgateway"]
    assert (found["role"], found["provider"], found["model"]) == ("planner", "nvidia-gateway", "gpt-4o")
    first, second = found["attempts"]
    assert set(first) == set(second) == {"provider", "model", "outcome", "error", "seconds"}
    assert (first["provider"], first["outcome"], first["error"]) == ("nvidia-nim", "failed", "ModelAPIError: down")
    assert (second["outcome"], second["error"]) == ("answered", None)
    assert first["seconds"] >= 0


@each_style
def test_a_skipped_leg_is_in_the_attempts_of_a_good_answer(style: str) -> None:
    """With the reason."""
    manager = manager_of(saying("nim"), saying("gateway"))
    manager.breakers[NIM].force_open()
    answer = STYLES[style](manager.model("planner"))
    assert said(answer) == [("nvidia-nim", "skipped"), ("nvidia-gateway", "answered")]
    assert NIM in answer.response_metadata["nvgateway"]["attempts"][0]["error"]


@each_style
def test_when_nobody_can_answer_each_leg_is_named_with_its_reason(style: str) -> None:
    """Skipped ones too; the first failure is the cause, and the soonest wait is known."""
    manager = manager_of(failing(Waiting(70.0)), failing(Waiting(7.0)), saying("never asked"))
    manager.breakers["openai:gpt-5"].force_open()
    with pytest.raises(AllProvidersFailedError) as caught:
        STYLES[style](manager.model("planner"))
    error = caught.value
    assert [attempt["outcome"] for attempt in error.attempts][:3] == ["failed", "failed", "skipped"]
    assert all(name in str(error) for name in (NIM, GATEWAY, "openai:gpt-5", "slow down", "planner"))
    assert error.role == "planner"
    assert error.retry_after is not None
    assert 7.0 <= error.retry_after <= 7.7
    assert isinstance(error.__cause__, Waiting)
    assert error.__cause__.retry_after == 70.0


def test_the_error_survives_copies_and_pickles() -> None:
    """With all that it says."""
    with pytest.raises(AllProvidersFailedError) as caught:
        manager_of(failing(ModelAPIError("down"))).model("planner").invoke("hello")
    for made in (copy.copy(caught.value), copy.deepcopy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert str(made) == str(caught.value)
        assert made.attempts == caught.value.attempts


@each_style
def test_an_unusable_answer_is_rejected(style: str) -> None:
    """An empty answer is the model's failure: the next one is asked."""
    answer = STYLES[style](manager_of(saying("  "), saying("fine")).model("planner"))
    assert said(answer) == [("nvidia-nim", "rejected"), ("nvidia-gateway", "answered")]
    assert answer.text == "fine"


@each_style
def test_a_call_goes_on_at_most_twice_because_answers_are_unusable(style: str) -> None:
    """Then the legs behind are not asked."""
    fakes = [saying(""), saying(""), saying(""), saying("never asked")]
    with pytest.raises(AllProvidersFailedError) as caught:
        STYLES[style](manager_of(*fakes).model("planner"))
    outcomes = [attempt["outcome"] for attempt in caught.value.attempts]
    assert outcomes[:4] == ["rejected", "rejected", "rejected", "skipped"]
    assert fakes[3].requests == []


@each_style
def test_a_content_filter_of_any_vendor_is_the_same_error(style: str) -> None:
    """A raw 400 `content_filter` is not sent to the next leg, and is a `ContentFilteredError`."""
    raw = Exception("[400] Bad Request: {'code': 'content_filter', 'param': 'prompt'}")
    second = saying("never asked")
    with pytest.raises(ContentFilteredError) as caught:
        STYLES[style](manager_of(failing(raw), second).model("planner"))
    assert caught.value.__cause__ is raw
    assert second.requests == []


@each_style
def test_a_long_conversation_goes_to_larger_windows_only(style: str) -> None:
    """Unknown windows are tried; when all are too small, the error is LangChain's own."""
    too_long = ContextOverflowError("too long")
    small = failing(too_long, profile={"max_input_tokens": 1000})
    smaller = saying("never asked", profile={"max_input_tokens": 1000})
    larger = saying("fine", profile={"max_input_tokens": 2000})
    answer = STYLES[style](manager_of(small, smaller, larger).model("planner"))
    assert [outcome for _, outcome in said(answer)] == ["failed", "skipped", "answered"]
    unknown = failing(too_long)
    with pytest.raises(ContextOverflowError):
        STYLES[style](manager_of(small, unknown, smaller).model("planner"))
    assert len(unknown.requests) == 1
    assert smaller.requests == []


@each_style
def test_a_leg_that_cannot_call_tools_is_left_out_of_calls_with_tools(style: str) -> None:
    """Known from its profile, or learned from its own complaint and remembered; plain text still goes there."""
    complaint = Exception("[400] Bad Request: Tool use has not been enabled, because it is unsupported by meta/llama.")

    def act(_messages: Any, kwargs: dict[str, Any]) -> AIMessage:
        if kwargs.get("tools"):
            raise complaint
        return AIMessage("text")

    first, second = acting(act), saying("fine")
    manager = manager_of(first, second)
    with_tools = manager.model("planner").bind_tools([len])
    assert [outcome for _, outcome in said(STYLES[style](with_tools))] == ["failed", "answered"]
    assert [outcome for _, outcome in said(STYLES[style](with_tools))] == ["skipped", "answered"]
    assert STYLES[style](manager.model("planner")).text == "text"
    refusing = saying("never asked", profile={"tool_calling": False})
    answer = STYLES[style](manager_of(refusing, second).model("planner").bind_tools([len]))
    assert [outcome for _, outcome in said(answer)] == ["skipped", "answered"]
    assert refusing.requests == []


@each_style
def test_a_mistake_in_a_program_is_raised_at_once(style: str) -> None:
    """It says nothing about the endpoint, and another one would not mend it."""
    second = saying("never asked")
    manager = manager_of(failing(TypeError("mistake")), second)
    for _ in range(3):
        with pytest.raises(TypeError, match="mistake"):
            STYLES[style](manager.model("planner"))
    assert second.requests == []
    assert manager.breakers[NIM].snapshot().consecutive_failures == 0


def test_the_answer_of_a_fake_is_left_as_it_was() -> None:
    """A fake may give the same object again."""
    message = AIMessage("fine")
    manager_of(acting(lambda _messages, _kwargs: message)).model("planner").invoke("hello")
    assert message.response_metadata == {}
