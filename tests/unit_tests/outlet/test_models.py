"""Chat models, tokens and roles in a company whose services are reached through a proxy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from langchain_core.exceptions import ModelConnectionError

from langchain_nvgateway import (
    ChatNIM,
    ChatNVGateway,
    ConfigurationError,
    ModelManager,
    NVGatewayError,
    NVGatewaySettings,
    StarfleetError,
    StarfleetUnavailableError,
)
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.failures import FailureKind, failure_of
from langchain_nvgateway.providers import Providers
from langchain_nvgateway.starfleet import StarfleetTokenProvider, shared_provider

from ..chat_models.calling import STYLES, Call
from ..vendors.dialects import DIALECTS
from ..vendors.vendor_server import serving
from .company import BASIC, QUOTED, USER, ConnectProxy, TLSFront

CREDENTIALS = f"{USER}:{QUOTED}"


class Observer:
    """Somebody who does not care for tokens."""

    def token_refreshed(self, host: str) -> None: ...

    def token_refresh_failed(self, host: str, error: StarfleetError) -> None: ...


@pytest.fixture(params=STYLES)
def call(request: pytest.FixtureRequest) -> Call:
    """Each way to call a model."""
    return STYLES[request.param]


@pytest.fixture
def services(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The emulator's settings, by the names that its services have in the company."""
    for name in emu.env:
        monkeypatch.delenv(name)
    values = {}
    for name, value in emu.env.items():
        host = "nim" if "NIM" in name else "starfleet" if "STARFLEET" in name else "gateway"
        _, _, path = value.removeprefix("http://").partition("/")
        values[name] = f"https://{host}.example/{path}" if value.startswith("http://") else value
    return values


@pytest.fixture
def way(company: ConnectProxy, ca_bundle: str) -> dict[str, str]:
    """The settings that a company's users need."""
    return {"proxy": company.url(CREDENTIALS), "ca_bundle": ca_bundle}


@pytest.fixture
def in_environment(services: dict[str, str], way: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All settings in the environment."""
    for name, value in services.items():
        monkeypatch.setenv(name, value)
    for name, value in way.items():
        monkeypatch.setenv(f"NVGATEWAY_{name.upper()}", value)


def _gateway(services: dict[str, str], **more: Any) -> ChatNVGateway:
    names = ("STARFLEET_ID", "STARFLEET_SECRET", "STARFLEET_TOKEN_URL")
    given = {name.lower(): services[name] for name in names}
    return ChatNVGateway(base_url=services["LLM_GATEWAY_BASE_URL"], max_retries=0, **{**given, **more})


def _nim(services: dict[str, str], **more: Any) -> ChatNIM:
    return ChatNIM(
        api_key=services["NVIDIA_NIM_API_KEY"], base_url=services["NVIDIA_NIM_BASE_URL"], max_retries=0, **more
    )


def test_models_and_their_tokens_take_the_proxy(
    services: dict[str, str], way: dict[str, str], company: ConnectProxy, call: Call
) -> None:
    """By arguments; the token endpoint as well."""
    assert "emulator" in call(_nim(services, **way)).text
    assert company.targets == ["nim.example:443"]
    assert "emulator" in call(_gateway(services, **way)).text
    assert company.targets[1:] == ["starfleet.example:443", "gateway.example:443"]
    assert all(BASIC in head for head in company.heads)


@pytest.mark.usefixtures("in_environment")
def test_models_take_the_proxy_of_the_environment(company: ConnectProxy, call: Call) -> None:
    """Without any argument."""
    assert "emulator" in call(ChatNIM()).text
    assert "emulator" in call(ChatNVGateway()).text
    assert len(company.targets) == 3


@pytest.mark.usefixtures("in_environment")
def test_a_token_provider_takes_the_proxy(company: ConnectProxy, services: dict[str, str]) -> None:
    """Used alone, as the models do."""
    provider = StarfleetTokenProvider("https://starfleet.example/token", "fake-id", "fake-secret", proxy="")
    assert provider.outlet.proxy is None
    arguments = (services["STARFLEET_TOKEN_URL"], services["STARFLEET_ID"], services["STARFLEET_SECRET"])
    assert StarfleetTokenProvider(*arguments).get_token()
    assert company.targets == ["starfleet.example:443"]


@pytest.mark.parametrize("written", ["arguments", "file", "environment"])
def test_all_legs_of_a_role_take_the_proxy(
    written: str,
    services: dict[str, str],
    way: dict[str, str],
    company: ConnectProxy,
    emu: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NIM, the Gateway and its tokens, wherever the settings are."""
    variables = {**services, **{f"NVGATEWAY_{name.upper()}": value for name, value in way.items()}}
    if written == "arguments":
        own = {name.lower(): value for name, value in services.items()}
        manager = ModelManager(NVGatewaySettings(**own, **way))
    elif written == "file":
        (tmp_path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
        manager = ModelManager.from_env(tmp_path / ".env")
    else:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        manager = ModelManager.from_env()
    emu.nim.fail_always("internal_error")
    answer = manager.model("planner").invoke("Hello")
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"
    assert company.targets == ["nim.example:443", "starfleet.example:443", "gateway.example:443"]


def test_settings_without_a_proxy_ask_no_environment(services: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a manager was given is what its models have."""
    monkeypatch.setenv("NVGATEWAY_PROXY", "http://environment.example:1")
    own = {name.lower(): value for name, value in services.items()}
    providers = Providers(NVGatewaySettings(**own, proxy=None), {}, Observer())
    for provider in ("nvidia-nim", "nvidia-gateway"):
        model: Any = providers.build("planner", provider, "gpt-4o", {})
        assert model._path.http.outlet.proxy is None
    assert model._path.credential._provider.outlet.proxy is None


@pytest.mark.parametrize("provider", DIALECTS)
def test_vendors_take_the_proxy(provider: str, ca_bundle: str, certificate: Any, call: Call) -> None:
    """Those outside of the company, with permission, as a manager builds them."""
    dialect = DIALECTS[provider]
    with serving() as server:
        server.will(dialect.says("Hello ", "there"))
        front = TLSFront(certificate, urlsplit(server.origin).port or 0)
        proxy = ConnectProxy({"vendor.example:443": front.port}, BASIC)
        settings = NVGatewaySettings(
            openai_api_key="fake-key",
            anthropic_api_key="fake-key",
            google_api_key="fake-key",
            allow_external=True,
            proxy=proxy.url(CREDENTIALS),
            ca_bundle=ca_bundle,
            **{f"{provider.replace('-', '_')}_base_url": f"https://vendor.example{dialect.path}"},
        )
        model = Providers(settings, {}, Observer()).build("planner", provider, dialect.model, {"max_retries": 0})
        assert call(model).text == "Hello there"
        assert call(copy.deepcopy(model)).text == "Hello there"
        proxy.stop()
        front.stop()
    assert set(proxy.targets) == {"vendor.example:443"}


@pytest.mark.parametrize(
    "other",
    [
        {"proxy": "http://u:other@proxy.example:1"},
        {"proxy": "http://proxy.example:1"},
        {"no_proxy": "b.example"},
        {"ca_bundle": ""},
    ],
    ids=str,
)
def test_equal_settings_share_and_others_do_not(other: dict[str, Any], ca_bundle: str) -> None:
    """Connections and tokens alike."""
    way: dict[str, Any] = {"proxy": "http://u:p@proxy.example:1", "no_proxy": "a.example", "ca_bundle": ca_bundle}
    builds: tuple[Callable[..., Any], ...] = (
        lambda **given: ChatNIM(api_key="fake-key", **given)._path.http,
        lambda **given: shared_provider("https://starfleet.example/token", "fake-id", "fake-secret", **given),
    )
    for build in builds:
        assert build(**way) is build(**way)
        assert build(**way) is not build(**{**way, **other})


def test_copies_keep_the_way_and_pickles_leave_out_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is unpickled, it comes from the environment again; a proxy without a password is kept."""
    monkeypatch.setenv("NVIDIA_NIM_API_KEY", "fake-key")
    model = ChatNIM(proxy="http://u:canary@proxy.example:1", no_proxy="a.example")
    assert copy.deepcopy(model)._path is model._path
    pickled = pickle.dumps(model)
    assert b"canary" not in pickled
    monkeypatch.setenv("NVGATEWAY_PROXY", "http://u:canary@proxy.example:1")
    assert pickle.loads(pickled)._path.http is model._path.http
    monkeypatch.setenv("NVGATEWAY_PROXY", "http://other.example:1")
    for open_to_all in ("http://proxy.example:1", ""):
        kept = ChatNIM(proxy=open_to_all)
        assert pickle.loads(pickle.dumps(kept))._path.http is kept._path.http


@pytest.mark.parametrize("name", ["proxy", "no_proxy", "ca_bundle"])
def test_a_roles_model_takes_no_way_of_its_own(name: str, services: dict[str, str]) -> None:
    """The settings say it for all roles."""
    manager = ModelManager(NVGatewaySettings(**{key.lower(): value for key, value in services.items()}))
    with pytest.raises(ConfigurationError, match=f"{name} is no parameter of a role's model"):
        manager.model("planner", **{name: "x"})


@pytest.mark.parametrize(
    ("name", "value"), [("proxy", "socks5://proxy.example:1"), ("no_proxy", "*"), ("ca_bundle", "/nowhere.pem")]
)
def test_a_malformed_setting_stops_a_manager(name: str, value: str, services: dict[str, str]) -> None:
    """When a role's model is built, and not at the first request."""
    own = {key.lower(): given for key, given in services.items()}
    with pytest.raises(ConfigurationError, match=f"NVGATEWAY_{name.upper()}"):
        ModelManager(NVGatewaySettings(**own, **{name: value})).model("planner")


def test_the_proxy_of_langchain_openai_is_refused() -> None:
    """The message names ours."""
    with pytest.raises(ConfigurationError, match=r"openai_proxy.*NVGATEWAY_PROXY"):
        ChatNIM(api_key="fake-key", openai_proxy="http://proxy.example:1")


WRONG = "fake-user:fake-wrong"
LOCKED_OUT = r"NVGATEWAY_PROXY\) refused with status 407: check its user and password"


def test_a_proxy_that_refuses_its_password_is_asked_once(
    services: dict[str, str], company: ConnectProxy, ca_bundle: str, call: Call
) -> None:
    """However many retries a model has: the next one might lock the account."""
    model = _nim(services, proxy=company.url(WRONG), ca_bundle=ca_bundle).model_copy(update={"max_retries": 3})
    with pytest.raises(NVGatewayError, match=LOCKED_OUT) as caught:
        call(model)
    assert "Correct NVGATEWAY_PROXY" in str(caught.value)
    assert isinstance(caught.value, ModelConnectionError)
    assert not caught.value.is_retryable
    assert company.targets == ["nim.example:443"]


def test_a_token_is_asked_for_once_through_such_a_proxy(
    services: dict[str, str], company: ConnectProxy, ca_bundle: str, call: Call
) -> None:
    """By the next call neither, until half a minute has gone by."""
    model = _gateway(services, proxy=company.url(WRONG), ca_bundle=ca_bundle).model_copy(update={"max_retries": 3})
    for _ in range(2):
        with pytest.raises(StarfleetUnavailableError, match=rf"{LOCKED_OUT}.*correct NVGATEWAY_PROXY") as caught:
            call(model)
        assert not caught.value.is_retryable
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 10.0
    assert company.targets == ["starfleet.example:443"]


def test_the_next_leg_is_asked_all_the_same(
    services: dict[str, str], company: ConnectProxy, ca_bundle: str, emu: Emulator, call: Call
) -> None:
    """It may not need the proxy; here it does not."""
    own = {name.lower(): value for name, value in services.items()}
    own |= {name.lower(): value for name, value in emu.env.items() if "NIM" not in name}
    manager = ModelManager(NVGatewaySettings(**own, proxy=company.url(WRONG), ca_bundle=ca_bundle))
    answer = call(manager.model("planner"))
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"
    assert company.targets == ["nim.example:443"]


@pytest.mark.parametrize("provider", DIALECTS)
def test_vendors_ask_such_a_proxy_once(provider: str, company: ConnectProxy, ca_bundle: str, call: Call) -> None:
    """What comes out is our own error, not what their SDKs make of it."""
    settings = NVGatewaySettings(
        openai_api_key="fake-key",
        anthropic_api_key="fake-key",
        google_api_key="fake-key",
        allow_external=True,
        proxy=company.url(WRONG),
        ca_bundle=ca_bundle,
        **{f"{provider.replace('-', '_')}_base_url": "https://vendor.example"},
    )
    dialect = DIALECTS[provider]
    model = Providers(settings, {}, Observer()).build("planner", provider, dialect.model, {"max_retries": 3})
    with pytest.raises(NVGatewayError, match=LOCKED_OUT) as caught:
        call(model)
    assert not caught.value.is_retryable
    assert failure_of(caught.value).kind is FailureKind.AVAILABILITY
    assert company.targets == ["vendor.example:443"]
