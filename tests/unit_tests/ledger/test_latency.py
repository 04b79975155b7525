"""Quantiles from a few numbers."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.ledger.latency import Latency


def latency_of(seconds: list[float]) -> Latency:
    latency = Latency()
    for value in seconds:
        latency.add(value)
    return latency


def test_no_answer_has_no_latency() -> None:
    """Rather than 0."""
    assert Latency().quantile(0.5) is None


def test_one_answer_is_exact() -> None:
    """Nothing is known but what it took."""
    assert latency_of([0.1234]).quantile(0.5) == latency_of([0.1234]).quantile(0.95) == 0.1234


@given(st.lists(st.floats(min_value=0.001, max_value=1000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_within_a_quarter_of_the_true_one(seconds: list[float], share: float) -> None:
    """However many there are, and however they are spread."""
    true = sorted(seconds)[max(math.ceil(share * len(seconds)), 1) - 1]
    found = latency_of(seconds).quantile(share)
    assert found is not None
    assert true / 1.26 <= found <= true * 1.26


@given(st.lists(st.floats(min_value=0, max_value=1e9), min_size=1))
def test_a_quantile_lies_between_the_shortest_and_the_longest(seconds: list[float]) -> None:
    """Beyond the first and the last bucket, too."""
    for share in (0.0, 0.5, 0.95, 1.0):
        found = latency_of(seconds).quantile(share)
        assert found is not None
        assert min(seconds) <= found <= max(seconds)
