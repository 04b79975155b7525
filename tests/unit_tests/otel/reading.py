"""What OpenTelemetry's own readers see of managers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models import BaseChatModel
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from langchain_nvgateway import ModelManager

__all__ = ["NIM", "SCOUT", "Metrics", "Spans", "manager_of"]

SCOUT = "meta/llama-4-scout-17b-16e-instruct"
NIM = f"nvidia-nim:{SCOUT}"


def manager_of(nim: BaseChatModel, gateway: BaseChatModel, **kwargs: Any) -> ModelManager:
    """A manager whose two providers are fakes."""
    return ModelManager(models={"nvidia-nim": nim, "nvidia-gateway": gateway}, **kwargs)


class Metrics:
    """A meter provider of its own, and what comes out of it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def close(self) -> None:
        """Let go of it."""
        self.provider.shutdown()

    def points(self, metric: str) -> list[Any]:
        """Return the data points of a metric."""
        data = self._reader.get_metrics_data()
        metrics = [m for r in (data.resource_metrics if data else []) for s in r.scope_metrics for m in s.metrics]
        return [point for found in metrics if found.name == metric for point in found.data.data_points]

    def values(self, metric: str, *attributes: str) -> dict[Any, float]:
        """Return a metric's sums or states by the values of some attributes."""
        found: dict[Any, float] = {}
        for point in self.points(metric):
            key = tuple((point.attributes or {}).get(name) for name in attributes)
            found[key] = found.get(key, 0) + (point.count if hasattr(point, "count") else point.value)
        return {key[0] if len(key) == 1 else key: value for key, value in found.items()}

    def total(self, metric: str) -> float:
        """Return the sum of a metric, whatever its attributes."""
        return sum(self.values(metric, "nvgateway.role").values())


class Spans:
    """A tracer provider of its own, and the spans that ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def close(self) -> None:
        """Let go of it."""
        self.provider.shutdown()

    @property
    def tracer(self) -> Tracer:
        """A tracer of the application."""
        return self.provider.get_tracer("application")

    @contextmanager
    def request(self) -> Iterator[Any]:
        """A span of the application around what it does."""
        with self.tracer.start_as_current_span("request") as span:
            yield span

    @property
    def ended(self) -> list[ReadableSpan]:
        """All spans that ended, the oldest first."""
        return list(self._exporter.get_finished_spans())

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The events of the application's span: names and attributes."""
        (span,) = [span for span in self.ended if span.name == "request"]
        return [(event.name, dict(event.attributes or {})) for event in span.events]
