"""All settings, from arguments, the environment and a `.env` file."""

from __future__ import annotations

import logging
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .errors import ConfigurationError
from .misspelt import warn_of_misspelt
from .redis_url import wrong_with
from .roles import DEFAULT_MODELS, PROVIDERS, role_key

__all__ = ["NVGatewaySettings", "settings_from"]

_ROLE_MODELS = re.compile(r"nvgateway_(.+)_models")

_logger = logging.getLogger("langchain_nvgateway")
_NO_VARIABLE = "models of roles"
"""Stands where other settings have the name of their variable; no variable can have this one."""


class NVGatewaySettings(BaseSettings):
    """Everything that can be set; arguments win over the environment, which wins over the `.env` file.

    Secrets are in no `repr`, dump or pickle: where settings are unpickled, those that were set come from the
    environment again, and a WARNING names those that are not there. Everything else is as it was.

    Raises:
        ConfigurationError: A value is malformed; the message names the variable and what it takes.
    """

    model_config = SettingsConfigDict(extra="ignore", validate_default=False)

    starfleet_id: str | None = Field(default=None, repr=False, exclude=True)
    """Client id at Starfleet."""

    starfleet_secret: SecretStr | None = None
    """Client secret at Starfleet."""

    starfleet_token_url: str | None = None
    """Token endpoint."""

    starfleet_scope: str | None = None
    """OAuth scope."""

    llm_gateway_base_url: str | None = None
    """Base URL of the NVIDIA LLM Gateway."""

    llm_gateway_api_version: str | None = None
    """Azure API version that the Gateway is asked for."""

    llm_gateway_model: str | None = None
    """Deployment of a bare `ChatNVGateway`; roles have their own."""

    nvidia_llm_gateway_enabled: bool = True
    """Whether roles may use the Gateway."""

    nvidia_nim_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("nvidia_nim_api_key", "nvidia_api_key")
    )
    """Key for hosted NIM."""

    nvidia_nim_base_url: str | None = None
    """Base URL of NIM."""

    nvidia_nim_status_url: str | None = None
    """Where NIM's answers that take long are polled."""

    proxy: SecretStr | None = Field(default=None, validation_alias="nvgateway_proxy")
    """`http://[user:password@]host:port`: through whom requests leave."""

    no_proxy: str | None = Field(default=None, validation_alias="nvgateway_no_proxy")
    """Hosts that are reached without the proxy, separated by commas."""

    ca_bundle: str | Path | None = Field(default=None, validation_alias="nvgateway_ca_bundle")
    """PEM file with authorities that are trusted beside the usual ones."""

    fallback_order: Annotated[tuple[str, ...], NoDecode] = Field(
        default=PROVIDERS, validation_alias="nvgateway_fallback_order"
    )
    """Providers in the order in which they are asked."""

    openai_api_key: SecretStr | None = None
    """Key for OpenAI; used only with permission, like those of the other vendors."""

    openai_base_url: str | None = Field(default=None, validation_alias="nvgateway_openai_base_url")
    """Base URL of OpenAI, if it is another one than the vendor's."""

    anthropic_api_key: SecretStr | None = None
    """Key for Anthropic."""

    anthropic_base_url: str | None = Field(default=None, validation_alias="nvgateway_anthropic_base_url")
    """Base URL of Anthropic."""

    google_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("google_api_key", "gemini_api_key")
    )
    """Key for Google GenAI."""

    google_genai_base_url: str | None = Field(default=None, validation_alias="nvgateway_google_genai_base_url")
    """Base URL of Google GenAI."""

    allow_external: bool = Field(default=False, validation_alias="nvgateway_allow_external")
    """The written permission to send data to outside vendors."""

    breaker_failure_threshold: int = Field(
        default=2, ge=1, le=1_000_000, validation_alias="nvgateway_breaker_failure_threshold"
    )
    """Failures in a row that open the circuit of a leg."""

    breaker_open_seconds: float = Field(
        default=180.0, gt=0, le=1e6, allow_inf_nan=False, validation_alias="nvgateway_breaker_open_seconds"
    )
    """Seconds for which a circuit opens."""

    request_timeout: float = Field(
        default=180.0, gt=0, le=1e6, allow_inf_nan=False, validation_alias="nvgateway_request_timeout"
    )
    """Seconds for a call of a role, all its legs and retries together."""

    first_token_timeout: float = Field(
        default=60.0, gt=0, le=1e6, allow_inf_nan=False, validation_alias="nvgateway_first_token_timeout"
    )
    """Seconds until the first token of a stream."""

    max_tokens: int = Field(default=10_000, gt=0, validation_alias="nvgateway_max_tokens")
    """Longest answer in tokens."""

    redis_url: SecretStr | None = Field(default=None, validation_alias="nvgateway_redis_url")
    """Redis or Valkey by which processes share circuits and tokens; its URL may hold a password."""

    role_models: dict[str, tuple[str, ...]] = Field(default_factory=dict, validation_alias=_NO_VARIABLE)
    """Models of roles as `provider:model`, from the variables `NVGATEWAY_<ROLE>_MODELS`."""

    def __init__(self, *, _env_file: str | Path | None = None, **values: Any) -> None:
        problem: ConfigurationError | None = None
        unknown = values.keys() - type(self).model_fields.keys()
        if unknown:
            name = min(unknown)
            del values
            msg = f"There is no setting {name!r}; the settings are {', '.join(type(self).model_fields)}."
            raise ConfigurationError(msg, setting=name)
        try:
            super().__init__(_env_file=_env_file, **{_alias(name): value for name, value in values.items()})
        except ValidationError as error:
            problem = _named(error)
        except UnicodeDecodeError:
            msg = f"The env_file {str(_env_file)!r} is not UTF-8 text."
            problem = ConfigurationError(msg, setting="env_file")
        if problem:
            del values  # A traceback may show local variables.
            raise problem

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the variables whose names hold the name of a role, and tell those that are none of ours."""
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                # A variable that is blank is as good as not set.
                source.env_vars = {name: value for name, value in source.env_vars.items() if value and value.strip()}
                warn_of_misspelt(source.env_vars, _variables())
        roles = _RoleModelsSource(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, roles

    @field_validator("fallback_order", mode="before")
    @classmethod
    def _split_order(cls, value: object) -> object:
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not names or any(name not in PROVIDERS for name in names):
            msg = f"give some of {', '.join(PROVIDERS)}, separated by commas"
            raise ValueError(msg)
        return tuple(dict.fromkeys(names))

    @field_validator("redis_url", mode="after")
    @classmethod
    def _check_redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        wrong = wrong_with(value.get_secret_value()) if value else None
        if wrong:
            msg = f"{wrong}; give redis://host:6379/0, or rediss://user:password@host:6380/0 with TLS"
            raise ValueError(msg)
        return value

    @field_validator("role_models", mode="after")
    @classmethod
    def _check_models(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        value = {role_key(role): models for role, models in value.items()}
        for role, models in value.items():
            if not models:
                msg = f"NVGATEWAY_{role.upper()}_MODELS names no model; give `provider:model`, separated by commas"
                raise ValueError(msg)
        for role, models in value.items():
            for model in models:
                provider, colon, name = model.partition(":")
                if not colon or not name or provider not in PROVIDERS:
                    msg = (
                        f"NVGATEWAY_{role.upper()}_MODELS has {model!r}; give `provider:model` "
                        f"with a provider among {', '.join(PROVIDERS)}, separated by commas"
                    )
                    raise ValueError(msg)
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: getattr(self, name) for name in type(self).model_fields}
        secrets = {
            name: value for name, value in values.items() if name == "starfleet_id" or isinstance(value, SecretStr)
        }
        hidden = tuple(name for name, value in secrets.items() if value)
        given = {name: value for name, value in values.items() if name not in hidden}
        return _unpickled, (type(self), given, hidden, self.model_fields_set)

    @property
    def outlet(self) -> dict[str, Any]:
        """How requests leave, as arguments of chat models and token providers; whatever the environment says."""
        return {"proxy": self.proxy or "", "no_proxy": self.no_proxy or "", "ca_bundle": self.ca_bundle or ""}

    def models_of(self, role: str) -> tuple[str, ...]:
        """Return the models that are set for a role, as `provider:model`; empty if none are."""
        return self.role_models.get(role_key(role), ())


class _RoleModelsSource(PydanticBaseSettingsSource):
    """`NVGATEWAY_<ROLE>_MODELS` for any role."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._sources = [source for source in sources if isinstance(source, EnvSettingsSource | DotEnvSettingsSource)]

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        models: dict[str, tuple[str, ...]] = {}
        for source in reversed(self._sources):
            for name, value in source.env_vars.items():
                found = _ROLE_MODELS.fullmatch(name.lower())
                if found and value:
                    models[found[1]] = tuple(part.strip() for part in value.split(",") if part.strip())
        return {_NO_VARIABLE: models} if models else {}


def settings_from(env_file: str | Path | None) -> NVGatewaySettings:
    """Return the settings of the environment and of a `.env` file.

    Raises:
        ConfigurationError: The file is named but is not there, or a value is malformed.
    """
    if env_file is not None and not Path(env_file).is_file():
        msg = f"The env_file {str(env_file)!r} is not there; give the path of a .env file, or None to read none."
        raise ConfigurationError(msg, setting="env_file")
    return NVGatewaySettings(_env_file=env_file)


def _unpickled(
    cls: type[NVGatewaySettings], given: dict[str, Any], hidden: tuple[str, ...], names_set: set[str]
) -> NVGatewaySettings:
    settings = cls(**given)
    # What stands in the environment here would be added to it, and is none of the settings that were pickled.
    settings.role_models = given["role_models"]
    settings.model_fields_set.clear()
    settings.model_fields_set.update(names_set)
    missing = [_alias(name).upper() for name in hidden if not getattr(settings, name)]
    if missing:
        names = ", ".join(missing)
        _logger.warning("Unpickled settings lack %s: pickles hold no secrets, and the environment has none", names)
    return settings


def _named(error: ValidationError) -> ConfigurationError:
    """Return an error that names the variables, without the values, since those may be secrets."""
    problems = []
    for item in error.errors(include_input=False, include_url=False):
        variable = str(item["loc"][0]).upper()
        message = item["msg"].removeprefix("Value error, ")
        # What is said of a role's models names their variable itself.
        if variable == _NO_VARIABLE.upper() and len(item["loc"]) > 1:
            message = f"role_models of {item['loc'][1]!r}: {message}"
        problems.append(message if variable == _NO_VARIABLE.upper() else f"{variable}: {message}")
    setting = problems[0].split()[0].rstrip(":")
    return ConfigurationError(f"Malformed setting. {'; '.join(problems)}.", setting=setting)


@cache
def _variables() -> frozenset[str]:
    """Return the names of all variables, with those of the roles that have models anyway."""
    roles = {f"NVGATEWAY_{role.upper()}_MODELS" for role in DEFAULT_MODELS}
    settings = NVGatewaySettings.model_fields.keys() - {"role_models"}
    return frozenset(roles | {alias.upper() for name in settings for alias in _aliases(name)})


def _alias(name: str) -> str:
    """Return the name that pydantic knows a setting by."""
    return _aliases(name)[0]


def _aliases(name: str) -> list[str]:
    alias = NVGatewaySettings.model_fields[name].validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias or name)]
