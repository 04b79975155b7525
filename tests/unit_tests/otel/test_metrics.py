"""What is counted of the calls of a manager."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError
from langchain_core.messages import AIMessage

from langchain_nvgateway import (
    AllProvidersFailedError,
    BreakerState,
    EgressPolicy,
    ModelManager,
    StreamInterruptedError,
)
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.otel import instrument
from langchain_nvgateway.testing import ScriptedChatModel, dies_after

from ..chat_models.calling import STYLES
from ..manager.fakes import acting, failing, saying
from .reading import NIM, SCOUT, Metrics, manager_of

DOWN = ModelAPIError("down")
PROVIDER, MODEL, ROLE = "gen_ai.provider.name", "gen_ai.request.model", "nvgateway.role"
OUTCOME, ERROR = "nvgateway.outcome", "error.type"

each_style = pytest.mark.parametrize("style", STYLES)


@each_style
def test_attempts_are_counted_by_what_became_of_them(style: str, metrics: Metrics) -> None:
    """Once each, with the role, the leg, and the kind of failure."""
    manager = manager_of(ScriptedChatModel(DOWN, " ", "fine"), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    for _ in range(3):
        STYLES[style](manager.model("planner"))
    assert metrics.values("nvgateway.attempts", ROLE, PROVIDER, MODEL, OUTCOME, ERROR) == {
        ("planner", "nvidia-nim", SCOUT, "failed", "availability"): 1,
        ("planner", "nvidia-nim", SCOUT, "rejected", "quality"): 1,
        ("planner", "nvidia-nim", SCOUT, "answered", None): 1,
        ("planner", "nvidia-gateway", "gpt-4o", "answered", None): 2,
    }


@each_style
def test_fallbacks_and_rejected_answers_are_counted(style: str, metrics: Metrics) -> None:
    """At the leg that failed."""
    manager = manager_of(ScriptedChatModel(DOWN, " "), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    for _ in range(2):
        STYLES[style](manager.model("planner"))
    assert metrics.values("nvgateway.fallbacks", PROVIDER, ERROR) == {
        ("nvidia-nim", "availability"): 1,
        ("nvidia-nim", "quality"): 1,
    }
    assert metrics.values("nvgateway.rejected_answers", ROLE, PROVIDER, MODEL) == {("planner", "nvidia-nim", SCOUT): 1}


def test_legs_that_were_asked_are_timed(metrics: Metrics) -> None:
    """As the GenAI conventions have it, in seconds; a skipped leg took no time."""
    manager = manager_of(saying("nim"), saying("gateway"))
    instrument(manager, meter_provider=metrics.provider)
    manager.breakers[NIM].force_open()
    answer = manager.model("planner").invoke("hello")
    (point,) = metrics.points("gen_ai.client.operation.duration")
    assert (point.count, point.sum) == (1, answer.response_metadata["nvgateway"]["attempts"][1]["seconds"])
    assert (point.attributes["gen_ai.operation.name"], point.attributes[PROVIDER]) == ("chat", "nvidia-gateway")
    assert point.explicit_bounds[0] == 0.01
    assert metrics.values("nvgateway.attempts", OUTCOME) == {"skipped": 1, "answered": 1}


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_a_stream_that_breaks_off_is_counted_as_interrupted(style: str, metrics: Metrics) -> None:
    """Its reader had seen a part."""
    manager = manager_of(ScriptedChatModel(dies_after("some words", DOWN)), saying("never asked"))
    instrument(manager, meter_provider=metrics.provider)
    with pytest.raises(StreamInterruptedError):
        STYLES[style](manager.model("planner"))
    assert metrics.values("nvgateway.attempts", OUTCOME, ERROR) == {("interrupted", "availability"): 1}


def test_a_stream_that_its_reader_leaves_is_no_error(metrics: Metrics) -> None:
    """It is counted as cancelled."""
    manager = manager_of(saying("some words"), saying("never asked"))
    instrument(manager, meter_provider=metrics.provider)
    chunks: Any = manager.model("planner").stream("hello")
    next(chunks)
    chunks.close()
    assert metrics.values("nvgateway.attempts", OUTCOME, ERROR) == {("cancelled", None): 1}


def test_a_call_that_nobody_answers_is_counted(metrics: Metrics) -> None:
    """Two failed attempts, one fallback."""
    manager = manager_of(failing(DOWN), failing(DOWN))
    instrument(manager, meter_provider=metrics.provider)
    with pytest.raises(AllProvidersFailedError):
        manager.model("planner").invoke("hello")
    assert metrics.values("nvgateway.attempts", OUTCOME) == {"failed": 2}
    assert metrics.total("nvgateway.fallbacks") == 1


def test_the_legs_of_a_chain_are_counted(metrics: Metrics) -> None:
    """As those of a role, though LangChain does the falling back."""
    manager = manager_of(failing(DOWN), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    manager.chain("planner").invoke("hello")
    counted = metrics.values("nvgateway.attempts", PROVIDER, OUTCOME)
    assert counted == {("nvidia-nim", "failed"): 1, ("nvidia-gateway", "answered"): 1}


def test_refreshed_tokens_are_counted(emu: Emulator, metrics: Metrics) -> None:
    """Once per token, not once per call."""
    emu.nim.fail_always("internal_error")
    manager = ModelManager.from_env()
    instrument(manager, meter_provider=metrics.provider)
    for _ in range(3):
        manager.model("planner").invoke("hello")
    emu.wait_until(lambda: metrics.total("nvgateway.token_refreshes") == 1)
    assert metrics.values("nvgateway.token_refreshes", OUTCOME, ERROR) == {("succeeded", None): 1}


def test_refused_tokens_are_counted(emu: Emulator, metrics: Metrics) -> None:
    """With the class of the error."""
    emu.nim.fail_always("internal_error")
    emu.starfleet.fail_always("invalid_client_401")
    manager = ModelManager.from_env()
    instrument(manager, meter_provider=metrics.provider)
    with pytest.raises(AllProvidersFailedError):
        manager.model("planner").invoke("hello")
    emu.wait_until(lambda: metrics.total("nvgateway.token_refreshes") == 1)
    assert metrics.values("nvgateway.token_refreshes", OUTCOME, ERROR) == {("failed", "StarfleetAuthError"): 1}


def test_egress_denials_are_counted(emu: Emulator, metrics: Metrics) -> None:
    """A service that sends its callers elsewhere."""
    emu.nim.fail_always("redirect")
    manager = ModelManager.from_env()
    instrument(manager, meter_provider=metrics.provider)
    manager.model("planner").invoke("hello")
    assert metrics.values("nvgateway.egress_denials", ROLE, PROVIDER, MODEL) == {("planner", "nvidia-nim", SCOUT): 1}


# -- Circuits --------------------------------------------------------------------------------------------------


def test_the_state_of_each_circuit_is_shown(metrics: Metrics) -> None:
    """As it is at the moment of the reading, though nobody has called since the open time was over."""
    now = [0.0]
    manager = manager_of(saying("nim"), saying("gateway"), clock=lambda: now[0])
    instrument(manager, meter_provider=metrics.provider)
    circuit = ("nvidia-nim", SCOUT, "availability")

    def shown() -> dict[Any, float]:
        return metrics.values("nvgateway.circuit.state", PROVIDER, MODEL, "nvgateway.circuit.kind")

    assert shown()[circuit] == 0
    manager.breakers[NIM].force_open()
    assert {name: state for name, state in shown().items() if state} == {circuit: 2}
    now[0] += 1000
    assert shown()[circuit] == 1
    assert {kind for *_, kind in shown()} == {"availability", "credentials", "quality"}


def test_reading_the_state_takes_no_permit(metrics: Metrics) -> None:
    """The one probe of a half-open circuit is left for a call."""
    now = [0.0]
    manager = manager_of(saying("nim"), saying("gateway"), clock=lambda: now[0])
    instrument(manager, meter_provider=metrics.provider)
    manager.breakers[NIM].force_open()
    now[0] += 1000
    assert 1 in metrics.values("nvgateway.circuit.state", PROVIDER, MODEL, "nvgateway.circuit.kind").values()
    assert manager.breakers[NIM].snapshot().state is BreakerState.HALF_OPEN
    assert manager.model("planner").invoke("hello").text == "nim"


# -- Bounds ----------------------------------------------------------------------------------------------------


def test_models_beyond_the_first_64_are_put_together(metrics: Metrics) -> None:
    """Runs can name any; those that the settings name are known by their names, however late they are asked."""
    manager = manager_of(saying("fine"), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    for number in range(100):
        manager.model("router").invoke("hello", {"configurable": {"router_model": f"nvidia-nim:vendor/{number}"}})
    manager.model("planner").invoke("hello")
    counted = metrics.values("nvgateway.attempts", MODEL)
    assert counted[SCOUT] == 1
    assert counted["other"] >= 36
    assert sum(counted.values()) == 101
    shown = metrics.values("nvgateway.circuit.state", PROVIDER, MODEL)
    assert len(shown) == 65


def test_the_worst_of_the_circuits_that_are_put_together_is_shown(metrics: Metrics) -> None:
    """So that an outage cannot hide among them."""
    manager = manager_of(saying("fine"), saying("fine"))
    for number in range(100):
        assert manager.breakers[f"nvidia-nim:vendor/{number}"]
    instrument(manager, meter_provider=metrics.provider)
    manager.breakers["nvidia-nim:vendor/98"].force_open()
    shown = metrics.values("nvgateway.circuit.state", MODEL, "nvgateway.circuit.kind")
    assert shown["other", "availability"] == 2


def test_providers_are_called_as_the_conventions_have_it(metrics: Metrics) -> None:
    """Those that they know; the others have our names."""
    manager = ModelManager(
        models={"nvidia-nim": failing(DOWN), "google-genai": saying("fine")}, policy=EgressPolicy(allow_external=True)
    )
    instrument(manager, meter_provider=metrics.provider)
    manager.model("planner").invoke("hello")
    answered = metrics.values("nvgateway.attempts", PROVIDER, OUTCOME)
    assert answered["gcp.gemini", "answered"] == 1


# -- Many calls and managers -----------------------------------------------------------------------------------


def test_calls_in_threads_are_counted_once_each(metrics: Metrics) -> None:
    """While others read the metrics."""
    manager = manager_of(acting(lambda _messages, _kwargs: AIMessage("fine")), saying("never asked"))
    instrument(manager, meter_provider=metrics.provider)
    model = manager.model("planner")
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(model.invoke, ["hello"] * 200)
        readings = list(threads.map(lambda _: metrics.total("nvgateway.attempts"), range(20)))
        list(answers)
    assert readings[-1] <= 200
    assert metrics.total("nvgateway.attempts") == metrics.total("gen_ai.client.operation.duration") == 200


def test_managers_side_by_side_are_counted_together(metrics: Metrics) -> None:
    """Their calls add up, and of circuits with the same name the worst is shown."""
    managers = [manager_of(saying("nim"), saying("gateway")) for _ in range(2)]
    for manager in managers:
        instrument(manager, meter_provider=metrics.provider)
        manager.model("planner").invoke("hello")
    assert metrics.total("nvgateway.attempts") == 2
    for manager in managers:
        manager.breakers[NIM].force_open()
        shown = metrics.values("nvgateway.circuit.state", PROVIDER, MODEL, "nvgateway.circuit.kind")
        assert shown["nvidia-nim", SCOUT, "availability"] == 2
        manager.reset()


def test_managers_with_providers_of_their_own_are_counted_apart(metrics: Metrics) -> None:
    """Nothing of one is in the metrics of the other."""
    other = Metrics()
    first, second = (manager_of(saying("nim"), saying("gateway")) for _ in range(2))
    instrument(first, meter_provider=metrics.provider)
    instrument(second, meter_provider=other.provider)
    first.model("planner").invoke("hello")
    second.breakers[NIM].force_open()
    assert (metrics.total("nvgateway.attempts"), other.total("nvgateway.attempts")) == (1, 0)
    assert set(metrics.values("nvgateway.circuit.state", PROVIDER).values()) == {0}
    other.close()
