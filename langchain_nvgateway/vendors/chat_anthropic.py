"""LangChain's `ChatAnthropic`, sealed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

import anthropic
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import LanguageModelInput
from pydantic import Field, model_validator

from .sealed_transport import PLACEHOLDER, sealed_clients
from .sealed_vendor_model import SealedVendorModel

__all__ = ["SealedChatAnthropic"]

_PACKAGES = [cls.__module__.partition(".")[0] for cls in anthropic.DefaultHttpxClient.__mro__]
_FAMILY = sys.modules["httpx2" if "httpx2" in _PACKAGES else "httpx"]
"""The HTTP library of the installed SDK: `httpx2`, or `httpx` before version 1."""

# Spans would carry the conversation, and requests a trace id, if variables of the environment say so.
_UNTRACED = {"open_telemetry": False} if "open_telemetry" in inspect.signature(anthropic.Anthropic).parameters else {}

_ClientT = TypeVar("_ClientT", anthropic.Anthropic, anthropic.AsyncAnthropic)


class SealedChatAnthropic(SealedVendorModel, ChatAnthropic):
    """Chat model for Anthropic; reads nothing from the environment.

    Raises:
        ConfigurationError: A setting is missing or malformed; the message names it.
    """

    service: ClassVar[str] = "Anthropic"
    provider: ClassVar[str] = "anthropic"
    key_setting: ClassVar[str] = "ANTHROPIC_API_KEY"
    url_setting: ClassVar[str] = "NVGATEWAY_ANTHROPIC_BASE_URL"
    _key_field: ClassVar[str] = "anthropic_api_key"
    _url_field: ClassVar[str] = "anthropic_api_url"
    _headers_field: ClassVar[str] = "default_headers"
    _timeout_field: ClassVar[str] = "default_request_timeout"
    _fixed: ClassVar[Mapping[str, Any]] = MappingProxyType({"anthropic_proxy": None})
    _secret_fields: ClassVar[frozenset[str]] = frozenset({"anthropic_api_key", "default_headers", "mcp_servers"})

    default_request_timeout: Any = Field(default=180.0, alias="timeout")
    """Seconds for a whole call, retries included; in a stream, the longest silence. `None`: no limit."""

    max_retries: int = 1
    """How often a failure that a retry may help is tried again."""

    default_headers: Mapping[str, str] | None = Field(default=None, repr=False, exclude=True)
    """Headers of your own for every request; kept out of `repr`, dumps and pickles, since keys are given this way."""

    mcp_servers: list[dict[str, Any]] | None = Field(default=None, repr=False, exclude=True)
    """MCP servers that the service may use, with their tokens."""

    @model_validator(mode="after")
    def _prepare(self) -> Self:
        if self.temperature is not None:
            self.temperature = _adapted({"temperature": self.temperature}, self.profile).get("temperature")
        # Now, since the SDK loads modules and files when it is first used, which may be in an event loop.
        for client in (self._client, self._async_client):
            _ = client.messages, client.beta.messages, client.default_headers
        return self

    def _get_request_payload(self, input_: LanguageModelInput, **kwargs: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(input_, **_adapted(kwargs, self.profile))
        return payload

    @cached_property
    def _http_clients(self) -> tuple[Any, Any]:
        return sealed_clients(_FAMILY, self._seal())

    @cached_property
    def _client(self) -> anthropic.Anthropic:
        return _without_own_headers(anthropic.Anthropic(**self._sdk_settings, http_client=self._http_clients[0]))

    @cached_property
    def _async_client(self) -> anthropic.AsyncAnthropic:
        return _without_own_headers(anthropic.AsyncAnthropic(**self._sdk_settings, http_client=self._http_clients[1]))

    @property
    def _sdk_settings(self) -> dict[str, Any]:
        return {
            # With a key that is given, the SDK looks for no other credentials, profiles or tokens.
            "api_key": PLACEHOLDER,
            "base_url": self.anthropic_api_url,
            "timeout": self.default_request_timeout,
            # The transport tries again, within the limits of the call.
            "max_retries": 0,
            **_UNTRACED,
        }


def _adapted(parameters: dict[str, Any], profile: Mapping[str, Any] | None) -> dict[str, Any]:
    """Leave out the temperature for a model that takes none, as for OpenAI's reasoning models."""
    if (profile or {}).get("temperature") is not False:
        return parameters
    return {name: value for name, value in parameters.items() if name != "temperature"}


def _without_own_headers(client: _ClientT) -> _ClientT:
    """Take out the headers of `ANTHROPIC_CUSTOM_HEADERS`, which the SDK adds whatever it is given."""
    client._custom_headers = {}
    return client
