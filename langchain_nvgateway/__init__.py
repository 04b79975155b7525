"""LangChain chat models for the NVIDIA LLM Gateway and hosted NIM that keep answering and stay inside.

The public names are loaded when they are first used: importing the package loads no provider and touches
no network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .breaker import BreakerSnapshot as BreakerSnapshot
    from .breaker import BreakerState as BreakerState
    from .breaker import CircuitBreaker as CircuitBreaker
    from .chat_models import ChatNIM as ChatNIM
    from .chat_models import ChatNVGateway as ChatNVGateway
    from .egress import EgressPolicy as EgressPolicy
    from .errors import AllProvidersFailedError as AllProvidersFailedError
    from .errors import CircuitOpenError as CircuitOpenError
    from .errors import ConfigurationError as ConfigurationError
    from .errors import ContentFilteredError as ContentFilteredError
    from .errors import EgressDeniedError as EgressDeniedError
    from .errors import EmptyResponseError as EmptyResponseError
    from .errors import InvalidResponseError as InvalidResponseError
    from .errors import NVGatewayError as NVGatewayError
    from .errors import StarfleetAuthError as StarfleetAuthError
    from .errors import StarfleetError as StarfleetError
    from .errors import StarfleetUnavailableError as StarfleetUnavailableError
    from .errors import StreamInterruptedError as StreamInterruptedError
    from .errors import ToolCallCorruptedError as ToolCallCorruptedError
    from .errors import TruncatedResponseError as TruncatedResponseError
    from .manager import ModelManager as ModelManager
    from .roles import Role as Role
    from .settings import NVGatewaySettings as NVGatewaySettings
    from .starfleet import StarfleetTokenProvider as StarfleetTokenProvider
    from .starfleet import TokenState as TokenState

_HOMES = {
    "breaker": ("BreakerSnapshot", "BreakerState", "CircuitBreaker"),
    "chat_models": ("ChatNIM", "ChatNVGateway"),
    "egress": ("EgressPolicy",),
    "errors": (
        "AllProvidersFailedError",
        "CircuitOpenError",
        "ConfigurationError",
        "ContentFilteredError",
        "EgressDeniedError",
        "EmptyResponseError",
        "InvalidResponseError",
        "NVGatewayError",
        "StarfleetAuthError",
        "StarfleetError",
        "StarfleetUnavailableError",
        "StreamInterruptedError",
        "ToolCallCorruptedError",
        "TruncatedResponseError",
    ),
    "manager": ("ModelManager",),
    "roles": ("Role",),
    "settings": ("NVGatewaySettings",),
    "starfleet": ("StarfleetTokenProvider", "TokenState"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
