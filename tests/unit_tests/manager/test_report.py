"""What a manager's report says of the calls that were made."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import ModelAPIError
from langchain_core.messages import AIMessage

from langchain_nvgateway import AllProvidersFailedError, ModelManager, NVGatewaySettings, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.events import AnswerRejected
from langchain_nvgateway.ledger import LegReport
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import STYLES, Call
from .fakes import acting, failing, get_time, saying

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"
USAGE: Any = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
WIRE_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def counted(text: str) -> ScriptedChatModel:
    """A fake whose answers come with a count of their tokens."""
    return acting(lambda _messages, _kwargs: AIMessage(text, usage_metadata=USAGE))


def manager_of(nim: ScriptedChatModel, gateway: ScriptedChatModel, **kwargs: Any) -> ModelManager:
    return ModelManager(models={"nvidia-nim": nim, "nvidia-gateway": gateway}, **kwargs)


def legs(manager: ModelManager) -> dict[str, LegReport]:
    """The legs that were met, by provider; only where one role has called."""
    return {leg.provider: leg for leg in manager.report().legs}


# -- One call --------------------------------------------------------------------------------------------------


def test_an_answer_is_counted_with_its_tokens_and_its_cost(emu: Emulator, call: Call) -> None:
    """Whole and streamed alike, as the service counted them."""
    manager = ModelManager.from_env()
    emu.nim.reply_next(Reply(text="fine", usage=WIRE_USAGE))
    call(manager.model("planner"))
    leg = legs(manager)["nvidia-nim"]
    assert (leg.role, leg.calls, leg.answered, leg.share) == ("planner", 1, 1, 1.0)
    assert (leg.input_tokens, leg.output_tokens, leg.uncounted) == (11, 7, 0)
    assert leg.cost == pytest.approx((11 * 0.10 + 7 * 0.25) / 1e6)
    assert leg.p50_seconds is not None


@pytest.mark.parametrize("style", ["invoke", "ainvoke"])
def test_an_answer_that_is_streamed_for_others_to_see_is_counted(emu: Emulator, style: str) -> None:
    """As LangGraph's message streams have it: the whole is asked for, and comes in pieces."""
    manager = ModelManager.from_env()
    emu.nim.reply_next(Reply(text="fine", usage=WIRE_USAGE))
    STYLES[style](manager.model("planner", streaming=True))
    leg = legs(manager)["nvidia-nim"]
    assert (leg.answered, leg.input_tokens, leg.output_tokens) == (1, 11, 7)


def test_a_rejected_answer_is_counted_with_its_tokens(emu: Emulator, call: Call) -> None:
    """The leg that failed and the one that answered, and that the call went on."""
    manager = ModelManager.from_env()
    emu.nim.reply_next(Reply(tool_calls=[("get_time", '{"zone": ')], usage=WIRE_USAGE))
    call(manager.model("planner").bind_tools([get_time]))
    nim, gateway = legs(manager)["nvidia-nim"], legs(manager)["nvidia-gateway"]
    assert (nim.calls, nim.rejected, nim.fallbacks, nim.lost_tokens) == (1, 1, 1, 18)
    assert (gateway.calls, gateway.answered, gateway.share) == (1, 1, 1.0)


def test_an_object_that_cannot_be_parsed_is_counted_with_its_tokens(emu: Emulator) -> None:
    """The parser knows nothing of tokens, but the answer did."""
    manager = ModelManager.from_env()
    schema = {"title": "time", "type": "object", "properties": {"hour": {"type": "integer"}}, "required": ["hour"]}
    emu.nim.reply_next(Reply(text='{"hour": "noon"}', usage=WIRE_USAGE))
    emu.gateway.reply_next(Reply(text='{"hour": 12}', usage=WIRE_USAGE))
    model = manager.model("planner").with_structured_output(schema, method="json_schema")
    assert model.invoke("When?") == {"hour": 12}
    assert legs(manager)["nvidia-nim"].lost_tokens == 18
    assert legs(manager)["nvidia-gateway"].input_tokens == 11


def test_a_failed_leg_costs_nothing(call: Call) -> None:
    """And is counted as failed, also when nobody answers."""
    manager = manager_of(failing(ModelAPIError("down")), failing(ModelAPIError("down")))
    with pytest.raises(AllProvidersFailedError):
        call(manager.model("planner"))
    totals = manager.report().totals
    assert (totals.calls, totals.failed, totals.fallbacks, totals.cost, totals.is_cost_whole) == (2, 2, 1, 0.0, True)


def test_a_skipped_leg_is_not_asked(call: Call) -> None:
    """An open breaker keeps it out; that is counted apart."""
    manager = manager_of(counted("nim"), counted("gateway"))
    manager.breakers[NIM].force_open()
    call(manager.model("planner"))
    assert (legs(manager)["nvidia-nim"].calls, legs(manager)["nvidia-nim"].skipped) == (0, 1)


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_a_stream_that_broke_off_is_counted(emu: Emulator, style: str) -> None:
    """Its tokens were never told, so that the cost is not known."""
    manager = ModelManager.from_env()
    emu.nim.fail_next("disconnect_mid_stream")
    with pytest.raises(StreamInterruptedError):
        STYLES[style](manager.model("planner"), "Tell me a long story about a lighthouse")
    leg = legs(manager)["nvidia-nim"]
    assert (leg.calls, leg.interrupted, leg.uncounted, leg.is_cost_whole) == (1, 1, 1, False)


def test_a_stream_that_its_reader_left_is_counted(emu: Emulator) -> None:
    """As cancelled, when it is closed or collected."""
    manager = ModelManager.from_env()
    chunks = manager.model("planner").stream("Tell me a long story about a lighthouse")
    next(chunks)
    del chunks
    gc.collect()
    assert legs(manager)["nvidia-nim"].cancelled == 1


async def test_a_call_that_is_cancelled_is_counted(emu: Emulator) -> None:
    """It was asked, and nobody waited for the answer."""
    manager = ModelManager.from_env()
    emu.nim.fail_next("hang")
    task = asyncio.create_task(manager.model("planner").ainvoke("hello"))
    await asyncio.to_thread(emu.wait_until, lambda: emu.nim.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert legs(manager)["nvidia-nim"].cancelled == 1


def test_chains_are_counted_each_attempt_once(call: Call) -> None:
    """As the models of roles are, though LangChain does the falling back."""
    manager = manager_of(failing(ModelAPIError("down")), counted("gateway"))
    call(manager.chain("planner"))
    nim, gateway = legs(manager)["nvidia-nim"], legs(manager)["nvidia-gateway"]
    assert (nim.calls, nim.failed) == (1, 1)
    assert (gateway.calls, gateway.answered, gateway.input_tokens) == (1, 1, 1000)


def test_attempts_of_an_answer_are_as_they_were() -> None:
    """Tokens and costs are for the report."""
    answer = manager_of(counted("nim"), counted("gateway")).model("planner").invoke("hello")
    (attempt,) = answer.response_metadata["nvgateway"]["attempts"]
    assert list(attempt) == ["provider", "model", "outcome", "error", "seconds"]


def test_a_run_with_a_model_of_its_own_is_counted_under_that() -> None:
    """With a price if somebody has set one."""
    manager = manager_of(counted("nim"), counted("gateway"))
    manager.prices["nvidia-nim:vendor/other"] = (1, 10)
    config: Any = {"configurable": {"planner_model": "nvidia-nim:vendor/other"}}
    manager.model("planner").invoke("hello", config)
    (leg,) = manager.report().legs
    assert (leg.name, leg.cost) == ("nvidia-nim:vendor/other", pytest.approx(0.002))


def test_a_report_outlives_its_manager() -> None:
    """What was counted can still be told when no more calls are taken."""
    with manager_of(counted("nim"), counted("gateway")) as manager:
        manager.model("planner").invoke("hello")
    assert manager.report().totals.answered == 1


# -- Many calls ------------------------------------------------------------------------------------------------


def test_a_timeline_has_the_changes_of_breakers() -> None:
    """By the manager's clock."""
    now = [50.0]
    manager = manager_of(failing(ModelAPIError("down")), saying("gateway"), clock=lambda: now[0])
    for _ in range(2):
        now[0] += 10
        manager.model("planner").invoke("hello")
    now[0] += 300
    manager.breakers[NIM].reset()
    changes = [(change.at_seconds, change.breaker, change.state) for change in manager.report().breaker_changes]
    assert changes == [(20, NIM, "open"), (320, NIM, "closed")]


def test_threads_and_tasks_are_counted(emu: Emulator) -> None:
    """Each call once, whoever makes it."""
    manager = ModelManager.from_env()
    model = manager.model("planner")

    async def ask_all() -> None:
        await asyncio.gather(*(model.ainvoke("hello") for _ in range(20)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(model.invoke, ["hello"] * 40))
    asyncio.run(ask_all())
    chats = [request for request in emu.nim.requests if request.route == "chat"]
    assert legs(manager)["nvidia-nim"].answered == len(chats) == 60


FAULTS: dict[str, Callable[[Emulator], None]] = {
    "none": lambda emu: emu.nim.reply_next(Reply(text="fine")),
    "empty": lambda emu: emu.nim.reply_next(Reply(text=" ")),
    "down": lambda emu: emu.nim.fail_next("internal_error"),
    "limited": lambda emu: emu.nim.fail_next("rate_limited"),
    "broken": lambda emu: emu.nim.reply_next(Reply(tool_calls=[("get_time", '{"zone": ')])),
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(sorted(FAULTS)), st.sampled_from(sorted(STYLES)), st.sampled_from(["planner", "router"])
        ),
        max_size=8,
    ),
    threshold=st.sampled_from([1, 2, 1000]),
    is_chain=st.booleans(),
)
def test_sums_are_those_of_the_services_and_of_the_answers(
    emu: Emulator, calls: list[tuple[str, str, str]], threshold: int, is_chain: bool
) -> None:
    """Whatever fails: as many calls as requests came, as many tokens as answers and rejections told of."""
    emu.reset()
    manager = ModelManager(NVGatewaySettings(breaker_failure_threshold=threshold))
    rejected: list[AnswerRejected] = []
    manager.on_event(lambda event: rejected.append(event) if isinstance(event, AnswerRejected) else None)
    tokens, answers, attempts = [0, 0], 0, 0
    for fault, style, role in calls:
        emu.nim.heal()
        FAULTS[fault](emu)
        model = manager.chain(role) if is_chain else manager.model(role)
        answer = STYLES[style](model.bind_tools([get_time]), "What is the time in Oslo?")
        tokens[0] += answer.usage_metadata["input_tokens"]
        tokens[1] += answer.usage_metadata["output_tokens"]
        answers += 1
        attempts += len(answer.response_metadata["nvgateway"]["attempts"])
    report = manager.report()
    for provider, service in (("nvidia-nim", emu.nim), ("nvidia-gateway", emu.gateway)):
        asked = sum(leg.calls for leg in report.legs if leg.provider == provider)
        assert asked == len([request for request in service.requests if request.route == "chat"])
    totals = report.totals
    assert totals.input_tokens == tokens[0] + sum(event.input_tokens or 0 for event in rejected)
    assert totals.output_tokens == tokens[1] + sum(event.output_tokens or 0 for event in rejected)
    assert (totals.answered, totals.rejected) == (answers, len(rejected))
    if not is_chain:
        assert totals.calls + totals.skipped == attempts == len(report.recent)
    assert totals.calls == totals.answered + totals.failed + totals.rejected
    assert totals.is_cost_whole
    assert totals.cost == pytest.approx(sum(attempt.cost or 0 for attempt in report.recent))
