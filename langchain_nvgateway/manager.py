"""Roles to models."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables.fallbacks import RunnableWithFallbacks

from .attempts import Attempt
from .breaker import CircuitBreaker
from .chain import LegModel, chain_of
from .circuits import Circuits
from .egress import EgressPolicy
from .errors import ConfigurationError, NVGatewayError
from .events import AttemptEnded, Event, Listener, Listeners
from .fleet import Seat, shared_fleet
from .ledger import Ledger, Prices, Report, token_counts
from .leg import Leg
from .leg_sources import LegSource, PartSource
from .overrides import split_model
from .plan import Explanation, RoleExplanation, explained
from .providers import Fakes, Providers, check_parameters
from .role_legs import LegBuilder, ModelName, RoleLegs
from .role_model import RoleModel
from .roles import DEFAULT_MODELS, Role, role_key
from .settings import NVGatewaySettings, settings_from

__all__ = ["ModelManager", "Role"]

_DIRECT_MODELS = {str(role): f"openai:{models['openai']}" for role, models in DEFAULT_MODELS.items()}
"""What a report compares each role's costs with."""

_LEASE_SECONDS = 300.0
_LONGEST_OPEN_SECONDS = 1800.0


class ModelManager:
    """Gives each role one chat model that keeps answering: hosted NIM first, the NVIDIA LLM Gateway when NIM fails.

    Safe in threads, tasks and any number of event loops. The models of all roles share breakers and tokens.

    Args:
        settings: The settings; without them, those of the environment.
        models: Chat models in the place of providers, for tests: `{"nvidia-nim": fake}`; or functions
            `(role, model name) -> chat model`. They need no credentials.
        policy: Who may be used; without one, what the settings allow.
        clock: Monotonic time in seconds, for the breakers; replaced in tests.

    Raises:
        ConfigurationError: A setting or an argument is malformed; the message names it.

    Example:
        ```python
        from langchain_nvgateway import ModelManager

        with ModelManager.from_env() as manager:
            manager.model("planner").invoke("Plan the fix")
        ```
    """

    def __init__(
        self,
        settings: NVGatewaySettings | None = None,
        *,
        models: Fakes | None = None,
        policy: EgressPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if settings is not None and not isinstance(settings, NVGatewaySettings):
            msg = (
                f"settings is a {type(settings).__name__}; give NVGatewaySettings, or use ModelManager.from_env(file)."
            )
            raise ConfigurationError(msg, setting="settings")
        self.settings = settings or NVGatewaySettings()
        self.policy = _checked_policy(policy, self.settings)
        self._prices = Prices()
        self._ledger = Ledger(clock=clock)
        self._listeners = Listeners()
        self._listeners.add(self._ledger.hear)
        fleet = shared_fleet(self.settings.redis_url) if self.settings.redis_url else None
        store = fleet.tokens if fleet else None
        providers = Providers(self.settings, dict(models or {}), self._listeners, store=store)
        self._seat = Seat(fleet, providers.place_of) if fleet else None
        build = self._seat.breaker if self._seat else CircuitBreaker
        self._circuits = Circuits(self._listeners.tell, build=build, clock=clock, **_breaker_rules(self.settings))
        self._builder = LegBuilder(providers, self.policy, self._circuits, self._listeners)
        self._plain_sources: dict[str, LegSource] = {}
        # A factory of fakes may ask for another role.
        self._lock = threading.RLock()
        self._is_closed = False
        for role in {**DEFAULT_MODELS, **self.settings.role_models}:
            for name in self._models_of(role)[0]:
                if not providers.why_absent(name.provider) and not self.policy.why_not(role, name.provider):
                    self._circuits.of(*name)

    @classmethod
    def from_env(cls, env_file: str | Path | None = None) -> Self:
        """Build a manager from the environment and, if one is named, a `.env` file.

        Raises:
            ConfigurationError: A setting is malformed, or the file is not there.
        """
        return cls(settings_from(env_file))

    # -- Models ----------------------------------------------------------------------------------------------

    def model(self, role: str, **overrides: Any) -> BaseChatModel:
        """Return the model of a role.

        Args:
            role: A `Role`, or a role whose models are set in `NVGATEWAY_<ROLE>_MODELS`.
            overrides: Parameters of the chat models, such as `temperature`; fakes get none. `timeout` is the
                time for a whole call, in seconds. `hold="all"` shows a stream's reader nothing before the answer
                is whole, so that a later leg can take over at any time.

        Raises:
            ConfigurationError: The role is unknown, no provider can be used, or an override is malformed.
            EgressDeniedError: The policy allows none of the role's models.
        """
        hold = _hold(overrides.pop("hold", None))
        return RoleModel(source=self._source(str(role), overrides), role=str(role), hold=hold)

    def chain(self, role: str, **overrides: Any) -> RunnableWithFallbacks[LanguageModelInput, AIMessage]:
        """Return the legs of a role as LangChain's own chain of fallbacks, for those who compose themselves.

        It behaves as LangChain's do: an error of the request passes through, and when all legs fail, the first
        one's error is raised. The time limit holds for each leg.

        Args:
            role: As for `model`.
            overrides: As for `model`.

        Raises:
            ConfigurationError: As `model`.
            EgressDeniedError: As `model`.
        """
        hold = _hold(overrides.pop("hold", None))
        source = self._source(str(role), overrides)
        last = sum(isinstance(leg, Leg) for leg in source.legs.legs) - 1
        parts = [PartSource(source, place, is_last=place == last) for place in range(last + 1)]
        return chain_of([LegModel(source=part, role=str(role), hold=hold) for part in parts])

    # -- What happens ----------------------------------------------------------------------------------------

    def explain(self, role: str | None = None) -> Explanation:
        """Say who would answer now, in which order, and why others would not; asks nobody and changes nothing.

        What is returned prints as a table, shows as one in a notebook, and has `to_dict()`.

        Args:
            role: A role as for `model`; without one, all roles that have models.

        Raises:
            ConfigurationError: The role is unknown, or a setting is malformed.
        """
        self.check_open()
        roles = list(dict.fromkeys((*DEFAULT_MODELS, *self.settings.role_models))) if role is None else [str(role)]
        return Explanation(tuple(self._explained(name) for name in roles))

    def report(self) -> Report:
        """Say who answered, how often, how fast, and at what cost, since the manager was built.

        What is returned prints as a table, shows as one in a notebook, and has `to_dict()`, `to_dataframe()` and
        `plot()`. Money is reckoned with the `prices` of this moment.
        """
        return self._ledger.report(self._prices, _DIRECT_MODELS)

    @property
    def prices(self) -> Prices:
        """What models cost, in dollars per million tokens: `manager.prices["provider:model"] = Price(…)`."""
        return self._prices

    @property
    def breakers(self) -> Circuits:
        """The circuit breakers, by `provider:model`, and by that with `/credentials` and `/quality`."""
        return self._circuits

    def on_event(self, listener: Listener, *, details: bool = False) -> Callable[[], None]:
        """Call `listener` with each event (`langchain_nvgateway.events`); call what is returned to end that.

        Events hold no content of messages. A listener that raises breaks nothing.

        Args:
            listener: What to call.
            details: Whether it wants to hear as well of every attempt that ends (`AttemptEnded`), and of tokens that
                could not be refreshed (`TokenRefreshFailed`), which is what those want to know who count.
        """
        if not callable(listener):
            raise ConfigurationError(f"on_event is given {listener!r:.200}; it takes a function.", setting="listener")
        return self._listeners.add(listener, details=details)

    def reset(self) -> None:
        """Close all circuits and forget their counts."""
        self._circuits.reset()

    def close(self) -> None:
        """Take no more calls, and leave the fleet; calls that are under way end as they would have."""
        self._is_closed = True
        if self._seat:
            self._seat.close()

    async def aclose(self) -> None:
        """Do what `close` does."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ModelManager(policy={self.policy!r}, breakers={len(self._circuits)})"

    # -- Inside ----------------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Let a call pass while the manager is open.

        Raises:
            NVGatewayError: It is closed.
        """
        if self._is_closed:
            raise NVGatewayError("The ModelManager is closed and its models answer no more; build a new one.")

    def tell(self, event: Event) -> None:
        """Tell everybody what happened."""
        self._listeners.tell(event)

    def record(self, role: str, attempt: Attempt, usage: UsageMetadata | None) -> None:
        """Take down an attempt."""
        self._ledger.record(role, attempt, usage)
        if self._listeners.want_details:
            outcome = attempt.outcome, attempt.kind, attempt.seconds, *token_counts(usage)
            self.tell(AttemptEnded(role, attempt.provider, attempt.model, *outcome))

    def _explained(self, role: str) -> RoleExplanation:
        names, _ = self._models_of(role)
        source = self._plain_sources.get(role)
        places = self._builder.places(role, names, self._parameters({}), source.legs.legs if source else ())
        return explained(role, places, self._prices)

    def _parameters(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        settings = self.settings
        return {
            "timeout": settings.request_timeout,
            "first_token_timeout": settings.first_token_timeout,
            "max_tokens": settings.max_tokens,
            **overrides,
        }

    def _source(self, role: str, overrides: dict[str, Any]) -> LegSource:
        self.check_open()
        if self._seat:
            self._seat.start()
        if overrides:
            return self._built_source(role, overrides)
        with self._lock:
            source = self._plain_sources.get(role)
            if source is None:
                source = self._plain_sources[role] = self._built_source(role, {})
            return source

    def _built_source(self, role: str, overrides: Mapping[str, Any]) -> LegSource:
        check_parameters(overrides)
        names, is_named = self._models_of(role)
        legs = RoleLegs(role, names, self._parameters(overrides), self._builder, named=is_named)
        return LegSource(self, legs, _seconds(overrides, self.settings.request_timeout))

    def _models_of(self, role: str) -> tuple[list[ModelName], bool]:
        """Return the models of a role, and whether the settings name them."""
        variable = f"NVGATEWAY_{role_key(role).upper()}_MODELS"
        chosen = self.settings.models_of(role)
        if chosen:
            return list(dict.fromkeys(ModelName(*split_model(variable, model)) for model in chosen)), True
        if role not in DEFAULT_MODELS:
            msg = (
                f"The role {role!r} has no models: use one of {', '.join(Role)}, or set {variable} to `provider:model`."
            )
            raise ConfigurationError(msg, setting=variable)
        defaults = DEFAULT_MODELS[role]
        return [ModelName(provider, defaults[provider]) for provider in self.settings.fallback_order], False


def _checked_policy(policy: EgressPolicy | None, settings: NVGatewaySettings) -> EgressPolicy:
    """Return the policy; one that limits a role that there is not would limit nothing."""
    if policy is None:
        return EgressPolicy(allow_external=settings.allow_external)
    if not isinstance(policy, EgressPolicy):
        raise ConfigurationError(f"policy is {policy!r:.200}; it takes an EgressPolicy.", setting="policy")
    roles = {*DEFAULT_MODELS, *settings.role_models}
    for role in policy.roles:
        if role not in roles:
            msg = (
                f"roles of the EgressPolicy limits {role!r}, which has no models; there are {', '.join(sorted(roles))}."
            )
            raise ConfigurationError(msg, setting="roles")
    return policy


def _breaker_rules(settings: NVGatewaySettings) -> dict[str, Any]:
    return {
        "failure_threshold": settings.breaker_failure_threshold,
        "open_seconds": settings.breaker_open_seconds,
        "max_open_seconds": max(_LONGEST_OPEN_SECONDS, settings.breaker_open_seconds),
        # A probe is lost when it has been out for longer than any call takes.
        "probe_lease_seconds": max(_LEASE_SECONDS, 2 * settings.request_timeout),
    }


def _hold(wanted: Any) -> Any:
    if wanted not in (None, "calls", "all"):
        msg = f"hold is {wanted!r}; give 'all' to hold a stream back until the answer is whole, or leave it out."
        raise ConfigurationError(msg, setting="hold")
    return wanted or "calls"


def _seconds(overrides: Mapping[str, Any], default: float) -> float:
    wanted = overrides.get("timeout", overrides.get("request_timeout"))
    if wanted is None:
        return default
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not 0 < wanted < math.inf:
        msg = f"timeout is {wanted!r}; give a number of seconds above 0."
        raise ConfigurationError(msg, setting="timeout")
    return float(wanted)
