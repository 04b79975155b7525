"""Roles in LangChain's compositions: pipes, batches, fallbacks, generate, events."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough

from langchain_nvgateway import AllProvidersFailedError, ModelManager
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import Call
from .composing import GATEWAY_LEG, FakeLeg, Plan, chats, failing_nim, get_weather, manager_of, raises, says, who

PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])


def collect(iterator: Any) -> list[Any]:
    async def _collect() -> list[Any]:
        return [item async for item in iterator]

    return asyncio.run(_collect())


def test_prompt_role_and_parser_make_a_chain(kind: str, emu: Emulator, call: Call) -> None:
    """Streams too."""
    role: Any = getattr(failing_nim(emu), kind)("planner")
    assert "weather" in call(PROMPT | role | StrOutputParser(), {"question": "How is the weather?"})
    assert [message["role"] for message in chats(emu.gateway)[0].json["messages"]] == ["system", "user"]


def test_tools_work_in_a_pipe(kind: str, emu: Emulator, call: Call) -> None:
    """What is bound before the pipe reaches the second leg."""
    role: Any = getattr(failing_nim(emu), kind)("planner").bind_tools([get_weather])
    answer = call(PROMPT | role | RunnablePassthrough(), {"question": "get_weather in Dublin"})
    assert answer.tool_calls[0]["name"] == "get_weather"


def test_roles_answer_side_by_side(kind: str, emu: Emulator, call_whole: Call) -> None:
    """`RunnableParallel` and `assign`."""
    manager = failing_nim(emu)
    role: Any = getattr(manager, kind)("planner")
    both = RunnableParallel(plan=role | StrOutputParser(), whole=role, structured=role.with_structured_output(Plan))
    found = call_whole(both | RunnablePassthrough.assign(more=RunnableLambda(lambda given: len(given))), "Hello")
    assert "Hello" in found["plan"]
    assert who(found["whole"]) == GATEWAY_LEG
    assert isinstance(found["structured"], Plan)
    assert found["more"] == 3


@pytest.mark.parametrize("style", ["batch", "abatch", "batch_as_completed", "abatch_as_completed"])
def test_each_input_of_a_batch_falls_back(style: str, kind: str, emu: Emulator) -> None:
    """With its tools, its keyword arguments and its own config."""
    role: Any = getattr(failing_nim(emu), kind)("planner").bind_tools([get_weather])
    said = ["get_weather in Dublin", "get_weather in Oslo"]
    configs = [{"metadata": {"correlation_id": name}} for name in ("one", "two")]
    if style == "batch":
        found = role.batch(said, configs, temperature=0.25)
    elif style == "abatch":
        found = asyncio.run(role.abatch(said, configs, temperature=0.25))
    elif style == "batch_as_completed":
        found = [answer for _, answer in sorted(role.batch_as_completed(said, configs, temperature=0.25), key=first)]
    else:
        found = [
            answer
            for _, answer in sorted(collect(role.abatch_as_completed(said, configs, temperature=0.25)), key=first)
        ]
    assert [answer.tool_calls[0]["args"]["location"] for answer in found] == ["Dublin", "Oslo"]
    assert {request.headers["correlationid"] for request in chats(emu.gateway)} == {"one", "two"}
    assert all(request.json["temperature"] == 0.25 for request in chats(emu.gateway))


def first(pair: tuple[int, Any]) -> int:
    return pair[0]


@pytest.mark.parametrize("is_async", [False, True], ids=["batch", "abatch"])
def test_a_batch_returns_errors_where_they_are_wanted(is_async: bool, kind: str) -> None:
    """One input's failure is no other's."""

    def act(messages: Any, _kwargs: Any) -> AIMessage:
        if messages[-1].text == "bad":
            raise ConnectionError("not this one")
        return AIMessage("fine")

    role: Any = getattr(manager_of(FakeLeg(act=act), FakeLeg(act=act)), kind)("planner")
    said = ["good", "bad"]
    found = (
        asyncio.run(role.abatch(said, return_exceptions=True)) if is_async else role.batch(said, return_exceptions=True)
    )
    assert found[0].text == "fine"
    assert isinstance(found[1], AllProvidersFailedError if kind == "model" else ConnectionError)


def test_a_role_can_have_fallbacks_of_its_own(emu: Emulator, call: Call) -> None:
    """LangChain's `with_fallbacks` with another role, which then gets the tools as well."""
    manager = manager_of(raises(ConnectionError("1")), raises(ConnectionError("2")))
    emu.nim.fail_always("internal_error")
    chain: Any = manager.model("planner").with_fallbacks([ModelManager.from_env().model("planner")])
    assert call(chain.bind_tools([get_weather]), "get_weather in Dublin").tool_calls
    assert isinstance(chain.with_structured_output(Plan).invoke("A plan"), Plan)


@pytest.mark.parametrize("is_async", [False, True], ids=["generate", "agenerate"])
def test_generate_falls_back_with_what_is_bound(is_async: bool, emu: Emulator) -> None:
    """LangChain's older way to call a model."""
    model: Any = failing_nim(emu).model("planner").bind_tools([get_weather]).bind(temperature=0.25)
    said = [[HumanMessage("get_weather in Dublin")], [HumanMessage("get_weather in Oslo")]]
    result = asyncio.run(model.agenerate(said)) if is_async else model.generate(said)
    found = [generations[0].message for generations in result.generations]
    assert [answer.tool_calls[0]["args"]["location"] for answer in found] == ["Dublin", "Oslo"]
    assert [who(answer) for answer in found] == [GATEWAY_LEG] * 2
    assert all(request.json["temperature"] == 0.25 for request in chats(emu.gateway))


def test_events_show_the_role_and_its_legs(emu: Emulator) -> None:
    """The role's run is a chain; the legs' runs are in it."""
    events = collect(failing_nim(emu).model("planner").astream_events("Hello there", version="v2"))
    kinds = [(event["event"], event["name"]) for event in events]
    assert kinds[0] == ("on_chain_start", "planner model")
    assert kinds[-1] == ("on_chain_end", "planner model")
    legs = [name for kind, name in kinds if kind == "on_chat_model_start"]
    assert legs == ["ChatNIM", "ChatNVGateway"]
    streamed = [event["data"]["chunk"] for event in events if event["event"] == "on_chain_stream"]
    assert "Hello there" in "".join(chunk.text for chunk in streamed)
    assert who(events[-1]["data"]["output"]) == GATEWAY_LEG


def test_the_roles_events_never_show_a_call_that_is_held(emu: Emulator) -> None:
    """A broken call of the first leg is in that leg's own events at most."""
    emu.nim.corrupt_always("cut_length")
    model: Any = ModelManager.from_env().model("planner").bind_tools([get_weather])
    events = collect(model.astream_events("get_weather in Dublin", version="v2"))
    streamed = [event["data"]["chunk"] for event in events if event["event"] == "on_chain_stream"]
    pieces = "".join(piece["args"] or "" for chunk in streamed for piece in chunk.tool_call_chunks)
    assert pieces == '{"location":"Dublin"}'


@pytest.mark.parametrize("is_async", [False, True], ids=["stream_events", "astream_events"])
def test_the_newer_events_fall_back(is_async: bool, emu: Emulator) -> None:
    """Version 3, block by block."""
    model: Any = failing_nim(emu).model("planner").bind_tools([get_weather])

    async def whole() -> Any:
        return await (await model.astream_events("get_weather in Dublin", version="v3")).output

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It is in beta.
        answer = asyncio.run(whole()) if is_async else model.stream_events("get_weather in Dublin", version="v3").output
    assert answer.tool_calls[0]["args"] == {"location": "Dublin"}
    assert who(answer) == GATEWAY_LEG


@pytest.mark.parametrize("is_async", [False, True], ids=["stream_events", "astream_events"])
def test_the_newer_events_take_a_config(is_async: bool, emu: Emulator) -> None:
    """What a run sets for itself, and its id, reach the leg."""
    model: Any = ModelManager.from_env().model("planner")
    config = {"configurable": {"planner_model": GATEWAY_LEG}, "metadata": {"correlation_id": "run-7"}}

    async def read() -> None:
        async for _ in await model.astream_events("Hello", config, version="v3"):
            pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It is in beta.
        asyncio.run(read()) if is_async else list(model.stream_events("Hello", config, version="v3"))
    assert [request.headers["correlationid"] for request in chats(emu.gateway)] == ["run-7"]


def test_leaving_events_early_harms_nobody(emu: Emulator) -> None:
    """Nor does leaving a stream."""
    model: Any = ModelManager.from_env().model("planner")

    async def leave() -> None:
        async for event in model.astream_events("Hello there", version="v2"):
            if event["event"] == "on_chain_stream":
                break
        stream = model.astream("Hello there")
        await anext(stream)
        await stream.aclose()

    asyncio.run(leave())
    stream = model.stream("Hello there")
    next(stream)
    stream.close()
    assert who(model.invoke("Hello")).startswith("nvidia-nim")


def test_every_kind_of_input_is_taken(kind: str, call: Call) -> None:
    """Text, messages, pairs, a prompt's value."""
    role: Any = getattr(manager_of(says("fine"), says()), kind)("planner")
    for said in ("Hi", [HumanMessage("Hi")], [("user", "Hi")], PROMPT.invoke({"question": "Hi"})):
        assert call(role, said).text.strip() == "fine"
