"""What a call of a role may say in its keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ConfigurationError
from .roles import role_key

__all__ = ["check_arguments", "seconds_for"]

_LONGEST_SECONDS = 1_000_000.0

_NOT_FOR_A_CALL = ("api_key", "base_url", "openai_api_key", "openai_api_base", "stream")
"""Where a request goes and who sends it, which would go into its body; and how it is sent, which the style says."""


def check_arguments(role: str, kwargs: Mapping[str, Any]) -> None:
    """Let the keyword arguments of a call pass.

    Raises:
        ConfigurationError: One is not for a call to say.
    """
    if "model" in kwargs or "model_name" in kwargs:
        msg = f"A role has models of several providers; name one in the run's configurable: {role_key(role)}_model."
        raise ConfigurationError(msg, setting="model")
    for name in _NOT_FOR_A_CALL:
        if name in kwargs:
            msg = f"{name} is not for a call of a role to say; leave it out (the settings say where requests go)."
            raise ConfigurationError(msg, setting=name)


def seconds_for(wanted: Any, longest: float) -> float:
    """Return the seconds for a call that sets its own `timeout`."""
    if wanted is None:
        return longest
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not 0 < wanted <= _LONGEST_SECONDS:
        msg = f"timeout is {wanted!r}; give a number of seconds above 0, or leave it out."
        raise ConfigurationError(msg, setting="timeout")
    return float(wanted)
