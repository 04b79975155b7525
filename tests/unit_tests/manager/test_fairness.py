"""Verdicts that are fair to a leg, and calls that leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError, ModelInvalidRequestError
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from langchain_nvgateway import AllProvidersFailedError, ConfigurationError, ModelManager, NVGatewaySettings
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.testing import ScriptedChatModel, slow

from ..chat_models.calling import STYLES
from .fakes import acting, failing, saying

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"
GATEWAY = "nvidia-gateway:gpt-4o"


def manager_of(first: Any, second: Any, **settings: Any) -> ModelManager:
    return ModelManager(NVGatewaySettings(**settings), models={"nvidia-nim": first, "nvidia-gateway": second})


async def test_a_leg_that_others_left_no_time_is_not_to_blame() -> None:
    """It is cut when the time for the call is over, and its circuit counts nothing."""
    first, second = (ScriptedChatModel(slow(seconds, ModelAPIError("down"))) for seconds in (0.3, 60))
    manager = manager_of(first, second, request_timeout=0.4)
    with pytest.raises(AllProvidersFailedError) as caught:
        await manager.model("planner").ainvoke("hello")
    assert [attempt["outcome"] for attempt in caught.value.attempts] == ["failed", "failed"]
    assert manager.breakers[NIM].snapshot().consecutive_failures == 1
    assert manager.breakers[GATEWAY].snapshot().consecutive_failures == 0


async def test_a_leg_that_uses_up_the_time_itself_is_to_blame() -> None:
    """Nobody was asked before it."""
    manager = manager_of(ScriptedChatModel(slow(60, "late")), saying("fine"), request_timeout=0.1)
    with pytest.raises(AllProvidersFailedError, match="the time was up"):
        await manager.model("planner").ainvoke("hello")
    assert manager.breakers[NIM].snapshot().consecutive_failures == 1


@pytest.mark.parametrize("style", ["invoke", "stream"])
@pytest.mark.parametrize("end", ["answered", "failed", "refused"])
def test_nothing_keeps_a_conversation_alive_after_a_fallback(style: str, end: str) -> None:
    """Not even until the collector comes."""

    def fail(_messages: Any, _kwargs: Any) -> AIMessage:
        raise ModelAPIError("down")  # A new one each time: an error that is raised again holds what it passed through.

    def refuse(_messages: Any, _kwargs: Any) -> AIMessage:
        raise ModelInvalidRequestError("no")

    seconds = {"answered": saying("fine"), "failed": acting(fail), "refused": acting(refuse)}
    manager = manager_of(acting(fail), seconds[end])
    gc.collect()
    gc.disable()
    try:
        message = HumanMessage("hello")
        alive = weakref.ref(message)
        with suppress(AllProvidersFailedError, ModelInvalidRequestError):
            STYLES[style](manager.model("planner"), [message])
        del message
        assert alive() is None
    finally:
        gc.enable()


def test_a_batch_of_a_chain_raises_the_first_legs_error() -> None:
    """As a single call does."""
    fakes = failing(RuntimeError("first")), failing(RuntimeError("second"))
    chain = manager_of(*fakes, breaker_failure_threshold=100).chain("planner")
    with pytest.raises(RuntimeError, match="first"):
        chain.batch(["hello"])
    with pytest.raises(RuntimeError, match="first"):
        asyncio.run(chain.abatch(["hello"]))
    assert [str(error) for error in chain.batch(["hello"], return_exceptions=True)] == ["first"]


def test_a_reader_who_leaves_says_nothing_of_calls(emu: Emulator) -> None:
    """The quality circuit stays open for the next probe, although the stream had begun well."""
    emu.nim.reply_always(Reply(text="several words in a row"))
    now = [1000.0]
    manager = ModelManager(clock=lambda: now[0])
    manager.breakers[f"{NIM}/quality"].force_open()
    now[0] += 200
    stream: Any = manager.model("planner").bind_tools([len]).stream("hello")
    next(stream)
    stream.close()
    assert manager.breakers[f"{NIM}/quality"].state.value == "half-open"
    assert manager.breakers[NIM].snapshot().consecutive_failures == 0


@pytest.mark.parametrize("name", ["rm_rf", ""])
def test_a_tool_of_the_service_leaves_the_names_checked(name: str) -> None:
    """Beside a web search, only the tools on offer can be called; and events do not repeat what a model made up."""
    call = {"name": name, "args": {}, "id": "1"}
    manager = manager_of(acting(lambda *_: AIMessage("", tool_calls=[call])), saying("fine"))
    events: list[Any] = []
    manager.on_event(events.append)
    assert manager.model("planner").bind_tools([len, {"type": "web_search_preview"}]).invoke("hello").text == "fine"
    assert "rm_rf" not in str(events)


class Amount(BaseModel):
    """An amount."""

    dollars: int


def test_a_schema_that_is_not_met_is_the_models_failure(emu: Emulator) -> None:
    """Its endpoint stays open for plain text."""
    emu.nim.reply_always(Reply(text='{"dollars": "many"}'))
    emu.gateway.reply_always(Reply(text='{"dollars": 5}'))
    manager = ModelManager()
    model = manager.model("planner")
    for _ in range(2):
        assert model.with_structured_output(Amount, method="json_schema").invoke("how much?") == Amount(dollars=5)
    assert manager.breakers[NIM].state.value == "closed"
    assert manager.breakers[f"{NIM}/quality"].state.value == "open"
    assert model.invoke("hello").response_metadata["nvgateway"]["provider"] == "nvidia-nim"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"role_models": {"planner": ()}}, "NVGATEWAY_PLANNER_MODELS"),
        ({"role_models": {"planner": 5}}, "planner"),
    ],
)
def test_models_of_a_role_that_name_nothing_are_an_error(settings: dict[str, Any], said: str) -> None:
    """And not silently the defaults."""
    with pytest.raises(ConfigurationError, match=said):
        NVGatewaySettings(**settings)


def test_a_parameter_of_a_wrong_type_is_named(emu: Emulator) -> None:
    """By an error of ours and not by pydantic's."""
    with pytest.raises(ConfigurationError, match="temperature"):
        ModelManager().model("planner", temperature="hot")


@pytest.mark.parametrize("name", ["api_key", "base_url", "stream"])
def test_a_call_cannot_say_where_it_goes(name: str) -> None:
    """A key that is given by mistake would be sent in the request's body."""
    fake = saying("fine")
    with pytest.raises(ConfigurationError, match=name):
        manager_of(fake, fake).model("planner").invoke("hello", **{name: "x"})
    assert fake.requests == []


CUT_FUNCTION = {"function_call": {"name": "get_weather", "arguments": '{"location": "Dub'}}
FUNCTIONS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {"location": {"type": "string"}}}}]


@pytest.mark.parametrize("style", STYLES)
def test_a_cut_call_of_a_function_is_answered_by_the_next_leg(style: str) -> None:
    """Functions, which came before tools, are judged alike, and held back alike."""
    cut = acting(lambda _messages, _kwargs: AIMessage("", additional_kwargs=CUT_FUNCTION))
    model = manager_of(cut, saying("fine")).model("planner").bind(functions=FUNCTIONS)
    answer = STYLES[style](model)
    assert answer.text == "fine"
    assert "function_call" not in answer.additional_kwargs


@pytest.mark.parametrize("style", STYLES)
def test_a_call_that_google_repeats_as_a_function_is_judged_once(style: str) -> None:
    """LangChain adds up what stands there of several calls, which makes no sense."""
    repeated = {"function_call": {"name": "get_weatherget_weather", "arguments": "{}{}"}}
    call = {"name": "get_weather", "args": {"location": "Dublin"}, "id": "1"}
    google = acting(lambda _messages, _kwargs: AIMessage("", additional_kwargs=repeated, tool_calls=[call]))
    model = manager_of(google, saying("fine")).model("planner").bind_tools(FUNCTIONS)
    assert STYLES[style](model).tool_calls[0]["args"] == {"location": "Dublin"}
