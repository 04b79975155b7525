"""Sign-in with Starfleet for any HTTP client of the `httpx` family."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..egress import is_loopback
from ..errors import ConfigurationError, EgressDeniedError, NVGatewayError
from ..http_family import FAMILY

if TYPE_CHECKING:
    from ..http_family import httpx
    from .provider import StarfleetTokenProvider

__all__ = ["as_httpx_auth"]

_FAMILIES = ("httpx", "httpx2")
_BEARER = "Bearer "


def as_httpx_auth(provider: StarfleetTokenProvider, family: str | None = None) -> httpx.Auth:
    """Return an `Auth` that sends the provider's token and tries once more with a new one after a 401.

    Args:
        provider: Where the tokens come from.
        family: `"httpx"` or `"httpx2"`; the library that the installed openai runs on by default.

    Raises:
        ConfigurationError: There is no such library.
    """
    auth: httpx.Auth = _auth_class(family or FAMILY)(provider)
    return auth


@lru_cache(maxsize=len(_FAMILIES))
def _auth_class(family: str) -> Any:
    """Return the class for one library, whose objects mean nothing to the other."""
    library = _library(family)
    parent: Any = library.Auth

    class StarfleetAuth(parent):  # type: ignore[misc]
        """Signs requests in; no token is a local variable of its flows, so none is in a traceback."""

        def __init__(self, provider: StarfleetTokenProvider) -> None:
            self._provider = provider

        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            with _errors_for_openai():
                _check_url(request)
                _sign(request, self._provider.get_token())
            response = yield request
            if _is_refused(response) and _can_be_repeated(request, library):
                self._provider.invalidate(_token_of(request))
                with _errors_for_openai():
                    is_new = _sign(request, self._provider.get_token())
                if is_new:
                    yield request

        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            with _errors_for_openai():
                _check_url(request)
                _sign(request, await self._provider.aget_token())
            response = yield request
            if _is_refused(response) and _can_be_repeated(request, library):
                self._provider.invalidate(_token_of(request))
                with _errors_for_openai():
                    is_new = _sign(request, await self._provider.aget_token())
                if is_new:
                    yield request

    return StarfleetAuth


def _library(family: str) -> Any:
    if family not in _FAMILIES:
        msg = f"as_httpx_auth() knows no HTTP library of this name. Use {' or '.join(map(repr, _FAMILIES))}."
        raise ConfigurationError(msg, setting="family")
    try:
        return importlib.import_module(family)
    except ImportError:
        msg = f"as_httpx_auth({family!r}) needs the package {family}, which is not installed. Run: pip install {family}"
        raise ConfigurationError(msg, setting="family") from None


def _check_url(request: Any) -> None:
    if request.url.scheme != "https" and not is_loopback(request.url.host):
        msg = (
            f"Nothing was sent to {request.url.host}: {request.url.scheme} would carry the token in the clear. "
            "Use https; http is for loopback only."
        )
        raise EgressDeniedError(msg, host=request.url.host)


def _sign(request: Any, token: str) -> bool:
    """Put the token on the request; return whether it is another one than before."""
    is_new = _token_of(request) != token
    request.headers["Authorization"] = _BEARER + token
    return is_new


def _token_of(request: Any) -> str:
    return str(request.headers.get("Authorization", "")).removeprefix(_BEARER)


def _is_refused(response: Any) -> bool:
    return bool(response.status_code == 401)  # 403 is about permissions, which a new token does not change.


def _can_be_repeated(request: Any, library: Any) -> bool:
    try:
        _ = request.content
    except library.RequestNotRead:  # A body that is generated on the way is gone.
        return False
    return True


@contextmanager
def _errors_for_openai() -> Iterator[None]:
    """Raise our errors as a kind that openai lets through.

    openai takes whatever an auth flow raises for a failed connection and tries again, unless it is an `OpenAIError`.
    """
    try:
        yield
    except NVGatewayError as error:
        from .openai_errors import as_openai_error

        raise as_openai_error(error) from None
