"""From when on a manager is measured, until when, and what is needed for it."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

from langchain_core.exceptions import ModelAPIError

from langchain_nvgateway.events import AttemptEnded
from langchain_nvgateway.otel import instrument

from ..manager.fakes import failing, saying
from .reading import NIM, SCOUT, Metrics, Spans, manager_of

DOWN = ModelAPIError("down")


def test_what_is_returned_ends_it(metrics: Metrics, spans: Spans) -> None:
    """Later calls change neither metrics nor spans, and the circuits are gone."""
    manager = manager_of(failing(DOWN), saying("fine"))
    stop = instrument(manager, meter_provider=metrics.provider)
    manager.model("planner").invoke("hello")
    stop()
    with spans.request():
        manager.model("planner").invoke("hello")
    assert spans.events == []
    assert metrics.total("nvgateway.attempts") == 2
    assert metrics.points("nvgateway.circuit.state") == []


def test_to_end_it_twice_does_no_harm(metrics: Metrics) -> None:
    """And it can begin again."""
    manager = manager_of(saying("fine"), saying("fine"))
    stop = instrument(manager, meter_provider=metrics.provider)
    stop()
    stop()
    instrument(manager, meter_provider=metrics.provider)
    manager.model("planner").invoke("hello")
    assert metrics.total("nvgateway.attempts") == 1
    assert metrics.points("nvgateway.circuit.state")


def test_to_do_it_twice_counts_once(metrics: Metrics) -> None:
    """As in a notebook, whose cells are run again."""
    manager = manager_of(saying("fine"), saying("fine"))
    for _ in range(2):
        stop = instrument(manager, meter_provider=metrics.provider)
    manager.model("planner").invoke("hello")
    assert metrics.total("nvgateway.attempts") == 1
    stop()
    manager.model("planner").invoke("hello")
    assert metrics.total("nvgateway.attempts") == 1


def test_a_manager_that_nobody_holds_is_forgotten(metrics: Metrics) -> None:
    """Its meter provider lives as long as the process, but does not keep it."""
    manager = manager_of(saying("fine"), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    manager.model("planner").invoke("hello")
    is_there = weakref.ref(manager)
    del manager
    gc.collect()
    assert is_there() is None
    assert metrics.points("nvgateway.circuit.state") == []
    assert metrics.total("nvgateway.attempts") == 1


def test_only_listeners_that_ask_for_details_hear_of_attempts() -> None:
    """With what became of it and what it cost; the others hear what they always heard."""
    manager = manager_of(failing(DOWN), saying("two words"))
    heard: list[Any] = []
    details: list[Any] = []
    manager.on_event(heard.append)
    stop = manager.on_event(details.append, details=True)
    manager.model("planner").invoke("hello")
    stop()
    manager.model("planner").invoke("hello")
    assert not any(isinstance(event, AttemptEnded) for event in heard)
    failed, answered = [event for event in details if isinstance(event, AttemptEnded)]
    assert (failed.role, failed.provider, failed.model, failed.outcome) == ("planner", "nvidia-nim", SCOUT, "failed")
    assert (failed.kind, failed.input_tokens) == ("availability", None)
    assert (answered.outcome, answered.kind) == ("answered", None)
    assert (answered.input_tokens, answered.output_tokens) == (1, 2)
    assert str(failed).startswith(f"planner: {NIM} failed (availability) after 0.")


def _said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_global_provider_may_be_set_later() -> None:
    """Of managers before and after alike, calls are counted and circuits shown."""
    code = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from langchain_core.language_models import FakeListChatModel
from langchain_nvgateway import ModelManager
from langchain_nvgateway.otel import instrument

def manager():
    return ModelManager(models={"nvidia-nim": FakeListChatModel(responses=["fine"])})

before = manager()
instrument(before)
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
after = manager()
instrument(after)
for each in (before, after):
    each.model("planner").invoke("hello")
after.breakers["nvidia-nim:vendor/new"].force_open()
for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
    if metric.name in ("nvgateway.attempts", "nvgateway.circuit.state"):
        print(metric.name, sum(point.value for point in metric.data.data_points))
"""
    assert set(_said(code).splitlines()) == {"nvgateway.attempts 2", "nvgateway.circuit.state 2"}


def test_without_opentelemetry_the_error_says_what_to_install() -> None:
    """The manager needs none."""
    code = """
import sys
from langchain_core.language_models import FakeListChatModel
from langchain_nvgateway import ConfigurationError, ModelManager
manager = ModelManager(models={"nvidia-nim": FakeListChatModel(responses=["fine"])})
for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
    del sys.modules[name]
sys.modules["opentelemetry"] = None
from langchain_nvgateway.otel import instrument
manager.model("planner").invoke("hello")
try:
    instrument(manager)
except ConfigurationError as error:
    print(error)
"""
    assert "pip install 'langchain-nvgateway[otel]'" in _said(code)


def test_importing_the_package_does_not_load_opentelemetry() -> None:
    """Nor this part of it."""
    loaded = _said("import sys, langchain_nvgateway; print(*sys.modules)").split()
    assert not [name for name in loaded if name.startswith(("opentelemetry", "langchain_nvgateway.otel"))]
