"""What a test must not inherit: variables that say something to models, and what earlier tests left in the process."""

from __future__ import annotations

import os
import sys

import pytest

__all__ = ["clear_environment", "forget_everything"]

_PREFIXES = (
    *("STARFLEET_", "LLM_GATEWAY_", "NVGATEWAY_", "NVIDIA_API_KEY", "NVIDIA_BASE_URL", "NVIDIA_LLM_", "NVIDIA_NIM_"),
    *("OPENAI_", "AZURE_OPENAI_", "ANTHROPIC_", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_", "GOOGLE_GENAI_"),
    *("LANGSMITH_", "LANGCHAIN_"),
)

_PACKAGE = __name__.partition(".")[0]


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out every variable that could matter to a model, until the test is over."""
    for name in list(os.environ):
        if name.upper().startswith(_PREFIXES) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


def forget_everything() -> None:
    """Forget connections, tokens and what was learned of models, as if the process had just begun."""
    if f"{_PACKAGE}.misspelt" in sys.modules:
        from ..misspelt import forget_misspelt

        forget_misspelt()
    if f"{_PACKAGE}.chat_models" not in sys.modules:
        return  # No model has been built here, and none shall be loaded for this.
    from ..chat_models.learned import forget_learned
    from ..chat_models.shared_http import shared_http
    from ..starfleet.sharing import clear_shared_providers

    shared_http.cache_clear()
    clear_shared_providers()
    forget_learned()
