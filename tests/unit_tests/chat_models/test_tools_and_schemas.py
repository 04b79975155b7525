"""LangChain's tools and structured output work on both models, in each call style."""

from __future__ import annotations

import asyncio
from functools import reduce
from operator import add
from typing import Annotated, Any, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from langchain_nvgateway import InvalidResponseError, NVGatewayError
from langchain_nvgateway.emulator import Reply

from .calling import STYLES, Call, Endpoint, error_of


def get_weather(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Look up the weather.

    Args:
        location: Where.
        unit: In which unit.
    """
    return f"sunny in {location}"


@tool
def get_time(zone: str) -> str:
    """Tell the time.

    Args:
        zone: Where.
    """
    return f"noon in {zone}"


class GetStock(BaseModel):
    """Look up a stock."""

    symbol: str = Field(description="Its symbol.")


class GetNews(TypedDict):
    """Look up the news."""

    topic: Annotated[str, ..., "About what."]


GET_PRICE = {
    "title": "get_price",
    "description": "Look up a price.",
    "type": "object",
    "properties": {"item": {"type": "string"}},
    "required": ["item"],
}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "get_map", "description": "Draw a map.", "parameters": {"type": "object", "properties": {}}},
}
TOOLS = {
    "get_weather": get_weather,
    "get_time": get_time,
    "GetStock": GetStock,
    "GetNews": GetNews,
    "get_price": GET_PRICE,
    "get_map": OPENAI_TOOL,
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_of_any_kind_can_be_called(name: str, endpoint: Endpoint, call: Call) -> None:
    """Function, tool, class, typed dict, JSON schema, `openai`'s own form."""
    answer = call(endpoint.model().bind_tools(list(TOOLS.values())), f"Call {name} now")
    assert [found["name"] for found in answer.tool_calls] == [name]
    assert answer.response_metadata["finish_reason"] == "tool_calls"
    assert all(found["id"] for found in answer.tool_calls)


@pytest.mark.parametrize("choice", ["get_time", "any", "required", True])
def test_a_tool_choice_is_sent(choice: Any, endpoint: Endpoint, call: Call) -> None:
    """By name, any, or the only one."""
    answer = call(endpoint.model().bind_tools([get_time], tool_choice=choice), "Hello")
    assert answer.tool_calls[0]["name"] == "get_time"
    assert endpoint.chats[0].json["tool_choice"]


def test_two_calls_in_one_turn_come_whole(endpoint: Endpoint, call: Call) -> None:
    """In streams they are told apart."""
    calls = [("get_time", {"zone": "Tökyo 🎌"}), ("get_weather", {"location": "Dublin"})]
    endpoint.service.reply_next(Reply(text="Let me see.", tool_calls=calls))
    answer = call(endpoint.model().bind_tools([get_time, get_weather]))
    assert [(found["name"], found["args"]) for found in answer.tool_calls] == calls
    assert answer.text == "Let me see."


def test_a_conversation_with_tools_goes_on(endpoint: Endpoint, call: Call) -> None:
    """The call and its result are understood when they are sent back."""
    model = endpoint.model().bind_tools([get_time])
    history: list[Any] = [SystemMessage("Be brief."), HumanMessage("get_time in Oslo")]
    answer = call(model, history)
    if not isinstance(answer, AIMessage):
        answer = AIMessage(content=answer.content, tool_calls=answer.tool_calls)
    for found in answer.tool_calls:
        history += [answer, ToolMessage("noon", tool_call_id=found["id"])]
    assert "noon" in call(model, history).text


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class PersonDict(TypedDict):
    """Somebody."""

    name: str
    age: int


PERSON_SCHEMA = {
    "title": "Person", "description": "Somebody.", "type": "object", "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"],
}  # fmt: skip
METHODS = ["function_calling", "json_schema", "json_mode"]
SCHEMAS = {"class": Person, "typed dict": PersonDict, "json schema": PERSON_SCHEMA}
PROMPT = "Give me a person as JSON with the keys `name` (text) and `age` (number)."
ANSWER = '{"name": "Ada", "age": 36}'


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("include_raw", [False, True])
def test_structured_output_by_each_method(
    method: Any, schema: str, include_raw: bool, endpoint: Endpoint, call_whole: Call
) -> None:
    """A person of the wanted kind, with the message beside it if that is wanted."""
    if method == "json_mode":
        endpoint.service.reply_next(Reply(text=ANSWER))
    chain = endpoint.model().with_structured_output(SCHEMAS[schema], method=method, include_raw=include_raw)
    found = call_whole(chain, PROMPT)
    if include_raw:
        assert found["parsing_error"] is None
        assert isinstance(found["raw"], AIMessage)
        found = found["parsed"]
    person = Person.model_validate(found.model_dump() if isinstance(found, Person) else found)
    assert isinstance(found, Person) is (schema == "class")
    assert person.name is not None


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("style", ["stream", "astream"])
def test_structured_output_can_be_streamed(method: Any, schema: str, style: str, endpoint: Endpoint) -> None:
    """The last piece is the whole."""
    if method == "json_mode":
        endpoint.service.reply_next(Reply(text=ANSWER))
    chain = endpoint.model().with_structured_output(SCHEMAS[schema], method=method)

    async def collect() -> list[Any]:
        return [piece async for piece in chain.astream(PROMPT)]

    pieces = asyncio.run(collect()) if style == "astream" else list(chain.stream(PROMPT))
    last = pieces[-1]
    assert set(last.model_dump() if isinstance(last, Person) else last) == {"name", "age"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("include_raw", [False, True])
def test_an_answer_that_fails_its_class_is_an_error(
    method: Any, include_raw: bool, endpoint: Endpoint, call_whole: Call
) -> None:
    """A typed one where the class went into the request, LangChain's own where a parser comes after."""
    wrong = {"name": "Ada", "age": "old"}
    reply = (
        Reply(tool_calls=[("Person", wrong)])
        if method == "function_calling"
        else Reply(text=str(wrong).replace("'", '"'))
    )
    endpoint.service.reply_next(reply)
    chain = endpoint.model().with_structured_output(Person, method=method, include_raw=include_raw)
    try:
        found = call_whole(chain, PROMPT)
    except (NVGatewayError, ValueError):
        return
    assert include_raw
    assert found["parsing_error"] is not None


@pytest.mark.parametrize("style", STYLES)
def test_a_refusal_of_structured_output_is_a_refusal(style: str, endpoint: Endpoint) -> None:
    """In streams as in whole answers, and with its words."""
    endpoint.service.reply_next(Reply(message={"refusal": "I cannot help with that."}))
    chain = endpoint.model().with_structured_output(Person, method="json_schema")
    with pytest.raises(Exception, match="I cannot help with that"):
        STYLES[style](chain, PROMPT)


def test_a_class_is_sent_as_its_strict_schema(endpoint: Endpoint, call: Call) -> None:
    """As `openai` does."""
    call(endpoint.model().bind(response_format=Person), PROMPT)
    wanted = endpoint.chats[0].json["response_format"]
    assert wanted["type"] == "json_schema"
    assert wanted["json_schema"]["strict"] is True


def test_strict_tools_are_sent_strict(endpoint: Endpoint, call: Call) -> None:
    """`strict` and `parallel_tool_calls` reach the service."""
    call(endpoint.model().bind_tools([get_time], strict=True, parallel_tool_calls=False), "get_time")
    body = endpoint.chats[0].json
    assert body["tools"][0]["function"]["strict"] is True
    assert body["parallel_tool_calls"] is False


def test_fallbacks_keep_tools_and_schemas(endpoint: Endpoint, call_whole: Call) -> None:
    """`bind_tools` on a chain of fallbacks reaches each model of it."""
    endpoint.service.fail_next("unavailable")
    chain: Any = endpoint.model().with_fallbacks([endpoint.model()])
    assert call_whole(chain.bind_tools([get_time]), "get_time").tool_calls
    assert [bool(request.json.get("tools")) for request in endpoint.chats] == [True, True]


@pytest.mark.filterwarnings("ignore:This API is in beta")
def test_a_runnable_can_be_a_tool(endpoint: Endpoint) -> None:
    """`as_tool` of a chain with a model in it."""
    inner = RunnableLambda(lambda given: endpoint.model().invoke(given["text"]).text)

    class Given(TypedDict):
        text: str

    as_tool: BaseTool = inner.as_tool(arg_types={"text": str}, name="ask", description="Ask.")
    assert endpoint.model().bind_tools([as_tool]).invoke("ask").tool_calls[0]["name"] == "ask"


def test_a_tool_call_comes_whole(endpoint: Endpoint) -> None:
    """Its arguments come in pieces, and only the sum is a call that may be seen."""
    endpoint.service.reply_next(Reply(tool_calls=[("get_time", {"zone": "somewhere far away"})]))
    chunks = list(endpoint.model().bind_tools([get_time]).stream("Hello"))
    assert sum(bool(chunk.tool_call_chunks) for chunk in chunks) == 1
    assert reduce(add, chunks).tool_calls[0]["args"] == {"zone": "somewhere far away"}


class Known(BaseModel):
    """Somebody who is known."""

    name: str
    marks: dict[str, int] = {}

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        msg = f"nobody knows {name}"
        raise ValueError(msg)


def test_the_reason_for_a_refusal_quotes_nothing_of_the_answer(endpoint: Endpoint, call: Call) -> None:
    """A validator's own words may do that, and reasons are told to listeners and logs."""
    endpoint.service.reply_next(Reply(text='{"name": "Private Person", "marks": {}}'))
    error = error_of(call, endpoint.model().with_structured_output(Known, method="json_schema"))
    assert isinstance(error, InvalidResponseError)
    assert error.reason == "it does not satisfy the schema (value_error)"
    assert "Private" not in str(error)
