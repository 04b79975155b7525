"""Attributes of legs and circuits: few values each, whatever roles and models are asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ..events import LegEvent

__all__ = ["OTHER", "Attributes", "Names"]

OTHER = "other"
"""Stands for the roles and models beyond the first `_ROLES` and `_MODELS`: runs can name any."""

_MODELS = 64
_ROLES = 32

_KNOWN_PROVIDERS = {"google-genai": "gcp.gemini"}
"""What the GenAI semantic conventions call a provider that they know, where that is not our name."""

Attributes = dict[str, str]


class Names:
    """Makes attributes, in which only so many different roles and models occur.

    Safe in threads.
    """

    def __init__(self) -> None:
        self._models = _Known(_MODELS)
        self._roles = _Known(_ROLES)

    def keep(self, circuits: Iterable[str]) -> None:
        """Take the models of circuits for known, before runs name others."""
        for circuit in circuits:
            self.of_circuit(circuit)

    def of_leg(self, event: LegEvent) -> Attributes:
        """Return the attributes of an event's role and leg."""
        role = event.role if self._roles.has(event.role) else OTHER
        return {"nvgateway.role": role, **self.of_model(event.provider, event.model)}

    def of_model(self, provider: str, model: str) -> Attributes:
        """Return the attributes of a model."""
        return {
            "gen_ai.provider.name": _KNOWN_PROVIDERS.get(provider, provider),
            "gen_ai.request.model": model if self._models.has(f"{provider}:{model}") else OTHER,
        }

    def of_circuit(self, name: str) -> Attributes:
        """Return the attributes of a circuit: `provider:model`, or that with `/credentials` or `/quality`."""
        kind = next((kind for kind in ("credentials", "quality") if name.endswith(f"/{kind}")), "availability")
        provider, _, model = name.removesuffix(f"/{kind}").partition(":")
        return {**self.of_model(provider, model), "nvgateway.circuit.kind": kind}


class _Known:
    """The first so many names."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()
        self._lock = threading.RLock()

    def has(self, name: str) -> bool:
        """Whether a name is among them; it is from now on if there is room."""
        if name in self._names:
            return True
        with self._lock:
            if len(self._names) < self._most:
                self._names.add(name)
            return name in self._names
