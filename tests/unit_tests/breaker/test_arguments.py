"""Arguments are checked when a breaker is built; copies are the same breaker; errors keep their data."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest
from langchain_core.exceptions import ModelError

import langchain_nvgateway
from langchain_nvgateway.breaker import CircuitBreaker
from langchain_nvgateway.errors import CircuitOpenError, ConfigurationError, NVGatewayError

from .conftest import fail, refusal

NO_NUMBERS = [None, "3", True, math.nan, math.inf, -1]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *((name, value) for name in ("failure_threshold", "minimum_calls", "half_open_probes") for value in NO_NUMBERS),
        *((name, value) for name in ("failure_threshold", "minimum_calls", "half_open_probes") for value in (0, 1.5)),
        *((name, value) for name in ("window_seconds", "open_seconds", "probe_lease_seconds") for value in NO_NUMBERS),
        *((name, 0) for name in ("window_seconds", "open_seconds", "probe_lease_seconds", "failure_rate")),
        *((name, value) for name in ("failure_rate", "jitter", "open_multiplier") for value in NO_NUMBERS),
        *(("max_open_seconds", value) for value in [*NO_NUMBERS, 179.9]),
        ("failure_rate", 1.01),
        ("jitter", 1.01),
        ("open_multiplier", 0.99),
        ("clock", 1.0),
        ("on_transition", "print"),
    ],
)
def test_bad_argument_is_named(argument: str, value: Any) -> None:
    """With what it takes, and what it was."""
    with pytest.raises(ConfigurationError) as caught:
        CircuitBreaker("x", **{argument: value})

    assert caught.value.setting == argument
    assert f"{argument} of" in str(caught.value)
    assert repr(value) in str(caught.value)
    assert "it takes a" in str(caught.value)


@pytest.mark.parametrize("name", ["", None, 7])
def test_name_is_a_text(name: Any) -> None:
    """An empty one would help nobody."""
    with pytest.raises(ConfigurationError, match="name of"):
        CircuitBreaker(name)


@pytest.mark.parametrize(
    "settings",
    [
        {"failure_threshold": 1, "minimum_calls": 1, "half_open_probes": 1},
        {"failure_rate": 1, "jitter": 0, "open_multiplier": 1},
        {"failure_rate": 1e-9, "jitter": 1.0},
        {"open_seconds": 1800.0},
        {"open_seconds": 1e-3, "window_seconds": 1e-3, "probe_lease_seconds": 1e-3},
    ],
)
def test_bounds_themselves_are_taken(settings: dict[str, Any]) -> None:
    """And whole numbers where fractions may be."""
    breaker = CircuitBreaker("x", **settings)
    fail(breaker, 1)


def test_copies_are_the_same_breaker(breaker: CircuitBreaker) -> None:
    """Copies of a model are of one endpoint."""
    assert copy.copy(breaker) is copy.deepcopy([breaker])[0] is breaker


def test_breaker_says_what_it_guards_and_how_it_is(open_breaker: CircuitBreaker) -> None:
    """In a log or a notebook."""
    assert repr(open_breaker) == "CircuitBreaker('nvidia-nim:fake-model', state='open')"


def test_refusal_is_a_retryable_error_of_both_libraries(open_breaker: CircuitBreaker) -> None:
    """So that LangChain's fallbacks and retries know it."""
    error = refusal(open_breaker)

    assert isinstance(error, NVGatewayError)
    assert isinstance(error, ModelError)
    assert error.is_retryable


def test_refusal_keeps_its_data_in_pickles_and_copies(open_breaker: CircuitBreaker) -> None:
    """Name, wait and message."""
    error = refusal(open_breaker)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is CircuitOpenError
        assert (again.name, again.retry_after, str(again)) == (error.name, error.retry_after, str(error))


def test_snapshot_can_be_pickled_and_compared(open_breaker: CircuitBreaker) -> None:
    """It is plain data."""
    snapshot = open_breaker.snapshot()

    assert pickle.loads(pickle.dumps(snapshot)) == snapshot == open_breaker.snapshot()


@pytest.mark.parametrize("name", ["BreakerSnapshot", "BreakerState", "CircuitBreaker", "CircuitOpenError"])
def test_public_names_are_importable_from_the_package(name: str) -> None:
    """As the design lists them."""
    assert name in langchain_nvgateway.__all__
    assert getattr(langchain_nvgateway, name).__name__ == name
