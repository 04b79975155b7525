"""Tokens of a fleet in Redis: each process takes what another got, and one at a time asks for a new one.

The thread of a refresh, which a `StarfleetTokenProvider` starts for threads and event loops alike, asks the thread of
the fleet and waits for it, never for longer than `CALL_SECONDS`. So no event loop, and no call with a good token, ever
waits for Redis.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from ..starfleet.shared_refresh import TURN_SECONDS, SharedToken, Turn
from .redis_link import Script
from .schema import PREFIX
from .sealed_token import TokenSeal
from .token_lua import SCRIPT

__all__ = ["FleetTokens"]

Call = Callable[[Script, list[str], list[Any], Callable[[Any], Any]], Any]

_LOOKS = 3
"""Tokens in a row that cannot be opened, after which this process leaves the others alone."""

_LATEST_MS = 10**15
"""No server's clock says more."""


class FleetTokens:
    """Where the providers of this process find the tokens of others.

    Args:
        call: Runs a script with keys and arguments; returns `None` if it cannot be done in time.
    """

    def __init__(self, call: Call) -> None:
        self._call = call

    def begin(self, secret: str, *context: str) -> _Refresh:
        """Start a refresh; see `TokenStore`."""
        return _Refresh(self._call, TokenSeal(secret, *context))


class _Refresh:
    """One refresh of one process; see `SharedRefresh`."""

    def __init__(self, call: Call, seal: TokenSeal) -> None:
        self._call = call
        self._seal = seal
        # Both in one slot of a cluster, by the hash tag in the prefix.
        self._keys = [f"{PREFIX}token:{seal.name}", f"{PREFIX}token:{seal.name}:asking"]
        self._me = secrets.token_hex(8)
        self._found = self._dismissed = b""
        self._server_ms = 0.0
        self._read_at = 0.0

    def look(self) -> SharedToken | Turn:
        """Return the token that is there, or whose turn it is."""
        for _ in range(_LOOKS):
            reply = self._run("look", round(TURN_SECONDS * 1000))
            if reply is None:
                break
            if reply[0] != b"token":
                return Turn.MINE if reply[0] == b"ask" else Turn.ANOTHERS
            self._found = reply[2]
            token = self._seal.open(self._found, server_ms=self._server_ms)
            if token is not None:
                return token
            self.dismiss()
        return Turn.ALONE

    def dismiss(self) -> None:
        """Look no more at what was found."""
        self._dismissed = self._found

    def keep(self, token: SharedToken) -> None:
        """Put a new token there."""
        if not self._server_ms:
            return  # Redis was not there before the request; the next refresh tries again.
        # Somewhat early, since the answer that had the time took its time as well.
        server_ms = self._server_ms + (time.monotonic() - self._read_at) * 1000
        lasts = int(token.seconds_left * 1000)
        if lasts > 0:
            self._run("keep", self._seal.seal(token, server_ms=server_ms), lasts)

    def give_up(self) -> None:
        """Let another process have the turn."""
        self._run("give up")

    def _run(self, verb: str, *words: Any) -> Any | None:
        reply = self._call(SCRIPT, self._keys, [verb, self._me, self._dismissed, *words], _checked)
        if reply is not None:
            self._server_ms, self._read_at = float(reply[1]), time.monotonic()
        return reply


def _checked(reply: Any) -> list[Any]:
    """Return a reply of the script as it is.

    Raises:
        ValueError: It is none.
    """
    has_token = isinstance(reply, list) and reply[:1] == [b"token"]
    if not isinstance(reply, list) or len(reply) != (4 if has_token else 2):
        raise ValueError("not a reply of the script")
    if not 0 < int(reply[1]) < _LATEST_MS:
        raise ValueError("not a time of the script")
    if has_token and not isinstance(reply[2], bytes):
        raise ValueError("not a token of the script")
    return reply
