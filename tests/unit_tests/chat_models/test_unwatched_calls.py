"""Calls at which nobody looks on take a shorter way, and nobody can tell."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.tracers.context import collect_runs
from pydantic import BaseModel

from langchain_nvgateway import ChatNIM

from .calling import Call, Endpoint

RUN = uuid.UUID("01890000-0000-7000-8000-000000000001")


class Watcher(BaseCallbackHandler):
    """Remembers what LangChain tells of calls."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: uuid.UUID, **kwargs: Any) -> None:
        """Remember a call that begins."""
        self.runs.append(f"start {run_id}")

    def on_llm_end(self, response: Any, *, run_id: uuid.UUID, **kwargs: Any) -> None:
        """Remember a call that ends."""
        self.runs.append(f"end {run_id}")


class City(BaseModel):
    """A city."""

    name: str


def test_an_answer_is_the_same_whether_or_not_somebody_looks_on(endpoint: Endpoint, call_whole: Call) -> None:
    """Text, ids, usage and metadata do not tell whether the call was traced."""
    model = endpoint.model(metadata={"correlation_id": "one-for-all"})
    alone = call_whole(model, config={"run_id": RUN})
    watched = call_whole(model, config={"run_id": RUN, "callbacks": [Watcher()]})
    for answer in (alone, watched):
        answer.response_metadata.pop("request_id", None)
        answer.response_metadata.pop("id", None)
    assert alone.id == f"lc_run--{RUN}-0"
    assert alone == watched


def test_a_request_is_the_same_whether_or_not_somebody_looks_on(endpoint: Endpoint, call_whole: Call) -> None:
    """What is sent does not depend on who looks on; what is for traces only is never sent."""
    asking = endpoint.model().with_structured_output(City, method="json_schema", include_raw=True)
    call_whole(asking)
    call_whole(asking, config={"callbacks": [Watcher()]})
    alone, watched = endpoint.chats
    assert alone.json == watched.json
    assert not any("structured_output" in name for name in alone.json)


def test_handlers_of_the_call_are_told(endpoint: Endpoint, call_whole: Call) -> None:
    """A call's own handlers see its run."""
    watcher = Watcher()
    call_whole(endpoint.model(), config={"run_id": RUN, "callbacks": [watcher]})
    assert watcher.runs == [f"start {RUN}", f"end {RUN}"]


def test_handlers_of_the_model_are_told(endpoint: Endpoint, call_whole: Call) -> None:
    """Handlers of the model see the run, also when they are given to it between two calls."""
    watcher, model = Watcher(), endpoint.model()
    call_whole(model)
    model.callbacks = [watcher]
    call_whole(model, config={"run_id": RUN})
    assert watcher.runs == [f"start {RUN}", f"end {RUN}"]


def test_handlers_of_the_surroundings_are_told(endpoint: Endpoint, call_whole: Call) -> None:
    """What LangChain puts in by context variables is found."""
    with get_usage_metadata_callback() as usage, collect_runs() as runs:
        call_whole(endpoint.model())
    assert usage.usage_metadata
    assert [run.run_type for run in runs.traced_runs] == ["llm"]


@contextmanager
def _replaced(kind: type[Any], name: str, seen: list[str]) -> Iterator[None]:
    """Put something in the place of a method, as libraries do that trace."""
    original = vars(kind)[name]

    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return original(self, *args, **kwargs)

    setattr(kind, name, replacement)
    try:
        yield
    finally:
        setattr(kind, name, original)


@pytest.mark.parametrize("name", ["generate", "generate_prompt", "invoke"])
def test_what_others_put_in_the_way_of_calls_is_passed(nim: Endpoint, call_whole: Call, name: str) -> None:
    """A library that traces by replacing LangChain's methods sees each call."""
    seen: list[str] = []
    with _replaced(BaseChatModel, name, seen), _replaced(BaseChatModel, f"a{name}", seen):
        call_whole(nim.model())
    assert {each.removeprefix("a") for each in seen} == {name}


def test_a_subclass_may_have_its_own_way_to_generate(nim: Endpoint, call_whole: Call) -> None:
    """What a subclass does around `generate` is done."""
    seen: list[str] = []

    class Counted(ChatNIM):
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("generate")
            return super().generate(*args, **kwargs)

        async def agenerate(self, *args: Any, **kwargs: Any) -> Any:
            seen.append("generate")
            return await super().agenerate(*args, **kwargs)

    call_whole(Counted())
    assert seen == ["generate"]


@pytest.mark.parametrize("name", ["metadata", "tags", "callbacks"])
def test_what_belongs_into_the_config_is_no_argument_of_a_call(nim: Endpoint, call_whole: Call, name: str) -> None:
    """LangChain refuses it, so it is not sent to the service either."""
    with pytest.raises(TypeError, match=name):
        call_whole(nim.model(), **{name: None})
    assert nim.chats == []


def test_the_cache_of_langchain_is_asked(nim: Endpoint, call_whole: Call) -> None:
    """The second of two equal questions costs nothing."""
    model = nim.model(cache=InMemoryCache())
    assert call_whole(model).content == call_whole(model).content
    assert len(nim.chats) == 1


def test_the_rate_limiter_is_asked(nim: Endpoint, call_whole: Call) -> None:
    """Each call waits for its leave."""
    asked: list[str] = []

    class Limiter(BaseRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked.append("acquire")
            return True

        async def aacquire(self, *, blocking: bool = True) -> bool:
            asked.append("acquire")
            return True

    call_whole(nim.model(rate_limiter=Limiter()))
    assert asked == ["acquire"]


def test_fields_that_change_between_calls_count(gateway: Endpoint, call_whole: Call) -> None:
    """Nothing of a call is kept for the next one: models are changed while they are in use."""
    model: Any = gateway.model(temperature=0.5)
    call_whole(model)
    model.temperature, model.api_version, model.default_query = 1.0, "2025-01-01", {"a": "b"}
    model.model_name = "gpt-4o"
    call_whole(model)
    first, second = gateway.chats
    assert (first.json["temperature"], second.json["temperature"]) == (0.5, 1.0)
    assert (first.model, first.query) == ("gpt-4o-mini", {"api-version": "2024-12-01-preview"})
    assert (second.model, second.query) == ("gpt-4o", {"a": "b", "api-version": "2025-01-01"})


def test_tools_that_change_between_calls_count(nim: Endpoint, call_whole: Call) -> None:
    """The contract is that of the tools as they are sent: users change their dicts."""
    function: dict[str, Any] = {"name": "look", "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "function", "function": function}]
    for name in ("look", "search"):
        function["name"] = name
        answer = call_whole(nim.model(), tools=tools, tool_choice="required")
        assert [called["name"] for called in answer.tool_calls] == [name]


def test_a_subclass_may_have_its_own_reading_of_inputs(nim: Endpoint, call_whole: Call) -> None:
    """What a subclass makes of an input is what is sent."""

    class Polite(ChatNIM):
        def _convert_input(self, model_input: Any) -> Any:
            return super()._convert_input(f"Please: {model_input}" if isinstance(model_input, str) else model_input)

    call_whole(Polite(), "sit")
    assert nim.chats[0].json["messages"][0]["content"] == "Please: sit"
