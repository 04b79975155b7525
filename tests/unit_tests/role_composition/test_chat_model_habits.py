"""What people do with a chat model, they can do with a role."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField

from langchain_nvgateway import ModelManager
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import Call
from .composing import GATEWAY_LEG, NIM_LEG, Plan, chats, failing_nim, get_weather, who

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LONG = [SystemMessage("Be brief."), *[HumanMessage("word " * 50) for _ in range(10)]]


@pytest.fixture
def planner(emu: Emulator) -> Any:
    """A role's model."""
    return ModelManager.from_env().model("planner")


@pytest.fixture
def cache() -> Any:
    """LangChain's cache of answers, for the whole process."""
    made = InMemoryCache()
    set_llm_cache(made)
    yield made
    set_llm_cache(None)


def test_a_role_is_a_chat_model(planner: Any) -> None:
    """Wherever one is asked for."""
    assert isinstance(planner, BaseChatModel)


def test_tokens_are_counted_offline(planner: Any) -> None:
    """As its models count them."""
    assert planner.get_num_tokens("Hello world") > 0
    assert planner.get_num_tokens_from_messages([HumanMessage("Hello world")]) > 0


def test_messages_are_trimmed_by_a_roles_count(planner: Any) -> None:
    """`trim_messages(token_counter=model)`."""
    kept = trim_messages(LONG, max_tokens=200, token_counter=planner, include_system=True)
    assert 1 < len(kept) < len(LONG)


def test_a_role_has_the_profile_of_its_models(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each of them can do, it can do."""
    monkeypatch.setenv("NVGATEWAY_PLANNER_MODELS", GATEWAY_LEG)
    profile = ModelManager.from_env().model("planner").profile
    assert profile is not None
    assert profile["max_input_tokens"] == 128_000


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda model: model.model_copy()])
def test_copies_answer_with_the_same_legs(make: Any, emu: Emulator, call: Call) -> None:
    """And know what the others know of them."""
    manager = failing_nim(emu)
    model: Any = manager.model("planner").bind_tools([get_weather]).bind(temperature=0.25)
    call(model, "get_weather in Dublin")
    assert who(call(make(model), "get_weather in Dublin")) == GATEWAY_LEG
    assert manager.breakers[NIM_LEG].snapshot().reopenings is not None
    assert [request.json["temperature"] for request in chats(emu.nim)] == [0.25, 0.25]
    call(make(model), "get_weather in Dublin")
    assert len(chats(emu.nim)) == 2


@pytest.mark.parametrize("bind", ["plain", "tools", "schema", "retries", "chain"])
def test_no_secret_shows(bind: str, emu: Emulator) -> None:
    """Not in `repr`, `str`, dumps or serialisation."""
    manager = ModelManager.from_env()
    model: Any = manager.chain("planner") if bind == "chain" else manager.model("planner")
    if bind == "tools":
        model = model.bind_tools([get_weather])
    elif bind == "schema":
        model = model.with_structured_output(Plan)
    elif bind == "retries":
        model = model.with_retry()
    model.invoke("Hello")
    shown = " ".join(
        [repr(model), str(model), repr(manager), dumps(model), str(model.__dict__), str(model.model_dump())]
    )
    for secret in (emu.nim.api_key, emu.starfleet.client_secret):
        assert secret not in shown


def test_the_cache_answers_a_second_time(cache: InMemoryCache, emu: Emulator, call: Call) -> None:
    """Nobody is asked again, and it is the same answer."""
    planner = ModelManager.from_env().model("planner")
    one, other = call(planner, "Hello"), call(planner, "Hello")
    assert len(chats(emu.nim)) == 1 if call.__name__ in ("_invoke", "_ainvoke") else 2
    assert one.text == other.text
    assert who(other) == NIM_LEG


def test_a_cached_answer_says_of_each_role_what_concerns_it(
    cache: InMemoryCache, emu: Emulator, call_whole: Call
) -> None:
    """Roles that share a model share its cached answers, and none changes what another one has got."""
    manager = ModelManager.from_env()
    planner, programmer = (call_whole(manager.model(role), "Hello") for role in ("planner", "programmer"))
    assert len(chats(emu.nim)) == 1
    assert [answer.response_metadata["nvgateway"]["role"] for answer in (planner, programmer)] == [
        "planner",
        "programmer",
    ]


def test_the_cache_tells_legs_and_tools_apart(cache: InMemoryCache, emu: Emulator, call_whole: Call) -> None:
    """An answer of the second leg, or without tools, is no answer of the first, or with tools."""
    manager = failing_nim(emu)
    planner: Any = manager.model("planner")
    assert who(call_whole(planner, "get_weather in Dublin")) == GATEWAY_LEG
    emu.nim.heal()
    manager.reset()
    assert who(call_whole(planner, "get_weather in Dublin")) == NIM_LEG
    assert call_whole(planner.bind_tools([get_weather]), "get_weather in Dublin").tool_calls


def test_the_cache_of_generate_tells_tools_apart(cache: InMemoryCache, planner: Any) -> None:
    """A model with other bindings is another model."""
    said = [[HumanMessage("get_weather in Dublin")]]
    with_tools = planner.bind_tools([get_weather]).generate(said).generations[0][0].message
    without = planner.generate(said).generations[0][0].message
    assert with_tools.tool_calls
    assert not without.tool_calls


def test_a_rate_limiter_holds_for_the_legs(emu: Emulator, call_whole: Call) -> None:
    """It is asked once per request."""
    asked = []

    class Counting(InMemoryRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked.append(blocking)
            return super().acquire(blocking=blocking)

        async def aacquire(self, *, blocking: bool = True) -> bool:
            asked.append(blocking)
            return await super().aacquire(blocking=blocking)

    limiter = Counting(requests_per_second=1000, check_every_n_seconds=0.001, max_bucket_size=10)
    call_whole(failing_nim(emu).model("planner", rate_limiter=limiter), "Hello")
    assert len(asked) == 2


def test_fields_can_be_configurable(planner: Any, emu: Emulator) -> None:
    """`configurable_fields` of what a role's model has."""
    model = planner.configurable_fields(hold=ConfigurableField("hold"))
    assert who(model.invoke("Hello", {"configurable": {"hold": "all"}})) == NIM_LEG


def test_roles_can_be_alternatives(emu: Emulator, call_whole: Call) -> None:
    """`configurable_alternatives`."""
    manager = failing_nim(emu)
    model: Any = manager.model("planner").configurable_alternatives(
        ConfigurableField("who"), default_key="planner", router=manager.model("router")
    )
    answer = call_whole(model, "Hello", {"configurable": {"who": "router"}})
    assert answer.response_metadata["nvgateway"]["role"] == "router"
    assert model.bind_tools([get_weather]).invoke("get_weather in Dublin").tool_calls


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
    ],
)
def test_images_reach_the_second_leg(block: Any, kind: str, emu: Emulator, call: Call) -> None:
    """In either form."""
    said = [HumanMessage([{"type": "text", "text": "What is it?"}, block])]
    assert "I see" in call(getattr(failing_nim(emu), kind)("planner"), said).text
    assert PIXEL in json.dumps(chats(emu.gateway)[0].json)


def test_the_callers_messages_stay_as_they_are(emu: Emulator, call: Call) -> None:
    """Whatever the legs make of them."""
    said = [SystemMessage("Be brief."), HumanMessage([{"type": "text", "text": "Hello"}]), AIMessage("Yes?")]
    before = copy.deepcopy(said)
    call(failing_nim(emu).model("planner"), [*said, HumanMessage("Hello")])
    assert said == before
