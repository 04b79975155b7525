"""What Prometheus gets when it scrapes the exporter of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from langchain_nvgateway.otel import instrument

from ..manager.fakes import failing, saying
from .reading import NIM, SCOUT, manager_of


@pytest.fixture
def registry() -> Iterator[Any]:
    """The provider of a test, and what is scraped of it."""
    registry = CollectorRegistry()
    provider = MeterProvider([PrometheusMetricReader(registry=registry)])
    yield provider, registry
    provider.shutdown()


def test_a_scrape_shows_attempts_times_and_circuits(registry: tuple[MeterProvider, CollectorRegistry]) -> None:
    """Under Prometheus' names, with the labels by which a dashboard divides them."""
    provider, registered = registry
    manager = manager_of(failing(ModelAPIError("down")), saying("fine"))
    instrument(manager, meter_provider=provider)
    for _ in range(3):
        manager.model("planner").invoke("hello")
    families = text_string_to_metric_families(generate_latest(registered).decode())
    samples = [sample for family in families for sample in family.samples]

    def value(name: str, **labels: str) -> float:
        (found,) = [sample for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
        return float(found.value)

    nim = {"gen_ai_provider_name": "nvidia-nim", "gen_ai_request_model": SCOUT}
    assert value("nvgateway_attempts_total", **nim, nvgateway_outcome="failed", error_type="availability") == 2
    assert value("nvgateway_attempts_total", **nim, nvgateway_outcome="skipped") == 1
    assert value("nvgateway_attempts_total", gen_ai_request_model="gpt-4o", nvgateway_outcome="answered") == 3
    assert value("nvgateway_fallbacks_total", **nim, nvgateway_role="planner") == 2
    assert value("gen_ai_client_operation_duration_seconds_count", gen_ai_request_model="gpt-4o") == 3
    assert value("nvgateway_circuit_state", **nim, nvgateway_circuit_kind="availability") == 2
    assert manager.breakers[NIM].state == "open"
