"""Roles to models: who answers, in which order, and what is said when nobody can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel

from langchain_nvgateway import AllProvidersFailedError, ConfigurationError, ModelManager, NVGatewaySettings, Role
from langchain_nvgateway.emulator import Emulator

NIM_MODEL = "meta/llama-4-scout-17b-16e-instruct"
GATEWAY_MODELS = {
    "router": "gpt-4o-mini",
    "planner": "gpt-4o",
    "programmer": "gpt-4o",
    "reviewer": "gpt-4o-mini",
    "summarizer": "gpt-4o-mini",
}


def who(answer: Any) -> tuple[str, str]:
    found = answer.response_metadata["nvgateway"]
    return found["provider"], found["model"]


@pytest.mark.parametrize("role", list(Role))
def test_role_is_answered_by_nim_first_and_by_the_gateway_when_nim_fails(emu: Emulator, role: Role) -> None:
    """Each role has the models of the table, NIM before the Gateway."""
    model = ModelManager.from_env().model(role)
    assert who(model.invoke("hello")) == ("nvidia-nim", NIM_MODEL)
    emu.nim.fail_always("internal_error")
    assert who(model.invoke("hello")) == ("nvidia-gateway", GATEWAY_MODELS[role])


async def test_async_role_falls_back_too(emu: Emulator) -> None:
    """`ainvoke` and `astream` reach the Gateway when NIM fails."""
    emu.nim.fail_always("internal_error")
    model = ModelManager.from_env().model("planner")
    assert who(await model.ainvoke("hello")) == ("nvidia-gateway", "gpt-4o")
    assert "".join([chunk.text async for chunk in model.astream("hello")])


@pytest.mark.parametrize(
    "fault",
    ["rate_limited", "internal_error", "degraded", "forbidden", "not_found", "gone", "disconnect", "html_200"],
)
def test_what_another_model_may_do_better_falls_back(emu: Emulator, fault: str) -> None:
    """Availability, rate limits, credentials and broken answers of NIM go to the Gateway."""
    emu.nim.fail_always(fault)
    assert who(ModelManager.from_env().model("planner").invoke("hello"))[0] == "nvidia-gateway"


def test_invalid_request_does_not_fall_back(emu: Emulator) -> None:
    """A request that NIM finds invalid is not sent to the Gateway as well."""
    emu.nim.fail_always("validation_422")
    with pytest.raises(ModelInvalidRequestError):
        ModelManager.from_env().model("planner").invoke("hello")
    assert emu.gateway.requests == []


def test_first_leg_falls_over_without_retrying(emu: Emulator) -> None:
    """NIM is asked once; retries belong to the last leg."""
    emu.nim.fail_always("internal_error")
    emu.gateway.fail_next("internal_error")
    ModelManager.from_env().model("planner").invoke("hello")
    assert len(emu.nim.requests) == 1
    assert len(emu.gateway.requests) == 2


def test_tools_and_structured_output_keep_every_leg(emu: Emulator) -> None:
    """`bind_tools` and `with_structured_output` reach the Gateway when NIM fails."""

    class Plan(BaseModel):
        """A plan."""

        title: str

    def look_up(name: str) -> str:
        """Look up a name."""
        return name

    emu.nim.fail_always("internal_error")
    model = ModelManager.from_env().model("planner")
    assert who(model.bind_tools([look_up]).invoke("look up 'x'"))[0] == "nvidia-gateway"
    assert isinstance(model.with_structured_output(Plan).invoke("plan"), Plan)


def test_provider_without_credentials_takes_no_part(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one set of credentials the role has one leg; when that fails, the error says what the other lacks."""
    monkeypatch.delenv("STARFLEET_SECRET")
    emu.nim.fail_always("internal_error")
    with pytest.raises(AllProvidersFailedError, match="STARFLEET_SECRET") as caught:
        ModelManager.from_env().model("planner").invoke("hello")
    assert [attempt["outcome"] for attempt in caught.value.attempts] == ["failed", "skipped"]
    monkeypatch.setenv("NVGATEWAY_FALLBACK_ORDER", "nvidia-gateway,nvidia-nim")
    emu.nim.heal()
    answer = ModelManager.from_env().model("planner").invoke("hello")
    attempts = answer.response_metadata["nvgateway"]["attempts"]
    assert [(attempt["provider"], attempt["outcome"]) for attempt in attempts] == [
        ("nvidia-gateway", "skipped"),
        ("nvidia-nim", "answered"),
    ]
    monkeypatch.delenv("NVIDIA_NIM_API_KEY")
    with pytest.raises(ConfigurationError, match="NVIDIA_NIM_API_KEY"):
        ModelManager.from_env().model("planner")


def test_gateway_can_be_switched_off(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NVIDIA_LLM_GATEWAY_ENABLED=false` takes the Gateway out although its settings are there."""
    monkeypatch.setenv("NVIDIA_LLM_GATEWAY_ENABLED", "false")
    emu.nim.fail_always("internal_error")
    with pytest.raises(AllProvidersFailedError, match="NVIDIA_LLM_GATEWAY_ENABLED"):
        ModelManager.from_env().model("planner").invoke("hello")
    assert emu.gateway.requests == []


def test_role_model_is_a_chat_model(emu: Emulator) -> None:
    """Accepted wherever a `BaseChatModel` is."""
    assert isinstance(ModelManager.from_env().model("planner"), BaseChatModel)


def test_order_can_be_changed(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NVGATEWAY_FALLBACK_ORDER` says who is asked first."""
    monkeypatch.setenv("NVGATEWAY_FALLBACK_ORDER", "nvidia-gateway, nvidia-nim")
    assert who(ModelManager.from_env().model("planner").invoke("hello"))[0] == "nvidia-gateway"


def test_models_of_a_role_can_be_set(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NVGATEWAY_<ROLE>_MODELS` replaces the defaults, and makes roles of one's own."""
    monkeypatch.setenv("NVGATEWAY_PLANNER_MODELS", "nvidia-gateway:gpt-4.1")
    monkeypatch.setenv("NVGATEWAY_CODE_CRITIC_MODELS", f"nvidia-nim:{NIM_MODEL}")
    manager = ModelManager.from_env()
    assert who(manager.model("planner").invoke("hello")) == ("nvidia-gateway", "gpt-4.1")
    assert who(manager.model("code-critic").invoke("hello")) == ("nvidia-nim", NIM_MODEL)


def test_unknown_role_names_the_variable_that_makes_it(emu: Emulator) -> None:
    """A role without models is a `ConfigurationError` that says how to give it some."""
    with pytest.raises(ConfigurationError, match="NVGATEWAY_TEST_WRITER_MODELS") as caught:
        ModelManager.from_env().model("test-writer")
    assert caught.value.setting == "NVGATEWAY_TEST_WRITER_MODELS"


def test_parameters_reach_the_requests(emu: Emulator) -> None:
    """Length and temperature are the settings'; overrides of a call to `model` win, on every leg."""
    emu.nim.fail_always("internal_error")
    manager = ModelManager(NVGatewaySettings(max_tokens=11))
    manager.model("planner").invoke("hello")
    manager.reset()
    manager.model("planner", max_tokens=5, temperature=0.5).invoke("hello")
    for service in (emu.nim, emu.gateway):
        first, second = [request.json for request in service.requests if request.route == "chat"]
        assert first["max_tokens"] == 11
        assert "temperature" not in first
        assert (second["max_tokens"], second["temperature"]) == (5, 0.5)


@pytest.mark.parametrize("name", ["base_url", "api_key", "starfleet_secret", "model"])
def test_where_requests_go_is_no_parameter_of_a_role(name: str, emu: Emulator) -> None:
    """URLs and credentials are settings, which the policy is asked about; models have a setting of their own."""
    with pytest.raises(ConfigurationError, match=name) as caught:
        ModelManager.from_env().model("planner", **{name: "https://elsewhere.example"})
    assert caught.value.setting == name


def test_misspelt_parameter_is_named(emu: Emulator) -> None:
    """A typing error is not sent to anybody."""
    with pytest.raises(ConfigurationError, match="temprature"):
        ModelManager.from_env().model("planner", temprature=0.5)


def test_roles_share_one_token(emu: Emulator) -> None:
    """The Gateway legs of all roles cost one token request."""
    emu.nim.fail_always("internal_error")
    manager = ModelManager.from_env()
    for role in Role:
        manager.model(role).invoke("hello")
    assert len(emu.starfleet.requests) == 1


def test_settings_come_from_the_named_env_file(emu: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_env(".env")` reads that file; without a name no file is read."""
    for name in emu.env:
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text("\n".join(f"{name}={value}" for name, value in emu.env.items()))
    monkeypatch.chdir(tmp_path)
    assert who(ModelManager.from_env(".env").model("planner").invoke("hello"))[0] == "nvidia-nim"
    with pytest.raises(ConfigurationError):
        ModelManager.from_env().model("planner")
