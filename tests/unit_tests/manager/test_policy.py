"""The egress policy: without permission nothing leaves for outside vendors, whoever asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_nvgateway import (
    AllProvidersFailedError,
    ConfigurationError,
    EgressDeniedError,
    EgressPolicy,
    ModelManager,
    NVGatewaySettings,
    Role,
)
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.events import EgressDenied

from .fakes import failing, saying

VENDORS = ("openai", "anthropic", "google-genai")
KEYS = {"openai_api_key": "fake-key", "anthropic_api_key": "fake-key", "google_api_key": "fake-key"}


class Watched:
    """A factory that remembers what it was asked to build."""

    def __init__(self) -> None:
        self.built: list[tuple[str, str]] = []

    def __call__(self, role: str, model: str) -> Any:
        self.built.append((role, model))
        return saying("outside")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("vendor", VENDORS)
def test_without_permission_no_vendor_is_built(vendor: str, role: Role) -> None:
    """Not by default, not with its key in the settings, not when all others fail."""
    vendor_factory = Watched()
    fakes = {"nvidia-nim": failing(OSError("down")), "nvidia-gateway": failing(OSError("down")), vendor: vendor_factory}
    manager = ModelManager(NVGatewaySettings(**KEYS), models=fakes)
    with pytest.raises(AllProvidersFailedError, match="permission") as caught:
        manager.model(role).invoke("hello")
    assert vendor_factory.built == []
    assert (vendor, "skipped") in [(attempt["provider"], attempt["outcome"]) for attempt in caught.value.attempts]


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_permission_no_run_can_name_a_vendor(vendor: str) -> None:
    """The error names role, leg and host, and nothing is built; the listeners hear of it."""
    vendor_factory = Watched()
    manager = ModelManager(models={"nvidia-nim": saying("inside"), vendor: vendor_factory})
    events: list[Any] = []
    manager.on_event(events.append)
    for key in ("planner_model", "plannerModelName"):
        with pytest.raises(EgressDeniedError) as caught:
            manager.model("planner").invoke("hello", {"configurable": {key: f"{vendor}:some-model"}})
        assert (caught.value.role, caught.value.leg) == ("planner", f"{vendor}:some-model")
        assert caught.value.host
        assert vendor in str(caught.value)
    assert vendor_factory.built == []
    assert [type(event) for event in events] == [EgressDenied, EgressDenied]


def test_the_denied_host_is_named() -> None:
    """The vendor's own, or the one of the settings."""
    manager = ModelManager(NVGatewaySettings(**KEYS), models={"nvidia-nim": saying("inside")})
    with pytest.raises(EgressDeniedError) as caught:
        manager.model("planner").invoke("hello", {"configurable": {"planner_model": "openai:gpt-5"}})
    assert caught.value.host == "api.openai.com:443"


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_permission_no_setting_can_name_a_vendor(vendor: str) -> None:
    """A role with nothing else is an `EgressDeniedError`; with something else, that answers."""
    vendor_factory = Watched()
    models = {"nvidia-nim": saying("inside"), vendor: vendor_factory}
    only = NVGatewaySettings(role_models={"planner": (f"{vendor}:m",)})
    with pytest.raises(EgressDeniedError):
        ModelManager(only, models=models).model("planner")
    both = NVGatewaySettings(role_models={"planner": (f"{vendor}:m", "nvidia-nim:m")})
    assert ModelManager(both, models=models).model("planner").invoke("hello").text == "inside"
    assert vendor_factory.built == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_with_permission_a_vendor_takes_part_behind_the_others(vendor: str) -> None:
    """By `NVGATEWAY_ALLOW_EXTERNAL` or by a policy; an explicit policy wins."""
    models = {"nvidia-nim": failing(OSError("down")), vendor: saying("outside")}
    allowed = NVGatewaySettings(allow_external=True)
    assert ModelManager(allowed, models=models).model("planner").invoke("hello").text == "outside"
    policy = EgressPolicy(allow_external=True)
    assert ModelManager(policy=policy, models=models).model("planner").invoke("hello").text == "outside"
    with pytest.raises(AllProvidersFailedError):
        ModelManager(allowed, policy=EgressPolicy(), models=models).model("planner").invoke("hello")


def test_a_role_can_be_limited_to_providers() -> None:
    """The others are neither asked nor named by a run; roles that are not limited use all."""
    fakes = {"nvidia-nim": failing(OSError("down")), "nvidia-gateway": saying("gateway")}
    manager = ModelManager(models=fakes, policy=EgressPolicy(roles={"summarizer": ["nvidia-nim"]}))
    with pytest.raises(AllProvidersFailedError, match="limits the role"):
        manager.model("summarizer").invoke("hello")
    run: Any = {"configurable": {"summarizer_model": "nvidia-gateway:gpt-4o"}}
    with pytest.raises(EgressDeniedError, match="summarizer"):
        manager.model("summarizer").invoke("hello", run)
    assert manager.model("planner").invoke("hello").text == "gateway"


def test_hosts_can_be_limited(emu: Emulator) -> None:
    """A configured host that the policy does not name is not reached, with its port if the policy names one."""
    base = emu.env["NVIDIA_NIM_BASE_URL"]
    host = base.partition("://")[2].partition("/")[0]
    for allowed in ([host], ["127.0.0.1"], ["localhost", "127.0.0.1"]):
        policy = EgressPolicy(allowed_hosts=allowed)
        assert ModelManager(policy=policy).model("planner").invoke("hello").text
    seen = len(emu.requests)
    for allowed in ([], ["127.0.0.1:1"], ["nim.example"]):
        with pytest.raises(EgressDeniedError) as caught:
            ModelManager(policy=EgressPolicy(allowed_hosts=allowed)).model("planner")
        assert caught.value.host == host
    assert len(emu.requests) == seen


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allow_external", "yes"),
        ("allow_external", 1),
        ("allowed_hosts", ["https://host.example/path"]),
        ("allowed_hosts", [7]),
        ("roles", {"planner": ["azure"]}),
        ("roles", {"planner": "nvidia"}),
    ],
)
def test_a_malformed_policy_is_refused(name: str, value: Any) -> None:
    """With an error that names the argument."""
    with pytest.raises(ConfigurationError, match=name) as caught:
        EgressPolicy(**{name: value})
    assert caught.value.setting == name


def test_a_policy_says_what_it_allows() -> None:
    """For logs and notebooks."""
    policy = EgressPolicy(allowed_hosts=["b", "a"], roles={"code-critic": ["nvidia-nim"]})
    text = "EgressPolicy(allow_external=False, allowed_hosts=['a', 'b'], roles={'code_critic': ['nvidia-nim']})"
    assert repr(policy) == text
    assert policy.why_not("code_critic", "nvidia-nim") is None
    assert policy.why_not("code-critic", "nvidia-gateway")


def test_a_model_of_a_run_without_credentials_is_named(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allowed, but nothing to sign in with: the error names the model and what is missing."""
    monkeypatch.delenv("STARFLEET_SECRET")
    with pytest.raises(ConfigurationError, match=r"nvidia-gateway:gpt-4o.*STARFLEET_SECRET"):
        ModelManager().model("planner").invoke("hello", {"configurable": {"planner_model": "nvidia-gateway:gpt-4o"}})


def test_a_service_that_sends_its_callers_elsewhere_is_denied(emu: Emulator) -> None:
    """The redirect is not followed, the next leg answers, and the listeners hear of role, leg and host."""
    emu.nim.fail_always("redirect")
    manager = ModelManager.from_env()
    events: list[Any] = []
    manager.on_event(events.append)
    answer = manager.model("planner").invoke("hello")
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"
    denied = [event for event in events if isinstance(event, EgressDenied)]
    assert [(event.role, event.provider) for event in denied] == [("planner", "nvidia-nim")]
    emu.gateway.fail_always("redirect")
    with pytest.raises(AllProvidersFailedError) as caught:
        manager.model("planner").invoke("hello")
    error = caught.value.__cause__
    assert isinstance(error, EgressDeniedError)
    assert (error.role, error.host) == ("planner", denied[0].host)
    assert str(error.leg).startswith("nvidia-nim:")


def test_a_policy_for_a_role_that_there_is_not_is_refused() -> None:
    """A typing error would lift the restriction without a word; a role of one's own is fine."""
    with pytest.raises(ConfigurationError, match="sumarizer"):
        ModelManager(models={"nvidia-nim": saying("x")}, policy=EgressPolicy(roles={"sumarizer": ["nvidia-gateway"]}))
    own = NVGatewaySettings(role_models={"code-critic": ("nvidia-nim:m",)})
    policy = EgressPolicy(roles={"code-critic": ["nvidia-nim"]})
    assert ModelManager(own, models={"nvidia-nim": saying("x")}, policy=policy).model("code-critic").invoke("hi").text


def test_what_is_no_policy_and_no_listener_is_refused() -> None:
    """When it is given, and not at the first call."""
    wrong: Any = {"allow_external": True}
    with pytest.raises(ConfigurationError, match="policy"):
        ModelManager(policy=wrong)
    with pytest.raises(ConfigurationError, match="function"):
        ModelManager(models={"nvidia-nim": saying("x")}).on_event(wrong)
