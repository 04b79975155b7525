"""OAuth2 client-credentials tokens from Starfleet, shared by threads, tasks, loops and copies."""

from __future__ import annotations

from .provider import DEFAULT_SCOPE, RefreshObserver, StarfleetTokenProvider
from .schedule import TokenState
from .shared_refresh import SharedToken, TokenStore, Turn
from .sharing import shared_provider

__all__ = [
    "DEFAULT_SCOPE",
    "RefreshObserver",
    "SharedToken",
    "StarfleetTokenProvider",
    "TokenState",
    "TokenStore",
    "Turn",
    "shared_provider",
]
