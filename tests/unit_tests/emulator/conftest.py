"""A running emulator, and clients of it that know no LangChain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from langchain_nvgateway.emulator import Emulator

NIM_MODEL = "meta/llama-4-scout-17b-16e-instruct"
WEATHER_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Look up the weather.",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string"},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["location"],
            "additionalProperties": False,
        },
    },
}

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """One emulator for all tests that do not stop it."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emu(shared_emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, as if it had just been started."""
    shared_emulator.reset()
    yield shared_emulator
    shared_emulator.reset()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """An HTTP client that no environment variable can lead astray."""
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        yield client


@pytest.fixture
def get_token(emu: Emulator, client: httpx.Client) -> Callable[[], httpx.Response]:
    """Ask for a token as the package does by default."""

    def ask() -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": "azureopenai-readwrite"}
        return client.post(emu.env["STARFLEET_TOKEN_URL"], auth=("fake-id", "fake-secret"), data=form)

    return ask


@pytest.fixture
def token(get_token: Callable[[], httpx.Response]) -> str:
    """A good token."""
    return str(get_token().json()["access_token"])


def _messages(said: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": said}] if isinstance(said, str) else said


@pytest.fixture
def ask_nim(emu: Emulator, client: httpx.Client) -> Ask:
    """Ask NIM something; keyword arguments go into the body."""

    def ask(said: str | list[dict[str, Any]] = "Hello", **body: Any) -> httpx.Response:
        return client.post(
            emu.env["NVIDIA_NIM_BASE_URL"] + "/chat/completions",
            headers={"authorization": "Bearer fake-nim-key"},
            json={"model": NIM_MODEL, "messages": _messages(said), **body},
        )

    return ask


@pytest.fixture
def ask_gateway(emu: Emulator, client: httpx.Client) -> Ask:
    """Ask the Gateway something with a static token; keyword arguments go into the body."""
    emu.gateway.static_tokens.add("fake-static")

    def ask(said: str | list[dict[str, Any]] = "Hello", *, model: str = "gpt-4o-mini", **body: Any) -> httpx.Response:
        return client.post(
            emu.env["LLM_GATEWAY_BASE_URL"] + f"/openai/deployments/{model}/chat/completions",
            params={"api-version": "2024-12-01-preview"},
            headers={"authorization": "Bearer fake-static"},
            json={"messages": _messages(said), **body},
        )

    return ask
