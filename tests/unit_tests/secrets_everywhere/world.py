"""Services that know the canaries, and models of every kind that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from langchain_nvgateway import ChatNIM, ChatNVGateway, ModelManager, NVGatewaySettings
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.vendors import vendor_model

from ..vendors.dialects import DIALECTS
from ..vendors.vendor_server import Request, VendorServer, serving
from .canaries import CANARIES, CLIENT_ID, found_in

__all__ = ["World", "world_of"]

KEYS = {"openai": "OpenAI key", "anthropic": "Anthropic key", "google-genai": "Google key"}
HEADERS = {"openai": "default_headers", "anthropic": "default_headers", "google-genai": "additional_headers"}


def _credential(name: str) -> str:
    return quote(CANARIES[name], safe="")


@dataclass
class World:
    """The emulator and the vendors, who know the canaries, and what is said to them."""

    emu: Emulator
    vendors: dict[str, VendorServer]
    tokens_before: int
    """How many tokens the emulator had issued when this world began; other tests have them."""

    @property
    def env(self) -> dict[str, str]:
        """Variables with every canary that a variable can hold."""
        proxy = f"http://{_credential('proxy user')}:{_credential('proxy password')}@proxy.invalid:3128"
        return {
            **self.emu.env,
            "NVGATEWAY_ALLOW_EXTERNAL": "true",
            "NVGATEWAY_PROXY": proxy,
            "OPENAI_API_KEY": CANARIES["OpenAI key"],
            "ANTHROPIC_API_KEY": CANARIES["Anthropic key"],
            "GOOGLE_API_KEY": CANARIES["Google key"],
            **{
                f"NVGATEWAY_{name.upper().replace('-', '_')}_BASE_URL": f"{server.origin}{DIALECTS[name].path}"
                for name, server in self.vendors.items()
            },
        }

    def manager(self, **more: Any) -> ModelManager:
        """Return a manager with all five legs, from settings that are given as arguments."""
        names = {f"NVGATEWAY_{field}".upper(): field for field in NVGatewaySettings.model_fields}
        given = {names.get(name, name.lower()): value for name, value in self.env.items()}
        return ModelManager(NVGatewaySettings(**{**given, "request_timeout": 20.0, **more}))

    def own_models(self, **more: Any) -> dict[str, Any]:
        """Return models of the two services, by what signs them in."""
        settings = {"max_retries": 0, "timeout": 20.0, **more}
        token = CANARIES["static bearer"]
        headers = {"X-Token": CANARIES["header"], "X-Other": f"Bearer {CANARIES['second header']}"}
        return {
            "gateway": ChatNVGateway(**settings),
            "gateway with a callable": ChatNVGateway(
                starfleet_secret=lambda: CANARIES["client secret"], default_headers=headers, **settings
            ),
            "gateway with a bearer": ChatNVGateway(token_provider=lambda: token, **settings),
            "nim": ChatNIM(api_key=CANARIES["NIM key"], **settings),
            "nim with headers": ChatNIM(default_headers=headers, **settings),
        }

    def vendor_models(self) -> dict[str, Any]:
        """Return models of the three vendors."""
        return {
            name: vendor_model(
                name,
                DIALECTS[name].model,
                api_key=SecretStr(CANARIES[KEYS[name]]),
                base_url=f"{server.origin}{DIALECTS[name].path}",
                max_retries=0,
                **{HEADERS[name]: {"X-Token": CANARIES["header"]}},
            )
            for name, server in self.vendors.items()
        }

    def vendors_fail(self, status: int = 500) -> None:
        """Let the vendors fail, and echo all that they were sent."""
        for name, server in self.vendors.items():

            def echo(request: Request, name: str = name) -> Any:
                return DIALECTS[name].fails(status, f"{request.headers}", X_Echo=CANARIES[KEYS[name]])

            server.will(echo)

    def found_in(self, shown: str | bytes) -> list[str]:
        """Return which canaries and issued tokens show."""
        # Of a token, a part that is long enough to be no chance; the beginning is the same for all.
        tokens = self.emu.starfleet.tokens_issued[self.tokens_before :]
        return found_in(shown, [token[13:53] for token in tokens])


@contextmanager
def world_of(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Let the services know the canaries, and the environment hold them."""
    emu.starfleet.client_id, emu.starfleet.client_secret = CLIENT_ID, CANARIES["client secret"]
    emu.nim.api_key = CANARIES["NIM key"]
    emu.gateway.static_tokens.add(CANARIES["static bearer"])
    with ExitStack() as stack:
        vendors = {name: stack.enter_context(serving()) for name in DIALECTS}
        for name, server in vendors.items():
            server.will(DIALECTS[name].says("Hello ", "there"))
        world = World(emu, vendors, len(emu.starfleet.tokens_issued))
        for name, value in world.env.items():
            monkeypatch.setenv(name, value)
        yield world
