"""What models cost, and who may say otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_nvgateway import ConfigurationError, ModelManager
from langchain_nvgateway.ledger import LIST_PRICES, Price, Prices
from langchain_nvgateway.roles import DEFAULT_MODELS

from ..manager.fakes import saying


def test_every_default_model_has_a_price() -> None:
    """So that a report of the roles table knows all costs."""
    models = {f"{provider}:{model}" for names in DEFAULT_MODELS.values() for provider, model in names.items()}
    assert models <= set(LIST_PRICES)


def test_a_price_is_for_a_million_tokens() -> None:
    """In dollars, the question and the answer each at its own."""
    assert Price(input=2.5, output=10.0).of(1_000_000, 500_000) == pytest.approx(7.5)


@pytest.mark.parametrize("price", [Price(input=2, output=8), (2, 8), [2.0, 8.0]])
def test_a_price_is_set_as_a_price_or_as_two_numbers(price: Any) -> None:
    """For a model that is known, and for one that is not."""
    prices = Prices()
    for name in ("nvidia-gateway:gpt-4o", "nvidia-nim:vendor/some-model"):
        prices[name] = price
        assert prices[name] == Price(input=2.0, output=8.0)


@pytest.mark.parametrize(
    "price", [None, 1.0, (1,), (1, 2, 3), (1, -1), ("1", "2"), (True, 1), (1, float("nan")), (float("inf"), 1), "12"]
)
def test_a_bad_price_is_refused_with_the_model_and_the_remedy(price: Any) -> None:
    """And the one that was set before stays."""
    prices = Prices()
    with pytest.raises(ConfigurationError, match=r"nvidia-gateway:gpt-4o .*Price\(input=…, output=…\).*million"):
        prices["nvidia-gateway:gpt-4o"] = price
    assert prices["nvidia-gateway:gpt-4o"] == LIST_PRICES["nvidia-gateway:gpt-4o"]


@pytest.mark.parametrize("name", ["gpt-4o", "azure:gpt-4o", "nvidia-nim:", 7])
def test_a_price_of_nothing_is_refused(name: Any) -> None:
    """A name that no leg can have would have no effect."""
    with pytest.raises(ConfigurationError, match="provider:model"):
        Prices()[name] = (1, 2)


def test_the_prices_of_managers_are_their_own() -> None:
    """What one is told, another does not know."""
    one, other = (ModelManager(models={"nvidia-nim": saying("fine")}) for _ in range(2))
    one.prices["nvidia-gateway:gpt-4o"] = (1, 2)
    assert other.prices["nvidia-gateway:gpt-4o"] == LIST_PRICES["nvidia-gateway:gpt-4o"]
    del one.prices["nvidia-gateway:gpt-4o"]
    assert "nvidia-gateway:gpt-4o" not in one.prices
    assert len(one.prices) == len(other.prices) - 1
