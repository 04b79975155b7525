"""Settings for LangChain's standard test suites, against the emulator."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from langchain_tests.integration_tests import chat_models

from langchain_nvgateway import ChatNIM, ChatNVGateway
from langchain_nvgateway.emulator import Emulator

DESELECTED = {
    "test_serdes": "only LangChain's own classes can be LangChain-serialisable",
    "test_init_time": "a benchmark of the suite's own; ours are in tests/benchmarks",
    "test_stream_time": "plays back recorded HTTP, which our sealed client does not pass through",
    "test_pdf_inputs": "neither service takes PDF files in chat completions",
    "test_pdf_tool_message": "neither service takes PDF files in chat completions",
    "test_audio_inputs": "neither service has a model for audio",
    "test_image_tool_message": "neither service takes images in the results of tools",
    "test_anthropic_inputs": "content blocks of Anthropic's own are not what these services take",
}
"""Tests of the standard suites that cannot apply, with the reason; everything else has to pass."""

NIM_ONLY = {"test_image_inputs": "hosted Llama models get no images here"}
"""The same for NIM alone."""

ROLE_ONLY = {
    "test_bind_tool_pydantic": "a role's model with tools is a chat model, not LangChain's binding around one",
    **{
        f"test_{style}_with_model_override": "a role has models of several providers, and refuses a bare name"
        for style in ("invoke", "ainvoke", "stream", "astream")
    },
}
"""The same for the models of roles."""

SCRIPTED_ONLY = {"test_init_from_env": "a script reads nothing from the environment"}
"""The same for scripted models."""

LEFT_OUT = pytest.StashKey[list[tuple[str, type]]]()
"""What was left out in this run: names of tests and their classes."""


def leave_out_what_cannot_apply(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of the standard suites that cannot apply, so that none is skipped."""
    kept, left_out = [], []
    for item in items:
        cls = getattr(item, "cls", None)
        name = getattr(item, "originalname", item.name)
        reasons = dict(DESELECTED)
        if cls and issubclass(cls, NIMSettings):
            reasons |= NIM_ONLY
        if cls and issubclass(cls, RoleSettings):
            reasons |= ROLE_ONLY
        if cls and issubclass(cls, ScriptedSettings):
            reasons |= SCRIPTED_ONLY
        applies = not (cls and issubclass(cls, _Settings) and name in reasons)
        (kept if applies else left_out).append(item)
    config.stash[LEFT_OUT] = [(getattr(item, "originalname", item.name), item.cls) for item in left_out]  # type: ignore[attr-defined]
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class _Settings:
    """What both services support."""

    @pytest.fixture(autouse=True)
    def _environment(self, emu: Emulator) -> Iterator[None]:
        return

    @pytest.fixture(autouse=True)
    def _no_downloads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give the suite a picture of one pixel where it would download one from a public host."""
        suite: Any = chat_models
        picture = httpx.Response(200, content=_PIXEL)
        monkeypatch.setattr(suite, "httpx", SimpleNamespace(get=lambda url, **_: picture))

    @property
    def has_tool_calling(self) -> bool:
        return True

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def has_structured_output(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def returns_usage_metadata(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True


class GatewaySettings(_Settings):
    """The Gateway, on its usual route."""

    @property
    def chat_model_class(self) -> type[ChatNVGateway]:
        return ChatNVGateway

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "gpt-4o"}

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "gpt-4o-mini"


class FlatGatewaySettings(GatewaySettings):
    """The Gateway, on its flat route."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "gpt-4o", "route": "flat"}


class NIMSettings(_Settings):
    """Hosted NIM."""

    @property
    def chat_model_class(self) -> type[ChatNIM]:
        return ChatNIM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "meta/llama-4-scout-17b-16e-instruct"}

    @property
    def model_override_value(self) -> str:
        return "meta/llama-3.3-70b-instruct"


class RoleSettings(GatewaySettings):
    """What a role's model supports while the Gateway answers."""


class ScriptedSettings(_Settings):
    """A script."""
