"""Answers in a schema, as a real provider's model gives them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from pydantic import BaseModel
from typing_extensions import TypedDict

from langchain_nvgateway.testing import ScriptedChatModel, broken_call, calls

from ..chat_models.calling import Call
from ..role_composition.composing import PLAN_SCHEMA

METHODS = ["function_calling", "json_mode", "json_schema"]


class Plan(BaseModel):
    """A plan."""

    title: str


class PlanDict(TypedDict):
    """A plan."""

    title: str


@pytest.mark.parametrize("method", METHODS)
def test_an_object_of_the_class_answers_whatever_the_method(method: Any, call_whole: Call) -> None:
    """As a call, or as JSON."""
    structured = ScriptedChatModel(Plan(title="Fix it")).with_structured_output(Plan, method=method)
    assert call_whole(structured) == Plan(title="Fix it")


@pytest.mark.parametrize("schema", [PlanDict, PLAN_SCHEMA], ids=["TypedDict", "JSON schema"])
@pytest.mark.parametrize("method", METHODS)
def test_other_schemas_are_answered_with_a_dict(method: Any, schema: Any, call_whole: Call) -> None:
    """By a call of the schema's name, or by JSON."""
    name = "PlanDict" if schema is PlanDict else "Plan"
    step = calls(name, title="Fix it") if method == "function_calling" else '{"title": "Fix it"}'
    structured = ScriptedChatModel(step).with_structured_output(schema, method=method)
    assert call_whole(structured) == {"title": "Fix it"}


@pytest.mark.parametrize("method", METHODS)
def test_the_raw_answer_is_there_on_demand(method: Any, call_whole: Call) -> None:
    """With no parsing error."""
    model = ScriptedChatModel(Plan(title="Fix it"))
    found = call_whole(model.with_structured_output(Plan, method=method, include_raw=True))
    assert found["parsed"] == Plan(title="Fix it")
    assert found["parsing_error"] is None
    assert found["raw"].response_metadata["model_name"] == "scripted"


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_that_does_not_fit_is_a_parsing_error(method: Any, call_whole: Call) -> None:
    """Raised, or beside the raw answer."""
    step = calls("Plan", headline="Fix it") if method == "function_calling" else '{"headline": "Fix it"}'
    model = ScriptedChatModel(step, at_end="repeat_last")
    with pytest.raises(ValueError, match="title"):
        call_whole(model.with_structured_output(Plan, method=method))
    found = call_whole(model.with_structured_output(Plan, method=method, include_raw=True))
    assert found["parsed"] is None
    assert "title" in str(found["parsing_error"])


def test_a_broken_call_holds_no_object(call_whole: Call) -> None:
    """LangChain gives `None` then, as with real services."""
    structured = ScriptedChatModel(broken_call("Plan", '{"title": "Fi')).with_structured_output(Plan)
    assert call_whole(structured) is None


@pytest.mark.parametrize(
    ("method", "kind"), [("function_calling", None), ("json_mode", "json_object"), ("json_schema", "json_schema")]
)
def test_the_way_in_which_it_was_asked_is_on_record(method: Any, kind: str | None) -> None:
    """A tool that has to be called, or a response format."""
    model = ScriptedChatModel(Plan(title="Fix it"))
    model.with_structured_output(Plan, method=method).invoke("Plan it")
    (request,) = model.requests
    if kind is None:
        assert (request.tool_names, request.kwargs["tool_choice"]) == (["Plan"], "any")
    else:
        assert request.kwargs["response_format"]["type"] == kind
        assert request.tools == []


def test_the_schema_is_on_record() -> None:
    """In OpenAI's form, also if it was given in that form."""
    model = ScriptedChatModel('{"title": "Fix it"}', at_end="repeat_last")
    model.with_structured_output(Plan, method="json_schema", strict=True).invoke("Plan it")
    asked = model.requests[0].kwargs["response_format"]
    assert (asked["json_schema"]["name"], asked["json_schema"]["strict"]) == ("Plan", True)
    assert asked["json_schema"]["schema"]["required"] == ["title"]
    model.with_structured_output(asked, method="json_schema").invoke("Plan it")
    assert model.requests[1].kwargs["response_format"] == asked


def test_what_cannot_be_asked_for_is_refused() -> None:
    """An unknown method; no schema where one is needed."""
    model = ScriptedChatModel("fine")
    with pytest.raises(ValueError, match="no method 'guessing'"):
        model.with_structured_output(Plan, method="guessing")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a schema"):
        model.with_structured_output()


def test_any_json_needs_no_schema(call_whole: Call) -> None:
    """JSON mode alone."""
    structured = ScriptedChatModel('{"anything": 1}').with_structured_output(method="json_mode")
    assert call_whole(structured) == {"anything": 1}


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_agents_get_their_response(strategy: Any) -> None:
    """By either of LangChain's strategies."""
    model = ScriptedChatModel(Plan(title="Fix it"))
    agent: Any = create_agent(model, [], response_format=strategy(Plan))
    assert agent.invoke({"messages": [("user", "Plan it")]})["structured_response"] == Plan(title="Fix it")


def test_tools_that_only_a_vendor_understands_are_left_as_they_are() -> None:
    """The model may stand in that vendor's place."""
    model = ScriptedChatModel("fine")
    tool = {"type": "web_search_20250305", "max_uses": 1}
    model.bind_tools([tool]).invoke("Hello")
    assert model.requests[0].tools == [tool]
    with pytest.raises(ValueError, match="Unsupported"):
        model.bind_tools([42])
