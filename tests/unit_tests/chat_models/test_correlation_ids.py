"""One id per call: in LangChain's trace, in each attempt, on the answer and on errors."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph

from langchain_nvgateway import ConfigurationError
from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint, error_of
from .raw_server import chunk, serving

HEADER = "correlationid"
AGAIN = Fault(status=503, headers={"retry-after-ms": "1"})


class RunIds(BaseCallbackHandler):
    """Remembers the run ids of chat models."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: uuid.UUID, **kwargs: Any) -> None:
        """Remember one."""
        self.seen.append(str(run_id))


def _graph(model: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("speak", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "speak")
    graph.add_edge("speak", END)
    return graph.compile()


def _agraph(model: Any) -> Any:
    async def speak(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("speak", speak)
    graph.add_edge(START, "speak")
    graph.add_edge("speak", END)
    return graph.compile()


async def _drain(iterator: Any) -> None:
    async for _ in iterator:
        pass


SAID = {"messages": [HumanMessage("Hello")]}
STYLES: dict[str, Callable[[Any, Any], Any]] = {
    "invoke": lambda model, config: model.invoke("Hello", config),
    "ainvoke": lambda model, config: asyncio.run(model.ainvoke("Hello", config)),
    "stream": lambda model, config: list(model.stream("Hello", config)),
    "astream": lambda model, config: asyncio.run(_drain(model.astream("Hello", config))),
    "batch": lambda model, config: model.batch(["a", "b", "c"], config),
    "abatch": lambda model, config: asyncio.run(model.abatch(["a", "b", "c"], config)),
    "generate": lambda model, config: model.generate([[HumanMessage("a")], [HumanMessage("b")]], **config),
    "agenerate": lambda model, config: asyncio.run(
        model.agenerate([[HumanMessage("a")], [HumanMessage("b")]], **config)
    ),
    "astream_events v2": lambda model, config: asyncio.run(_drain(model.astream_events("Hello", config, version="v2"))),
    "stream_events v3": lambda model, config: list(model.stream_events("Hello", config, version="v3")),
    "invoke that streams": lambda model, config: asyncio.run(
        _drain(RunnableLambda(lambda text: model.invoke(text)).astream_events("Hello", config, version="v2"))
    ),
    "graph messages": lambda model, config: list(_graph(model).stream(SAID, config, stream_mode="messages")),
    "async graph messages": lambda model, config: asyncio.run(
        _drain(_agraph(model).astream(SAID, config, stream_mode="messages"))
    ),
    "graph values": lambda model, config: list(_graph(model).stream(SAID, config, stream_mode="values")),
    "bound stream": lambda model, config: list(model.bind(temperature=0).stream("Hello", config)),
    "chain stream": lambda model, config: list((RunnableLambda(lambda text: text) | model).stream("Hello", config)),
    "transform": lambda model, config: list(model.transform(iter(["Hello"]), config)),
}


@pytest.mark.parametrize("style", STYLES)
def test_the_id_is_the_run_id_in_every_call_style(style: str, gateway: Endpoint) -> None:
    """The gateway's audit log and the LangChain trace name the same thing."""
    handler = RunIds()
    STYLES[style](gateway.model(), {"callbacks": [handler]})
    sent = [request.headers[HEADER] for request in gateway.chats]
    assert sorted(sent) == sorted(handler.seen)
    assert len(set(sent)) == len(sent) > 0


def test_all_attempts_of_a_call_have_one_id(gateway: Endpoint, call: Call) -> None:
    """Retries and the refresh after a 401 are the same call."""
    gateway.service.fail_next(AGAIN, times=2)
    gateway.service.fail_next("token_expired")
    answer = call(gateway.model(max_retries=2))
    sent = {request.headers[HEADER] for request in gateway.chats}
    assert len(gateway.chats) == 4
    assert sent == {answer.response_metadata["correlation_id"]}


def test_two_calls_have_two_ids(endpoint: Endpoint, call: Call) -> None:
    """An id names one call."""
    model = endpoint.model()
    first, second = (call(model).response_metadata["correlation_id"] for _ in range(2))
    assert first != second


def test_the_id_is_on_the_answer_once(endpoint: Endpoint, call: Call) -> None:
    """LangChain's joining of chunks does not double it, nor what else we say about the answer."""
    answer = call(endpoint.model(), config={"metadata": {"correlation_id": "mine"}})
    assert answer.response_metadata["correlation_id"] == "mine"
    assert answer.response_metadata["nvgateway"]["model"] == endpoint.model_name
    assert answer.response_metadata["model_provider"] == "openai"


def test_the_id_is_there_once_when_a_service_repeats_its_finish_reason(call_stream: Call) -> None:
    """Some servers put the finish reason into the last two chunks."""
    with serving(chunk({"content": "a"}), chunk({}, "stop"), chunk({}, "stop")) as server:
        answer = call_stream(server.model(), config={"metadata": {"correlation_id": "mine"}})
    assert answer.response_metadata["correlation_id"] == "mine"
    assert answer.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("style", [style for style in STYLES if "events v" not in style and "generate" not in style])
def test_the_metadata_sets_the_id(style: str, gateway: Endpoint) -> None:
    """Also when it comes through a chain or a graph."""
    STYLES[style](gateway.model(), {"metadata": {"correlation_id": "order-4711"}})
    assert {request.headers[HEADER] for request in gateway.chats} == {"order-4711"}


def test_the_metadata_of_the_model_sets_the_id(gateway: Endpoint, call: Call) -> None:
    """Metadata may be given when the model is built, for all its calls."""
    call(gateway.model(metadata={"correlation_id": "job-1"}))
    assert gateway.chats[0].headers[HEADER] == "job-1"


def test_with_config_sets_the_id(gateway: Endpoint, call: Call) -> None:
    """Metadata may be bound to the model."""
    call(gateway.model().with_config(metadata={"correlation_id": "job-2"}))
    assert gateway.chats[0].headers[HEADER] == "job-2"


def test_a_run_id_of_the_callers_own_is_the_id(gateway: Endpoint, call: Call) -> None:
    """`config["run_id"]` is LangChain's way to set the run's id."""
    own = uuid.uuid4()
    call(gateway.model(), config={"run_id": own})
    assert gateway.chats[0].headers[HEADER] == str(own)


@pytest.mark.parametrize("wrong", ["", "a\r\nX-Injected: 1", "ü", "x" * 257, "tab\there", "\x00"])
def test_an_id_that_cannot_be_a_header_is_refused(wrong: str, endpoint: Endpoint, call: Call) -> None:
    """Nothing is sent, and the message names the setting."""
    error = error_of(call, endpoint.model(), config={"metadata": {"correlation_id": wrong}})
    assert isinstance(error, ConfigurationError)
    assert "correlation_id" in str(error)
    assert endpoint.chats == []


def test_nim_is_not_sent_the_header(nim: Endpoint, call: Call) -> None:
    """Hosted NIM has no such header; the answer has the id all the same."""
    assert call(nim.model()).response_metadata["correlation_id"]
    assert HEADER not in nim.chats[0].headers


def test_the_answer_has_the_services_own_request_id(endpoint: Endpoint, call: Call) -> None:
    """`nvcf-reqid` or `x-request-id`, for a ticket."""
    assert call(endpoint.model()).response_metadata["request_id"]


def test_calls_within_a_stream_have_ids_of_their_own(gateway: Endpoint) -> None:
    """A reader that makes calls between two chunks does not pass its id on."""
    model = gateway.model()
    inner: list[str] = []
    outer = set()
    for piece in model.stream("outer"):
        inner.append(model.invoke("inner").response_metadata["correlation_id"])
        outer.add(piece.response_metadata.get("correlation_id"))
    assert not outer & set(inner)
    assert len(set(inner)) == len(inner)


def test_interleaved_streams_keep_their_ids(gateway: Endpoint) -> None:
    """Two streams read in turns by one task are two calls."""
    model = gateway.model()

    async def main() -> list[str]:
        first, second = model.astream("a"), model.astream("b")
        chunks: list[list[Any]] = [[], []]
        for _ in range(3):
            chunks[0].append(await anext(first))
            chunks[1].append(await anext(second))
        chunks[0] += [chunk async for chunk in first]
        chunks[1] += [chunk async for chunk in second]
        return [
            next(c.response_metadata["correlation_id"] for c in found if "correlation_id" in c.response_metadata)
            for found in chunks
        ]

    assert sorted(asyncio.run(main())) == sorted(request.headers[HEADER] for request in gateway.chats)
