"""The NVIDIA LLM Gateway as a LangChain chat model."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from ..environment import first_set
from ..errors import ConfigurationError
from ..starfleet import DEFAULT_SCOPE, StarfleetTokenProvider, shared_provider
from .credentials import Credential, KeyCredential, StarfleetCredential
from .sealed_chat_model import SealedChatModel

__all__ = ["ChatNVGateway"]

DEFAULT_BASE_URL = "https://prod.api.nvidia.com/llm/v1/azure"
DEFAULT_API_VERSION = "2024-12-01-preview"

_ROUTES = ("deployments", "flat")
_CLASSIFICATIONS = ("sensitive", "confidential", "secret")
_SOURCES = ("internet", "internal-test-results")

_FROM_ENVIRONMENT = {
    # Field, other spelling of it, environment variable, default
    "model_name": ("model", "LLM_GATEWAY_MODEL", None),
    "openai_api_base": ("base_url", "LLM_GATEWAY_BASE_URL", DEFAULT_BASE_URL),
    "api_version": (None, "LLM_GATEWAY_API_VERSION", DEFAULT_API_VERSION),
    "starfleet_id": (None, "STARFLEET_ID", None),
    "starfleet_secret": (None, "STARFLEET_SECRET", None),
    "starfleet_token_url": (None, "STARFLEET_TOKEN_URL", None),
    "starfleet_scope": (None, "STARFLEET_SCOPE", DEFAULT_SCOPE),
}


class ChatNVGateway(SealedChatModel):
    """Chat model for the NVIDIA LLM Gateway (Azure OpenAI), signed in with Starfleet.

    What is not given comes from the environment: `STARFLEET_ID`, `STARFLEET_SECRET`, `STARFLEET_TOKEN_URL`,
    `STARFLEET_SCOPE`, `LLM_GATEWAY_BASE_URL`, `LLM_GATEWAY_API_VERSION`, `LLM_GATEWAY_MODEL`. No other variable
    changes where a request goes or what it carries. Models with equal settings share one token.

    Raises:
        ConfigurationError: A setting is missing or malformed; the message names it.

    Example:
        ```python
        from langchain_nvgateway import ChatNVGateway

        model = ChatNVGateway(model="gpt-4o-mini", temperature=0)
        model.invoke("Say hello")
        ```
    """

    service: ClassVar[str] = "NVIDIA LLM Gateway"
    provider: ClassVar[str] = "nvidia-gateway"
    base_url_setting: ClassVar[str] = "LLM_GATEWAY_BASE_URL (base_url)"
    _secret_fields: ClassVar[frozenset[str]] = frozenset(
        {"openai_api_key", "default_headers", "starfleet_id", "starfleet_secret", "token_provider"}
    )

    model_name: str = Field(default="gpt-4o-mini", alias="model")
    """Name of the deployment."""

    starfleet_id: str | None = Field(default=None, repr=False, exclude=True)
    """Client id."""

    starfleet_secret: SecretStr | Callable[[], str | SecretStr] | None = Field(default=None, repr=False, exclude=True)
    """Client secret, or a callable that returns it, for secrets that rotate."""

    starfleet_token_url: str | None = None
    """Token endpoint, `https` except on loopback."""

    starfleet_scope: str | None = None
    """OAuth scope of the token."""

    token_provider: Any = Field(default=None, repr=False, exclude=True)
    """A `StarfleetTokenProvider` of your own, or a callable that returns a bearer, in place of the above."""

    api_version: str | None = None
    """Azure API version, sent as `api-version` on the deployments route."""

    route: str = "deployments"
    """`deployments` (model in the URL) or `flat` (model in the body)."""

    data_classification: str | None = None
    """Sent as `dataClassification`: `sensitive`, `confidential` or `secret`."""

    data_source: str | None = None
    """Sent as `dataSource`: `internet` or `internal-test-results`."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_gateway_settings(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        for name, (alias, variable, default) in _FROM_ENVIRONMENT.items():
            if values.get(name) is None and (alias is None or values.get(alias) is None):
                values.pop(alias or name, None)
                found = first_set(variable) or default
                if found is not None:
                    values[name] = found
        return values

    @model_validator(mode="after")
    def _check_gateway_settings(self) -> ChatNVGateway:
        _one_of("route", self.route, _ROUTES)
        _one_of("data_classification", self.data_classification, (*_CLASSIFICATIONS, None))
        _one_of("data_source", self.data_source, (*_SOURCES, None))
        if not re.fullmatch(r"[A-Za-z0-9.-]+", self.api_version or ""):
            msg = f"LLM_GATEWAY_API_VERSION (api_version) is malformed; set it to a version like {DEFAULT_API_VERSION}."
            raise ConfigurationError(msg, setting="api_version")
        return self

    def _credential(self) -> Credential:
        given = self.token_provider
        if isinstance(given, StarfleetTokenProvider):
            return StarfleetCredential(given)
        if given is not None:
            if not callable(given):
                msg = "token_provider has to be a StarfleetTokenProvider or a callable that returns a bearer token."
                raise ConfigurationError(msg, setting="token_provider")
            return KeyCredential(given, setting="token_provider")
        url, client_id, secret = self.starfleet_token_url, SecretStr(self.starfleet_id or ""), self.starfleet_secret
        if not (url and client_id and secret):
            needed = {"STARFLEET_ID": client_id, "STARFLEET_SECRET": secret, "STARFLEET_TOKEN_URL": url}
            missing = [variable for variable, value in needed.items() if not value]
            msg = (
                f"Missing {', '.join(missing)}: set {'it' if len(missing) == 1 else 'them'} in the environment or "
                f"pass {', '.join(variable.lower() for variable in missing)}; or pass token_provider."
            )
            raise ConfigurationError(msg, setting=missing[0])
        scope = self.starfleet_scope or DEFAULT_SCOPE
        tokens = shared_provider(
            url,
            client_id,
            secret,
            scope=scope,
            proxy=self.proxy,
            no_proxy=self.no_proxy,
            ca_bundle=self.ca_bundle,
        )
        return StarfleetCredential(tokens)

    def _url(self, model: str) -> str:
        base = (self.openai_api_base or "").rstrip("/")
        if self.route == "flat":
            return f"{base}/chat/completions"
        return _deployment_url(base, model, self.api_version or "")

    def _service_headers(self, correlation_id: str) -> dict[str, str]:
        headers = {"correlationId": correlation_id}
        if self.data_classification:
            headers["dataClassification"] = self.data_classification
        if self.data_source:
            headers["dataSource"] = self.data_source
        return headers


@lru_cache(maxsize=64)
def _deployment_url(base: str, model: str, version: str) -> str:
    place = f"{base}/openai/deployments/{quote(model, safe='')}/chat/completions"
    return f"{place}?api-version={quote(version, safe='')}"


def _one_of(setting: str, value: str | None, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        names = ", ".join(repr(name) for name in allowed if name)
        msg = f"{setting} is {value!r}; give one of {names}."
        raise ConfigurationError(msg, setting=setting)
