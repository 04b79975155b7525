"""What models cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..roles import PROVIDERS

__all__ = ["LIST_PRICES", "Price", "Prices"]

_MILLION = 1_000_000


class Price(NamedTuple):
    """Dollars for a million tokens."""

    input: float
    """Dollars per million tokens of the question."""

    output: float
    """Dollars per million tokens of the answer."""

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Return what so many tokens cost, in dollars."""
        return (self.input * input_tokens + self.output * output_tokens) / _MILLION


_OF_OPENAI: Mapping[str, Price] = MappingProxyType(
    {
        "gpt-4o": Price(2.50, 10.00),
        "gpt-4o-mini": Price(0.15, 0.60),
        "gpt-5": Price(1.25, 10.00),
        "gpt-5-mini": Price(0.25, 2.00),
        "gpt-5-nano": Price(0.05, 0.40),
    }
)

LIST_PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "nvidia-nim:meta/llama-4-scout-17b-16e-instruct": Price(0.10, 0.25),
        **{f"nvidia-gateway:{model}": price for model, price in _OF_OPENAI.items()},
        **{f"openai:{model}": price for model, price in _OF_OPENAI.items()},
        "anthropic:claude-3-5-haiku-latest": Price(0.80, 4.00),
        "anthropic:claude-sonnet-4-0": Price(3.00, 15.00),
        "google-genai:gemini-2.5-flash": Price(0.30, 2.50),
        "google-genai:gemini-2.5-pro": Price(1.25, 10.00),
    }
)
"""List prices by `provider:model`, in dollars per million tokens, as of August 2025.

Without discounts for cached input, batches or volume. Sources: https://openai.com/api/pricing (OpenAI),
https://azure.microsoft.com/pricing/details/cognitive-services/openai-service (Azure OpenAI, for the Gateway, which
charges the same), https://www.anthropic.com/pricing, https://ai.google.dev/gemini-api/docs/pricing (prompts of up to
200,000 tokens). For hosted NIM there is no page to point to: the figure is a planning value, so set your contract's.
"""


class Prices(MutableMapping[str, Price]):
    """Prices by `provider:model`; set the ones that your contract says.

    Example:
        ```python
        manager.prices["nvidia-nim:meta/llama-3.3-70b-instruct"] = Price(input=0.12, output=0.30)
        manager.prices["nvidia-gateway:gpt-4o"] = (2.00, 8.00)
        ```
    """

    def __init__(self) -> None:
        self._prices = dict(LIST_PRICES)

    def __getitem__(self, name: str) -> Price:
        return self._prices[name]

    def __setitem__(self, name: str, price: Price | tuple[float, float]) -> None:
        """Set a price.

        Raises:
            ConfigurationError: It is no price, or `name` is no `provider:model`; the message names the model.
        """
        provider, _, model = name.partition(":") if isinstance(name, str) else ("", "", "")
        if provider not in PROVIDERS or not model:
            takes = f"`provider:model` with a provider among {', '.join(PROVIDERS)}"
            raise ConfigurationError(f"prices has {name!r:.200}; it takes {takes}.", setting="prices")
        if not _is_price(price):
            msg = (
                f"The price of {name} is {price!r:.200}; give Price(input=…, output=…), or a tuple of the two, "
                "in dollars per million tokens: numbers of at least 0."
            )
            raise ConfigurationError(msg, setting="prices")
        self._prices[name] = Price(float(price[0]), float(price[1]))

    def __delitem__(self, name: str) -> None:
        del self._prices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._prices))

    def __len__(self) -> int:
        return len(self._prices)

    def __repr__(self) -> str:
        return f"Prices({self._prices!r})"


def _is_price(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_amount, value))


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
