"""What a provider may be built with, and how it says no."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from langchain_nvgateway.errors import ConfigurationError
from langchain_nvgateway.starfleet import StarfleetTokenProvider, shared_provider

from .token_server import TokenServer


async def _secret_in_a_coroutine() -> str:
    return "fake-secret"


@pytest.mark.parametrize(
    ("argument", "value", "named"),
    [
        ("token_url", "", "STARFLEET_TOKEN_URL"),
        ("token_url", "http://starfleet.test/token", "STARFLEET_TOKEN_URL"),
        ("token_url", "https://starfleet.test/token%", "STARFLEET_TOKEN_URL"),
        ("token_url", "https://starfleet.test/to ken", "STARFLEET_TOKEN_URL"),
        ("token_url", "https://me:fake-secret@starfleet.test/", "STARFLEET_TOKEN_URL"),
        ("token_url", "https://stärfleet.test/", "STARFLEET_TOKEN_URL"),
        ("client_id", "", "STARFLEET_ID"),
        ("client_id", None, "STARFLEET_ID"),
        ("client_id", "fake-id\n", "STARFLEET_ID"),
        ("client_id", "fake\x00id", "STARFLEET_ID"),
        ("client_secret", "", "STARFLEET_SECRET"),
        ("client_secret", None, "STARFLEET_SECRET"),
        ("client_secret", "canary-secret\n", "STARFLEET_SECRET"),
        ("client_secret", " canary-secret", "STARFLEET_SECRET"),
        ("client_secret", "canary\u200bsecret", "STARFLEET_SECRET"),
        ("client_secret", "canary\ud800secret", "STARFLEET_SECRET"),
        ("client_secret", SecretStr("canary-secret\r\n"), "STARFLEET_SECRET"),
        ("client_secret", b"canary-secret", "STARFLEET_SECRET"),
        ("client_secret", _secret_in_a_coroutine, "STARFLEET_SECRET"),
        ("scope", "read\nwrite", "STARFLEET_SCOPE"),
        ("scope", None, "STARFLEET_SCOPE"),
        ("auth_method", "digest", "auth_method"),
        ("timeout", 0, "timeout"),
        ("timeout", -1.0, "timeout"),
        ("timeout", float("nan"), "timeout"),
        ("timeout", float("inf"), "timeout"),
        ("timeout", True, "timeout"),
        ("timeout", None, "timeout"),
    ],
)
@pytest.mark.parametrize("build", [StarfleetTokenProvider, shared_provider])
def test_bad_argument_is_named_and_not_shown(build: Callable[..., Any], argument: str, value: Any, named: str) -> None:
    """The message names the setting; neither it nor the package's frames show a secret."""
    arguments = {"token_url": "https://starfleet.test/token", "client_id": "fake-id", "client_secret": "canary-secret"}
    arguments[argument] = value

    with pytest.raises(ConfigurationError) as caught:
        build(**arguments)

    assert named in str(caught.value)
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in report.stack if "langchain_nvgateway" in frame.filename]
    assert ours
    assert "canary" not in str([frame.locals for frame in ours])
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "secret", ["fake-secret", SecretStr("fake-secret"), lambda: "fake-secret", lambda: SecretStr("fake-secret")]
)
def test_secret_may_come_in_four_ways(
    new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer, secret: Any
) -> None:
    """As text, sealed, or from a function that returns either."""
    assert new_provider(client_secret=secret, auth_method="post").get_token() == "fake-token-1"
    assert server.requests[0].form["client_secret"] == "fake-secret"


def test_request_says_who_asks_for_what(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """The default is a POST with a Basic header, a form, and the scope of the Azure models."""
    provider.get_token()

    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/token")
    assert request.form == {"grant_type": "client_credentials", "scope": "azureopenai-readwrite"}
    assert request.headers["authorization"] == "Basic ZmFrZS1pZDpmYWtlLXNlY3JldA=="
    assert request.headers["connection"] == "close"
