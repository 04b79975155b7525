"""Roles to models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable

from .chat_models import ChatNIM, ChatNVGateway
from .errors import ConfigurationError, InvalidResponseError
from .settings import NVGatewaySettings, settings_from

__all__ = ["ModelManager", "Role"]

_NIM_MODEL = "meta/llama-4-scout-17b-16e-instruct"


class Role(StrEnum):
    """The roles that have models of their own; any other string with models in the settings is a role, too."""

    ROUTER = "router"
    PLANNER = "planner"
    PROGRAMMER = "programmer"
    REVIEWER = "reviewer"
    SUMMARIZER = "summarizer"


_GATEWAY_MODELS = {
    Role.ROUTER: "gpt-4o-mini",
    Role.PLANNER: "gpt-4o",
    Role.PROGRAMMER: "gpt-4o",
    Role.REVIEWER: "gpt-4o-mini",
    Role.SUMMARIZER: "gpt-4o-mini",
}

_FALLS_BACK = (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
    InvalidResponseError,
)
"""What another model may do better; a request that is invalid for one is so for all."""


class ModelManager:
    """Build the model of each role: hosted NIM first, the NVIDIA LLM Gateway when NIM fails.

    Args:
        settings: The settings; without them, those of the environment.

    Raises:
        ConfigurationError: A setting is malformed.
    """

    def __init__(self, settings: NVGatewaySettings | None = None) -> None:
        self.settings = settings or NVGatewaySettings()

    @classmethod
    def from_env(cls, env_file: str | Path | None = None) -> ModelManager:
        """Build a manager from the environment and, if one is named, a `.env` file."""
        return cls(settings_from(env_file))

    def model(self, role: str, **overrides: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model of a role.

        Args:
            role: A `Role`, or a role whose models are set in `NVGATEWAY_<ROLE>_MODELS`.
            overrides: Parameters of the chat models, for instance `temperature`.

        Raises:
            ConfigurationError: The role is unknown, or no provider has its credentials.
        """
        names = self._models_of(str(role))
        usable = [(provider, name) for provider, name in names if self._has_credentials(provider)]
        if not usable:
            msg = (
                f"No model for the role {str(role)!r}: set NVIDIA_NIM_API_KEY for hosted NIM, or STARFLEET_ID, "
                "STARFLEET_SECRET and STARFLEET_TOKEN_URL for the NVIDIA LLM Gateway."
            )
            raise ConfigurationError(msg, setting="NVIDIA_NIM_API_KEY")
        # A leg that is not the last falls over at once instead of trying again.
        *first, last = usable
        legs = [self._leg(provider, name, {"max_retries": 0, **overrides}) for provider, name in first]
        legs.append(self._leg(*last, overrides))
        return legs[0].with_fallbacks(legs[1:], exceptions_to_handle=_FALLS_BACK) if len(legs) > 1 else legs[0]

    def _models_of(self, role: str) -> list[tuple[str, str]]:
        chosen = self.settings.models_of(role)
        if chosen:
            pairs = [model.partition(":") for model in chosen]
            return [(provider, name) for provider, _, name in pairs]
        if role not in list(Role):
            known = ", ".join(Role)
            variable = f"NVGATEWAY_{role.upper().replace('-', '_')}_MODELS"
            msg = f"The role {role!r} has no models: use one of {known}, or set {variable} to `provider:model`."
            raise ConfigurationError(msg, setting=variable)
        defaults = {"nvidia-nim": _NIM_MODEL, "nvidia-gateway": _GATEWAY_MODELS[Role(role)]}
        return [(provider, defaults[provider]) for provider in self.settings.fallback_order]

    def _has_credentials(self, provider: str) -> bool:
        settings = self.settings
        if provider == "nvidia-nim":
            return settings.nvidia_nim_api_key is not None
        signed_in = settings.starfleet_id and settings.starfleet_secret and settings.starfleet_token_url
        return settings.nvidia_llm_gateway_enabled and bool(signed_in)

    def _leg(self, provider: str, name: str, overrides: dict[str, Any]) -> BaseChatModel:
        settings = self.settings
        limits = {
            "timeout": settings.request_timeout,
            "first_token_timeout": settings.first_token_timeout,
            "max_tokens": settings.max_tokens,
            **overrides,
        }
        if provider == "nvidia-nim":
            return ChatNIM(
                model=name,
                api_key=settings.nvidia_nim_api_key,
                base_url=settings.nvidia_nim_base_url,
                status_url=settings.nvidia_nim_status_url,
                **limits,
            )
        return ChatNVGateway(
            model=name,
            starfleet_id=settings.starfleet_id,
            starfleet_secret=settings.starfleet_secret,
            starfleet_token_url=settings.starfleet_token_url,
            starfleet_scope=settings.starfleet_scope,
            base_url=settings.llm_gateway_base_url,
            api_version=settings.llm_gateway_api_version,
            **limits,
        )
