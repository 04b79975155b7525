"""Who would answer, who would not, and why: said without asking anybody."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_nvgateway import (
    ConfigurationError,
    EgressPolicy,
    ModelManager,
    NVGatewayError,
    NVGatewaySettings,
)
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.plan import Explanation, LegExplanation

from .fakes import acting, saying

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"
GATEWAY = "nvidia-gateway:gpt-4o"
VENDORS = ["openai:gpt-5", "anthropic:claude-sonnet-4-0", "google-genai:gemini-2.5-flash"]
REAL: dict[str, Any] = {
    "nvidia_nim_api_key": "key",
    "starfleet_id": "id",
    "starfleet_secret": "secret",
    "starfleet_token_url": "https://starfleet.example.com/token",
}


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fakes() -> dict[str, Any]:
    return {"nvidia-nim": saying("nim"), "nvidia-gateway": saying("gateway")}


def legs(manager: ModelManager, role: str = "planner") -> dict[str, LegExplanation]:
    (explained,) = manager.explain(role).roles
    return {leg.name: leg for leg in explained.legs}


# -- Who and why -----------------------------------------------------------------------------------------------


def test_all_legs_are_there_in_their_order_with_host_and_price() -> None:
    """Also those of vendors that nobody has named or allowed, with the reason."""
    found = legs(ModelManager(NVGatewaySettings(**REAL)))
    assert list(found) == [NIM, GATEWAY, *VENDORS]
    assert [leg.would_try for leg in found.values()] == [True, True, False, False, False]
    assert [leg.host for leg in found.values()] == [
        "integrate.api.nvidia.com",
        "prod.api.nvidia.com",
        "api.openai.com",
        "api.anthropic.com",
        "generativelanguage.googleapis.com",
    ]
    assert found[GATEWAY].price == (2.50, 10.00)
    for name in VENDORS:
        assert found[name].because == "policy"
        assert "NVGATEWAY_ALLOW_EXTERNAL" in (found[name].reason or "")


def test_missing_credentials_are_named_although_no_model_can_be_had() -> None:
    """That is when it is needed most: `model` would only raise."""
    manager = ModelManager()
    found = legs(manager)
    assert [found[name].because for name in (NIM, GATEWAY)] == ["credentials"] * 2
    assert "NVIDIA_NIM_API_KEY" in (found[NIM].reason or "")
    assert "STARFLEET_SECRET" in (found[GATEWAY].reason or "")
    assert "Nobody would answer" in str(manager.explain("planner"))
    assert not manager.explain("planner").roles[0].can_answer


def test_a_policy_for_a_role_is_named() -> None:
    """For that role, and not for others."""
    manager = ModelManager(models=fakes(), policy=EgressPolicy(roles={"summarizer": ["nvidia-nim"]}))
    gateway = legs(manager, "summarizer")["nvidia-gateway:gpt-4o-mini"]
    assert (gateway.would_try, gateway.because) == (False, "policy")
    assert "limits the role to nvidia-nim" in (gateway.reason or "")
    assert legs(manager, "router")["nvidia-gateway:gpt-4o-mini"].would_try


def test_an_allowed_vendor_lacks_its_key_or_takes_part() -> None:
    """With the permission, the key decides."""
    found = legs(ModelManager(NVGatewaySettings(**REAL, allow_external=True, openai_api_key="key")))
    assert found["openai:gpt-5"].would_try
    assert found["anthropic:claude-sonnet-4-0"].because == "credentials"
    assert "ANTHROPIC_API_KEY" in (found["anthropic:claude-sonnet-4-0"].reason or "")


@pytest.mark.parametrize("kind", ["", "/credentials"])
def test_an_open_breaker_takes_a_leg_out_for_the_time_that_is_left(kind: str) -> None:
    """Then the next call is its probe."""
    clock = Clock()
    manager = ModelManager(models=fakes(), clock=clock)
    manager.breakers[NIM + kind].force_open()
    clock.now += 100
    nim = legs(manager)[NIM]
    assert (nim.would_try, nim.would_try_tools, nim.because) == (False, False, "breaker")
    assert re.search(rf"{NIM}{kind} is open for another (8\d|9[0-8]) s", nim.reason or "")
    assert nim.circuits is not None
    assert nim.circuits[kind[1:] or "availability"].state == "open"
    clock.now += 100
    nim = legs(manager)[NIM]
    assert (nim.would_try, nim.because) == (True, None)
    assert "the next call is a probe" in str(manager.explain("planner"))


def test_a_probe_that_is_out_keeps_other_calls_out() -> None:
    """Half-open is not the same as tried."""
    clock = Clock()
    manager = ModelManager(models=fakes(), clock=clock)
    manager.breakers[NIM].force_open()
    clock.now += 200
    probe = manager.breakers[NIM].acquire()
    nim = legs(manager)[NIM]
    assert (nim.would_try, nim.because) == (False, "breaker")
    assert "probe" in (nim.reason or "")
    probe.success()
    assert legs(manager)[NIM].would_try


def test_bad_answers_keep_a_leg_out_of_calls_with_tools_only() -> None:
    """Plain text is still asked there."""
    manager = ModelManager(models=fakes())
    manager.breakers[f"{NIM}/quality"].force_open()
    nim = legs(manager)[NIM]
    assert (nim.would_try, nim.would_try_tools, nim.tools_because) == (True, False, "breaker")
    assert "not for calls with tools or a schema" in str(manager.explain("planner"))


@pytest.mark.parametrize("is_built", [False, True])
def test_a_model_that_cannot_call_tools_is_said_to(is_built: bool) -> None:
    """From its profile, whether or not the role has been used."""
    nim = acting(lambda _messages, _kwargs: AIMessage("nim"), profile={"tool_calling": False})
    manager = ModelManager(models={**fakes(), "nvidia-nim": nim})
    if is_built:
        manager.model("planner")
    found = legs(manager)[NIM]
    assert (found.would_try, found.would_try_tools, found.tools_because) == (True, False, "contract")
    assert found.tools_reason == "it cannot call tools"


def test_what_a_call_has_learned_is_known() -> None:
    """A service that said that it takes no tools is not asked with tools again."""

    def act(_messages: Any, kwargs: dict[str, Any]) -> AIMessage:
        if kwargs.get("tools"):
            raise RuntimeError("[400] Bad Request: Tool use has not been enabled, because it is unsupported by meta.")
        return AIMessage("text")

    manager = ModelManager(models={**fakes(), "nvidia-nim": acting(act)})
    manager.model("planner").bind_tools([len]).invoke("hello")
    assert legs(manager)[NIM].tools_because == "contract"


def test_the_first_that_can_is_the_one_that_answers(emu: Emulator) -> None:
    """What is said is what then happens."""
    manager = ModelManager.from_env()
    for opened in (None, NIM):
        if opened:
            manager.breakers[opened].force_open()
        said = next(leg.provider for leg in legs(manager).values() if leg.would_try)
        answer = manager.model("planner").invoke("hello")
        assert answer.response_metadata["nvgateway"]["provider"] == said


# -- Roles -----------------------------------------------------------------------------------------------------


def test_without_a_role_all_are_explained() -> None:
    """Those of the settings, too."""
    manager = ModelManager(NVGatewaySettings(role_models={"critic": (GATEWAY,)}), models=fakes())
    roles = [explained.role for explained in manager.explain().roles]
    assert roles == ["router", "planner", "programmer", "reviewer", "summarizer", "critic"]


def test_a_role_has_the_models_of_the_settings() -> None:
    """And no others; one that nobody may use is shown with the reason."""
    settings = NVGatewaySettings(**REAL, openai_api_key="key", role_models={"critic": ("openai:gpt-5", GATEWAY)})
    found = legs(ModelManager(settings), "critic")
    assert [(leg.name, leg.because) for leg in found.values()] == [("openai:gpt-5", "policy"), (GATEWAY, None)]


def test_an_unknown_role_is_refused_as_by_model() -> None:
    """With the same words."""
    manager = ModelManager(models=fakes())
    with pytest.raises(ConfigurationError) as of_model:
        manager.model("cook")
    with pytest.raises(ConfigurationError) as of_explain:
        manager.explain("cook")
    assert str(of_explain.value) == str(of_model.value)


def test_a_closed_manager_explains_nothing() -> None:
    """Nobody would answer there."""
    manager = ModelManager(models=fakes())
    manager.close()
    with pytest.raises(NVGatewayError, match="closed"):
        manager.explain()


# -- Nothing is touched ----------------------------------------------------------------------------------------


def test_nothing_is_sent_told_or_changed(emu: Emulator) -> None:
    """No request, no token, no event, no probe, no breaker more than before."""
    clock = Clock()
    settings = NVGatewaySettings(openai_api_key="key", role_models={"critic": ("openai:gpt-5", GATEWAY)})
    manager = ModelManager(settings, clock=clock)
    manager.breakers[NIM].force_open()
    clock.now += 200
    events: list[Any] = []
    manager.on_event(events.append)
    before = set(manager.breakers)
    for _ in range(3):
        manager.explain()
    assert set(manager.breakers) == before
    assert manager.breakers[NIM].snapshot().retry_after is None
    assert (events, emu.requests, manager.report().legs) == ([], [], ())


# -- Forms -----------------------------------------------------------------------------------------------------


@pytest.fixture
def explanation() -> Explanation:
    """Of two roles: one with an open breaker, and one whose model has a strange name."""
    role_models = {"critic": ("nvidia-nim:<script>alert(1)</script>\x1b[2J", GATEWAY)}
    manager = ModelManager(NVGatewaySettings(**REAL, role_models=role_models))
    manager.breakers[NIM].force_open()
    manager.breakers[f"{GATEWAY}/quality"].force_open()
    return manager.explain()


def test_text_fits_into_80_columns_and_is_plain(explanation: Explanation) -> None:
    """On a terminal without colour as well."""
    lines = str(explanation).split("\n")
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


def test_a_prompt_shows_the_text(explanation: Explanation) -> None:
    """Who types `manager.explain()` reads the table, not the fields of all its parts."""
    assert repr(explanation) == str(explanation)


def test_text_has_a_line_for_each_leg(explanation: Explanation) -> None:
    """Its name, its place, the state of its circuits and its price; what keeps it out is below."""
    text = str(explanation)
    planner = text[text.index("planner") : text.index("programmer")]
    assert re.search(rf"^ {NIM} +skipped +open +0.10/0.25$", planner, re.MULTILINE)
    assert re.search(
        rf"^ {GATEWAY} +first +open +2.50/10.00\n +at prod.api.nvidia.com; not for calls", planner, re.MULTILINE
    )
    assert planner.count("outside vendors are not allowed") == 1
    assert re.search(r"alert.*unknown", text)


def test_html_escapes_what_others_have_named(explanation: Explanation) -> None:
    """A model's name is no markup, and the text is the same."""
    page = explanation._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for words in ("planner", NIM, "skipped", "first", "prod.api.nvidia.com", "2.50/10.00", "outside vendors"):
        assert words in page


def test_data_is_json_with_known_keys(explanation: Explanation) -> None:
    """The same for each leg, tried or not."""
    data = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    keys = {
        *("provider", "model", "would_try", "because", "reason", "would_try_tools", "tools_because", "tools_reason"),
        *("host", "circuits", "price"),
    }
    assert all(set(leg) == keys for role in data["roles"] for leg in role["legs"])
    planner = data["roles"][1]
    assert (planner["role"], planner["can_answer"]) == ("planner", True)
    nim, gateway, openai, *_ = planner["legs"]
    assert nim["circuits"]["availability"]["state"] == "open"
    assert nim["circuits"]["availability"]["retry_after"] > 0
    assert gateway["circuits"]["credentials"] == {"state": "closed", "retry_after": None}
    assert gateway["price"] == {"input": 2.5, "output": 10.0}
    assert openai["circuits"] is None
