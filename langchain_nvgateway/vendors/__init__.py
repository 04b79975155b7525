"""The chat models of outside vendors, sealed: nothing but their arguments says where requests go or what they carry."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from ..errors import ConfigurationError

__all__ = ["DEFAULT_BASE_URLS", "missing_package", "vendor_model"]

DEFAULT_BASE_URLS: Mapping[str, str] = MappingProxyType(
    {
        "openai": "https://api.openai.com/v1",
        "anthropic": "https://api.anthropic.com",
        "google-genai": "https://generativelanguage.googleapis.com",
    }
)
"""The vendors' public base URLs, by provider."""

_PACKAGES = {"anthropic": "langchain_anthropic", "google-genai": "langchain_google_genai"}
_CLASSES = {
    "openai": ("chat_openai", "SealedChatOpenAI"),
    "anthropic": ("chat_anthropic", "SealedChatAnthropic"),
    "google-genai": ("chat_google_genai", "SealedChatGoogleGenAI"),
}


def missing_package(provider: str) -> str | None:
    """Return the command that installs what a provider needs, `None` when it is there; imports nothing."""
    package = _PACKAGES.get(provider)
    if package is None or find_spec(package) is not None:
        return None
    return f"pip install 'langchain-nvgateway[{provider}]'"


def vendor_model(
    provider: str, model: str, *, api_key: SecretStr, base_url: str | None = None, **common: Any
) -> BaseChatModel:
    """Return a chat model of a vendor; nothing is sent. The first of a vendor imports the vendor's package.

    Args:
        provider: `openai`, `anthropic` or `google-genai`.
        model: Name of the model.
        api_key: The vendor's key.
        base_url: Base URL, if it is another one than the vendor's.
        common: Parameters of the chat model; all have `timeout` (seconds for a whole call, in a stream the
            longest silence), `first_token_timeout` (seconds), `max_retries`, `max_tokens`, `temperature`, and
            `proxy`, `no_proxy` and `ca_bundle`, which the environment does not fill in here.

    Raises:
        ConfigurationError: The provider is unknown, its package is missing, or a setting is malformed.
    """
    if provider not in _CLASSES:
        msg = f"{provider!r} is no vendor; there are {', '.join(_CLASSES)}."
        raise ConfigurationError(msg, setting="provider")
    command = missing_package(provider)
    if command:
        msg = f"{provider} needs a package that is not installed. Run: {command}"
        raise ConfigurationError(msg, setting="provider")
    module, name = _CLASSES[provider]
    common = {"proxy": "", "no_proxy": "", "ca_bundle": "", **common}
    build = getattr(import_module(f".{module}", __name__), name)
    found: BaseChatModel = build(
        model=model, api_key=api_key, base_url=base_url or DEFAULT_BASE_URLS[provider], **common
    )
    return found
