"""What a provider may be built with."""

from __future__ import annotations

import threading
from typing import NoReturn

from pydantic import SecretStr

from ..egress import checked_url
from ..errors import ConfigurationError
from .client_secret import ClientSecret, flaw_of

__all__ = ["check_identity", "check_request", "check_secret", "check_url", "hidden_id"]


def check_url(url: str) -> str:
    """Return the URL of the token endpoint without trailing slashes."""
    checked = checked_url(url, setting="STARFLEET_TOKEN_URL (token_url)")
    if not checked.isascii():
        _reject("token_url", "STARFLEET_TOKEN_URL (token_url) is not ASCII. Write its host in the xn-- form.")
    return checked


def hidden_id(client_id: str | SecretStr) -> SecretStr:
    """Return a client id that no traceback shows.

    Raises:
        ConfigurationError: It is something else.
    """
    if isinstance(client_id, SecretStr):
        return client_id
    if not isinstance(client_id, str):
        _reject("client_id", "STARFLEET_ID (client_id) is not a str. Set it to the id of your Starfleet client.")
    return SecretStr(client_id)


def check_identity(client_id: SecretStr, secret: ClientSecret) -> None:
    """Let a usable id and secret pass."""
    flaw = flaw_of(client_id.get_secret_value())
    if flaw:
        _reject("client_id", f"STARFLEET_ID (client_id) {flaw}. Set it to the id of your Starfleet client.")
    check_secret(secret)


def check_secret(secret: ClientSecret) -> None:
    """Let a usable secret pass."""
    if secret.flaw:
        _reject("client_secret", f"STARFLEET_SECRET (client_secret) {secret.flaw}. Set it to your client's secret.")


def check_request(*, scope: object, auth_method: object, timeout: object) -> None:
    """Let usable settings of the request pass."""
    if not isinstance(scope, str) or not scope.isprintable():
        _reject("scope", "STARFLEET_SCOPE (scope) is not printable text. Separate several scopes by blanks.")
    if auth_method not in ("basic", "post"):
        _reject("auth_method", 'auth_method is unknown. Set it to "basic" or "post".')
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, int | float)
        or not 0 < timeout <= threading.TIMEOUT_MAX / 2
    ):
        _reject("timeout", "timeout is not a positive number of seconds. Leave it out for 10.")


def _reject(argument: str, message: str) -> NoReturn:
    raise ConfigurationError(message, setting=argument)
