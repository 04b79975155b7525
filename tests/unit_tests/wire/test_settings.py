"""Settings: arguments over environment over the `.env` file that was named."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from langchain_nvgateway.errors import ConfigurationError
from langchain_nvgateway.settings import NVGatewaySettings, settings_from

_TEXTS = {
    "STARFLEET_ID": "starfleet_id",
    "STARFLEET_TOKEN_URL": "starfleet_token_url",
    "STARFLEET_SCOPE": "starfleet_scope",
    "LLM_GATEWAY_BASE_URL": "llm_gateway_base_url",
    "LLM_GATEWAY_API_VERSION": "llm_gateway_api_version",
    "LLM_GATEWAY_MODEL": "llm_gateway_model",
    "NVIDIA_NIM_BASE_URL": "nvidia_nim_base_url",
    "NVIDIA_NIM_STATUS_URL": "nvidia_nim_status_url",
    "NVGATEWAY_NO_PROXY": "no_proxy",
    "NVGATEWAY_CA_BUNDLE": "ca_bundle",
    "NVGATEWAY_OPENAI_BASE_URL": "openai_base_url",
    "NVGATEWAY_ANTHROPIC_BASE_URL": "anthropic_base_url",
    "NVGATEWAY_GOOGLE_GENAI_BASE_URL": "google_genai_base_url",
}
_SECRETS = {
    "STARFLEET_SECRET": "starfleet_secret",
    "NVIDIA_NIM_API_KEY": "nvidia_nim_api_key",
    "NVIDIA_API_KEY": "nvidia_nim_api_key",
    "NVGATEWAY_PROXY": "proxy",
    "OPENAI_API_KEY": "openai_api_key",
    "ANTHROPIC_API_KEY": "anthropic_api_key",
    "GOOGLE_API_KEY": "google_api_key",
    "GEMINI_API_KEY": "google_api_key",
}
_VALUES: dict[str, tuple[str, str, Any]] = {
    "NVIDIA_LLM_GATEWAY_ENABLED": ("nvidia_llm_gateway_enabled", "false", False),
    "NVGATEWAY_FALLBACK_ORDER": ("fallback_order", "nvidia-gateway, nvidia-nim", ("nvidia-gateway", "nvidia-nim")),
    "NVGATEWAY_REQUEST_TIMEOUT": ("request_timeout", "7.5", 7.5),
    "NVGATEWAY_FIRST_TOKEN_TIMEOUT": ("first_token_timeout", "3", 3.0),
    "NVGATEWAY_MAX_TOKENS": ("max_tokens", "77", 77),
    "NVGATEWAY_ALLOW_EXTERNAL": ("allow_external", "true", True),
    "NVGATEWAY_BREAKER_FAILURE_THRESHOLD": ("breaker_failure_threshold", "5", 5),
    "NVGATEWAY_BREAKER_OPEN_SECONDS": ("breaker_open_seconds", "7.5", 7.5),
}
_ALL = [*_TEXTS, *_SECRETS, *_VALUES, "NVGATEWAY_PLANNER_MODELS", "NVGATEWAY_REDIS_URL"]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty environment and an empty current folder."""
    for name in os.environ:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", _TEXTS)
def test_text_comes_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is written."""
    monkeypatch.setenv(name, "some text")

    assert getattr(NVGatewaySettings(), _TEXTS[name]) == "some text"


@pytest.mark.parametrize("name", _SECRETS)
def test_secret_comes_from_its_variable_and_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in `repr` nor in `str` nor in a dump to JSON."""
    monkeypatch.setenv(name, "hunter2")
    settings = NVGatewaySettings()

    assert getattr(settings, _SECRETS[name]).get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_client_id_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is half of the credentials."""
    monkeypatch.setenv("STARFLEET_ID", "hunter1")

    assert "hunter1" not in repr(NVGatewaySettings()) + str(NVGatewaySettings())


@pytest.mark.parametrize("name", _VALUES)
def test_value_comes_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as what it is."""
    field, text, value = _VALUES[name]
    monkeypatch.setenv(name, text)

    assert getattr(NVGatewaySettings(), field) == value


def test_defaults_are_those_of_the_design() -> None:
    """Without any variable."""
    settings = NVGatewaySettings()

    assert settings.request_timeout == 180
    assert settings.first_token_timeout == 60
    assert settings.max_tokens == 10_000
    assert settings.nvidia_llm_gateway_enabled is True
    assert settings.fallback_order == ("nvidia-nim", "nvidia-gateway", "openai", "anthropic", "google-genai")
    assert settings.allow_external is False
    assert settings.breaker_failure_threshold == 2
    assert settings.breaker_open_seconds == 180
    assert settings.models_of("planner") == ()
    assert settings.starfleet_secret is settings.nvidia_nim_api_key is settings.starfleet_id is None


def test_own_key_of_nim_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that is named after NIM, over the one of all NVIDIA's services."""
    monkeypatch.setenv("NVIDIA_API_KEY", "general")
    monkeypatch.setenv("NVIDIA_NIM_API_KEY", "own")

    key = NVGatewaySettings().nvidia_nim_api_key

    assert key is not None
    assert key.get_secret_value() == "own"


def test_arguments_win_over_environment_over_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each where the ones before it say nothing."""
    file = tmp_path / "named.env"
    file.write_text("NVGATEWAY_MAX_TOKENS=1\nNVGATEWAY_REQUEST_TIMEOUT=1\nNVGATEWAY_FIRST_TOKEN_TIMEOUT=1\n")
    monkeypatch.setenv("NVGATEWAY_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("NVGATEWAY_FIRST_TOKEN_TIMEOUT", "2")

    settings = NVGatewaySettings(_env_file=file, first_token_timeout=3)

    assert (settings.max_tokens, settings.request_timeout, settings.first_token_timeout) == (1, 2.0, 3.0)


@pytest.mark.parametrize("name", _ALL)
@pytest.mark.parametrize("blank", ["", " \t"], ids=repr)
def test_blank_variable_is_not_set(name: str, blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell script that exports nothing changes nothing."""
    monkeypatch.setenv(name, blank)

    assert NVGatewaySettings().model_dump(exclude_defaults=True) in ({}, {"role_models": {}})


def test_blank_key_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank first name leaves the second one."""
    monkeypatch.setenv("NVIDIA_NIM_API_KEY", " ")
    monkeypatch.setenv("NVIDIA_API_KEY", "general")

    key = NVGatewaySettings().nvidia_nim_api_key

    assert key is not None
    assert key.get_secret_value() == "general"


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("NVGATEWAY_REQUEST_TIMEOUT", "0", "greater than 0"),
        ("NVGATEWAY_REQUEST_TIMEOUT", "-1", "greater than 0"),
        ("NVGATEWAY_REQUEST_TIMEOUT", "nan", "finite number"),
        ("NVGATEWAY_REQUEST_TIMEOUT", "soon", "number"),
        ("NVGATEWAY_FIRST_TOKEN_TIMEOUT", "0", "greater than 0"),
        ("NVGATEWAY_MAX_TOKENS", "0", "greater than 0"),
        ("NVGATEWAY_MAX_TOKENS", "1.5", "integer"),
        ("NVGATEWAY_MAX_TOKENS", "many", "integer"),
        ("NVIDIA_LLM_GATEWAY_ENABLED", "perhaps", "boolean"),
        ("NVGATEWAY_FALLBACK_ORDER", "hunter2", "nvidia-nim, nvidia-gateway"),
        ("NVGATEWAY_FALLBACK_ORDER", ",", "nvidia-nim, nvidia-gateway"),
        ("NVGATEWAY_PLANNER_MODELS", "gpt-4o", "provider:model"),
        ("NVGATEWAY_PLANNER_MODELS", "azure:gpt-4o", "nvidia-nim, nvidia-gateway"),
        ("NVGATEWAY_PLANNER_MODELS", "nvidia-nim:", "provider:model"),
        ("NVGATEWAY_CODE_REVIEW_MODELS", "gpt-4o", "provider:model"),
    ],
)
def test_bad_value_names_the_variable_and_what_it_takes(
    name: str, value: str, takes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line tells what to change."""
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=f"{name}.*{re.escape(takes)}") as caught:
        NVGatewaySettings()

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["NVGATEWAY_PLANNER_MODELS", "NVGATEWAY_MAX_TOKENS"])
def test_error_has_the_variable_as_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.setting` is the variable at fault."""
    monkeypatch.setenv(name, "bad")

    with pytest.raises(ConfigurationError) as caught:
        NVGatewaySettings()

    assert caught.value.setting == name


def test_endless_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket waits for ever; said where it is set and not at the first call."""
    monkeypatch.setenv("NVGATEWAY_REQUEST_TIMEOUT", "inf")

    with pytest.raises(ConfigurationError, match="NVGATEWAY_REQUEST_TIMEOUT"):
        NVGatewaySettings()


def test_several_bad_values_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt, all corrections."""
    monkeypatch.setenv("NVGATEWAY_MAX_TOKENS", "many")
    monkeypatch.setenv("NVGATEWAY_REQUEST_TIMEOUT", "soon")

    with pytest.raises(ConfigurationError, match=r"(?=.*NVGATEWAY_MAX_TOKENS)(?=.*NVGATEWAY_REQUEST_TIMEOUT)"):
        NVGatewaySettings()


@pytest.mark.parametrize("field", ["starfleet_secret", "nvidia_nim_api_key"])
def test_bad_secret_is_not_in_the_error(field: str) -> None:
    """A secret of the wrong type is still a secret."""
    with pytest.raises(ConfigurationError) as caught:
        NVGatewaySettings(**{field: ["hunter2"]})

    assert "hunter2" not in str(caught.value) + repr(caught.value.__dict__)


@pytest.mark.parametrize("name", ["NVGATEWAY_PLANNER_MODELS", "nvgateway_planner_models"])
def test_models_of_a_role_come_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they are asked."""
    monkeypatch.setenv(name, " nvidia-gateway:gpt-4o ,, nvidia-nim:meta/llama:free ")

    assert NVGatewaySettings().models_of("planner") == ("nvidia-gateway:gpt-4o", "nvidia-nim:meta/llama:free")


@pytest.mark.parametrize("role", ["code-review", "code_review", "Code-Review"])
def test_models_of_a_custom_role(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upper case, `-` as `_`."""
    monkeypatch.setenv("NVGATEWAY_CODE_REVIEW_MODELS", "nvidia-nim:m")

    assert NVGatewaySettings().models_of(role) == ("nvidia-nim:m",)


@pytest.mark.parametrize("role", ["code-review", "code_review", "Code-Review"])
def test_models_of_a_custom_role_as_an_argument(role: str) -> None:
    """An argument is found under the name it was given."""
    assert NVGatewaySettings(role_models={role: ["nvidia-nim:m"]}).models_of(role) == ("nvidia-nim:m",)


def test_models_in_the_environment_win_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For the role that both name; the other roles of the file stay."""
    file = tmp_path / "named.env"
    file.write_text("NVGATEWAY_PLANNER_MODELS=nvidia-nim:file\nNVGATEWAY_ROUTER_MODELS=nvidia-nim:file\n")
    monkeypatch.setenv("NVGATEWAY_PLANNER_MODELS", "nvidia-nim:environment")

    settings = settings_from(file)

    assert settings.models_of("planner") == ("nvidia-nim:environment",)
    assert settings.models_of("router") == ("nvidia-nim:file",)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    """A typing error in the name is not silently an empty file."""
    with pytest.raises(ConfigurationError, match=r"missing\.env") as caught:
        settings_from(tmp_path / "missing.env")

    assert caught.value.setting == "env_file"


@pytest.mark.parametrize("content", [b"STARFLEET_ID=caf\xe9\n", b"\xff\xfeS\x00=\x00a\x00"], ids=["latin-1", "utf-16"])
def test_unreadable_file_is_an_error_that_names_it(content: bytes, tmp_path: Path) -> None:
    """Not a bare `UnicodeDecodeError`."""
    (tmp_path / "named.env").write_bytes(content)

    with pytest.raises(ConfigurationError, match="env_file"):
        settings_from(tmp_path / "named.env")


def test_file_in_the_current_folder_is_not_read(tmp_path: Path) -> None:
    """The library reads a file only when told to."""
    (tmp_path / ".env").write_text("STARFLEET_ID=from-file\nNVGATEWAY_PLANNER_MODELS=nvidia-nim:file\n")

    assert settings_from(None).starfleet_id is None
    assert NVGatewaySettings().model_dump(exclude_defaults=True) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TOKENS", "5"),
        ("REQUEST_TIMEOUT", "5"),
        ("FIRST_TOKEN_TIMEOUT", "5"),
        ("FALLBACK_ORDER", "nvidia-gateway"),
        ("ROLE_MODELS", '{"planner": ["nvidia-nim:other"]}'),
        ("ROLE_MODELS", "not JSON"),
        ("MAX_TOKENS", "not a number"),
        ("OPENAI_BASE_URL", "https://elsewhere.example"),
        ("AZURE_OPENAI_ENDPOINT", "https://elsewhere.example"),
        ("NVGATEWAY_MODELS", "nonsense"),
    ],
)
def test_variables_of_others_change_nothing(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the documented names count; general names belong to other programs."""
    monkeypatch.setenv(name, value)

    assert NVGatewaySettings().model_dump(exclude_defaults=True) == {}


def test_url_of_redis_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", "rediss://fleet:hunter2@redis.test:6380/1")
    settings = NVGatewaySettings()

    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value().endswith("@redis.test:6380/1")
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "http://hunter2@redis.test",
        "redis://",
        "redis://:hunter2@redis.test:port",
        "redis://:hunter2@redis.test:0",
        "redis://:hunter2@redis.test/first",
        "redis://:hunter2 @redis.test",
        "redis://:hunter2#@redis.test",
        "redis://redis.test?password=hunter2",
        "rediss://redis.test?ssl_cert_reqs=none",
        "unix:///tmp/hunter2.sock",
    ],
)
def test_bad_url_of_redis_is_refused_without_being_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, and shows a good one."""
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", url)

    with pytest.raises(ConfigurationError, match=r"NVGATEWAY_REDIS_URL.*redis://host:6379/0") as caught:
        NVGatewaySettings()

    assert "hunter2" not in str(caught.value)
    assert caught.value.setting == "NVGATEWAY_REDIS_URL"


def test_unpickled_settings_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says there, permissions and models included; but secrets come from it."""
    monkeypatch.setenv("NVIDIA_NIM_API_KEY", "fake-key")
    before = NVGatewaySettings(max_tokens=5, role_models={"planner": ("nvidia-nim:a",)})
    pickled = pickle.dumps(before)
    for name, value in {
        "NVGATEWAY_ALLOW_EXTERNAL": "true",
        "NVGATEWAY_CODER_MODELS": "openai:x",
        "NVGATEWAY_REQUEST_TIMEOUT": "abc",
        "OPENAI_API_KEY": "fake-other-key",
    }.items():
        monkeypatch.setenv(name, value)
    after = pickle.loads(pickled)

    assert after == before
    assert after.model_fields_set == before.model_fields_set
    assert after.nvidia_nim_api_key.get_secret_value() == "fake-key"
