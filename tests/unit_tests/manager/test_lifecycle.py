"""Fakes in the place of providers, and the life of a manager."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from langchain_core.runnables.fallbacks import RunnableWithFallbacks

from langchain_nvgateway import (
    AllProvidersFailedError,
    ConfigurationError,
    ModelManager,
    NVGatewayError,
    NVGatewaySettings,
)
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import STYLES, soon
from .fakes import failing, saying

SCOUT = "meta/llama-4-scout-17b-16e-instruct"


def test_fakes_need_no_credentials_and_no_network() -> None:
    """Breakers, checks and attempts work as ever."""
    manager = ModelManager(models={"nvidia-nim": failing(OSError("down")), "nvidia-gateway": saying("fine")})
    answer = manager.model("router").invoke("hello")
    assert answer.text == "fine"
    assert answer.response_metadata["nvgateway"]["model"] == "gpt-4o-mini"
    assert manager.breakers[f"nvidia-nim:{SCOUT}"].snapshot().consecutive_failures == 1


def test_a_factory_is_asked_for_role_and_model() -> None:
    """And the defaults of the settings are not sent to what it returns."""
    asked: list[tuple[str, str]] = []
    made = saying("fine")

    def factory(role: str, model: str) -> ScriptedChatModel:
        asked.append((role, model))
        return made

    manager = ModelManager(models={"nvidia-gateway": factory})
    manager.model("planner").invoke("hello")
    manager.model("reviewer", temperature=0.1).invoke("hello")
    assert asked == [("planner", "gpt-4o"), ("reviewer", "gpt-4o-mini")]
    assert [request.kwargs for request in made.requests] == [{}, {}]


@pytest.mark.parametrize("models", [{"azure": saying("fine")}, {"nvidia-nim": "gpt-4o"}, {"nvidia-nim": None}])
def test_what_is_no_fake_is_refused(models: Any) -> None:
    """With an error that names the argument."""
    with pytest.raises(ConfigurationError) as caught:
        ModelManager(models=models)
    assert caught.value.setting == "models"


def test_a_factory_that_returns_no_chat_model_is_named() -> None:
    """When the role's model is built."""
    wrong: Any = lambda role, model: f"{role} {model}"  # noqa: E731 - as short as the mistake
    with pytest.raises(ConfigurationError, match="nvidia-nim"):
        ModelManager(models={"nvidia-nim": wrong}).model("planner")


@pytest.mark.parametrize("style", STYLES)
def test_a_run_sets_model_temperature_and_length(style: str) -> None:
    """In both spellings; the model comes first, and the others stay behind it."""
    first, second = saying("nim"), saying("gateway")
    model = ModelManager(models={"nvidia-nim": first, "nvidia-gateway": second}).model("planner")
    own: Any = {"planner_model": "nvidia-gateway:gpt-x", "planner_temperature": 0.3, "max_tokens": 7}
    open_swe: Any = {"plannerModelName": "nvidia-gateway:gpt-x", "plannerTemperature": "0.3", "maxTokens": "7"}
    for configurable in (own, open_swe):
        answer = STYLES[style](model, config={"configurable": configurable})
        assert answer.text == "gateway"
        assert answer.response_metadata["nvgateway"]["model"] == "gpt-x"
    assert [request.kwargs for request in second.requests] == [{"temperature": 0.3, "max_tokens": 7}] * 2
    assert STYLES[style](model, config={"configurable": {"programmer_model": "nvidia-gateway:gpt-x"}}).text == "nim"
    failing_first = {"nvidia-nim": saying("nim"), "nvidia-gateway": failing(OSError("down"))}
    behind = ModelManager(models=failing_first).model("planner")
    assert STYLES[style](behind, config={"configurable": own}).text == "nim"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("planner_model", "gpt-4o"),
        ("planner_model", "azure:gpt-4o"),
        ("planner_model", 7),
        ("plannerModelName", "nvidia-nim:"),
        ("planner_temperature", "warm"),
        ("planner_temperature", 7),
        ("planner_temperature", True),
        ("plannerTemperature", float("nan")),
        ("max_tokens", 0),
        ("max_tokens", True),
        ("maxTokens", 1.5),
    ],
)
def test_a_malformed_override_is_named(name: str, value: Any) -> None:
    """And nobody is asked."""
    fake = saying("fine")
    with pytest.raises(ConfigurationError, match=name) as caught:
        ModelManager(models={"nvidia-nim": fake}).model("planner").invoke("hello", {"configurable": {name: value}})
    assert caught.value.setting == name
    assert fake.requests == []


def test_names_of_custom_roles_are_read_with_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    """`code-critic` is set by `NVGATEWAY_CODE_CRITIC_MODELS`, `code_critic_model` and `codeCriticModelName`."""
    monkeypatch.setenv("NVGATEWAY_CODE_CRITIC_MODELS", "nvidia-nim:a, nvidia-gateway:b")
    model = ModelManager(models={"nvidia-nim": saying("nim"), "nvidia-gateway": saying("gateway")}).model("code-critic")
    assert model.invoke("hello").response_metadata["nvgateway"]["model"] == "a"
    for key in ("code_critic_model", "codeCriticModelName"):
        answer = model.invoke("hello", {"configurable": {key: "nvidia-gateway:c"}})
        assert answer.response_metadata["nvgateway"]["model"] == "c"


@pytest.mark.parametrize("style", STYLES)
def test_a_closed_manager_answers_no_more(style: str) -> None:
    """Neither do the models that it gave away; all ways to close it do the same."""
    fake = saying("fine")
    with ModelManager(models={"nvidia-nim": fake}) as first:
        models = [first.model("planner"), first.chain("planner")]

    async def close_async() -> ModelManager:
        async with ModelManager(models={"nvidia-nim": fake}) as manager:
            await manager.aclose()
        return manager

    for manager in (first, asyncio.run(close_async())):
        for build in (manager.model, manager.chain):
            with pytest.raises(NVGatewayError, match="closed"):
                build("planner")
    for model in models:
        with pytest.raises(NVGatewayError, match="closed"):
            STYLES[style](model)
    assert fake.requests == []


def test_a_chain_is_langchains_own() -> None:
    """Built by `with_fallbacks`, one runnable per leg."""
    manager = ModelManager(models={"nvidia-nim": saying("nim"), "nvidia-gateway": saying("gateway")})
    chain = manager.chain("planner")
    assert isinstance(chain, RunnableWithFallbacks)
    assert len(list(chain.runnables)) == 2
    assert chain.invoke("hello").text == "nim"


def test_copies_share_the_legs() -> None:
    """A deep copy of a model is the same model with the same breakers."""
    manager = ModelManager(models={"nvidia-nim": failing(OSError("down")), "nvidia-gateway": saying("fine")})
    for model in (
        manager.model("planner"),
        copy.copy(manager.model("planner")),
        copy.deepcopy(manager.model("planner")),
    ):
        model.invoke("hello")
    assert manager.breakers[f"nvidia-nim:{SCOUT}"].state.value == "open"


@pytest.mark.parametrize("timeout", [0, -1, True, "soon", float("nan")])
def test_a_malformed_limit_is_named(timeout: Any) -> None:
    """Given to `model` or to a call."""
    manager = ModelManager(models={"nvidia-nim": saying("fine")})
    with pytest.raises(ConfigurationError, match="timeout"):
        manager.model("planner", timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout"):
        manager.model("planner").invoke("hello", timeout=timeout)


def test_hold_is_all_or_nothing() -> None:
    """Anything else is named."""
    manager = ModelManager(NVGatewaySettings(), models={"nvidia-nim": saying("fine")})
    assert manager.model("planner", hold="all").invoke("hello").text == "fine"
    with pytest.raises(ConfigurationError, match="hold"):
        manager.model("planner", hold="some")


@pytest.mark.parametrize("name", ["model", "model_name"])
def test_a_call_cannot_name_a_bare_model(name: str) -> None:
    """A role has models of several providers, and each would be sent the name of another one's."""
    fake = saying("fine")
    with pytest.raises(ConfigurationError, match="planner_model"):
        ModelManager(models={"nvidia-nim": fake}).model("planner").invoke("hello", **{name: "gpt-4o"})
    assert fake.requests == []


def test_the_last_retries_count() -> None:
    """Retries that are asked for again replace the earlier ones, and tools can be bound to either."""
    fake = failing(OSError("down"))
    manager = ModelManager(NVGatewaySettings(breaker_failure_threshold=100), models={"nvidia-nim": fake})
    once = manager.model("planner").with_retry(stop_after_attempt=5).with_retry(stop_after_attempt=1)
    with pytest.raises(AllProvidersFailedError):
        once.bind_tools([len]).invoke("hello")
    assert len(fake.requests) == 1


def test_an_answer_in_a_schema_may_call_a_tool_instead(emu: Emulator) -> None:
    """Where tools stand beside the schema, and the caller gets to see the answer."""
    emu.nim.reply_always(Reply(tool_calls=[("len", {"obj": "x"})]))
    schema = {"title": "Plan", "description": "A plan.", "type": "object", "properties": {"a": {"type": "string"}}}
    model = ModelManager.from_env().model("planner")
    found = model.with_structured_output(schema, method="json_schema", tools=[len], include_raw=True).invoke("hello")
    assert found["raw"].response_metadata["nvgateway"]["provider"] == "nvidia-nim"
    assert [call["name"] for call in found["raw"].tool_calls] == ["len"]
    assert found["parsed"] is None


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_a_stream_has_to_begin_in_time(style: str, emu: Emulator) -> None:
    """`first_token_timeout` cuts a leg long before the time for the whole call is over."""
    emu.nim.fail_always("hang")
    model = ModelManager(NVGatewaySettings(first_token_timeout=0.3, request_timeout=60)).model("planner")
    with soon():
        answer = STYLES[style](model)
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"


@pytest.mark.parametrize("settings", [".env", {"request_timeout": 3}], ids=["file", "dict"])
def test_settings_of_another_kind_are_refused(settings: Any) -> None:
    """With the way to have them read."""
    with pytest.raises(ConfigurationError, match="from_env"):
        ModelManager(settings)
