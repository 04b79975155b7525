"""The access tokens that Starfleet has issued and the Gateway accepts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

TOKEN_LENGTH = 900
"""Characters of a token; real ones have about as many."""

Verdict: TypeAlias = Literal["good", "expired", "unknown"]


@dataclass(slots=True)
class IssuedToken:
    """One token and what it is good for."""

    text: str
    scopes: frozenset[str]
    expires_at: float
    revoked: bool = False


class TokenBook:
    """Remembers issued tokens; safe in threads.

    Args:
        clock: Monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, IssuedToken] = {}
        self._number = 0

    def issue(self, scopes: frozenset[str], lifetime: float, *, repeat: bool) -> str:
        """Issue a token.

        Args:
            scopes: What it is good for.
            lifetime: Seconds it is good for.
            repeat: Hand out the newest token again, if it has not expired.
        """
        now = self._clock()
        with self._lock:
            if repeat and self._tokens:
                newest = next(reversed(self._tokens.values()))
                if now < newest.expires_at:
                    return newest.text
            self._number += 1
            start = f"fake-token-{self._number}-"
            text = start + secrets.token_hex(TOKEN_LENGTH // 2)[: TOKEN_LENGTH - len(start)]
            self._tokens[text] = IssuedToken(text, scopes, now + lifetime)
            return text

    def judge(self, token: str) -> Verdict:
        """Say whether a token is good now; a revoked one counts as expired."""
        issued = self._tokens.get(token)
        if issued is None:
            return "unknown"
        good = not issued.revoked and self._clock() < issued.expires_at
        return "good" if good else "expired"

    def scopes_of(self, token: str) -> frozenset[str]:
        """Return what a token is good for."""
        issued = self._tokens.get(token)
        return issued.scopes if issued else frozenset()

    def revoke(self, token: str | None) -> None:
        """Revoke one token, or all issued so far."""
        with self._lock:
            for issued in self._tokens.values():
                if token is None or issued.text == token:
                    issued.revoked = True

    def texts(self) -> list[str]:
        """List all tokens, oldest first."""
        with self._lock:
            return list(self._tokens)

    def clear(self) -> None:
        """Forget all tokens."""
        with self._lock:
            self._tokens.clear()
