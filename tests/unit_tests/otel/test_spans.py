"""What the span that is current in a call is told."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError
from opentelemetry import trace

from langchain_nvgateway import StreamInterruptedError
from langchain_nvgateway.otel import instrument
from langchain_nvgateway.testing import ScriptedChatModel, dies_after

from ..chat_models.calling import GENEROUS, STYLES
from ..manager.fakes import failing, saying
from .reading import NIM, SCOUT, Metrics, Spans, manager_of

DOWN = ModelAPIError("down")
FIRST_LEG = {"nvgateway.role": "planner", "gen_ai.provider.name": "nvidia-nim", "gen_ai.request.model": SCOUT}

each_style = pytest.mark.parametrize("style", STYLES)


@each_style
def test_failures_and_fallbacks_are_on_the_current_span(style: str, metrics: Metrics, spans: Spans) -> None:
    """With who failed, why, and who was asked instead."""
    manager = manager_of(failing(DOWN), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    with spans.request():
        STYLES[style](manager.model("planner"))
    failed = {**FIRST_LEG, "error.type": "availability"}
    next_leg = {
        "nvgateway.next.gen_ai.provider.name": "nvidia-gateway",
        "nvgateway.next.gen_ai.request.model": "gpt-4o",
    }
    assert spans.events == [
        ("nvgateway.attempt_failed", {**failed, "nvgateway.outcome": "failed"}),
        ("nvgateway.fallback", {**failed, **next_leg}),
    ]


@each_style
def test_rejected_answers_are_on_the_current_span(style: str, metrics: Metrics, spans: Spans) -> None:
    """Without what was wrong with them, which may quote them."""
    manager = manager_of(saying(" "), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    with spans.request():
        STYLES[style](manager.model("planner"))
    assert spans.events[0] == ("nvgateway.answer_rejected", FIRST_LEG)
    assert [name for name, _ in spans.events] == ["nvgateway.answer_rejected", "nvgateway.fallback"]


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_an_interrupted_stream_is_on_the_current_span(style: str, metrics: Metrics, spans: Spans) -> None:
    """Its reader has to throw away what was seen."""
    manager = manager_of(ScriptedChatModel(dies_after("some words", DOWN)), saying("never asked"))
    instrument(manager, meter_provider=metrics.provider)
    with spans.request(), pytest.raises(StreamInterruptedError):
        STYLES[style](manager.model("planner"))
    attributes = {**FIRST_LEG, "nvgateway.outcome": "interrupted", "error.type": "availability"}
    assert spans.events == [("nvgateway.attempt_failed", attributes)]


def test_transitions_of_circuits_are_on_the_current_span(metrics: Metrics, spans: Spans) -> None:
    """Those that the call brings about, with their reasons."""
    now = [0.0]
    manager = manager_of(ScriptedChatModel(DOWN, DOWN, "fine"), saying("fine"), clock=lambda: now[0])
    instrument(manager, meter_provider=metrics.provider)
    with spans.request():
        for _ in range(2):
            manager.model("planner").invoke("hello")
        now[0] += 1000
        manager.model("planner").invoke("hello")
    circuit = {
        "gen_ai.provider.name": "nvidia-nim",
        "gen_ai.request.model": SCOUT,
        "nvgateway.circuit.kind": "availability",
    }
    assert [(name, attributes) for name, attributes in spans.events if "circuit" in name] == [
        ("nvgateway.circuit_opened", {**circuit, "nvgateway.reason": "failures-in-a-row"}),
        ("nvgateway.circuit_half_open", circuit),
        ("nvgateway.circuit_closed", {**circuit, "nvgateway.reason": "probes-succeeded"}),
    ]


def test_without_a_span_only_metrics_are_kept(metrics: Metrics) -> None:
    """The call goes on as ever."""
    manager = manager_of(failing(DOWN), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    assert manager.model("planner").invoke("hello").text == "fine"
    assert metrics.total("nvgateway.fallbacks") == 1


class Collecting(Mapping[str, Any]):
    """Attributes in whose midst the garbage collector breaks in: a span sets them under its lock."""

    def __getitem__(self, name: str) -> Any:
        gc.collect()
        return "collected"

    def __iter__(self) -> Iterator[str]:
        return iter(["name"])

    def __len__(self) -> int:
        return 1


def test_the_collector_can_close_a_stream_anywhere(metrics: Metrics, spans: Spans) -> None:
    """Where OpenTelemetry holds a lock, too: nothing waits for itself, and the attempt is counted in the end."""
    now = [0.0]
    manager = manager_of(saying("some words"), saying("never asked"), clock=lambda: now[0])
    instrument(manager, meter_provider=metrics.provider)
    manager.breakers[NIM].force_open()
    now[0] += 1000

    def abandon_a_probe() -> None:
        chunks = manager.model("planner").stream("hello")
        next(chunks)
        cycle: list[Any] = [chunks]
        cycle.append(cycle)

    def work() -> None:
        with spans.request():
            abandon_a_probe()
            trace.get_current_span().set_attributes(Collecting())

    gc.disable()
    try:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(GENEROUS)
    finally:
        gc.enable()
    assert not thread.is_alive()
    assert metrics.values("nvgateway.attempts", "nvgateway.outcome") == {"cancelled": 1}
