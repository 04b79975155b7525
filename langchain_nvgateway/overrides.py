"""What a run sets for itself in LangGraph's `configurable`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigurationError
from .roles import PROVIDERS, role_key

__all__ = ["RunOverrides", "run_overrides", "split_model"]


@dataclass(frozen=True, slots=True)
class RunOverrides:
    """What a run wants otherwise."""

    model: tuple[str, str] | None
    """Provider and name of the model that is asked first."""

    setting: str
    """Where that is named."""

    kwargs: dict[str, Any]
    """Those of `temperature` and `max_tokens` that are set."""


_NONE = RunOverrides(None, "", {})


def run_overrides(role: str, configurable: Mapping[str, Any]) -> RunOverrides:
    """Return what a run wants otherwise for a role.

    Read are `planner_model` (`provider:model`), `planner_temperature` and `max_tokens`, for the role `planner`,
    and Open SWE's spellings `plannerModelName`, `plannerTemperature` and `maxTokens`. Empty ones are not set.

    Raises:
        ConfigurationError: One is malformed; the message names it and what it takes.
    """
    if not configurable:
        return _NONE
    snake, camel = role_key(role), _camel(role)
    kwargs: dict[str, Any] = {}
    name, value = _first_set(configurable, f"{snake}_temperature", f"{camel}Temperature")
    if name:
        kwargs["temperature"] = _number(name, value, "a number from 0 to 2")
    name, value = _first_set(configurable, "max_tokens", "maxTokens")
    if name:
        kwargs["max_tokens"] = _whole(name, value)
    name, value = _first_set(configurable, f"{snake}_model", f"{camel}ModelName")
    return RunOverrides(split_model(name, value) if name else None, name, kwargs)


def split_model(setting: str, value: Any) -> tuple[str, str]:
    """Return provider and name of a model given as `provider:model`.

    Raises:
        ConfigurationError: It is malformed, or the provider is unknown; the message names the setting.
    """
    provider, _, model = value.strip().partition(":") if isinstance(value, str) else ("", "", "")
    if provider not in PROVIDERS or not model.strip():
        takes = f"`provider:model` with a provider among {', '.join(PROVIDERS)}"
        raise ConfigurationError(f"{setting} is {value!r:.200}; it takes {takes}.", setting=setting)
    return provider, model.strip()


def _first_set(configurable: Mapping[str, Any], *names: str) -> tuple[str, Any]:
    for name in names:
        value = configurable.get(name)
        if value is not None and value != "":
            return name, value
    return "", None


def _number(name: str, value: Any, takes: str) -> float:
    try:
        # Forms in LangGraph's studio send text.
        number = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 2:
        raise ConfigurationError(f"{name} is {value!r:.200}; it takes {takes}.", setting=name)
    return number


def _whole(name: str, value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise ConfigurationError(f"{name} is {value!r:.200}; it takes a whole number of at least 1.", setting=name)
    return int(text)


def _camel(role: str) -> str:
    first, *others = role_key(role).split("_")
    return first + "".join(word.capitalize() for word in others)
