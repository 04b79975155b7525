"""A role answers in a schema, by each method and in each form, whichever leg answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableWithFallbacks

from langchain_nvgateway import AllProvidersFailedError, ModelManager
from langchain_nvgateway.emulator import Emulator, Reply

from ..chat_models.calling import Call
from .composing import (
    GATEWAY_LEG,
    NIM_LEG,
    PLAN_SCHEMA,
    Plan,
    PlanDict,
    Recorder,
    chats,
    failing_nim,
    get_weather,
    manager_of,
    raises,
    says,
    who,
)

SCHEMAS = {"class": Plan, "typed dict": PlanDict, "json schema": PLAN_SCHEMA}
FIELDS = {"function_calling": "tools", "json_schema": "response_format", "json_mode": "response_format"}
PROMPT = "Answer with a plan as JSON"


@pytest.fixture(params=list(SCHEMAS))
def schema(request: pytest.FixtureRequest) -> Any:
    """Each form in which a schema may be given."""
    return SCHEMAS[request.param]


@pytest.fixture(params=list(FIELDS))
def method(request: pytest.FixtureRequest) -> str:
    """Each of LangChain's methods."""
    return str(request.param)


def titled(parsed: Any) -> str:
    """Return the title of a plan in either form."""
    return str(parsed.title if isinstance(parsed, Plan) else parsed["title"])


def script(emu: Emulator, method: str) -> None:
    """In JSON mode nobody tells the service the schema, so it is told here what to say."""
    if method == "json_mode":
        for service in (emu.nim, emu.gateway):
            service.reply_always(Reply(text='{"title": "Fix it"}'))


@pytest.mark.parametrize("strict", [None, True, False])
@pytest.mark.parametrize("include_raw", [False, True])
def test_the_second_leg_answers_in_the_same_schema(
    include_raw: bool, strict: bool | None, schema: Any, method: str, kind: str, emu: Emulator, call_whole: Call
) -> None:
    """Every method, every form of schema, whole or with the raw answer."""
    script(emu, method)
    options = {"method": method, "include_raw": include_raw}
    if strict is not None and method != "json_mode":
        options["strict"] = strict
    role: Any = getattr(failing_nim(emu), kind)("planner")
    found = call_whole(role.with_structured_output(schema, **options), PROMPT)
    if include_raw:
        assert who(found["raw"]) == GATEWAY_LEG
        assert found["parsing_error"] is None
        found = found["parsed"]
    assert isinstance(found, Plan) == (schema is Plan)
    assert titled(found)
    for request in [*chats(emu.nim), *chats(emu.gateway)]:
        assert request.json[FIELDS[method]]


def test_a_structured_stream_brings_the_object(
    schema: Any, method: str, kind: str, emu: Emulator, call_stream: Call
) -> None:
    """Of the second leg when the first one fails."""
    script(emu, method)
    role: Any = getattr(failing_nim(emu), kind)("planner")
    assert titled(call_stream(role.with_structured_output(schema, method=method), PROMPT))


@pytest.mark.parametrize("kwargs", [{"temperature": 0.25, "stop": ["END"], "max_tokens": 99}])
@pytest.mark.parametrize("way", ["bound before", "bound after", "at the call"])
def test_a_structured_role_keeps_keyword_arguments(way: str, kwargs: Any, emu: Emulator, call_whole: Call) -> None:
    """Bound before or after the schema, or given with the call."""
    model: Any = failing_nim(emu).model("planner")
    if way == "bound before":
        call_whole(model.bind(**kwargs).with_structured_output(Plan), PROMPT)
    elif way == "bound after":
        call_whole(model.with_structured_output(Plan).bind(**kwargs), PROMPT)
    else:
        call_whole(model.with_structured_output(Plan), PROMPT, **kwargs)
    for request in [*chats(emu.nim), *chats(emu.gateway)]:
        assert request.json["temperature"] == 0.25
        assert request.json["stop"] == ["END"]
        assert 99 in (request.json.get("max_tokens"), request.json.get("max_completion_tokens"))


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "schema, config, retries": lambda model: model.with_structured_output(Plan).with_config(tags=["x"]).with_retry(),
    "schema, retries, config": lambda model: model.with_structured_output(Plan).with_retry().with_config(tags=["x"]),
    "retries, schema, config": lambda model: model.with_retry().with_structured_output(Plan).with_config(tags=["x"]),
    "retries, config, schema": lambda model: model.with_retry().with_config(tags=["x"]).with_structured_output(Plan),
    "config, schema, retries": lambda model: model.with_config(tags=["x"]).with_structured_output(Plan).with_retry(),
    "config, retries, schema": lambda model: model.with_config(tags=["x"]).with_retry().with_structured_output(Plan),
}


@pytest.mark.parametrize("order", list(WRAPPERS))
def test_config_and_retries_hold_for_a_schema(order: str, emu: Emulator, call_whole: Call) -> None:
    """In whichever order the three are asked for."""
    recorder = Recorder()
    structured = WRAPPERS[order](failing_nim(emu).model("planner"))
    assert isinstance(call_whole(structured, PROMPT, {"callbacks": [recorder]}), Plan)
    assert all("x" in run["tags"] for run in recorder.of_type("model"))


def test_a_schema_takes_the_place_of_tools(emu: Emulator, call_whole: Call) -> None:
    """As it does in LangChain's own models."""
    model: Any = ModelManager.from_env().model("planner").bind_tools([get_weather], tool_choice="any")
    assert isinstance(call_whole(model.with_structured_output(Plan), PROMPT), Plan)
    assert [tool["function"]["name"] for tool in chats(emu.nim)[0].json["tools"]] == ["Plan"]


def script_a_miss(emu: Emulator, method: str, name: str) -> None:
    """NIM's answer misses the schema, the Gateway's meets it."""
    for service, plan in ((emu.nim, {"name": "Fix it"}), (emu.gateway, {"title": "Fix it"})):
        is_call = method == "function_calling"
        service.reply_always(Reply(tool_calls=[(name, plan)]) if is_call else Reply(text=json.dumps(plan)))


@pytest.mark.parametrize("include_raw", [False, True])
def test_an_answer_that_a_class_refuses_goes_to_the_next_leg(
    include_raw: bool, method: str, kind: str, emu: Emulator, call_whole: Call
) -> None:
    """As pydantic says."""
    script_a_miss(emu, method, "Plan")
    role: Any = getattr(ModelManager.from_env(), kind)("planner")
    found = call_whole(role.with_structured_output(Plan, method=method, include_raw=include_raw), PROMPT)
    assert titled(found["parsed"] if include_raw else found) == "Fix it"


def test_nobody_who_meets_the_schema_is_an_error(emu: Emulator, call_whole: Call) -> None:
    """The attempts say that each answer was rejected."""
    for service in (emu.nim, emu.gateway):
        service.reply_always(Reply(text='{"name": "Fix it"}'))
    structured = ModelManager.from_env().model("planner").with_structured_output(Plan, method="json_mode")
    with pytest.raises(AllProvidersFailedError) as caught:
        call_whole(structured, PROMPT)
    assert [attempt["outcome"] for attempt in caught.value.attempts] == ["rejected", "rejected"]


def test_a_structured_role_has_one_more_fallback(call_whole: Call) -> None:
    """LangChain's `with_fallbacks` around it, before the schema or after."""
    failing = manager_of(raises(ConnectionError("1")), raises(ConnectionError("2")))
    other = ModelManager(models={"nvidia-nim": lambda role, name: says('{"title": "other"}')}).model("planner")
    before: Any = failing.model("planner").with_fallbacks([other])
    assert isinstance(before, RunnableWithFallbacks)
    assert before.bind_tools([get_weather]).invoke("Hi").text == '{"title": "other"}'


def test_a_wrong_request_for_a_schema_is_told_as_it_is(emu: Emulator, call_whole: Call) -> None:
    """And the second leg is not asked."""
    emu.nim.fail_always("validation_422")
    with pytest.raises(ModelInvalidRequestError):
        call_whole(ModelManager.from_env().model("planner").with_structured_output(Plan), PROMPT)
    assert emu.gateway.requests == []


def test_a_leg_that_knows_no_schemas_is_skipped(call_whole: Call) -> None:
    """A model without `with_structured_output` of its own cannot answer in one."""
    answer = AIMessage("", tool_calls=[{"name": "Plan", "args": {"title": "Fix it"}, "id": "1"}])
    second = says()
    second.act = lambda _messages, _kwargs: answer
    structured = manager_of(FakeListChatModel(responses=["no"]), second).model("planner").with_structured_output(Plan)
    assert call_whole(structured, PROMPT) == Plan(title="Fix it")


def test_healthy_nim_answers_in_each_schema(schema: Any, method: str, emu: Emulator, call_whole: Call) -> None:
    """And the Gateway is not asked."""
    script(emu, method)
    structured = (
        ModelManager.from_env().model("planner").with_structured_output(schema, method=method, include_raw=True)
    )
    assert who(call_whole(structured, PROMPT)["raw"]) == NIM_LEG
    assert emu.gateway.requests == []
