"""An environment that says nothing to the models that are measured."""

from __future__ import annotations

import os

__all__ = ["clear_environment"]

_FOREIGN = (
    "AZURE_",
    "HTTPX_",
    "LANGCHAIN_",
    "LANGGRAPH_",
    "LANGSMITH_",
    "LITELLM_",
    "LLM_GATEWAY_",
    "NVGATEWAY_",
    "NVIDIA_",
    "OPENAI_",
    "OTEL_",
    "PYTHON",
    "STARFLEET_",
)


def clear_environment() -> None:
    """Take out what could change where requests go, what they carry, or how Python runs."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name.lower().endswith("_proxy"):
            del os.environ[name]
