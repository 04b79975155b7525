"""Providers of OpenTelemetry that live for one test; the process's global ones stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .reading import Metrics, Spans


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """Where a test's metrics go."""
    metrics = Metrics()
    yield metrics
    metrics.close()


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Where a test's spans go."""
    spans = Spans()
    yield spans
    spans.close()
