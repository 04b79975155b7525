"""From a provider and the name of a model to a chat model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr, ValidationError

from .chat_models import ChatNIM, ChatNVGateway
from .chat_models.gateway import DEFAULT_BASE_URL as GATEWAY_URL
from .chat_models.nim import service_urls as nim_urls
from .egress import checked_url
from .errors import ConfigurationError
from .fleet import fingerprint
from .roles import PROVIDERS
from .settings import NVGatewaySettings
from .starfleet import DEFAULT_SCOPE, RefreshObserver, StarfleetTokenProvider, TokenStore, shared_provider

__all__ = ["Factory", "Fakes", "Providers", "check_parameters"]

Factory = Callable[[str, str], BaseChatModel]
Fakes = Mapping[str, BaseChatModel | Factory]
"""What stands in a provider's place: a chat model, or a function of role and model name that returns one."""

_VENDOR_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google-genai": "GOOGLE_API_KEY"}

_FIXED = frozenset(
    # What says where a request goes and who sends it: a matter of the settings, since the policy is asked about those.
    {"openai_api_key", "openai_api_base", "openai_organization", "openai_proxy", "status_url", "token_provider"}
    | {"starfleet_id", "starfleet_secret", "starfleet_token_url", "starfleet_scope", "model_name"}
    | {"proxy", "no_proxy", "ca_bundle"}
)
_OF_ANY_VENDOR = frozenset(
    {"temperature", "top_p", "max_tokens", "max_retries", "timeout", "first_token_timeout", "streaming", "callbacks"}
    | {"tags", "metadata", "cache", "rate_limiter", "disable_streaming", "verbose", "name"}
)


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Let parameters of a role's chat models pass.

    Raises:
        ConfigurationError: One is unknown, or is for the settings to say.
    """
    for name in parameters:
        if name in _names(ChatNIM, _FIXED) | _names(ChatNVGateway, _FIXED):
            msg = f"{name} is no parameter of a role's model: the settings (NVGatewaySettings) say it for all roles."
            raise ConfigurationError(msg, setting=name)
        if name not in _names(ChatNIM) | _names(ChatNVGateway):
            msg = (
                f"There is no parameter {name!r} of a role's model; see ChatNVGateway and ChatNIM for those there are."
            )
            raise ConfigurationError(msg, setting=name)


class Providers:
    """Builds chat models from the settings.

    Args:
        settings: The settings.
        fakes: Chat models in the place of providers.
        observer: Hears of new tokens.
        store: Where processes share tokens, if they do.

    Raises:
        ConfigurationError: A fake stands in the place of no provider, or is none.
    """

    def __init__(
        self,
        settings: NVGatewaySettings,
        fakes: Fakes,
        observer: RefreshObserver,
        *,
        store: TokenStore | None = None,
    ) -> None:
        for provider, fake in fakes.items():
            if provider not in PROVIDERS:
                msg = f"models has {provider!r}, which is no provider; there are {', '.join(PROVIDERS)}."
                raise ConfigurationError(msg, setting="models")
            if not isinstance(fake, BaseChatModel) and not callable(fake):
                msg = f"models[{provider!r}] is {fake!r:.200}; give a chat model, or a function (role, model) of one."
                raise ConfigurationError(msg, setting="models")
        self._settings = settings
        self._fakes = fakes
        self._observer = observer
        self._store = store

    def is_fake(self, provider: str) -> bool:
        """Whether a fake stands in the provider's place."""
        return provider in self._fakes

    def why_absent(self, provider: str) -> str | None:
        """Return what a provider lacks to be used: credentials, a package; `None` if nothing."""
        settings = self._settings
        if self.is_fake(provider):
            return None
        if provider == "nvidia-nim":
            return None if settings.nvidia_nim_api_key else "no credentials: set NVIDIA_NIM_API_KEY"
        if provider == "nvidia-gateway":
            if not settings.nvidia_llm_gateway_enabled:
                return "NVIDIA_LLM_GATEWAY_ENABLED is false"
            given = {
                "STARFLEET_ID": settings.starfleet_id,
                "STARFLEET_SECRET": settings.starfleet_secret,
                "STARFLEET_TOKEN_URL": settings.starfleet_token_url,
            }
            missing = [name for name, value in given.items() if not value]
            return f"no credentials: set {', '.join(missing)}" if missing else None
        if not self.has_key(provider):
            return f"no credentials: set {_VENDOR_KEYS[provider]}"
        from .vendors import missing_package

        hint = missing_package(provider)
        return f"its package is not installed: {hint}" if hint else None

    def has_key(self, provider: str) -> bool:
        """Whether there is a key for a vendor, or a fake in its place."""
        return self.is_fake(provider) or bool(self._vendor_settings(provider)[0])

    def place_of(self, breaker: str) -> str:
        """Return by what the endpoint of a breaker is told from one of the same name elsewhere, as a fingerprint.

        Args:
            breaker: Name of the breaker. One for credentials is another one for other credentials: that some are
                refused says nothing of those that another process has.
        """
        provider = breaker.partition(":")[0]
        if self.is_fake(provider):
            return fingerprint("fake")
        settings = self._settings
        url: str | None
        secrets: tuple[str | SecretStr | None, ...]
        if provider == "nvidia-nim":
            url, secrets = settings.nvidia_nim_base_url, (settings.nvidia_nim_api_key,)
        elif provider == "nvidia-gateway":
            url = settings.llm_gateway_base_url
            secrets = (settings.starfleet_id, settings.starfleet_secret, settings.starfleet_token_url)
        else:
            key, url, _ = self._vendor_settings(provider)
            secrets = (key,)
        known = [given.get_secret_value() if isinstance(given, SecretStr) else given or "" for given in secrets]
        return fingerprint((url or "").rstrip("/"), *(known if breaker.endswith("/credentials") else ()))

    def urls(self, provider: str) -> list[str]:
        """Return where a provider's requests go; nowhere for a fake.

        Raises:
            ConfigurationError: A URL in the settings is malformed.
        """
        settings = self._settings
        if self.is_fake(provider):
            return []
        if provider == "nvidia-nim":
            return nim_urls(settings.nvidia_nim_base_url, settings.nvidia_nim_status_url)
        base = self._base_url(provider)
        if provider == "nvidia-gateway":
            return [base, checked_url(settings.starfleet_token_url or "", setting="STARFLEET_TOKEN_URL")]
        return [base]

    def host(self, provider: str) -> str | None:
        """Return the host of a provider's chat requests, with its port unless that is the usual one; none for a fake.

        Raises:
            ConfigurationError: The URL in the settings is malformed.
        """
        return None if self.is_fake(provider) else urlsplit(self._base_url(provider)).netloc

    def build(self, role: str, provider: str, model: str, parameters: Mapping[str, Any]) -> BaseChatModel:
        """Build a chat model; sends nothing.

        Args:
            role: Role for which it is.
            provider: Name of the provider.
            model: Name of the model.
            parameters: Parameters of the chat model; a fake gets none.

        Raises:
            ConfigurationError: A setting or parameter is malformed, or a factory returned no chat model.
        """
        if self.is_fake(provider):
            return self._fake(role, provider, model)
        try:
            return self._real(provider, model, parameters)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        msg = f"A parameter for {provider}:{model} is malformed: {told}."
        raise ConfigurationError(msg, setting=told.partition(":")[0])

    def _real(self, provider: str, model: str, parameters: Mapping[str, Any]) -> BaseChatModel:
        settings = self._settings
        # The very URLs that the policy was asked about.
        base_url, *others = self.urls(provider)
        if provider == "nvidia-nim":
            key = settings.nvidia_nim_api_key
            known = {**settings.outlet, **_known(ChatNIM, parameters)}
            return ChatNIM(model=model, api_key=key, base_url=base_url, status_url=others[0], **known)
        if provider == "nvidia-gateway":
            tokens, version = self._tokens(others[0]), settings.llm_gateway_api_version
            known = {**settings.outlet, **_known(ChatNVGateway, parameters)}
            return ChatNVGateway(model=model, token_provider=tokens, base_url=base_url, api_version=version, **known)
        from .vendors import vendor_model

        key = self._vendor_settings(provider)[0]
        common = {name: value for name, value in parameters.items() if name in _OF_ANY_VENDOR}
        return vendor_model(provider, model, api_key=key, base_url=base_url, **settings.outlet, **common)

    def _base_url(self, provider: str) -> str:
        settings = self._settings
        if provider == "nvidia-nim":
            return nim_urls(settings.nvidia_nim_base_url, settings.nvidia_nim_status_url)[0]
        if provider == "nvidia-gateway":
            return checked_url(settings.llm_gateway_base_url or GATEWAY_URL, setting="LLM_GATEWAY_BASE_URL")
        from .vendors import DEFAULT_BASE_URLS

        _, base_url, setting = self._vendor_settings(provider)
        return checked_url(base_url or DEFAULT_BASE_URLS[provider], setting=setting)

    def _tokens(self, token_url: str) -> StarfleetTokenProvider:
        """Return the provider of the Gateway's tokens, which tells of each new one."""
        settings = self._settings
        secret = settings.starfleet_secret or SecretStr("")
        scope = settings.starfleet_scope or DEFAULT_SCOPE
        tokens = shared_provider(token_url, settings.starfleet_id or "", secret, scope=scope, **settings.outlet)
        tokens.observe(self._observer)
        if self._store:
            tokens.share(self._store)
        return tokens

    def _fake(self, role: str, provider: str, model: str) -> BaseChatModel:
        fake = self._fakes[provider]
        made = fake if isinstance(fake, BaseChatModel) else fake(role, model)
        if not isinstance(made, BaseChatModel):
            msg = f"models[{provider!r}] returned {made!r:.200} for {role!r}; it has to return a chat model."
            raise ConfigurationError(msg, setting="models")
        return made

    def _vendor_settings(self, provider: str) -> tuple[Any, str | None, str]:
        settings = self._settings
        return {
            "openai": (settings.openai_api_key, settings.openai_base_url, "NVGATEWAY_OPENAI_BASE_URL"),
            "anthropic": (settings.anthropic_api_key, settings.anthropic_base_url, "NVGATEWAY_ANTHROPIC_BASE_URL"),
            "google-genai": (
                settings.google_api_key,
                settings.google_genai_base_url,
                "NVGATEWAY_GOOGLE_GENAI_BASE_URL",
            ),
        }[provider]


@cache
def _names(cls: type[BaseChatModel], only: frozenset[str] | None = None) -> frozenset[str]:
    """Return the names, aliases among them, of a chat model's fields."""
    fields = {name: field for name, field in cls.model_fields.items() if only is None or name in only}
    return frozenset({*fields, *(field.alias for field in fields.values() if field.alias)})


def _known(cls: type[BaseChatModel], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a chat model has: `data_source`, for instance, is one of the Gateway's alone."""
    return {name: value for name, value in parameters.items() if name in _names(cls)}
