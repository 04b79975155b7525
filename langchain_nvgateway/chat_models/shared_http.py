"""One client for all models of the same services: models that are built per call share its connections."""

from __future__ import annotations

from functools import lru_cache

from ..sealed_http import Outlet, SealedHTTP

__all__ = ["shared_http"]


@lru_cache(maxsize=64)
def shared_http(urls: frozenset[str], outlet: Outlet) -> SealedHTTP:
    """Return the client for the origins of some URLs."""
    return SealedHTTP(urls, outlet=outlet)
