"""A token in a form that is of use only to who has the client secret.

Encrypted by AES-256-GCM with a key derived from the secret (HKDF, RFC 5869), for one endpoint, client and scope: who
reads Redis has no token, and what was changed, or belongs to others, does not open. The end of the token's life is
inside, so that an old one cannot be made to last.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any

from ..starfleet.shared_refresh import SharedToken

__all__ = ["TokenSeal"]

_NONCE = 12
_PURPOSE = b"nvgateway token 1"


class TokenSeal:
    """Seals and opens the tokens of one client.

    Args:
        secret: The client secret.
        context: What else a token is for; a token that was sealed for other things does not open.

    Raises:
        ImportError: The package `cryptography` is not installed.
    """

    def __init__(self, secret: str, *context: str) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self._invalid = InvalidTag
        self._context = json.dumps(context).encode()
        derived = HKDF(SHA256(), 48, salt=_PURPOSE, info=self._context).derive(secret.encode("utf-8", "replace"))
        self._cipher: Any = AESGCM(derived[:32])
        self.name = derived[32:].hex()
        """What the token is found by; it says nothing of the secret or of what the token is for."""

    def __repr__(self) -> str:
        return "TokenSeal(**********)"

    def seal(self, token: SharedToken, *, server_ms: float) -> bytes:
        """Return a token as it may be kept.

        Args:
            token: The token.
            server_ms: The time of the server that keeps it, in milliseconds.
        """
        ends = server_ms + token.seconds_left * 1000
        content = json.dumps({"token": token.value, "life": token.life, "ends": ends}).encode()
        nonce = os.urandom(_NONCE)
        return nonce + bytes(self._cipher.encrypt(nonce, content, self._context))

    def open(self, sealed: bytes, *, server_ms: float) -> SharedToken | None:
        """Return the token in what was kept, `None` if it was sealed for others, was changed, or is over."""
        try:
            content = json.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._context))
            value, life, ends = content["token"], float(content["life"]), float(content["ends"])
        except (self._invalid, ValueError, KeyError, TypeError):
            return None
        left = (ends - server_ms) / 1000
        if not isinstance(value, str) or not value or not 0 < left < math.inf or not 0 < life < math.inf:
            return None
        return SharedToken(value, life, min(left, life))
