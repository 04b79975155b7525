"""The legs of a role: who takes part, who does not and why, and who comes first in a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .circuits import Circuits
from .egress import EgressPolicy
from .errors import ConfigurationError, EgressDeniedError
from .events import EgressDenied, Listeners
from .leg import AbsentLeg, Leg
from .overrides import run_overrides
from .plan import Place
from .providers import Providers
from .role_source import RolePlan
from .roles import EXTERNAL_PROVIDERS

__all__ = ["LegBuilder", "ModelName", "RoleLegs"]

_KEPT = 64
"""Runs' own models whose legs are kept; runs of one graph name the same few."""


class ModelName(NamedTuple):
    """A model that a role has."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


class LegBuilder:
    """Builds legs, as far as the policy allows it and there are credentials.

    Args:
        providers: Builds the chat models.
        policy: Says who may be used.
        circuits: The breakers.
        listeners: Hear of what the policy denies.
    """

    def __init__(self, providers: Providers, policy: EgressPolicy, circuits: Circuits, listeners: Listeners) -> None:
        self._providers = providers
        self._policy = policy
        self._circuits = circuits
        self._listeners = listeners

    def legs(
        self, role: str, names: Sequence[ModelName], parameters: Mapping[str, Any], *, named: bool
    ) -> list[Leg | AbsentLeg]:
        """Return a leg for each model, or why it takes no part.

        Args:
            role: Name of the role.
            names: Its models in their order.
            parameters: Parameters of the chat models.
            named: Whether somebody chose these models; else those of vendors that nobody gave a key or a
                permission for are left out without a word.

        Raises:
            EgressDeniedError: The policy allows none of them.
            ConfigurationError: None can be used, or a setting is malformed.
        """
        wanted = [name for name in names if named or self._is_of_interest(name.provider)]
        reasons = {name: self._why_absent(role, name, named=named) for name in wanted}
        able = [name for name in wanted if reasons[name] is None]
        if not able:
            self._refuse(role, wanted, reasons)
        return [
            AbsentLeg(*name, reason)
            if (reason := reasons[name])
            else self._leg(role, name, parameters, is_last=name == able[-1])
            for name in wanted
        ]

    def places(
        self, role: str, names: Sequence[ModelName], parameters: Mapping[str, Any], built: Sequence[Leg | AbsentLeg]
    ) -> list[Place]:
        """Return the place of each model, whoever it was chosen by; sends nothing and tells nobody.

        Args:
            role: Name of the role.
            names: Its models in their order.
            parameters: Parameters of the chat models.
            built: Legs of the role that there are already.
        """
        known = {(leg.provider, leg.model): leg for leg in built}
        places = []
        for name in names:
            reason = self._reason(role, name)
            leg = known.get(name) or (AbsentLeg(*name, reason) if reason else None)
            leg = leg or self._leg(role, name, parameters, is_last=False)
            places.append(Place(leg, self._providers.host(name.provider), bool(self._denial(role, name))))
        return places

    def check(self, role: str, name: ModelName, setting: str) -> None:
        """Let a model pass that a run may name.

        Args:
            role: Name of the role.
            name: The model.
            setting: Where it is named.

        Raises:
            EgressDeniedError: The policy forbids it.
            ConfigurationError: Its provider cannot be used.
        """
        denial = self._denial(role, name)
        if denial:
            self._listeners.tell(EgressDenied(role, *name, denial.host or name.provider))
            raise denial
        lacks = self._lacks(name)
        if lacks:
            raise ConfigurationError(f"{setting} names {name}, which cannot be used: {lacks}.", setting=setting)

    def _lacks(self, name: ModelName) -> str | None:
        return self._providers.why_absent(name.provider)

    def _is_of_interest(self, provider: str) -> bool:
        return provider not in EXTERNAL_PROVIDERS or self._policy.allow_external or self._providers.has_key(provider)

    def _denial(self, role: str, name: ModelName) -> EgressDeniedError | None:
        # Without credentials there may be no URL to ask about either.
        urls = () if self._lacks(name) else self._providers.urls(name.provider)
        try:
            self._policy.check(role, *name, urls=urls)
        except EgressDeniedError as error:
            return error
        return None

    def _why_absent(self, role: str, name: ModelName, *, named: bool) -> str | None:
        denial = self._denial(role, name)
        if denial and named and not self._lacks(name):
            self._listeners.tell(EgressDenied(role, *name, denial.host or name.provider))
        return self._reason(role, name)

    def _reason(self, role: str, name: ModelName) -> str | None:
        denial = self._denial(role, name)
        return denial.reason if denial else self._lacks(name)

    def _refuse(self, role: str, wanted: Sequence[ModelName], reasons: Mapping[ModelName, str | None]) -> None:
        denials = [self._denial(role, name) for name in wanted if not self._lacks(name)]
        if denials and denials[0]:
            raise denials[0]
        told = "; ".join(f"{name}: {reasons[name]}" for name in wanted)
        msg = f"No model for the role {role!r} can be used: {told or 'NVGATEWAY_FALLBACK_ORDER leaves none'}."
        raise ConfigurationError(msg, setting="NVIDIA_NIM_API_KEY")

    def _leg(self, role: str, name: ModelName, parameters: Mapping[str, Any], *, is_last: bool) -> Leg:
        # A leg that is not the last falls over at once instead of trying again.
        parameters = parameters if is_last else {**parameters, "max_retries": 0}
        chat_model = self._providers.build(role, *name, parameters)
        breakers = self._circuits.of(*name)
        return Leg(*name, chat_model, breakers, takes_timeout=not self._providers.is_fake(name.provider))


class RoleLegs:
    """The legs of one role, and of runs that put another model first.

    Args:
        role: Name of the role.
        names: Its models in their order.
        parameters: Parameters of the chat models.
        builder: Builds the legs.
        named: Whether somebody chose the models.

    Raises:
        ConfigurationError: No model can be used, or a setting is malformed.
        EgressDeniedError: The policy allows none.
    """

    def __init__(
        self,
        role: str,
        names: Sequence[ModelName],
        parameters: Mapping[str, Any],
        builder: LegBuilder,
        *,
        named: bool,
    ) -> None:
        self._role = role
        self._names = names
        self._parameters = parameters
        self._builder = builder
        self.legs = builder.legs(role, names, parameters, named=named)
        self._plain = RolePlan(self.legs, {})
        self._of_runs: OrderedDict[ModelName, list[Leg | AbsentLeg]] = OrderedDict()
        # A factory of fakes may ask for another role.
        self._lock = threading.RLock()

    def plan(self, configurable: Mapping[str, Any]) -> RolePlan:
        """Return who is asked in a run, and with what.

        Raises:
            ConfigurationError: An override is malformed.
            EgressDeniedError: It names a model that is not allowed.
        """
        if not configurable:
            return self._plain
        overrides = run_overrides(self._role, configurable)
        if overrides.model is None:
            return RolePlan(self.legs, overrides.kwargs)
        return RolePlan(self._headed_by(ModelName(*overrides.model), overrides.setting), overrides.kwargs)

    def _headed_by(self, name: ModelName, setting: str) -> list[Leg | AbsentLeg]:
        with self._lock:
            legs = self._of_runs.get(name)
            if legs is None:
                self._builder.check(self._role, name, setting)
                legs = self._legs_behind(name)
                self._of_runs[name] = legs
            self._of_runs.move_to_end(name)
            while len(self._of_runs) > _KEPT:
                self._of_runs.popitem(last=False)
            return legs

    def _legs_behind(self, name: ModelName) -> list[Leg | AbsentLeg]:
        others = [leg for leg in self.legs if (leg.provider, leg.model) != name]
        able = [leg for leg in self.legs if isinstance(leg, Leg)]
        if able and able[-1] in others:
            # The head alone is new, and not the last.
            head = self._builder.legs(self._role, [name], {**self._parameters, "max_retries": 0}, named=True)
            return [*head, *others]
        names = [name, *(ModelName(leg.provider, leg.model) for leg in others)]
        return self._builder.legs(self._role, names, self._parameters, named=True)
