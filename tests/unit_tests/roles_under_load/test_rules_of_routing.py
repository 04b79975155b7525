"""Random legs that behave at random, call after call, against the rules as `rules.py` has them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.exceptions import ContextOverflowError

from langchain_nvgateway import (
    AllProvidersFailedError,
    EgressPolicy,
    ModelManager,
    NVGatewaySettings,
    StreamInterruptedError,
)
from langchain_nvgateway.events import AnswerRejected, Event, FellBack, LegSkipped

from .crowd import ASYNC, SYNC, Clock, aask, ask
from .rules import KINDS, Expected, Leg, expected_of
from .scripted import BEHAVIOURS, Scripted, look_up

PROVIDERS = ("nvidia-nim", "nvidia-gateway", "openai", "anthropic", "google-genai")
MODELS = ("meta/llama-4-scout-17b-16e-instruct", "gpt-4o", "gpt-5", "claude-sonnet-4-0", "gemini-2.5-flash")
NEEDS_TOOLS = {name for name in BEHAVIOURS if "call" in name and name != "cut in call"}


@dataclass(frozen=True)
class Call:
    """One call: how it is made, and how each leg would behave."""

    style: str
    behaviours: tuple[str, ...]
    is_strict: bool = False
    holds_all: bool = False
    pause: float = 1.0
    """Seconds since the call before: less than any circuit is open, or more."""


def calls_of(legs: int) -> st.SearchStrategy[Call]:
    """Calls of so many legs; only those with tools meet answers that call one."""

    def of_strictness(is_strict: bool) -> st.SearchStrategy[Call]:
        names = sorted(BEHAVIOURS if is_strict else BEHAVIOURS.keys() - NEEDS_TOOLS)
        # Legs fail more often than not, so that those behind them are asked.
        behaviour = st.one_of(st.sampled_from(names), st.sampled_from([name for name in names if falls_back(name)]))
        return st.builds(
            Call,
            style=st.sampled_from(SYNC + ASYNC),
            behaviours=st.tuples(*[behaviour] * legs),
            is_strict=st.just(is_strict),
            holds_all=st.booleans(),
            pause=st.sampled_from([1.0, 1.0, 1.0, 2000.0]),
        ).filter(is_possible)

    return st.booleans().flatmap(of_strictness)


def is_possible(call: Call) -> bool:
    # A model that raises `CancelledError` by itself makes LangChain's `agenerate` stumble.
    return call.style != "ainvoke" or "cancelled" not in call.behaviours


def falls_back(behaviour: str) -> bool:
    return behaviour in KINDS and KINDS[behaviour][0] not in ("answer", "raised")


Story = tuple[tuple[int | None, ...], list[Call]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """The windows of one to five legs, and calls."""
    windows = draw(st.lists(st.sampled_from([None, None, 1000, 2000, 4000]), min_size=1, max_size=5))
    return tuple(windows), draw(st.lists(calls_of(len(windows)), min_size=1, max_size=12))


class Role:
    """A role whose legs are fakes, and what the rules say of it."""

    def __init__(self, windows: tuple[int | None, ...]) -> None:
        self.clock = Clock()
        self.noted: list[str] = []
        names = PROVIDERS[: len(windows)]
        self.rules = [Leg(name, window) for name, window in zip(names, windows, strict=True)]
        self.fakes = [
            Scripted(
                title=leg.provider, noted=self.noted, profile={"max_input_tokens": leg.window} if leg.window else {}
            )
            for leg in self.rules
        ]
        for fake in self.fakes:
            fake.noted = self.noted  # one for all; given to the constructor it would be copied
        self.manager = ModelManager(
            NVGatewaySettings(fallback_order=names),
            models=dict(zip(names, self.fakes, strict=True)),
            policy=EgressPolicy(allow_external=True),
            clock=self.clock,
        )
        self.told: list[tuple[str, ...]] = []
        self.manager.on_event(self._listen)

    def check(self, call: Call) -> None:
        """Make a call, and compare all that can be seen of it."""
        self.clock.advance(call.pause)
        expected = expected_of(
            self.rules,
            call.behaviours,
            now=self.clock.now,
            is_strict=call.is_strict,
            is_stream="stream" in call.style,
            holds_all=call.holds_all,
        )
        self.noted.clear()
        self.told.clear()
        answer, error = self._made(call)
        assert self.noted == expected.asked
        assert sorted(self.told) == expected.told
        check_result(call, expected, answer, error)
        assert self._circuits() == self._expected_circuits()

    def _listen(self, event: Event) -> None:
        match event:
            case FellBack():
                self.told.append(("fell back", event.provider, event.to_provider))
            case LegSkipped():
                self.told.append(("skipped", event.provider))
            case AnswerRejected():
                self.told.append(("rejected", event.provider))

    def _made(self, call: Call) -> tuple[Any, BaseException | None]:
        model = self.manager.model("planner", **({"hold": "all"} if call.holds_all else {}))
        asked = model.bind_tools([look_up]) if call.is_strict else model
        for fake, behaviour in zip(self.fakes, call.behaviours, strict=True):
            fake.next = behaviour
        try:
            if call.style in SYNC:
                return ask(asked, call.style, "Hello"), None
            return asyncio.run(aask(asked, call.style, "Hello")), None
        except BaseException as error:
            return None, error

    def _circuits(self) -> dict[str, tuple[str, int]]:
        names = (f"{leg.provider}:{model}" for leg, model in zip(self.rules, MODELS, strict=False))
        breakers = self.manager.breakers
        snapshots = [breakers[name + kind].snapshot() for name in names for kind in ("", "/credentials", "/quality")]
        return {snapshot.name: (snapshot.state.value, snapshot.consecutive_failures) for snapshot in snapshots}

    def _expected_circuits(self) -> dict[str, tuple[str, int]]:
        found = {}
        for leg, model in zip(self.rules, MODELS, strict=False):
            kinds = {"": leg.availability, "/credentials": leg.credentials, "/quality": leg.quality}
            for kind, circuit in kinds.items():
                found[f"{leg.provider}:{model}{kind}"] = circuit.state(self.clock.now), circuit.in_a_row
        return found


def check_result(call: Call, expected: Expected, answer: Any, error: BaseException | None) -> None:
    """Check what the caller gets."""
    behaviours = dict(zip(PROVIDERS, call.behaviours, strict=False))
    if expected.result in PROVIDERS:
        assert error is None
        whole = BEHAVIOURS[behaviours[expected.result]].whole()
        said = answer.response_metadata["nvgateway"]
        assert (said["role"], said["provider"]) == ("planner", expected.result)
        assert (answer.text, [c["args"] for c in answer.tool_calls]) == (
            whole.text,
            [c["args"] for c in whole.tool_calls],
        )
        assert outcomes(said["attempts"]) == expected.attempts
        return
    assert answer is None
    if expected.result == "all failed":
        assert isinstance(error, AllProvidersFailedError)
        assert outcomes(error.attempts) == expected.attempts
    elif expected.result == "too long":
        assert isinstance(error, ContextOverflowError)
    elif expected.result == "interrupted":
        assert isinstance(error, StreamInterruptedError)
        assert error.partial.text in ("some ", "some text", "text")
        assert error.partial.tool_calls == error.partial.invalid_tool_calls == []
    else:
        behaviour = BEHAVIOURS[behaviours[expected.asked[-1]]]
        assert behaviour.error
        assert type(error) is type(behaviour.error())


def outcomes(attempts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    assert all(bool(attempt["error"]) is (attempt["outcome"] != "answered") for attempt in attempts)
    return [(attempt["provider"], attempt["outcome"]) for attempt in attempts]


@example(((None,), [Call("astream", ("unfinished call",), is_strict=True)]))
@given(stories())
def test_a_role_does_what_the_rules_say(story: Story) -> None:
    """Who is asked and in which order, what the caller gets, what the attempts say, and what the circuits count."""
    windows, calls = story
    role = Role(windows)
    for call in calls:
        role.check(call)


def test_every_behaviour_in_every_style_by_itself() -> None:
    """So that each is sure to be there: first alone, then with a leg behind it that answers."""
    for behaviour in BEHAVIOURS:
        for style in SYNC + ASYNC:
            for is_strict in (True, False) if behaviour not in NEEDS_TOOLS else (True,):
                for holds_all in (True, False):
                    for others in ((), ("text",)):
                        call = Call(style, (behaviour, *others), is_strict, holds_all)
                        if is_possible(call):
                            Role((None,) * len(call.behaviours)).check(call)
