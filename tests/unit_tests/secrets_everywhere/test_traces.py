"""No trace and no metric shows a secret: neither LangSmith's nor OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import langsmith
import pytest
from langchain.agents import create_agent
from langchain_core.tracers.langchain import wait_for_all_tracers
from langsmith import run_trees
from langsmith.utils import get_env_var
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from langchain_nvgateway import ModelManager
from langchain_nvgateway.otel import instrument

from ..chat_models.calling import STYLES
from ..otel.reading import Spans
from .collector import Collector, collecting
from .test_failures import _weather, echo_of
from .world import World


def _use(world: World, manager: ModelManager, style: str) -> list[BaseException]:
    """Ask all models, then fail in all ways that echo; return the failures."""
    failures = []
    models = {**world.own_models(), **world.vendor_models()}
    call = STYLES[style]
    for trouble in (False, True):
        if trouble:
            world.emu.nim.fail_always(echo_of("NIM key", "header"), route="chat")
            world.emu.gateway.fail_always("echo_secret", route="chat")
            world.vendors_fail()
        role, chain = manager.model("planner"), manager.chain("reviewer")
        asked = [*models.values(), role, role.bind_tools([_weather]), chain]
        if trouble:
            # Headers are known to the model that sent them; another one cannot know them for secrets.
            asked = [models[name] for name in ("nim with headers", "gateway with a bearer", "gateway", *world.vendors)]
            world.emu.starfleet.fail_always("echo_secret")
        for model in asked:
            try:
                call(model)
            except Exception as error:
                failures.append(error)
        if not trouble:
            create_agent(role, [_weather]).invoke({"messages": [("user", "_weather in Oslo")]})
    assert failures
    return failures


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """What stands in for LangSmith; tracing is on, by the variables that switch it on."""
    with collecting() as (collector, url):
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "fake-langsmith-key")
        monkeypatch.setattr(run_trees, "_CLIENT", None)
        get_env_var.cache_clear()
        yield collector
        client: langsmith.Client = run_trees.get_cached_client()
        client.flush()
        client.cleanup()
    get_env_var.cache_clear()


@pytest.mark.parametrize("style", STYLES)
def test_langsmith(style: str, world: World, collector: Collector) -> None:
    """Every byte that is sent there, unpacked; it has the runs, the conversation and the errors."""
    with world.manager() as manager:
        _use(world, manager, style)
    wait_for_all_tracers()
    sent = collector.everything
    assert collector.paths
    for part in (b"ChatNIM", b"ChatNVGateway", b"planner model", b"Hello there", b"[redacted]", b"fake-langsmith-key"):
        assert part in sent
    assert world.found_in(sent) == []


@pytest.mark.parametrize("style", STYLES)
def test_opentelemetry(style: str, world: World) -> None:
    """What our own module says, and what an instrumentation of LangChain does."""
    spans, reader = Spans(), InMemoryMetricReader()
    meters = MeterProvider([reader])
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider)
    try:
        with world.manager() as manager:
            stop = instrument(manager, meter_provider=meters)
            with spans.request():
                _use(world, manager, style)
            stop()
    finally:
        instrumentor.uninstrument()
    shown = "\n".join(span.to_json() for span in spans.ended) + _metrics(reader)
    meters.shutdown()
    spans.close()
    assert "ChatNIM" in shown
    assert "nvgateway.attempts" in shown
    assert "[redacted]" in shown
    assert world.found_in(shown) == []


def _metrics(reader: InMemoryMetricReader) -> str:
    data: Any = reader.get_metrics_data()
    return str(data.to_json())
