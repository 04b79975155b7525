"""One provider for all models with equal settings."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from typing import TypeAlias

from pydantic import SecretStr

from ..sealed_http import FilePath, sealed
from .arguments import hidden_id
from .client_secret import ClientSecret, SecretSource
from .provider import DEFAULT_SCOPE, StarfleetTokenProvider
from .token_request import AuthMethod

__all__ = ["clear_shared_providers", "shared_provider"]

KEPT = 64
"""Providers that are kept although nobody uses them, so that a model built anew finds the token of the last one."""

_Key: TypeAlias = "tuple[object, ...]"

_lock = threading.Lock()
_alive: weakref.WeakValueDictionary[_Key, StarfleetTokenProvider] = weakref.WeakValueDictionary()
_recent: OrderedDict[_Key, StarfleetTokenProvider] = OrderedDict()


def shared_provider(
    token_url: str,
    client_id: str | SecretStr,
    client_secret: SecretSource,
    *,
    scope: str = DEFAULT_SCOPE,
    auth_method: AuthMethod = "basic",
    timeout: float = 10.0,
    proxy: SecretStr | str | None = None,
    no_proxy: str | None = None,
    ca_bundle: FilePath | None = None,
) -> StarfleetTokenProvider:
    """Return the process's provider for these settings, built on first use; a closed one is replaced.

    Args:
        token_url: See `StarfleetTokenProvider`, as for the other arguments.
        client_id: The client's id.
        client_secret: Compared by its digest; a function is the same if it is the same object.
        scope: Scopes to ask for.
        auth_method: How the credentials travel.
        timeout: Seconds for one refresh.
        proxy: Through whom requests leave.
        no_proxy: Hosts that are reached without it.
        ca_bundle: PEM file with more authorities.

    Raises:
        ConfigurationError: An argument is missing or malformed.
    """
    # Under their own names, since a traceback from here on would show them as local variables.
    client_secret = secret = ClientSecret(client_secret)  # type: ignore[assignment]
    client_id, proxy = hidden_id(client_id), sealed(proxy)
    # Built before the lookup: that checks the arguments, costs microseconds, and sends nothing.
    built = StarfleetTokenProvider(
        token_url,
        client_id,
        secret,
        scope=scope,
        auth_method=auth_method,
        timeout=timeout,
        proxy=proxy,
        no_proxy=no_proxy,
        ca_bundle=ca_bundle,
    )
    key: _Key = (token_url.rstrip("/"), client_id, secret.identity, scope, auth_method, float(timeout), built.outlet)
    with _lock:
        provider = _alive.get(key)
        if provider is None or provider.is_closed:
            provider = _alive[key] = built
        _recent[key] = provider
        _recent.move_to_end(key)
        while len(_recent) > KEPT:
            _recent.popitem(last=False)
    return provider


def clear_shared_providers() -> None:
    """Forget all shared providers, for tests; those in use go on working."""
    with _lock:
        _alive.clear()
        _recent.clear()


def _replace_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)
