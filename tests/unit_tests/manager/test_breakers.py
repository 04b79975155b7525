"""The circuits of a manager: which failure concerns which, and who is told."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError, ModelAuthenticationError, ModelNotFoundError, ModelRateLimitError
from langchain_core.messages import AIMessage

from langchain_nvgateway import BreakerState, CircuitOpenError, ModelManager, NVGatewaySettings
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.events import (
    AnswerRejected,
    CircuitClosed,
    CircuitHalfOpen,
    CircuitOpened,
    FellBack,
    LegSkipped,
    TokenRefreshed,
)
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import STYLES
from .fakes import acting, failing, saying

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"
GATEWAY = "nvidia-gateway:gpt-4o"


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Limited(ModelRateLimitError):
    """A rate limit that asks for a short wait."""

    retry_after = 3.0


@pytest.fixture
def clock() -> Clock:
    """Time that stands still."""
    return Clock()


def manager_of(first: ScriptedChatModel, clock: Clock, **settings: Any) -> ModelManager:
    models = {"nvidia-nim": first, "nvidia-gateway": saying("gateway")}
    return ModelManager(NVGatewaySettings(**settings), models=models, clock=clock)


def states(manager: ModelManager) -> list[str]:
    return [manager.breakers[NIM + kind].state.value for kind in ("", "/credentials", "/quality")]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("error", "after", "opened"),
    [
        (ModelAPIError("down"), 2, 0),
        (OSError("no route"), 2, 0),
        (RuntimeError("in no row of the table"), 2, 0),
        (Limited("slow down"), 1, 0),
        (ModelNotFoundError("gone"), 1, 0),
        (ModelAuthenticationError("who are you"), 2, 1),
    ],
)
def test_each_kind_of_trouble_has_its_own_circuit(
    style: str, error: Exception, after: int, opened: int, clock: Clock
) -> None:
    """Availability, credentials and quality are counted apart; some failures open at once."""
    first = failing(error)
    manager = manager_of(first, clock)
    for _ in range(after):
        assert states(manager) == ["closed"] * 3
        assert STYLES[style](manager.model("planner")).text == "gateway"
    assert states(manager) == ["open" if place == opened else "closed" for place in range(3)]
    STYLES[style](manager.model("planner"))
    assert len(first.requests) == after


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(Limited("slow down"), 3.0), (ModelRateLimitError("slow down"), 180.0), (ModelNotFoundError("gone"), 1800.0)],
)
def test_the_open_time_is_what_the_failure_asks_for(error: Exception, seconds: float, clock: Clock) -> None:
    """A rate limit's own wait, the open period without one, the maximum for a model that is gone."""
    manager = manager_of(failing(error), clock)
    manager.model("planner").invoke("hello")
    retry_after = manager.breakers[NIM].snapshot().retry_after
    assert retry_after is not None
    assert seconds <= retry_after <= seconds * 1.1


def test_bad_answers_close_an_endpoint_for_tools_only(clock: Clock) -> None:
    """While the quality circuit is open, plain text is still asked there, and that does not close it."""

    def act(_messages: Any, kwargs: dict[str, Any]) -> AIMessage:
        if not kwargs.get("tools"):
            return AIMessage("nim")
        return AIMessage("", tool_calls=[{"name": "never_offered", "args": {}, "id": "1"}])

    first = acting(act)
    manager = manager_of(first, clock)
    with_tools = manager.model("planner").bind_tools([len])
    for _ in range(2):
        assert with_tools.invoke("hello").text == "gateway"
    assert states(manager) == ["closed", "closed", "open"]
    assert with_tools.invoke("hello").text == "gateway"
    assert len(first.requests) == 2
    assert manager.model("planner").invoke("hello").text == "nim"
    assert states(manager) == ["closed", "closed", "open"]


def test_a_breaker_opened_by_hand_takes_the_leg_out(clock: Clock) -> None:
    """Until it is reset, or its time is over."""
    first = saying("nim")
    manager = manager_of(first, clock)
    manager.breakers[NIM].force_open()
    assert manager.model("planner").invoke("hello").text == "gateway"
    assert first.requests == []
    manager.reset()
    assert manager.model("planner").invoke("hello").text == "nim"


def test_breakers_are_shared_by_all_roles_and_by_chains(clock: Clock) -> None:
    """One per endpoint: what one role learns, the others know."""
    first = failing(ModelAPIError("down"))
    manager = manager_of(first, clock)
    manager.model("planner").invoke("hello")
    manager.chain("router").invoke("hello")
    assert manager.breakers[NIM].state is BreakerState.OPEN
    manager.model("summarizer").invoke("hello")
    assert len(first.requests) == 2


def test_breakers_are_listed_before_any_call(clock: Clock) -> None:
    """Those of the default roles' models; one that is asked for by name is made."""
    manager = manager_of(saying("nim"), clock)
    assert {NIM, f"{NIM}/credentials", f"{NIM}/quality", GATEWAY, "nvidia-gateway:gpt-4o-mini"} <= set(manager.breakers)
    assert len(manager.breakers) == 9
    assert manager.breakers["nvidia-nim:other/quality"].name == "nvidia-nim:other/quality"
    assert "nvidia-nim:other" in manager.breakers
    for wrong in ("planner", "azure:gpt-4o", "nvidia-nim:", "gpt-4o"):
        assert wrong not in manager.breakers
        with pytest.raises(KeyError, match=f"provider:model.*{NIM}"):
            manager.breakers[wrong]


def test_settings_of_breakers_reach_them(clock: Clock) -> None:
    """Threshold and open period, also one beyond the usual maximum."""
    manager = manager_of(failing(ModelAPIError("down")), clock, breaker_failure_threshold=3, breaker_open_seconds=3600)
    for _ in range(3):
        assert states(manager)[0] == "closed"
        manager.model("planner").invoke("hello")
    retry_after = manager.breakers[NIM].snapshot().retry_after
    assert retry_after is not None
    assert retry_after == pytest.approx(3600)


def test_events_tell_the_story_in_its_order(clock: Clock) -> None:
    """An outage from its begin to its end, without any content of messages."""
    is_down = True

    def act(_messages: Any, _kwargs: dict[str, Any]) -> AIMessage:
        if is_down:
            raise ModelAPIError("secret words of the server")
        return AIMessage("nim")

    manager = manager_of(acting(act), clock)
    events: list[Any] = []
    stop = manager.on_event(events.append)
    model = manager.model("planner")
    for _ in range(3):
        model.invoke("secret words of the user")
    clock.now += 200
    is_down = False
    model.invoke("hello")
    kinds = [FellBack, CircuitOpened, FellBack, LegSkipped, CircuitHalfOpen, CircuitClosed]
    assert [type(event) for event in events] == kinds
    assert "secret" not in str(events) + "".join(map(str, events))
    assert (events[0].kind, events[0].to_provider) == ("availability", "nvidia-gateway")
    assert events[1].breaker == events[4].breaker == events[5].breaker == NIM
    stop()
    manager.breakers[NIM].force_open()
    assert len(events) == 6


def test_events_are_logged_with_their_fields(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """At sensible levels; refused credentials loudly."""
    manager = manager_of(failing(ModelAuthenticationError("who are you")), clock)
    with caplog.at_level(logging.INFO, logger="langchain_nvgateway"):
        for _ in range(3):
            manager.model("planner").invoke("hello")
    told: list[Any] = [record for record in caplog.records if record.name == "langchain_nvgateway"]
    assert [(record.event, record.levelname) for record in told] == [
        ("FellBack", "ERROR"),
        ("CircuitOpened", "WARNING"),
        ("FellBack", "ERROR"),
        ("LegSkipped", "INFO"),
    ]
    assert (told[0].role, told[0].provider, told[0].kind) == ("planner", "nvidia-nim", "credentials")


def test_a_listener_that_raises_breaks_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The call goes on, the other listeners hear of it, and the log has the mistake."""
    manager = manager_of(saying(""), clock)
    heard: list[Any] = []

    def broken(_event: object) -> None:
        raise ValueError("a mistake in a listener")

    manager.on_event(broken)
    manager.on_event(heard.append)
    assert manager.model("planner").invoke("hello").text == "gateway"
    assert [type(event) for event in heard] == [AnswerRejected, FellBack]
    assert "a mistake in a listener" in caplog.text


def test_new_tokens_are_told(emu: Emulator) -> None:
    """Once per token, not once per call."""
    emu.nim.fail_always("internal_error")
    manager = ModelManager.from_env()
    tokens: list[TokenRefreshed] = []
    told: list[Any] = []
    manager.on_event(lambda event: told.append(event) if isinstance(event, TokenRefreshed) else None)
    for _ in range(3):
        manager.model("planner").invoke("hello")
    emu.wait_until(lambda: len(told) == 1)
    tokens += told
    assert tokens[0].host in emu.env["STARFLEET_TOKEN_URL"]


@pytest.mark.parametrize("later", ["/credentials", "/quality"])
def test_a_leg_that_one_circuit_keeps_out_gives_back_the_probes_of_the_others(later: str, clock: Clock) -> None:
    """Or those would wait for the lease of a probe that was never sent."""
    manager = manager_of(saying("nim"), clock)
    earlier = [NIM + kind for kind in ("", "/credentials", "/quality") if NIM + kind < NIM + later]
    for name in earlier:
        manager.breakers[name].force_open()
    clock.now += 200
    manager.breakers[NIM + later].force_open()
    with_tools = manager.model("planner").bind_tools([len])
    assert with_tools.invoke("hello").text == "gateway"
    manager.breakers[NIM + later].reset()
    assert with_tools.invoke("hello").text == "nim"
    assert states(manager) == ["closed"] * 3


def test_a_probe_whose_answer_is_unusable_shows_that_the_service_is_back(clock: Clock) -> None:
    """Availability and credentials close; the answer counts against quality."""
    manager = manager_of(saying(""), clock)
    for kind in ("", "/credentials"):
        manager.breakers[NIM + kind].force_open()
    clock.now += 200
    assert manager.model("planner").bind_tools([len]).invoke("hello").text == "gateway"
    assert states(manager) == ["closed"] * 3
    assert manager.breakers[f"{NIM}/quality"].snapshot().consecutive_failures == 1


def test_plain_text_says_nothing_of_an_endpoints_calls(clock: Clock) -> None:
    """A plain answer between two broken calls does not keep the quality circuit closed."""
    first = acting(lambda _messages, kwargs: AIMessage("" if kwargs.get("tools") else "nim"))
    manager = manager_of(first, clock)
    model = manager.model("planner")
    for _ in range(2):
        assert model.bind_tools([len]).invoke("hello").text == "gateway"
        assert model.invoke("hello").text == "nim"
    assert states(manager) == ["closed", "closed", "open"]


def test_a_probe_may_take_as_long_as_a_call(clock: Clock) -> None:
    """It is not taken for lost while the call may still be answered."""
    breaker = manager_of(saying("nim"), clock, request_timeout=1000).breakers[NIM]
    breaker.force_open()
    clock.now += 200
    probe = breaker.acquire()
    clock.now += 900
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    probe.success()
    assert breaker.state is BreakerState.CLOSED
