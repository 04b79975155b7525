"""LangChain's standard unit tests."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.integration_tests.standard_suites import FlatGatewaySettings, GatewaySettings, NIMSettings


class _NoEnvironment:
    """These tests give everything as arguments."""

    @pytest.fixture(autouse=True)
    def _environment(self) -> None:
        return


class TestGatewayStandard(_NoEnvironment, GatewaySettings, ChatModelUnitTests):
    """`ChatNVGateway`."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            **super().chat_model_params,
            "starfleet_id": "fake-id",
            "starfleet_secret": "fake-secret",
            "starfleet_token_url": "https://starfleet.example/token",
        }

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            {
                "STARFLEET_ID": "fake-id",
                "STARFLEET_SECRET": "fake-secret",
                "STARFLEET_TOKEN_URL": "https://starfleet.example/token",
                "STARFLEET_SCOPE": "awsanthropic-readwrite",
                "LLM_GATEWAY_BASE_URL": "https://gateway.example/llm",
                "LLM_GATEWAY_API_VERSION": "2024-06-01",
                "LLM_GATEWAY_MODEL": "gpt-4.1",
            },
            {},
            {
                "starfleet_id": "fake-id",
                "starfleet_secret": "fake-secret",
                "starfleet_token_url": "https://starfleet.example/token",
                "starfleet_scope": "awsanthropic-readwrite",
                "openai_api_base": "https://gateway.example/llm",
                "api_version": "2024-06-01",
                "model_name": "gpt-4.1",
            },
        )


class TestFlatGatewayStandard(TestGatewayStandard):
    """`ChatNVGateway` on its flat route."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, **FlatGatewaySettings().chat_model_params}


class TestNIMStandard(_NoEnvironment, NIMSettings, ChatModelUnitTests):
    """`ChatNIM`."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "api_key": "fake-nim-key"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            {
                "NVIDIA_NIM_API_KEY": "fake-nim-key",
                "NVIDIA_NIM_BASE_URL": "https://nim.example/v1",
                "NVIDIA_NIM_STATUS_URL": "https://nim.example/status",
            },
            {},
            {
                "openai_api_key": "fake-nim-key",
                "openai_api_base": "https://nim.example/v1",
                "status_url": "https://nim.example/status",
            },
        )
