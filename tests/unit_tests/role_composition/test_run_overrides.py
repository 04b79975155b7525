"""What a run sets for itself in LangGraph's `configurable` reaches the legs' requests."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from langgraph.graph import START, MessagesState, StateGraph

from langchain_nvgateway import ConfigurationError, EgressDeniedError, ModelManager
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.events import EgressDenied

from ..chat_models.calling import SCOUT, Call
from .agents import BUILDERS, run
from .composing import GATEWAY_LEG, NIM_LEG, WEATHER, Plan, chats, failing_nim, get_weather, manager_of, says, who

HELLO: Any = {"messages": [("user", "Hello")]}
both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def graph_of(model: Any, *, is_async: bool = False) -> Any:
    """A graph with one node that asks a role, and gives it no config of its own."""

    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    async def anode(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", anode if is_async else node)
    graph.add_edge(START, "node")
    return graph.compile()


def lengths(request: Any) -> int | None:
    return request.json.get("max_tokens") or request.json.get("max_completion_tokens")


SPELLINGS = {
    "ours": {"planner_model": "nvidia-gateway:gpt-4o-mini", "planner_temperature": 0.1, "max_tokens": 7},
    "open swe": {"plannerModelName": "nvidia-gateway:gpt-4o-mini", "plannerTemperature": 0.1, "maxTokens": 7},
    "as text": {"planner_model": "nvidia-gateway:gpt-4o-mini", "planner_temperature": "0.1", "max_tokens": "7"},
}


@both_ways
@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_a_run_of_a_graph_sets_model_temperature_and_length(
    spelling: str, is_async: bool, kind: str, emu: Emulator
) -> None:
    """In each spelling."""
    role = getattr(ModelManager.from_env(), kind)("planner")
    state = run(graph_of(role, is_async=is_async), HELLO, {"configurable": SPELLINGS[spelling]}, is_async=is_async)
    assert who(state["messages"][-1]) == "nvidia-gateway:gpt-4o-mini"
    (request,) = chats(emu.gateway)
    assert (request.model, request.json["temperature"], lengths(request)) == ("gpt-4o-mini", 0.1, 7)
    assert emu.nim.requests == []


def test_the_rest_of_the_legs_stays_behind_the_runs_own(kind: str, emu: Emulator, call: Call) -> None:
    """With the run's temperature and length."""
    emu.gateway.fail_when(lambda request: request.model == "gpt-4o-mini", "internal_error")
    emu.nim.fail_always("internal_error")
    role = getattr(ModelManager.from_env(), kind)("planner")
    answer = call(role, "Hello", {"configurable": SPELLINGS["ours"]})
    assert who(answer) == GATEWAY_LEG
    asked = [request.model for request in emu.requests if request.route == "chat"]
    assert asked == ["gpt-4o-mini", SCOUT, "gpt-4o"]
    for request in [*chats(emu.nim), *chats(emu.gateway)]:
        assert (request.json["temperature"], lengths(request)) == (0.1, 7)


def test_a_leg_that_a_run_puts_first_is_asked_once(kind: str, emu: Emulator, call: Call) -> None:
    """And the last leg still tries twice."""
    emu.gateway.fail_always("internal_error")
    emu.nim.fail_next("internal_error")
    role = getattr(ModelManager.from_env(), kind)("planner")
    assert who(call(role, "Hello", {"configurable": {"planner_model": GATEWAY_LEG}})) == NIM_LEG
    assert (len(chats(emu.gateway)), len(chats(emu.nim))) == (1, 2)


@both_ways
def test_tools_and_schemas_go_with_the_runs_own_model(is_async: bool, emu: Emulator) -> None:
    """It is asked for the same."""
    config = {"configurable": SPELLINGS["ours"]}
    model: Any = ModelManager.from_env().model("planner")
    structured = model.with_structured_output(Plan)
    found = asyncio.run(structured.ainvoke("A plan", config)) if is_async else structured.invoke("A plan", config)
    assert isinstance(found, Plan)
    agent = BUILDERS["create_agent"](model, [get_weather])
    run(agent, WEATHER, {"configurable": {**SPELLINGS["ours"], "max_tokens": 100}}, is_async=is_async)
    assert {request.model for request in chats(emu.gateway)} == {"gpt-4o-mini"}
    assert all(request.json["tools"] for request in chats(emu.gateway))
    assert emu.nim.requests == []


def test_keyword_arguments_of_a_call_win_over_the_runs() -> None:
    """The caller who is closest to the call knows best."""
    leg = says()
    model: Any = manager_of(leg, says()).model("planner").bind(temperature=0.5)
    model.invoke("Hello", {"configurable": {"planner_temperature": 0.1, "maxTokens": 7}}, max_tokens=9)
    assert leg.calls == [{"temperature": 0.5, "max_tokens": 9}]


def test_other_roles_keep_their_own_model(emu: Emulator) -> None:
    """Only the length is everybody's."""
    manager = ModelManager.from_env()
    manager.model("router").invoke("Hello", {"configurable": SPELLINGS["ours"]})
    (request,) = chats(emu.nim)
    assert lengths(request) == 7
    assert request.json.get("temperature") != 0.1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("planner_model", value) for value in ("gpt-4o", "nowhere:gpt-4o", "nvidia-gateway:", 7, ["x"], {"a": 1})],
        *[("plannerModelName", value) for value in ("gpt-4o", ":gpt-4o")],
        *[("planner_temperature", value) for value in ("hot", -0.1, 2.1, float("nan"), True, [1])],
        ("plannerTemperature", "hot"),
        *[("max_tokens", value) for value in ("many", 0, -1, 1.5, True, 10**12, [1])],
        ("maxTokens", "many"),
    ],
)
def test_a_malformed_override_is_named(key: str, value: Any, kind: str) -> None:
    """Nobody is asked, and the error says which key it is."""
    first, second = says(), says()
    role = getattr(manager_of(first, second), kind)("planner")
    with pytest.raises(ConfigurationError, match=key) as caught:
        graph_of(role).invoke(HELLO, {"configurable": {key: value}})
    assert caught.value.setting == key
    assert first.calls + second.calls == []


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_overrides_are_none(empty: Any, kind: str) -> None:
    """Forms send them for what nobody filled in."""
    leg = says()
    role = getattr(manager_of(leg, says()), kind)("planner")
    values = dict.fromkeys(("planner_model", "plannerModelName", "planner_temperature", "max_tokens"), empty)
    graph_of(role).invoke(HELLO, {"configurable": values})
    assert leg.calls == [{}]


@both_ways
def test_a_forbidden_model_is_denied(is_async: bool, kind: str, emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy holds for runs too, with a key and without; nothing is sent."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    manager = ModelManager.from_env()
    events: list[Any] = []
    manager.on_event(events.append)
    graph = graph_of(getattr(manager, kind)("planner"), is_async=is_async)
    for model in ("openai:gpt-5", "anthropic:claude-sonnet-4-0"):
        with pytest.raises(EgressDeniedError) as caught:
            run(graph, HELLO, {"configurable": {"planner_model": model}}, is_async=is_async)
        assert (caught.value.role, caught.value.leg) == ("planner", model)
    assert emu.requests == []
    assert [type(event) for event in events] == [EgressDenied] * 2


def test_a_model_without_credentials_is_a_configuration_error(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """That names the key."""
    monkeypatch.delenv("STARFLEET_SECRET")
    with pytest.raises(ConfigurationError, match="STARFLEET_SECRET") as caught:
        ModelManager.from_env().model("planner").invoke("Hello", {"configurable": {"planner_model": GATEWAY_LEG}})
    assert caught.value.setting == "planner_model"


@both_ways
def test_runs_at_the_same_time_do_not_mix(is_async: bool, kind: str, emu: Emulator) -> None:
    """Each gets its own model, temperature and length."""
    graph = graph_of(getattr(failing_nim(emu), kind)("planner"), is_async=is_async)
    wanted = {(("gpt-4o", "gpt-4o-mini")[number % 2], number / 100, number + 10) for number in range(1, 17)}
    configs: list[Any] = [
        {
            "configurable": {
                "planner_model": f"nvidia-gateway:{model}",
                "planner_temperature": heat,
                "max_tokens": length,
            }
        }
        for model, heat, length in wanted
    ]
    inputs = [HELLO] * len(configs)
    asyncio.run(graph.abatch(inputs, configs)) if is_async else graph.batch(inputs, configs)
    asked = [(request.model, request.json["temperature"], lengths(request)) for request in chats(emu.gateway)]
    assert sorted(asked) == sorted(wanted)


@pytest.mark.parametrize("key", ["code_critic_model", "codeCriticModelName"])
def test_a_role_of_ones_own_has_keys_of_its_own(
    key: str, kind: str, emu: Emulator, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spelled as the five."""
    monkeypatch.setenv("NVGATEWAY_CODE_CRITIC_MODELS", f"{NIM_LEG},{GATEWAY_LEG}")
    role = getattr(ModelManager.from_env(), kind)("code-critic")
    assert who(call(role, "Hello")) == NIM_LEG
    config = {"configurable": {key: "nvidia-gateway:gpt-4o-mini", "codeCriticTemperature": 0.1}}
    assert who(call(role, "Hello", config)) == "nvidia-gateway:gpt-4o-mini"
    assert chats(emu.gateway)[0].json["temperature"] == 0.1


def test_many_models_of_runs_are_forgotten_in_the_end() -> None:
    """A service whose users name models does not grow for ever."""
    made: list[Any] = []

    def make(_role: str, _model: str) -> Any:
        leg = says()
        made.append(weakref.ref(leg))
        return leg

    model = ModelManager(models={"nvidia-nim": make}).model("planner")
    for number in range(200):
        model.invoke("Hello", {"configurable": {"planner_model": f"nvidia-nim:model-{number}"}})
    gc.collect()
    assert sum(ref() is not None for ref in made) < 150
