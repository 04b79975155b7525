"""What a trace shows of each attempt: whose it was, and what became of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from langchain_nvgateway import AllProvidersFailedError, ModelManager, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.testing import ScriptedChatModel, broken_call, dies_after, slow

from ..chat_models.calling import SCOUT, Call
from .composing import Plan, Recorder, failing_nim, get_weather, manager_of


def attempts_of(recorder: Recorder) -> list[tuple[str, str, str, str]]:
    """Return role, provider, model and outcome of the legs' runs, as their metadata have them."""
    names = ("role", "provider", "model", "outcome")
    return [tuple(run["metadata"][f"nvgateway_{name}"] for name in names) for run in recorder.of_type("model")]  # type: ignore[misc]  # four of them


def test_each_attempt_says_whose_it_is_and_what_became_of_it(emu: Emulator, call: Call) -> None:
    """In every call style, with the id that the Gateway's audit log has."""
    recorder = Recorder()
    config = {"callbacks": [recorder], "metadata": {"correlation_id": "run-7"}}
    call(failing_nim(emu).model("planner"), "Hello", config)
    assert attempts_of(recorder) == [
        ("planner", "nvidia-nim", SCOUT, "failed"),
        ("planner", "nvidia-gateway", "gpt-4o", "answered"),
    ]
    assert [run["metadata"]["correlation_id"] for run in recorder.of_type("model")] == ["run-7"] * 2


def test_an_answer_that_a_service_corrupted_is_a_rejected_attempt(emu: Emulator, call: Call) -> None:
    """Our own chat models refuse it themselves."""
    emu.nim.reply_next(Reply(tool_calls=[("get_weather", '{"location": ')]))
    recorder = Recorder()
    call(ModelManager.from_env().model("planner").bind_tools([get_weather]), "Hello", {"callbacks": [recorder]})
    assert [outcome for *_, outcome in attempts_of(recorder)] == ["rejected", "answered"]


@pytest.mark.parametrize("kind", ["model", "chain"])
def test_an_answer_that_the_role_refuses_is_a_rejected_attempt(kind: str, call: Call) -> None:
    """Although its own run ended well, since the fake that gave it judges nothing; a chain's attempts say so, too."""
    manager = manager_of(ScriptedChatModel(broken_call("get_weather", "{")), ScriptedChatModel("fine"))
    recorder = Recorder()
    call(getattr(manager, kind)("planner").bind_tools([get_weather]), "Hello", {"callbacks": [recorder]})
    assert [outcome for *_, outcome in attempts_of(recorder)] == ["rejected", "answered"]


def test_an_object_that_cannot_be_parsed_is_a_rejected_attempt(call_whole: Call) -> None:
    """The parser decides, after the leg's run."""
    manager = manager_of(ScriptedChatModel(AIMessage("no plan")), ScriptedChatModel(Plan(title="fine")))
    recorder = Recorder()
    call_whole(manager.model("planner").with_structured_output(Plan), "Hello", {"callbacks": [recorder]})
    assert [outcome for *_, outcome in attempts_of(recorder)] == ["rejected", "answered"]


def test_a_stream_that_breaks_off_is_an_interrupted_attempt(call_stream: Call) -> None:
    """After its reader has seen a part."""
    recorder = Recorder()
    manager = manager_of(ScriptedChatModel(dies_after("two words", ConnectionError("down"))), ScriptedChatModel("fine"))
    with pytest.raises(StreamInterruptedError):
        call_stream(manager.model("planner"), "Hello", {"callbacks": [recorder]})
    assert [outcome for *_, outcome in attempts_of(recorder)] == ["interrupted"]


async def test_a_call_that_is_cancelled_is_a_cancelled_attempt() -> None:
    """In the midst of it."""
    recorder = Recorder()
    asked = asyncio.Event()

    def begin(_messages: Any, _kwargs: Any) -> Any:
        asked.set()
        return slow(60, "late")

    model = manager_of(ScriptedChatModel(begin), ScriptedChatModel("never asked")).model("planner")
    task = asyncio.create_task(model.ainvoke("Hello", {"callbacks": [recorder]}))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [outcome for *_, outcome in attempts_of(recorder)] == ["cancelled"]


def test_the_outcome_is_there_before_a_tracer_sends_the_run_off(emu: Emulator, call: Call) -> None:
    """Handlers that come later find it when the run ends."""
    found: list[Any] = []

    class Sending(Recorder):
        def on_llm_end(self, response: Any, *, run_id: Any, **details: Any) -> None:
            found.append(self.runs[run_id]["metadata"].get("nvgateway_outcome"))

        def on_llm_error(self, error: BaseException, *, run_id: Any, **details: Any) -> None:
            found.append(self.runs[run_id]["metadata"].get("nvgateway_outcome"))

    call(failing_nim(emu).model("planner"), "Hello", {"callbacks": [Sending()]})
    assert found == ["failed", "answered"]


def test_langchains_own_tracer_keeps_it(call: Call) -> None:
    """As LangSmith's would."""
    collector = RunCollectorCallbackHandler()
    manager = manager_of(ScriptedChatModel(ConnectionError("down")), ScriptedChatModel(ConnectionError("down")))
    with pytest.raises(AllProvidersFailedError):
        call(manager.model("planner"), "Hello", {"callbacks": [collector]})
    (role,) = collector.traced_runs
    assert [leg.extra["metadata"]["nvgateway_outcome"] for leg in role.child_runs] == ["failed", "failed"]
    assert "nvgateway_outcome" not in role.extra["metadata"]
