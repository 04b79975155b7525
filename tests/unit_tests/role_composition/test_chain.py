"""`manager.chain` is LangChain's own chain of fallbacks, made of the role's legs."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError, ModelInvalidRequestError, OutputParserException
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from pydantic import ValidationError

from langchain_nvgateway import ContentFilteredError, ModelManager
from langchain_nvgateway.breaker import BreakerState
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import Call
from .composing import GATEWAY_LEG, NIM_LEG, Plan, chats, failing_nim, get_weather, manager_of, raises, says, who


class CustomError(Exception):
    """An error whose constructor takes more than a text."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint


def refused() -> ValidationError:
    """Return pydantic's own error."""
    try:
        Plan.model_validate({})
    except ValidationError as error:
        return error
    raise AssertionError


ERRORS: dict[str, BaseException] = {
    "runtime": RuntimeError("boom"),
    "os": FileNotFoundError(2, "gone", "name.txt"),
    "key": KeyError("boom"),
    "unicode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "boom"),
    "group": ExceptionGroup("boom", [ValueError("inner")]),
    "custom": CustomError(7, hint="boom"),
    "validation": refused(),
    "parser": OutputParserException("boom", llm_output="what it said"),
}


def test_a_chain_is_langchains_own(emu: Emulator) -> None:
    """With a leg for each model of the role."""
    chain = ModelManager.from_env().chain("planner")
    assert isinstance(chain, RunnableWithFallbacks)
    assert len(list(chain.runnables)) == 2


def test_its_answers_say_who_gave_them(emu: Emulator, call: Call) -> None:
    """Provider and model."""
    assert who(call(ModelManager.from_env().chain("planner"), "Hello")) == NIM_LEG
    assert who(call(failing_nim(emu).chain("planner"), "Hello")) == GATEWAY_LEG


@pytest.mark.parametrize("name", list(ERRORS))
def test_any_failure_of_the_first_leg_goes_to_the_second(name: str, call: Call) -> None:
    """Whatever its class is like."""
    assert who(call(manager_of(raises(ERRORS[name]), says()).chain("planner"), "Hello")) == GATEWAY_LEG


@pytest.mark.parametrize("name", list(ERRORS))
def test_the_first_legs_error_is_raised_when_all_fail(name: str, call: Call) -> None:
    """Of its own type, with its text and its data."""
    first = ERRORS[name]
    with pytest.raises(type(first)) as caught:
        call(manager_of(raises(first), raises(RuntimeError("second"))).chain("planner"), "Hello")
    assert str(caught.value) == str(first)
    assert type(caught.value).__name__ == type(first).__name__
    assert {name: getattr(caught.value, name) for name in vars(first)} == vars(first)


@pytest.mark.parametrize("name", ["runtime", "os", "key"])
def test_what_is_raised_can_be_copied_and_pickled(name: str) -> None:
    """As the leg's own error."""
    first = ERRORS[name]
    with pytest.raises(type(first)) as caught:
        manager_of(raises(first), raises(RuntimeError("second"))).chain("planner").invoke("Hello")
    for again in (copy.copy(caught.value), copy.deepcopy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert isinstance(again, type(first))
        assert (str(again), again.args) == (str(first), first.args)
        assert {name: getattr(again, name) for name in vars(first)} == vars(first)


def test_what_is_raised_has_the_cause_of_the_legs_error(call: Call) -> None:
    """So that a traceback tells the whole story."""

    def caused() -> BaseException:
        try:
            raise RuntimeError("boom") from ConnectionError("reset by peer")
        except RuntimeError as error:
            return error

    with pytest.raises(RuntimeError, match="boom") as caught:
        call(manager_of(raises(caused), raises(RuntimeError("second"))).chain("planner"), "Hello")
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_a_services_error_is_raised_with_its_data(emu: Emulator, call: Call) -> None:
    """Status and text of the first leg's service."""
    emu.nim.fail_always("internal_error")
    emu.gateway.fail_always("rate_limited")
    with pytest.raises(Exception, match="hosted NIM") as caught:
        call(ModelManager.from_env().chain("planner"), "Hello", timeout=2)
    assert getattr(caught.value, "status_code", None) == 500


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("validation_422", ModelInvalidRequestError),
        ("context_length_exceeded", ContextOverflowError),
        ("content_filter_finish", ContentFilteredError),
    ],
)
def test_an_error_of_the_request_passes_through(fault: str, error: Any, emu: Emulator, call: Call) -> None:
    """The second leg is not asked."""
    emu.nim.fail_always(fault)
    with pytest.raises(error):
        call(ModelManager.from_env().chain("planner"), "Hello")
    assert emu.gateway.requests == []


@pytest.mark.parametrize("fault", ["validation_422", "content_filter_finish"])
def test_an_error_of_the_request_passes_through_tools_and_batches(fault: str, emu: Emulator) -> None:
    """Wherever the chain is bound."""
    emu.nim.fail_always(fault)
    chain: Any = ModelManager.from_env().chain("planner")
    found = chain.bind_tools([get_weather]).batch(["get_weather in Dublin", "Hello"], return_exceptions=True)
    assert all(isinstance(error, ModelInvalidRequestError) for error in found)
    assert emu.gateway.requests == []


def test_it_shares_the_breakers_of_the_roles_model(emu: Emulator, call: Call) -> None:
    """What the one learns, the other knows."""
    manager = failing_nim(emu)
    for _ in range(2):
        call(manager.chain("planner"), "Hello")
    assert manager.breakers[NIM_LEG].state is BreakerState.OPEN
    answer = manager.model("planner").invoke("Hello")
    assert answer.response_metadata["nvgateway"]["attempts"][0]["outcome"] == "skipped"
    manager.reset()
    for _ in range(2):
        call(manager.model("router"), "Hello")
    asked = len(chats(emu.nim))
    assert who(call(manager.chain("planner"), "Hello")) == GATEWAY_LEG
    assert len(chats(emu.nim)) == asked


def test_its_streams_fall_back_before_the_first_text(emu: Emulator, call_stream: Call) -> None:
    """A chunk that says nothing is not yet an answer."""
    emu.nim.corrupt_always("cut_length")
    chain: Any = ModelManager.from_env().chain("planner").bind_tools([get_weather])
    answer = call_stream(chain, "get_weather in Dublin")
    assert who(answer) == GATEWAY_LEG
    assert answer.tool_calls[0]["args"] == {"location": "Dublin"}


@pytest.mark.parametrize("wrap", [lambda chain: chain, lambda chain: chain.with_config(tags=["x"])])
def test_tools_and_schemas_keep_each_leg(wrap: Any, emu: Emulator, call_whole: Call) -> None:
    """Wherever they are bound."""
    chain: Any = wrap(failing_nim(emu).chain("planner"))
    answer = call_whole(chain.bind_tools([get_weather], tool_choice="any"), "get_weather in Dublin")
    assert (who(answer), answer.tool_calls[0]["name"]) == (GATEWAY_LEG, "get_weather")
    assert isinstance(call_whole(chain.with_structured_output(Plan), "A plan"), Plan)


def test_a_chain_of_one_leg_is_a_chain(emu: Emulator, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is the leg's."""
    monkeypatch.delenv("STARFLEET_SECRET")
    chain = ModelManager.from_env().chain("planner")
    assert isinstance(chain, RunnableWithFallbacks)
    assert who(call(chain, "Hello")) == NIM_LEG
