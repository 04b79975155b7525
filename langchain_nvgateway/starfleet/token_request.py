"""The request for a token (RFC 6749 §4.4)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import quote_plus, urlencode

from ..sealed_http import HTTPRequest

__all__ = ["AuthMethod", "TokenRequest"]

AuthMethod: TypeAlias = Literal["basic", "post"]
"""How the credentials travel: in a Basic header, or in the form body."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """All of a request for a token but the secret."""

    url: str
    client_id: str = field(repr=False)
    scope: str
    auth_method: AuthMethod

    def with_secret(self, secret: str) -> HTTPRequest:
        """Return the request as it goes over the wire."""
        form = {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            # The next request is minutes away, and a kept connection would be dead by then.
            "Connection": "close",
        }
        if self.auth_method == "post":
            form |= {"client_id": self.client_id, "client_secret": secret}
        else:
            headers["Authorization"] = f"Basic {self._basic(secret)}"
        return HTTPRequest("POST", self.url, headers, urlencode(form).encode())

    def secrets(self, secret: str) -> tuple[str, ...]:
        """Return everything in the request that must not be shown."""
        return secret, self.client_id, self._basic(secret)

    def _basic(self, secret: str) -> str:
        # Form-encoded before base64, RFC 6749 §2.3.1: a colon in the id would end it otherwise.
        return b64encode(f"{quote_plus(self.client_id)}:{quote_plus(secret)}".encode()).decode()
