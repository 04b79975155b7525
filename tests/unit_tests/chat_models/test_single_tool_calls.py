"""Models that take one tool call per turn, and say so when they are sent a turn with several."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_nvgateway.chat_models import learned
from langchain_nvgateway.chat_models.learned import learn_single_tool_call, takes_single_tool_call
from langchain_nvgateway.emulator import Fault, RecordedRequest

from .calling import SCOUT, Call, Endpoint, error_of

COMPLAINT = "This model only supports single tool-calls at once!"


def turn_of(*ids: str) -> list[BaseMessage]:
    """Return a turn with calls, and its results."""
    calls: Any = [{"id": call_id, "name": "get_time", "args": {}} for call_id in ids]
    return [
        HumanMessage("What time is it?"),
        AIMessage("Let me see.", tool_calls=calls),
        *(ToolMessage(f"noon in {call_id}", tool_call_id=call_id) for call_id in ids),
    ]


def calls_per_turn(request: RecordedRequest) -> list[int]:
    """Return how many calls each turn with calls of a request has."""
    return [len(message["tool_calls"]) for message in request.json["messages"] if message.get("tool_calls")]


def only_single_calls(endpoint: Endpoint, status: int = 500) -> None:
    """Let the service refuse each request that has a turn with several calls."""
    fault = Fault(status=status, body={"error": {"message": COMPLAINT, "code": status}})
    endpoint.service.fail_when(lambda request: any(calls > 1 for calls in calls_per_turn(request)), fault)


@pytest.mark.parametrize("status", [400, 500])
def test_a_complaint_is_answered_with_the_turn_split(status: int, endpoint: Endpoint, call: Call) -> None:
    """In one more request, without any retry."""
    only_single_calls(endpoint, status)
    assert call(endpoint.model(max_retries=0), turn_of("a", "b")).text
    assert [calls_per_turn(request) for request in endpoint.chats] == [[2], [1, 1]]
    _, first, one, second, two = endpoint.chats[1].json["messages"]
    assert (first["content"], second["content"]) == ("Let me see.", None)
    assert (one["content"], two["content"]) == ("noon in a", "noon in b")


def test_the_emulated_model_is_answered_too(nim: Endpoint, call: Call) -> None:
    """NIM's own way of refusing them."""
    nim.service.single_tool_calls = True
    assert call(nim.model(), turn_of("a", "b")).text
    assert [request.status for request in nim.chats] == [500, 200]


def test_what_was_learned_holds_for_other_models_of_the_endpoint(endpoint: Endpoint, call: Call) -> None:
    """They split beforehand; another deployment is asked as ever."""
    only_single_calls(endpoint)
    call(endpoint.model(), turn_of("a", "b"))
    call(endpoint.model(temperature=0.5), turn_of("c", "d"))
    assert [calls_per_turn(request) for request in endpoint.chats] == [[2], [1, 1], [1, 1]]
    other = "gpt-4o" if endpoint.name == "gateway" else "meta/llama-3.1-8b-instruct"
    call(endpoint.model(model=other), turn_of("a", "b"))
    assert calls_per_turn(endpoint.chats[3]) == [2]


def test_it_can_be_said_beforehand(endpoint: Endpoint, call: Call) -> None:
    """Then there is nothing to complain of."""
    only_single_calls(endpoint)
    assert call(endpoint.model(single_tool_call=True), turn_of("a", "b")).text
    assert [calls_per_turn(request) for request in endpoint.chats] == [[1, 1]]


@pytest.mark.parametrize("settings", [{}, {"single_tool_call": True}], ids=str)
def test_a_second_complaint_is_raised_as_it_is(settings: dict[str, Any], endpoint: Endpoint, call: Call) -> None:
    """There is nothing left to split."""
    endpoint.service.fail_always(Fault(status=500, body={"error": {"message": COMPLAINT}}), route="chat")
    error = error_of(call, endpoint.model(max_retries=3, **settings), turn_of("a", "b"))
    assert COMPLAINT in str(error)
    assert [calls_per_turn(request) for request in endpoint.chats] == ([[1, 1]] if settings else [[2], [1, 1]])


def test_a_complaint_without_reason_is_not_remembered(endpoint: Endpoint, call: Call) -> None:
    """A conversation without such a turn says nothing about the model."""
    endpoint.service.fail_next(Fault(status=500, body={"error": {"message": COMPLAINT}}), route="chat")
    assert COMPLAINT in str(error_of(call, endpoint.model(), turn_of("a")))
    call(endpoint.model(), turn_of("a", "b"))
    assert [calls_per_turn(request) for request in endpoint.chats] == [[1], [2]]


def test_a_conversation_that_is_not_cleaned_is_not_split(endpoint: Endpoint, call: Call) -> None:
    """`clean_history=False` means that it goes out word for word."""
    only_single_calls(endpoint)
    assert COMPLAINT in str(error_of(call, endpoint.model(clean_history=False), turn_of("a", "b")))
    assert len(endpoint.chats) == 1


def test_the_split_request_is_tried_again_like_any_other(endpoint: Endpoint, call: Call) -> None:
    """The whole of the retries is left for it."""
    only_single_calls(endpoint)
    passing = Fault(status=503, body={}, headers={"retry-after-ms": "1"})
    endpoint.service.fail_when(lambda request: calls_per_turn(request) == [1, 1], passing, times=1)
    assert call(endpoint.model(max_retries=1), turn_of("a", "b")).text
    assert [request.status for request in endpoint.chats] == [500, 503, 200]


def test_a_model_of_one_call_is_learned_by_its_own_name(endpoint: Endpoint) -> None:
    """Whether it was built with it or asked with it."""
    other = "gpt-4o" if endpoint.name == "gateway" else "meta/llama-3.1-8b-instruct"
    only_single_calls(endpoint)
    model = endpoint.model()
    model.invoke(turn_of("a", "b"), model=other)
    model.invoke(turn_of("a", "b"), model=other)
    model.invoke(turn_of("a"))
    assert [calls_per_turn(request) for request in endpoint.chats] == [[2], [1, 1], [1, 1], [1]]
    endpoint.service.heal()
    model.invoke(turn_of("a", "b"))
    assert calls_per_turn(endpoint.chats[-1]) == [2]


def test_many_calls_learn_at_once(nim: Endpoint) -> None:
    """Each sends its own request once more at most."""
    nim.service.single_tool_calls = True
    model = nim.model()

    async def crowd() -> None:
        await asyncio.gather(*(model.ainvoke(turn_of("a", "b")) for _ in range(10)))

    asyncio.run(crowd())
    assert sum(request.status == 200 for request in nim.chats) == 10
    assert len(nim.chats) <= 20


def test_what_is_remembered_is_bounded() -> None:
    """The oldest is forgotten first, from any number of threads."""
    threads = [
        threading.Thread(target=lambda n=n: [learn_single_tool_call("u", f"{n}-{m}") for m in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(learned._single_tool_call) == learned._MOST_MODELS
    learn_single_tool_call("u", SCOUT)
    assert takes_single_tool_call("u", SCOUT)
    assert not takes_single_tool_call("v", SCOUT)
