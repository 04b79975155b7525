"""One correlation id for a call of a role, the same at each leg."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage

from langchain_nvgateway import AllProvidersFailedError, ModelManager
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import Call
from .composing import WEATHER, Plan, Recorder, chats, failing_nim, get_weather


@pytest.fixture
def two_gateways(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> ModelManager:
    """A planner with two models of the Gateway, of which the first one fails; the Gateway sees the ids."""
    monkeypatch.setenv("NVGATEWAY_PLANNER_MODELS", "nvidia-gateway:gpt-4o,nvidia-gateway:gpt-4o-mini")
    emu.gateway.fail_when(lambda request: request.model == "gpt-4o", "internal_error")
    return ModelManager.from_env()


def ids_of(emu: Emulator) -> list[str]:
    return [request.headers["correlationid"] for request in chats(emu.gateway)]


def test_all_legs_have_the_id_of_the_roles_run(two_gateways: ModelManager, emu: Emulator, call: Call) -> None:
    """And the answer says it."""
    run_id = uuid.uuid4()
    answer = call(two_gateways.model("planner"), "Hello", {"run_id": run_id})
    assert ids_of(emu) == [str(run_id)] * 2
    assert answer.response_metadata["correlation_id"] == str(run_id)


def test_a_call_without_an_id_gets_that_of_its_run(two_gateways: ModelManager, emu: Emulator, call: Call) -> None:
    """Each call its own."""
    recorder = Recorder()
    for _ in range(2):
        call(two_gateways.model("planner").bind_tools([get_weather]), "get_weather", {"callbacks": [recorder]})
    one, other = (str(run["id"]) for run in recorder.of_type("chain"))
    assert set(ids_of(emu)) == {one, other}
    assert one != other


def test_the_callers_own_id_wins(two_gateways: ModelManager, kind: str, emu: Emulator, call: Call) -> None:
    """From the metadata of the call's config."""
    call(getattr(two_gateways, kind)("planner"), "Hello", {"metadata": {"correlation_id": "run-7"}})
    assert ids_of(emu) == ["run-7"] * 2


def test_errors_have_the_id(two_gateways: ModelManager, emu: Emulator, call: Call) -> None:
    """So that it can be found in the Gateway's audit log."""
    emu.gateway.fail_always("internal_error")
    run_id = uuid.uuid4()
    with pytest.raises(AllProvidersFailedError) as caught:
        call(two_gateways.model("planner"), "Hello", {"run_id": run_id})
    assert caught.value.correlation_id == str(run_id)
    assert set(ids_of(emu)) == {str(run_id)}


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "generate": lambda model, given: model.generate([[HumanMessage("Hello")]], **given),
    "agenerate": lambda model, given: asyncio.run(model.agenerate([[HumanMessage("Hello")]], **given)),
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("given", ["run_id", "metadata"])
def test_generate_has_one_id_too(given: str, way: str, two_gateways: ModelManager, emu: Emulator) -> None:
    """That of its run, or the caller's own."""
    wanted = uuid.uuid4()
    config: Any = {"run_id": wanted} if given == "run_id" else {"metadata": {"correlation_id": str(wanted)}}
    WAYS[way](two_gateways.model("planner"), config)
    assert ids_of(emu) == [str(wanted)] * 2


def test_a_schema_and_retries_change_nothing(two_gateways: ModelManager, emu: Emulator, call_whole: Call) -> None:
    """The legs of one call have one id."""
    structured = two_gateways.model("planner").with_retry().with_structured_output(Plan)
    call_whole(structured, "A plan", {"metadata": {"correlation_id": "run-7"}})
    assert ids_of(emu) == ["run-7"] * 2


def test_each_call_of_an_agent_has_its_own(emu: Emulator) -> None:
    """Unless the run's metadata say otherwise."""
    agent = create_agent(failing_nim(emu).model("planner"), [get_weather])
    agent.invoke(WEATHER)
    assert len(set(ids_of(emu))) == 2
    emu.gateway.requests.clear()
    agent.invoke(WEATHER, {"metadata": {"correlation_id": "run-7"}})
    assert ids_of(emu)[2:] == ["run-7"] * 2
