"""LangGraph's message stream: tokens of the leg that speaks, taken back if it dies, and never a call that is held."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.exceptions import ModelAPIError, ModelInvalidRequestError
from langchain_core.messages import AIMessage, AIMessageChunk
from langgraph.errors import GraphInterrupt
from langgraph.graph import MessagesState

from langchain_nvgateway import AllProvidersFailedError, ModelManager
from langchain_nvgateway.emulator import Emulator, Reply

from ..chat_models.calling import GENEROUS
from .composing import GATEWAY_LEG, WEATHER, Plan, Recorder, get_weather, manager_of, raises, says, who
from .watching import DONE, GRAPHS, Reading, asking, calls, graph_of, message_handler, read, speaking, streaming

DOWN = ModelAPIError("down")
BROKEN = calls('{"location": "Dub')
GOOD = [calls('{"location":'), calls(' "Dublin"}', None)]

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
each_graph = pytest.mark.parametrize("build", list(GRAPHS))
deaths = pytest.mark.parametrize(
    "script",
    [["so ", "far", DOWN], ["so ", "far"], ["so ", "far", BROKEN, DONE], ["so ", "far", BROKEN, DOWN]],
    ids=["error", "cut", "broken call", "cut call"],
)


@pytest.fixture
def fine() -> Any:
    """A leg that is well."""
    return speaking("all ", "is ", "well", DONE)


def texts(reading: Reading) -> list[str]:
    """Return the texts of the chunks in their order, with a mark where one was taken back."""
    found = []
    for mode, payload in reading.items:
        if mode == "custom":
            found.append("<retracted>")
        elif payload[0].text:
            found.append(payload[0].text)
    return found


@both_ways
@each_graph
@deaths
def test_what_a_dead_leg_said_is_retracted(script: list[Any], build: str, is_async: bool, fine: Any, kind: str) -> None:
    """By the id of its chunks; then the next leg speaks, and the reader has exactly the message that is returned."""
    model = getattr(manager_of(speaking(*script), fine), kind)("planner")
    reading = read(GRAPHS[build](model, is_async=is_async), is_async=is_async)
    assert texts(reading) == ["so ", "far", "<retracted>", "all ", "is ", "well"]
    assert reading.retracted == [reading.shown[0].id]
    assert not any(message.tool_call_chunks for message in reading.shown)
    reading.check_kept_is_the_state()
    assert who(reading.state["messages"][-1]) == GATEWAY_LEG


@both_ways
@each_graph
@pytest.mark.parametrize(
    "script",
    [[BROKEN, DONE], [BROKEN, DOWN], [BROKEN], [calls("{}", "drop"), DONE], [DOWN]],
    ids=["guessed", "down", "no end", "unknown tool", "error"],
)
def test_what_nobody_saw_is_not_retracted(script: list[Any], build: str, is_async: bool, fine: Any) -> None:
    """A call that is rejected is not shown in the first place."""
    model = manager_of(speaking(*script), fine).model("planner").bind_tools([get_weather])
    reading = read(GRAPHS[build](model, is_async=is_async), is_async=is_async)
    assert texts(reading) == ["all ", "is ", "well"]
    assert not any(message.tool_call_chunks for message in reading.shown)
    reading.check_kept_is_the_state()


@both_ways
def test_an_agent_goes_on_with_the_next_legs_call(is_async: bool) -> None:
    """Its calls are shown when they are whole, each message once, and the tool runs with what they say."""
    first = speaking("I look. ", BROKEN, DONE, then=["It is sunny", DONE])
    second = speaking("Let me see. ", *GOOD, DONE)
    agent = GRAPHS["agent"](manager_of(first, second).model("planner"), is_async=is_async)
    reading = read(agent, WEATHER, is_async=is_async)
    assert texts(reading) == ["I look. ", "<retracted>", "Let me see. ", "sunny in Dublin", "It is sunny"]
    reading.check_kept_is_the_state()
    assert reading.state["messages"][1].tool_calls[0]["args"] == {"location": "Dublin"}


@both_ways
@each_graph
def test_tokens_are_shown_as_the_leg_speaks(build: str, is_async: bool) -> None:
    """The leg says its next word when the reader has seen the one before it, in either leg."""
    heard = {word: threading.Event() for word in ("so ", "all ", "is ")}

    def once_heard(word: str) -> Any:
        def wait() -> None:
            assert heard[word].wait(GENEROUS)

        return wait

    def on_item(mode: str, payload: Any, _namespace: Any) -> None:
        if mode == "messages" and payload[0].text in heard:
            heard[payload[0].text].set()

    first = speaking("so ", once_heard("so "), DOWN)
    second = speaking("all ", once_heard("all "), "is ", once_heard("is "), "well", DONE)
    graph = GRAPHS[build](manager_of(first, second).model("planner"), is_async=is_async)
    reading = read(graph, is_async=is_async, on_item=on_item)
    assert reading.error is None
    assert texts(reading) == ["so ", "<retracted>", "all ", "is ", "well"]


@both_ways
@each_graph
@deaths
def test_hold_all_shows_nothing_before_the_answer_is_whole(
    script: list[Any], build: str, is_async: bool, fine: Any
) -> None:
    """So that nothing has to be taken back."""
    model = manager_of(speaking(*script), fine).model("planner", hold="all")
    reading = read(GRAPHS[build](model, is_async=is_async), is_async=is_async)
    assert texts(reading) == ["all ", "is ", "well"]
    reading.check_kept_is_the_state()


@both_ways
def test_when_all_die_all_is_retracted(is_async: bool) -> None:
    """The last one too."""
    model = manager_of(speaking("so ", DOWN), speaking("far", BROKEN, DONE)).model("planner")
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async)
    assert isinstance(reading.error, AllProvidersFailedError)
    assert texts(reading) == ["so ", "<retracted>", "far", "<retracted>"]
    assert reading.kept == {}
    assert len(set(reading.retracted)) == 2


@both_ways
@pytest.mark.parametrize("error", [ModelInvalidRequestError("no"), TypeError("no")], ids=str)
def test_an_error_that_no_other_leg_would_mend_retracts_too(error: Exception, is_async: bool, fine: Any) -> None:
    """It is raised as it is."""
    model = manager_of(speaking("so far", error), fine).model("planner")
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async)
    assert reading.error is error
    assert texts(reading) == ["so far", "<retracted>"]


@both_ways
def test_an_interrupt_retracts_since_the_node_will_ask_again(is_async: bool, fine: Any) -> None:
    """When the graph goes on."""
    model = manager_of(speaking("so far", GraphInterrupt(())), fine).model("planner")
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async)
    assert reading.error is None
    assert texts(reading) == ["so far", "<retracted>"]


@both_ways
@pytest.mark.parametrize("modes", [["messages"], ["custom"], []], ids=str)
def test_nobody_has_to_ask_for_both_streams(modes: list[str], is_async: bool, fine: Any) -> None:
    """Without custom events nothing is retracted; without messages there is nothing to retract."""
    model = manager_of(speaking("so far", DOWN), fine).model("planner")
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async, modes=modes)
    assert reading.error is None
    assert reading.retracted == []
    assert reading.state["messages"][-1].text in ("all is well", "not streamed")


@both_ways
def test_a_model_that_does_not_stream_shows_its_message_whole(is_async: bool) -> None:
    """Once."""
    model = manager_of(speaking("so far", DOWN), raises(DOWN, times=0, then="whole")).model("planner")
    model.source.plan({}).legs[1].chat_model.disable_streaming = True
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async)
    assert texts(reading) == ["so far", "<retracted>", "whole"]
    reading.check_kept_is_the_state()


@both_ways
def test_all_chunks_of_a_message_have_its_id(is_async: bool) -> None:
    """Also where a vendor names its messages in some chunks only."""
    first = speaking(AIMessageChunk("so ", id="msg_1"), "far", DOWN)
    second = speaking(AIMessageChunk("", id="msg_2"), "fi", AIMessageChunk("ne", id="other"), DONE)
    reading = read(graph_of(asking(manager_of(first, second).model("planner"), is_async=is_async)), is_async=is_async)
    assert reading.retracted == ["msg_1"]
    assert list(reading.kept) == ["msg_2"]
    reading.check_kept_is_the_state()


@both_ways
def test_the_streams_metadata_tells_node_and_leg(is_async: bool, emu: Emulator) -> None:
    """As that of any model does; the last chunk tells how the answer came about."""
    emu.nim.fail_next("internal_error")
    graph = graph_of(asking(ModelManager.from_env().model("planner"), is_async=is_async))
    reading = read(graph, is_async=is_async)
    for mode, (_, metadata) in reading.items:
        assert mode == "messages"
        assert (metadata["langgraph_node"], metadata["ls_provider"]) == ("node 0", "nvidia-gateway")
    (kept,) = reading.kept.values()
    assert kept.response_metadata["nvgateway"] == reading.state["messages"][-1].response_metadata["nvgateway"]


@both_ways
@pytest.mark.parametrize("place", ["role", "leg"])
def test_nostream_keeps_all_of_it_out_of_the_stream(place: str, is_async: bool, fine: Any) -> None:
    """What is not shown is not retracted; the node's message is shown whole, as LangGraph does with each."""
    first, second = speaking("so far", DOWN), fine
    if place == "leg":
        first.tags = second.tags = ["nostream"]
    model: Any = manager_of(first, second).model("planner")
    if place == "role":
        model = model.with_config(tags=["nostream"])
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async)
    assert texts(reading) == ["all is well"]
    reading.check_kept_is_the_state()


@both_ways
def test_a_run_that_is_called_like_its_node_shows_its_message_once(is_async: bool, fine: Any) -> None:
    """LangGraph takes it for the node."""
    model = manager_of(speaking("so far", DOWN), fine).model("planner").with_config(run_name="node 0")
    reading = read(graph_of(asking(model, is_async=is_async)), is_async=is_async)
    assert texts(reading) == ["so far", "<retracted>", "all ", "is ", "well"]
    reading.check_kept_is_the_state()


# -- Graphs of other shapes ---------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("subgraphs", [True, False])
def test_a_subgraph_retracts_where_it_speaks(subgraphs: bool, is_async: bool, fine: Any) -> None:
    """In its own namespace, if it is shown at all."""
    model = manager_of(speaking("so far", DOWN), fine).model("planner")
    graph = graph_of(graph_of(graph_of(asking(model, is_async=is_async))))
    namespaces: set[Any] = set()

    def note(mode: str, payload: Any, namespace: Any) -> None:
        if mode != "values":
            namespaces.add(namespace)

    reading = read(graph, is_async=is_async, subgraphs=subgraphs, on_item=note)
    if subgraphs:
        assert texts(reading) == ["so far", "<retracted>", "all ", "is ", "well"]
        assert [len(namespace) for namespace in namespaces] == [2]
    else:
        assert texts(reading) == ["all is well"]
    reading.check_kept_is_the_state()


@both_ways
def test_roles_that_speak_at_once_retract_their_own(is_async: bool) -> None:
    """In nodes side by side."""
    roles = ("router", "planner", "programmer")
    nodes = []
    for role in roles:
        first, second = speaking(f"{role} so ", "far", DOWN), speaking(role, " is ", "well", DONE)
        nodes.append(asking(manager_of(first, second).model(role), is_async=is_async))
    reading = read(graph_of(*nodes), is_async=is_async)
    assert sorted(message.text for message in reading.kept.values()) == sorted(f"{role} is well" for role in roles)
    assert len(set(reading.retracted)) == 3
    reading.check_kept_is_the_state()


@both_ways
def test_a_node_may_ask_two_roles(is_async: bool) -> None:
    """One after the other, and only what it returns is in the state."""
    planner = manager_of(speaking("plan so far", DOWN), speaking("the plan", DONE)).model("planner")
    reviewer = manager_of(speaking("review so far", DOWN), speaking("the review", DONE)).model("reviewer")

    def node(state: MessagesState) -> Any:
        return {"messages": [reviewer.invoke([planner.invoke(state["messages"])])]}

    async def anode(state: MessagesState) -> Any:
        return {"messages": [await reviewer.ainvoke([await planner.ainvoke(state["messages"])])]}

    reading = read(graph_of(anode if is_async else node), is_async=is_async)
    assert texts(reading) == ["plan so far", "<retracted>", "the plan", "review so far", "<retracted>", "the review"]
    assert [message.text for message in reading.kept.values()] == ["the plan", "the review"]


@both_ways
def test_a_call_with_a_configurable_of_its_own_retracts(is_async: bool, fine: Any) -> None:
    """Although LangChain puts that in the place of the graph's."""
    model = manager_of(speaking("so far", DOWN), fine).model("planner")
    own: Any = {"configurable": {"planner_temperature": 0.5}}

    def node(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"], own)]}

    async def anode(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"], own)]}

    reading = read(graph_of(anode if is_async else node), is_async=is_async)
    assert texts(reading)[:2] == ["so far", "<retracted>"]
    reading.check_kept_is_the_state()


def test_a_thread_of_the_nodes_own_retracts(fine: Any) -> None:
    """When it is given the config."""
    model = manager_of(speaking("so far", DOWN), fine).model("planner")

    def node(state: MessagesState, config: Any) -> Any:
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(model.invoke(state["messages"], config)))
        thread.start()
        thread.join()
        return {"messages": answers}

    node.__annotations__["config"] = "RunnableConfig"
    reading = read(graph_of(node), is_async=False)
    assert texts(reading)[:2] == ["so far", "<retracted>"]
    reading.check_kept_is_the_state()


# -- Schemas ------------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("include_raw", [False, True])
def test_an_object_is_shown_when_it_is_good(include_raw: bool, is_async: bool) -> None:
    """Nothing is seen of an answer that cannot be parsed, whatever it says beside the object."""
    first = speaking("Here it is: ", calls('{"name": "no title"}', "Plan"), DONE)
    second = speaking("Here it is: ", calls('{"title": "Good"}', "Plan"), DONE)
    structured = manager_of(first, second).model("planner").with_structured_output(Plan, include_raw=include_raw)
    found: list[Any] = []

    def node(state: MessagesState) -> Any:
        found.append(structured.invoke(state["messages"]))

    async def anode(state: MessagesState) -> Any:
        found.append(await structured.ainvoke(state["messages"]))

    reading = read(graph_of(anode if is_async else node), is_async=is_async)
    (answer,) = found
    assert (answer["parsed"] if include_raw else answer) == Plan(title="Good")
    (kept,) = reading.kept.values()
    assert kept.tool_calls[0]["args"] == {"title": "Good"}
    assert reading.retracted == []


# -- Nodes that stream by themselves ------------------------------------------------------------------------


@both_ways
@deaths
def test_a_node_that_streams_may_ask_again(script: list[Any], is_async: bool) -> None:
    """What the message stream showed of the first try is retracted."""
    leg = speaking(*script, then=["all ", "is ", "well", *GOOD, DONE])
    model = manager_of(leg, says("never asked")).model("planner").bind_tools([get_weather])
    reading = read(graph_of(streaming(model, is_async=is_async)), is_async=is_async)
    assert texts(reading) == ["so ", "far", "<retracted>", "all ", "is ", "well"]
    assert not any(call["args"][-3:] == "Dub" for message in reading.shown for call in message.tool_call_chunks)
    reading.check_kept_is_the_state()


@both_ways
def test_what_a_node_has_read_stands_when_it_stops(is_async: bool) -> None:
    """Of a leg that is well, though it had more to say."""
    model = manager_of(speaking("enough. ", "more", DONE), says("never asked")).model("planner")

    def node(state: MessagesState) -> Any:
        chunks = model.stream(state["messages"])
        first = next(chunks)
        chunks.close()
        return {"messages": [first]}

    async def anode(state: MessagesState) -> Any:
        chunks = model.astream(state["messages"])
        first = await anext(chunks)
        await chunks.aclose()
        return {"messages": [first]}

    reading = read(graph_of(anode if is_async else node), is_async=is_async)
    assert texts(reading) == ["enough. "]
    assert reading.retracted == []
    reading.check_kept_is_the_state()


# -- What is left behind, and who else looks on -------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("style", ["invoke", "stream"])
@pytest.mark.parametrize(
    "scripts",
    [(["fine", DONE], ["never asked"]), (["so far", DOWN], ["fine", DONE]), ([BROKEN, DONE], ["far", DOWN])],
    ids=["good", "fallback", "none"],
)
def test_langgraphs_handler_forgets_each_run(scripts: Any, style: str, is_async: bool) -> None:
    """However it ends."""
    model = manager_of(*(speaking(*script) for script in scripts)).model("planner")
    asks = asking(model, is_async=is_async) if style == "invoke" else streaming(model, is_async=is_async)
    handlers: list[Any] = []

    def node(state: MessagesState) -> Any:
        handlers.append(message_handler())
        return asks(state)

    async def anode(state: MessagesState) -> Any:
        handlers.append(message_handler())
        return await asks(state)

    read(graph_of(anode if is_async else node), is_async=is_async)
    (handler,) = handlers
    assert handler.metadata == {}


async def test_a_call_that_is_cancelled_retracts_and_is_forgotten() -> None:
    """In the middle of a word."""
    is_speaking, is_over = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def pause() -> None:
        loop.call_soon_threadsafe(is_speaking.set)
        assert is_over.wait(GENEROUS)

    model = manager_of(speaking("so far", pause, DONE), says("never asked")).model("planner")
    handlers: list[Any] = []

    async def node(state: MessagesState) -> Any:
        handlers.append(message_handler())
        asked = asyncio.create_task(model.ainvoke(state["messages"]))
        await is_speaking.wait()
        asked.cancel()
        is_over.set()
        with pytest.raises(asyncio.CancelledError):
            await asked
        return {"messages": [AIMessage("They left")]}

    reading = Reading()
    async for mode, payload in graph_of(node).astream({}, stream_mode=["messages", "custom"]):
        reading.take(mode, payload)
    assert texts(reading) == ["so far", "<retracted>", "They left"]
    assert handlers[0].metadata == {}


@both_ways
def test_a_reader_may_leave_the_graph(is_async: bool) -> None:
    """While a leg speaks."""
    has_left = threading.Event()

    def pause() -> None:
        assert has_left.wait(GENEROUS)

    graph = graph_of(
        asking(manager_of(speaking("so ", pause, "far", DOWN), says()).model("planner"), is_async=is_async)
    )

    async def leave_async() -> None:
        chunks = graph.astream({}, stream_mode=["messages", "custom"])
        assert (await anext(chunks))[1][0].text == "so "
        has_left.set()
        await chunks.aclose()

    if is_async:
        asyncio.run(leave_async())
    else:
        chunks = graph.stream({}, stream_mode=["messages", "custom"])
        assert next(chunks)[1][0].text == "so "
        has_left.set()
        chunks.close()


class TokenRecorder(Recorder):
    """Remembers the chunks of each run too."""

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: Any, **details: Any) -> None:
        self.runs[run_id].setdefault("chunks", []).append(chunk.message)


@both_ways
def test_others_see_the_runs_of_the_legs_as_they_are(is_async: bool, fine: Any) -> None:
    """With each token and the error of the leg that died: they are its trace."""
    recorder = TokenRecorder()
    model = manager_of(speaking("so ", "far", BROKEN, DOWN), fine).model("planner")
    graph = graph_of(asking(model, is_async=is_async))
    reading = read(graph, is_async=is_async, config={"callbacks": [recorder]})
    first, second = recorder.of_type("model")
    assert [chunk.text for chunk in first["chunks"]] == ["so ", "far", ""]
    assert first["chunks"][2].tool_call_chunks
    assert first["error"] is DOWN
    assert [chunk.text for chunk in second["chunks"] if chunk.text] == ["all ", "is ", "well"]
    assert second["output"].generations[0][0].message.text == "all is well"
    assert first["parent_run_id"] == second["parent_run_id"]
    assert reading.kept[reading.state["messages"][-1].id].text == "all is well"


@both_ways
@pytest.mark.parametrize("style", ["invoke", "stream"])
def test_a_model_that_a_leg_asks_in_its_turn_is_not_shown(style: str, is_async: bool) -> None:
    """Only what the leg itself says is, in its own run."""
    inner = speaking("a draft with ", BROKEN, DONE, metadata={"is": "inner"})
    leg = speaking("fi", lambda: inner.invoke("Draft it"), "ne", DONE, metadata={"is": "leg"})
    model = manager_of(leg, says("never asked")).model("planner")
    node = (asking if style == "invoke" else streaming)(model, is_async=is_async)
    reading = read(graph_of(node), is_async=is_async)
    assert texts(reading) == ["fi", "ne"]
    assert {payload[1]["is"] for _, payload in reading.items} == {"leg"}
    reading.check_kept_is_the_state()


def test_without_langgraph_there_is_nothing_to_retract(fine: Any) -> None:
    """LangChain's own events show the legs' runs as ever, and the role's with nothing of the first leg."""
    model = manager_of(speaking("so far", BROKEN, DONE), fine).model("planner", hold="all")

    async def events() -> list[Any]:
        return [event async for event in model.astream_events("Hello", version="v2")]

    found = asyncio.run(events())
    streamed = dict.fromkeys(("on_chat_model_stream", "on_chain_stream"), "")
    for event in found:
        if event["event"] in streamed:
            streamed[event["event"]] += event["data"]["chunk"].text
    assert streamed == {"on_chat_model_stream": "so farall is well", "on_chain_stream": "all is well"}


# -- LangGraph's newer streams ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
@both_ways
@deaths
@pytest.mark.parametrize("style", ["invoke", "stream"])
def test_newer_streams_show_the_good_message_alone(style: str, script: list[Any], is_async: bool) -> None:
    """They get it whole."""
    if style == "invoke":
        model = manager_of(speaking(*script), speaking("fine ", *GOOD, DONE)).model("planner")
    else:
        model = manager_of(speaking(*script, then=["fine ", *GOOD, DONE]), says("never asked")).model("planner")
    node = (asking if style == "invoke" else streaming)(model.bind_tools([get_weather]), is_async=is_async)
    graph = graph_of(node)

    async def messages() -> list[Any]:
        run = await graph.astream_events({}, version="v3")
        return [await each.output async for each in run.messages]

    if is_async:
        (message,) = asyncio.run(messages())
    else:
        (message,) = [each.output for each in graph.stream_events({}, version="v3").messages]
    assert message.text == "fine "
    assert message.tool_calls[0]["args"] == {"location": "Dublin"}


# -- The services -------------------------------------------------------------------------------------------


@both_ways
@each_graph
def test_a_service_that_breaks_off_is_taken_back(build: str, is_async: bool, emu: Emulator) -> None:
    """NIM dies in the middle of a sentence, the Gateway says the whole of it, and tokens are counted once."""
    emu.nim.reply_always(Reply(text="one two three four five six seven"))
    emu.nim.fail_always("disconnect_mid_stream")
    emu.gateway.reply_always(Reply(text="one two three"))
    graph = GRAPHS[build](ModelManager.from_env().model("planner"), is_async=is_async)
    with get_usage_metadata_callback() as counted:
        reading = read(graph, is_async=is_async)
    assert reading.retracted == [reading.shown[0].id]
    reading.check_kept_is_the_state()
    answer = reading.state["messages"][-1]
    assert (who(answer), answer.text) == (GATEWAY_LEG, "one two three")
    assert [usage["total_tokens"] for usage in counted.usage_metadata.values()] == [
        answer.usage_metadata["total_tokens"]
    ]


@both_ways
def test_a_service_that_breaks_a_call_is_taken_back(is_async: bool, emu: Emulator) -> None:
    """What it said before the call was seen, the call was not, and the tool runs as the Gateway says."""
    call = [("get_weather", {"location": "Dublin"})]
    emu.nim.reply_next(Reply(text="I look at it", tool_calls=call))
    emu.nim.corrupt_next("missing_brace")
    emu.gateway.reply_next(Reply(text="Let me see", tool_calls=call))
    agent = GRAPHS["agent"](ModelManager.from_env().model("planner"), is_async=is_async)
    reading = read(agent, WEATHER, is_async=is_async)
    assert reading.retracted == [reading.shown[0].id]
    assert {message.id for message in reading.shown if getattr(message, "tool_call_chunks", None)} == {
        reading.state["messages"][1].id
    }
    reading.check_kept_is_the_state()
    assert reading.state["messages"][1].text == "Let me see"
    assert reading.state["messages"][2].content == "sunny in Dublin"
