"""A setting that is wrong does not show those that are right, nor itself, whoever gave it."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from langchain_nvgateway import ChatNIM, ChatNVGateway, ConfigurationError, NVGatewaySettings
from langchain_nvgateway.starfleet import StarfleetTokenProvider
from langchain_nvgateway.vendors import vendor_model

from .canaries import CANARIES
from .surfaces import surfaces_of_error
from .world import KEYS, World

BROKEN: list[dict[str, Any]] = [
    {"base_url": "http://elsewhere.example"},
    {"timeout": 0},
    {"max_retries": -1},
    {"no_proxy": "*"},
    {"ca_bundle": "/nowhere"},
    {"proxy": f"socks5://{CANARIES['client secret']}@proxy.example"},
]
UNKNOWN: list[dict[str, Any]] = [{"http_client": object()}, {"apikey": CANARIES["client secret"]}]

GIVEN = {
    ChatNIM: {"api_key": CANARIES["NIM key"], "default_headers": {"X-Token": CANARIES["header"]}},
    ChatNVGateway: {
        "starfleet_id": CANARIES["client id"],
        "starfleet_secret": CANARIES["client secret"],
        "starfleet_token_url": "https://starfleet.example/token",
    },
}
IN_SETTINGS = {
    "starfleet_id": CANARIES["client id"],
    "starfleet_secret": CANARIES["client secret"],
    "nvidia_nim_api_key": CANARIES["NIM key"],
    "redis_url": f"redis://:{CANARIES['header']}@127.0.0.1",
}


def _assert_nothing_shows(world: World, error: BaseException) -> None:
    surfaces = surfaces_of_error(error)
    assert surfaces["locals"]
    assert {name: found for name, text in surfaces.items() if (found := world.found_in(text))} == {}


@pytest.mark.parametrize("broken", [*BROKEN, *UNKNOWN], ids=lambda broken: next(iter(broken)))
@pytest.mark.parametrize("kind", GIVEN, ids=lambda kind: kind.__name__)
def test_models(kind: Any, broken: dict[str, Any], world: World) -> None:
    """With credentials that are given as plain text."""
    with pytest.raises(ConfigurationError) as caught:
        kind(**{**GIVEN[kind], **broken})
    _assert_nothing_shows(world, caught.value)


@pytest.mark.parametrize("broken", BROKEN[:3], ids=lambda broken: next(iter(broken)))
@pytest.mark.parametrize("provider", KEYS)
def test_vendors_models(provider: str, broken: dict[str, Any], world: World) -> None:
    """Whose keys come from settings."""
    from pydantic import SecretStr

    key = SecretStr(CANARIES[KEYS[provider]])
    with pytest.raises(ConfigurationError) as caught:
        vendor_model(provider, "fake-model", **{"api_key": key, "base_url": "https://vendor.example", **broken})
    _assert_nothing_shows(world, caught.value)


@pytest.mark.parametrize(
    "broken",
    [{"max_tokens": -1}, {"redis_url": f"http://{CANARIES['header']}"}, {"apikey": CANARIES["client secret"]}],
    ids=lambda broken: next(iter(broken)),
)
def test_settings(broken: dict[str, Any], world: World) -> None:
    """Those that are malformed, and those that there are not."""
    with pytest.raises(ConfigurationError) as caught:
        NVGatewaySettings(**{**IN_SETTINGS, **broken})
    _assert_nothing_shows(world, caught.value)


@pytest.mark.parametrize(
    "broken",
    [{"scope": "a\nb"}, {"auth_method": "x"}, {"timeout": 0}, {"proxy": "x"}],
    ids=lambda broken: next(iter(broken)),
)
def test_provider_of_tokens(broken: dict[str, Any], world: World) -> None:
    """Its arguments are checked when it is built."""
    url = "https://starfleet.example/token"
    with pytest.raises(ConfigurationError) as caught:
        StarfleetTokenProvider(url, CANARIES["client id"], CANARIES["client secret"], **broken)
    _assert_nothing_shows(world, caught.value)


@pytest.mark.parametrize(
    ("kind", "field", "name"),
    [
        (ChatNIM, "default_headers", "header"),
        (ChatNIM, "api_key", "NIM key"),
        (ChatNIM, "proxy", "proxy password"),
        (ChatNVGateway, "starfleet_secret", "client secret"),
    ],
)
def test_secret_of_the_wrong_type(kind: Any, field: str, name: str, world: World) -> None:
    """Is not shown by the error that says which type is right."""
    wrong = CANARIES[name] if field == "default_headers" else [CANARIES[name]]
    with pytest.raises((ValidationError, ConfigurationError)) as caught:
        kind(**{**GIVEN[kind], field: wrong})
    error = caught.value
    assert world.found_in("".join([str(error), repr(error), *traceback.format_exception(error)])) == []


@pytest.mark.parametrize("provider", KEYS)
def test_vendors_secret_of_the_wrong_type(provider: str, world: World) -> None:
    """As little."""
    with pytest.raises((ValidationError, ConfigurationError)) as caught:
        vendor_model(provider, "fake-model", api_key=SecretStr("fake-key"), proxy=[CANARIES["proxy password"]])
    error = caught.value
    assert world.found_in("".join([str(error), repr(error), *traceback.format_exception(error)])) == []
