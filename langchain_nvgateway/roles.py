"""The roles of an agent graph, and the model that each has by default at each provider."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["DEFAULT_MODELS", "EXTERNAL_PROVIDERS", "PROVIDERS", "Role", "role_key"]

EXTERNAL_PROVIDERS = ("openai", "anthropic", "google-genai")
"""Outside vendors: used only with permission."""

PROVIDERS = ("nvidia-nim", "nvidia-gateway", *EXTERNAL_PROVIDERS)
"""Providers in the order in which they are asked."""


class Role(StrEnum):
    """The roles that have models of their own; any other string with models in the settings is a role, too."""

    ROUTER = "router"
    PLANNER = "planner"
    PROGRAMMER = "programmer"
    REVIEWER = "reviewer"
    SUMMARIZER = "summarizer"


_NIM_MODEL = "meta/llama-4-scout-17b-16e-instruct"

DEFAULT_MODELS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        Role.ROUTER: {
            "nvidia-nim": _NIM_MODEL,
            "nvidia-gateway": "gpt-4o-mini",
            "openai": "gpt-5-nano",
            "anthropic": "claude-3-5-haiku-latest",
            "google-genai": "gemini-2.5-flash",
        },
        Role.PLANNER: {
            "nvidia-nim": _NIM_MODEL,
            "nvidia-gateway": "gpt-4o",
            "openai": "gpt-5",
            "anthropic": "claude-sonnet-4-0",
            "google-genai": "gemini-2.5-flash",
        },
        Role.PROGRAMMER: {
            "nvidia-nim": _NIM_MODEL,
            "nvidia-gateway": "gpt-4o",
            "openai": "gpt-5",
            "anthropic": "claude-sonnet-4-0",
            "google-genai": "gemini-2.5-pro",
        },
        Role.REVIEWER: {
            "nvidia-nim": _NIM_MODEL,
            "nvidia-gateway": "gpt-4o-mini",
            "openai": "gpt-5",
            "anthropic": "claude-sonnet-4-0",
            "google-genai": "gemini-2.5-flash",
        },
        Role.SUMMARIZER: {
            "nvidia-nim": _NIM_MODEL,
            "nvidia-gateway": "gpt-4o-mini",
            "openai": "gpt-5-mini",
            "anthropic": "claude-sonnet-4-0",
            "google-genai": "gemini-2.5-pro",
        },
    }
)
"""Model of each role at each provider."""


def role_key(role: str) -> str:
    """Return a role's name as settings have it: `code-critic` is `code_critic`."""
    return role.lower().replace("-", "_")
