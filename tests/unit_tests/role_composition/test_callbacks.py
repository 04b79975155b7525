"""What callbacks see of a role: one run with the legs' runs in it, and each token counted once."""

from __future__ import annotations

import asyncio
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, CallbackManager, get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.tracers.context import collect_runs
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from langchain_nvgateway import AllProvidersFailedError, ChatNIM, ModelManager
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import SCOUT, Call
from .agents import react_agent
from .composing import (
    GATEWAY_LEG,
    WEATHER,
    Plan,
    Recorder,
    chats,
    failing_nim,
    get_weather,
    manager_of,
    raises,
    says,
    who,
)
from .watching import DONE, asking, graph_of, read, speaking, streaming

SAID = [HumanMessage("Hello")]


def test_a_call_is_one_run_with_the_legs_runs_in_it(emu: Emulator, call: Call) -> None:
    """Names, parents, the failed leg's error, the answer."""
    recorder, run_id = Recorder(), uuid.uuid4()
    config = {"callbacks": [recorder], "tags": ["mine"], "metadata": {"colour": "blue"}, "run_id": run_id}
    answer = call(failing_nim(emu).model("planner"), "Hello", config)
    (role,) = recorder.of_type("chain")
    assert (role["name"], role["id"], role["parent_run_id"]) == ("planner model", run_id, None)
    assert role["input"] == "Hello"
    assert role["output"].text == answer.text
    assert who(role["output"]) == GATEWAY_LEG
    first, second = recorder.of_type("model")
    assert [leg["parent_run_id"] for leg in (first, second)] == [run_id, run_id]
    assert type(first["error"]).__name__ == "OutageError"
    assert (second["error"], role["error"]) == (None, None)
    for run in (role, first, second):
        assert run["tags"][0] == "mine"
        assert run["metadata"]["colour"] == "blue"
    assert [leg["metadata"]["ls_provider"] for leg in (first, second)] == ["nvidia-nim", "nvidia-gateway"]


def test_a_legs_own_handlers_learn_whose_run_it_is(call: Call) -> None:
    """Where nobody looks on at the role, whose run is still the leg's parent, with its tags and metadata."""
    recorder, run_id = Recorder(), uuid.uuid4()
    leg = says()
    leg.callbacks = [recorder]
    call(
        manager_of(leg, says()).model("planner"),
        "Hello",
        {"tags": ["mine"], "metadata": {"colour": "blue"}, "run_id": run_id, "run_name": "asking"},
    )
    (run,) = recorder.of_type("model")
    assert (run["parent_run_id"], run["name"], run["error"]) == (run_id, None, None)
    assert run["tags"] == ["mine"]
    assert (run["metadata"]["colour"], run["metadata"]["correlation_id"]) == ("blue", str(run_id))


def test_a_role_in_a_run_that_nobody_looks_on_at_has_its_tags(call: Call) -> None:
    """A callback manager without handlers hands on its own tags, metadata and parent."""
    recorder, parent = Recorder(), uuid.uuid4()
    leg = says()
    leg.callbacks = [recorder]
    manager = CallbackManager(
        handlers=[],
        parent_run_id=parent,
        tags=["theirs"],
        inheritable_tags=["theirs"],
        metadata={"size": 1},
        inheritable_metadata={"size": 1},
    )
    call(manager_of(leg, says()).model("planner"), "Hello", {"callbacks": manager, "tags": ["mine"]})
    (run,) = recorder.of_type("model")
    assert run["tags"] == ["theirs", "mine"]
    assert run["metadata"]["size"] == 1


def test_a_leg_may_look_on_at_itself(emu: Emulator, call_whole: Call) -> None:
    """A subclass that begins to trace in the midst of a call is told, although nobody looks on at the role."""
    seen: list[str] = []

    class Tracing(ChatNIM):
        def invoke(self, *args: Any, **kwargs: Any) -> Any:
            with collect_runs() as runs:
                answer = super().invoke(*args, **kwargs)
            seen.extend(run.run_type for run in runs.traced_runs)
            return answer

        async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
            with collect_runs() as runs:
                answer = await super().ainvoke(*args, **kwargs)
            seen.extend(run.run_type for run in runs.traced_runs)
            return answer

    call_whole(manager_of(Tracing(), says()).model("planner"))
    assert seen == ["llm"]


def test_handlers_of_the_surroundings_see_the_role(call: Call) -> None:
    """What LangChain puts in by context variables is found, for the role and for its legs."""
    with get_usage_metadata_callback() as usage, collect_runs() as runs:
        call(manager_of(says(), says()).model("planner"))
    (role,) = runs.traced_runs
    assert (role.name, [leg.run_type for leg in role.child_runs]) == ("planner model", ["llm"])
    assert usage.usage_metadata == {}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("modes", [["messages"], []], ids=str)
@pytest.mark.parametrize("style", ["invoke", "stream"])
def test_a_legs_run_is_the_roles_child_in_a_node_too(style: str, modes: list[str], is_async: bool) -> None:
    """With tools bound to the leg, when LangChain would take the node for its parent."""
    recorder = Recorder()
    model = (
        manager_of(raises(ConnectionError("down")), speaking("fine", DONE)).model("planner").bind_tools([get_weather])
    )
    node = (asking if style == "invoke" else streaming)(model, is_async=is_async)
    read(graph_of(node), is_async=is_async, modes=modes, config={"callbacks": [recorder]})
    (role,) = [run for run in recorder.of_type("chain") if run["name"] == "planner model"]
    assert [leg["parent_run_id"] for leg in recorder.of_type("model")] == [role["id"]] * 2


def test_a_name_of_ones_own_is_the_runs_name(emu: Emulator, call: Call) -> None:
    """`run_name`, which the legs do not inherit."""
    recorder = Recorder()
    call(failing_nim(emu).model("planner"), "Hello", {"callbacks": [recorder], "run_name": "mine"})
    assert [run["name"] for run in recorder.of_type("chain")] == ["mine"]
    assert [run["name"] for run in recorder.of_type("model")] == [None, None]


def test_a_call_that_nobody_answers_ends_its_run_with_the_error(call: Call) -> None:
    """And each leg's with its own."""
    recorder = Recorder()
    manager = manager_of(raises(ConnectionError("one")), raises(ConnectionError("two")))
    with pytest.raises(AllProvidersFailedError) as caught:
        call(manager.model("planner"), "Hello", {"callbacks": [recorder]})
    assert [run["error"] for run in recorder.of_type("chain")] == [caught.value]
    assert [str(run["error"]) for run in recorder.of_type("model")] == ["one", "two"]


def test_asynchronous_handlers_are_told() -> None:
    """By asynchronous calls."""
    names: list[str] = []

    class Listening(AsyncCallbackHandler):
        async def on_chain_start(self, *args: Any, **details: Any) -> None:
            names.append(details["name"])

        async def on_chat_model_start(self, *args: Any, **details: Any) -> None:
            names.append("leg")

    model = manager_of(says(), says()).model("planner")
    asyncio.run(model.ainvoke("Hello", {"callbacks": [Listening()]}))
    assert names == ["planner model", "leg"]


def test_tracers_get_a_tree(emu: Emulator, call_whole: Call) -> None:
    """As LangSmith does."""
    collector = RunCollectorCallbackHandler()
    call_whole(failing_nim(emu).model("planner"), "Hello", {"callbacks": [collector]})
    (tree,) = collector.traced_runs
    assert [run.name for run in tree.child_runs] == ["ChatNIM", "ChatNVGateway"]
    assert tree.child_runs[0].error
    assert not tree.error


def test_the_parser_of_a_schema_is_in_the_run(emu: Emulator, call_whole: Call) -> None:
    """Next to the legs."""
    recorder = Recorder()
    structured = failing_nim(emu).model("planner").with_structured_output(Plan)
    call_whole(structured, "A plan", {"callbacks": [recorder]})
    role, parser, *_ = recorder.of_type("chain")  # Newer versions of langchain-openai parse in several steps.
    assert parser["parent_run_id"] == role["id"]
    assert isinstance(role["output"], Plan)


def test_the_chain_keeps_its_legs_runs(emu: Emulator, call_stream: Call) -> None:
    """In streams; LangChain itself loses them when it asks for a whole answer."""
    recorder = Recorder()
    call_stream(failing_nim(emu).chain("planner"), "Hello", {"callbacks": [recorder]})
    chain, *legs = recorder.of_type("chain")
    assert [leg["parent_run_id"] for leg in legs] == [chain["id"]] * 2


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


async def _newer_events(model: Any) -> None:
    await _read(await model.astream_events("Hello", version="v3"))


WAYS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda model: model.invoke("Hello"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("Hello")),
    "stream": lambda model: list(model.stream("Hello")),
    "astream": lambda model: asyncio.run(_read(model.astream("Hello"))),
    "batch": lambda model: model.batch(["Hello"]),
    "abatch": lambda model: asyncio.run(model.abatch(["Hello"])),
    "generate": lambda model: model.generate([SAID]),
    "agenerate": lambda model: asyncio.run(model.agenerate([SAID])),
    "stream_events": lambda model: list(model.stream_events("Hello", version="v3")),
    "astream_events": lambda model: asyncio.run(_newer_events(model)),
    "astream_events v2": lambda model: asyncio.run(_read(model.astream_events("Hello", version="v2"))),
    "retries": lambda model: model.with_retry().invoke("Hello"),
    "schema": lambda model: model.with_structured_output(Plan, method="json_schema").invoke("Hello"),
}


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@pytest.mark.parametrize("fault", [None, "internal_error"])
@pytest.mark.parametrize("way", list(WAYS))
def test_each_token_is_counted_once(way: str, fault: str | None, emu: Emulator) -> None:
    """In each way to call a role, whoever answers."""
    if fault:
        emu.nim.fail_always(fault)
    with get_usage_metadata_callback() as counted:
        WAYS[way](ModelManager.from_env().model("planner"))
    once = ModelManager.from_env().model("planner")
    plain = once.with_structured_output(Plan, method="json_schema", include_raw=True) if way == "schema" else once
    answer: Any = plain.invoke("Hello")
    answer = answer["raw"] if way == "schema" else answer
    assert [usage["total_tokens"] for usage in counted.usage_metadata.values()] == [
        answer.usage_metadata["total_tokens"]
    ]


@pytest.mark.parametrize("mode", ["values", "messages"])
@pytest.mark.parametrize("build", [create_agent, react_agent])
def test_the_usage_of_an_agent_is_counted_once(build: Any, mode: str, kind: str, emu: Emulator) -> None:
    """Whether its tokens are streamed or not."""
    agent = build(getattr(ModelManager.from_env(), kind)("planner"), [get_weather])
    with get_usage_metadata_callback() as counted, warnings.catch_warnings():
        values = [item for name, item in agent.stream(WEATHER, stream_mode=["values", mode]) if name == "values"]
    told = [message.usage_metadata["total_tokens"] for message in values[-1]["messages"] if message.type == "ai"]
    assert [usage["total_tokens"] for usage in counted.usage_metadata.values()] == [sum(told)]
    assert len(chats(emu.nim)) == 2
    assert SCOUT in str(list(counted.usage_metadata))
