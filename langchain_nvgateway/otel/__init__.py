"""OpenTelemetry: what a manager does that nobody else can know.

Spans and token counts of model calls come from an instrumentation of LangChain, which sees a role's call as a chain
and each attempt as a model call within it. This adds, content-free and with few attributes:

| metric | kind | its attributes, next to role, provider and model |
|---|---|---|
| `nvgateway.attempts` | counter | `nvgateway.outcome` (`langchain_nvgateway.attempts.Outcome`), `error.type` |
| `gen_ai.client.operation.duration` | histogram, s | the same, and `gen_ai.operation.name`; legs that were asked only |
| `nvgateway.fallbacks` | counter | `error.type`; the leg is the one that failed |
| `nvgateway.rejected_answers` | counter | |
| `nvgateway.egress_denials` | counter | |
| `nvgateway.token_refreshes` | counter | `nvgateway.outcome` (`succeeded`, `failed`) and `error.type` alone |
| `nvgateway.circuit.state` | gauge | `nvgateway.circuit.kind` instead of the role: 0 closed, 1 half-open, 2 open |

Role, provider and model are `nvgateway.role`, `gen_ai.provider.name` and `gen_ai.request.model`; `error.type` is the
kind of failure (`langchain_nvgateway.failures.FailureKind`), of a token the class of the error. The span that is
current in a call gets the events `nvgateway.fallback`, `nvgateway.answer_rejected`, `nvgateway.attempt_failed`,
`nvgateway.circuit_opened`, `nvgateway.circuit_half_open` and `nvgateway.circuit_closed`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from ..manager import ModelManager

__all__ = ["instrument"]


def instrument(manager: ModelManager, *, meter_provider: MeterProvider | None = None) -> Callable[[], None]:
    """Have OpenTelemetry measure what a manager does; call what is returned to end that.

    To do it twice is to do it once. Managers that share a provider are counted together, and of their circuits with
    the same name the worst is shown. A manager that nobody holds any more is no longer measured.

    Args:
        manager: The manager.
        meter_provider: Where the metrics go; without one, to OpenTelemetry's global provider.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.

    Example:
        ```python
        from langchain_nvgateway import ModelManager
        from langchain_nvgateway.otel import instrument

        manager = ModelManager.from_env()
        instrument(manager)
        ```
    """
    try:
        from .measuring import measured
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
    else:
        return measured(manager, meter_provider)
    msg = "Metrics need OpenTelemetry: pip install opentelemetry-api (or pip install 'langchain-nvgateway[otel]')"
    raise ConfigurationError(msg, setting="opentelemetry")
