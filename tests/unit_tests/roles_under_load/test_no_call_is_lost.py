"""A thousand calls from threads and tasks while NIM fails in every way: all are answered and all is accounted for."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pytest

from langchain_nvgateway import ModelManager, NVGatewaySettings
from langchain_nvgateway.emulator import Emulator, Fault, RecordedRequest, Reply

from .crowd import NIM, Asked, Clock, Crowd, check_legal, circuit_events

CALLS = 1000
WARM_UP = 100
"""Calls before the first fault, so that a share of failures does not open a circuit by chance."""

AVAILABILITY = (
    *("internal_error", "disconnect", "reset", "html_200", "degraded", "unavailable", "empty_500", "malformed_json"),
    *("disconnect_mid_stream", "reset_mid_stream", "malformed_event", "null_choices", "error_object_200"),
    *("bad_chunk_framing", "bad_gateway_html", "empty_202", "timeout_408", "garbage"),
)
CREDENTIALS = ("forbidden", "unauthorized")
QUALITY = ("empty_content", "broken call", "unknown tool", "cut call")
"""The last three are the replies below, in calls with tools."""

AT_ONCE = ("rate_limited", "rate_limited for 40 s", "not_found", "gone")
"""What opens a circuit by itself."""

ADJUSTED: Mapping[str, Fault] = {"rate_limited for 40 s": Fault("rate_limited", retry_after=40)}

BROKEN: Mapping[str, Reply] = {
    "broken call": Reply(tool_calls=[("look_up", '{"name": "x"')]),
    "unknown tool": Reply(tool_calls=[("delete_everything", {"name": "x"})]),
    "cut call": Reply(tool_calls=[("look_up", '{"name": "x')], finish_reason="length"),
}


def look_up(name: str) -> str:
    """Look up a name."""
    return name


def has_tools(number: int) -> bool:
    """Whether the call about a number has tools; its style goes by `number % 4`."""
    return number // 4 % 2 == 0


class Weather:
    """Which call meets which fault at NIM, drawn once for all, so that a failing test fails again.

    Args:
        faults: What there is.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        draw = random.Random(20)
        self.plan: dict[int, str] = {}
        for number in range(WARM_UP, CALLS):
            fits = [fault for fault in faults if fault not in BROKEN or has_tools(number)]
            if draw.random() < 0.3:
                self.plan[number] = draw.choice(fits)

    def set_in(self, emu: Emulator) -> None:
        """Script NIM's faults."""
        for fault in set(self.plan.values()) - BROKEN.keys():
            emu.nim.fail_when(lambda request, fault=fault: self._of(request) == fault, ADJUSTED.get(fault, fault))
        emu.nim.reply_always(lambda request: BROKEN.get(str(self._of(request))))

    def _of(self, request: RecordedRequest) -> str | None:
        return self.plan.get(number_of(request))


def number_of(request: RecordedRequest) -> int:
    found = re.fullmatch(r"number (\d+)", request.json["messages"][-1]["content"])
    assert found
    return int(found[1])


class Account:
    """What the answers say and what the emulator saw, by the calls' numbers."""

    def __init__(self, emu: Emulator, asked: list[Asked], weather: Weather) -> None:
        self.asked = asked
        self._weather = weather
        self.at_nim = Counter(number_of(request) for request in emu.nim.requests if request.route == "chat")
        self.at_gateway = Counter(number_of(request) for request in emu.gateway.requests if request.route == "chat")

    @cached_property
    def outcomes(self) -> dict[int, str]:
        """What became of NIM in each call."""
        return {call.number: call.attempts[0]["outcome"] for call in self.asked}

    def check(self) -> None:
        """Check that nobody was lost, and that each request is in exactly one attempt and each attempt made one."""
        assert [(call.number, call.error) for call in self.asked if call.error] == []
        assert [call.number for call in self.asked] == list(range(CALLS))
        for call in self.asked:
            self._check_call(call.number, call.attempts, call.answer)

    def _check_call(self, number: int, attempts: list[dict[str, Any]], answer: Any) -> None:
        first, last = attempts[0], attempts[-1]
        assert [attempt["provider"] for attempt in attempts] == ["nvidia-nim", "nvidia-gateway"][: len(attempts)]
        assert [attempt["outcome"] for attempt in attempts].count("answered") == 1
        assert last["outcome"] == "answered"
        assert (last["error"], answer.response_metadata["nvgateway"]["provider"]) == (None, last["provider"])
        assert len(attempts) == 1 or first["error"]
        assert all(attempt["seconds"] >= 0 for attempt in attempts)
        # What was asked is what was answered: no chunk, no call of another leg or another caller is in it.
        assert bool(answer.tool_calls) is has_tools(number)
        assert answer.tool_calls or answer.text.endswith(f"number {number}")
        assert len(answer.tool_calls) <= 1
        fault = self._weather.plan.get(number)
        wanted = "answered" if fault is None else "rejected" if fault in QUALITY else "failed"
        assert first["outcome"] in (wanted, "skipped"), (fault, first)
        assert self.at_nim[number] == (first["outcome"] != "skipped")
        assert self.at_gateway[number] == (first["outcome"] != "answered")

    def rate(self, *bad: str, among: tuple[str, ...], plain_successes: bool = True) -> float:
        """Return the share of NIM's attempts with these faults, among those with these or none."""
        counted = [
            self._weather.plan.get(number)
            for number, outcome in self.outcomes.items()
            if outcome == "rejected" or plain_successes or has_tools(number)
        ]
        of_kind = [fault for fault in counted if fault is None or fault in bad or fault in among]
        return sum(fault in bad for fault in of_kind) / len(of_kind)


def crowd_of(manager: ModelManager, **kwargs: Any) -> Crowd:
    # With `hold="all"`, since a reader who has seen a part cannot have the answer of another leg.
    plain = manager.model("planner", hold="all")
    with_tools = plain.bind_tools([look_up], tool_choice="look_up")
    return Crowd(lambda number: with_tools if has_tools(number) else plain, **kwargs)


def test_in_bad_weather_no_call_is_lost(emu: Emulator) -> None:
    """Circuits open and close all the while; what the attempts say is what the emulator saw."""
    weather = Weather((*AVAILABILITY, *CREDENTIALS, *QUALITY, *AT_ONCE))
    weather.set_in(emu)
    clock = Clock()
    manager = ModelManager(clock=clock)
    heard = {name: circuit_events(manager, name) for name in (NIM, f"{NIM}/credentials", f"{NIM}/quality")}

    asked = crowd_of(manager, after=lambda: clock.advance(150.0)).ask(CALLS)

    account = Account(emu, asked, weather)
    account.check()
    outcomes = Counter(account.outcomes.values())
    assert set(outcomes) == {"answered", "failed", "rejected", "skipped"}
    assert outcomes["answered"] > CALLS / 10
    for events in heard.values():
        check_legal(events)
    assert heard[NIM]


def test_the_circuits_have_counted_what_the_emulator_saw(emu: Emulator) -> None:
    """With circuits that never open, each request is one verdict in each circuit that it concerns."""
    weather = Weather((*AVAILABILITY, *CREDENTIALS, *QUALITY))
    weather.set_in(emu)
    manager = ModelManager(NVGatewaySettings(breaker_failure_threshold=1_000_000), clock=Clock())

    asked = crowd_of(manager).ask(CALLS)

    account = Account(emu, asked, weather)
    account.check()
    assert "skipped" not in account.outcomes.values()
    rates = {
        "": account.rate(*AVAILABILITY, among=QUALITY),
        "/credentials": account.rate(*CREDENTIALS, among=QUALITY),
        "/quality": account.rate(*QUALITY, among=(), plain_successes=False),
    }
    snapshots = {kind: manager.breakers[f"{NIM}{kind}"].snapshot() for kind in rates}
    assert {kind: snapshot.failure_rate for kind, snapshot in snapshots.items()} == pytest.approx(rates, rel=1e-12)
    assert {snapshot.state for snapshot in snapshots.values()} == {"closed"}
