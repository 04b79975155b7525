"""Each vendor with a server that speaks its language, the ways to call a model, and no blocking in event loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from langchain_nvgateway.vendors import vendor_model

from ..chat_models.calling import STYLES, Call
from .dialects import DIALECTS, Dialect
from .vendor_server import VendorServer, serving


@dataclass
class Vendor:
    """One vendor on loopback, and models of it."""

    dialect: Dialect
    server: VendorServer

    @property
    def key(self) -> str:
        """The key of its models."""
        return f"fake-{self.dialect.provider}-key"

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return f"{self.server.origin}{self.dialect.path}"

    def model(self, **kwargs: Any) -> BaseChatModel:
        """Build a model; no retries and a short limit unless the test says otherwise."""
        settings = {"base_url": self.base_url, "max_retries": 0, "timeout": 20.0, **kwargs}
        model = settings.pop("model", self.dialect.model)
        return vendor_model(self.dialect.provider, model, api_key=SecretStr(self.key), **settings)


@pytest.fixture(autouse=True, scope="session")
def _no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway", excluded_modules=["langchain_nvgateway.emulator"]):
        yield


@pytest.fixture
def server() -> Iterator[VendorServer]:
    """A server that waits for requests."""
    with serving() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[VendorServer]:
    """A server that no request may reach."""
    with serving() as running:
        running.will(DIALECTS["openai"].says("you", "should", "not", "be", "here"))
        yield running


@pytest.fixture(params=list(DIALECTS))
def vendor(request: pytest.FixtureRequest, server: VendorServer) -> Vendor:
    """Each vendor, one after the other; says hello unless told otherwise."""
    dialect = DIALECTS[request.param]
    server.will(dialect.says("Hello ", "there"))
    return Vendor(dialect, server)


@pytest.fixture
def anthropic(server: VendorServer) -> Vendor:
    """Anthropic."""
    server.will(DIALECTS["anthropic"].says("Hello ", "there"))
    return Vendor(DIALECTS["anthropic"], server)


@pytest.fixture
def google(server: VendorServer) -> Vendor:
    """Google GenAI."""
    server.will(DIALECTS["google-genai"].says("Hello ", "there"))
    return Vendor(DIALECTS["google-genai"], server)


@pytest.fixture
def openai(server: VendorServer) -> Vendor:
    """OpenAI."""
    server.will(DIALECTS["openai"].says("Hello ", "there"))
    return Vendor(DIALECTS["openai"], server)


@pytest.fixture(params=list(STYLES))
def call(request: pytest.FixtureRequest) -> Call:
    """One way to ask a model: whole or as a stream, sync or async."""
    return STYLES[request.param]


@pytest.fixture(params=["stream", "astream"])
def call_stream(request: pytest.FixtureRequest) -> Call:
    """The two ways to ask for a stream."""
    return STYLES[request.param]
