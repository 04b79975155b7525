"""Keys and lengths of time of what a fleet shares; another version of this package with other ones shares nothing."""

from __future__ import annotations

import hashlib

__all__ = [
    "ANSWER_SECONDS",
    "CHANGES_KEY",
    "COMMANDS",
    "HOLD_MS",
    "KEEP_CLOSED_MS",
    "KEEP_OPEN_MS",
    "LEASE_SECONDS",
    "LONGEST_HOLD_MS",
    "PREFIX",
    "VIEW_SECONDS",
    "circuit_key",
    "fingerprint",
]

PREFIX = "nvgateway:1:{fleet}:"
"""Starts every key: the version of the schema, and a hash tag by which all are in one slot of a cluster."""

CHANGES_KEY = f"{PREFIX}changes"
"""Has the moment at which any circuit was last written: while that stands, whoever has all closed need not look."""

COMMANDS = ("eval", "evalsha", "time", "hmget", "hset", "del", "pexpire", "get", "set", "pttl")
"""All commands that are used; beside them `auth` if the URL has a password, and `select` if it has a database.

`eval` and `evalsha` run the scripts, and the others are within them: `hmget`, `hset` and `pexpire` for circuits,
`pttl` for tokens, the rest for both; `get` is also used by itself.
"""

VIEW_SECONDS = 1.0
"""For so long an answer of Redis holds; then what is known of other processes is too old to act upon."""

ANSWER_SECONDS = 0.25
"""For so long a probe that is due waits for the answer of Redis; then the process decides alone."""

LEASE_SECONDS = 3.0
"""Length of the lease of the one probe; renewed twice a second, so it ends so long after its process did."""

HOLD_MS = 1000
"""For so long a process keeps the right to probe without a call that uses it while others have calls; then it passes
it on, and the next one has twice the time, so that sooner or later one has it for longer than its calls are apart."""

LONGEST_HOLD_MS = 300_000

KEEP_OPEN_MS = 3_600_000
"""For so long after its open time an open circuit is remembered, unless somebody probes."""

KEEP_CLOSED_MS = 60_000
"""For so long a closed circuit is remembered, beyond the time for which its openings count."""


def circuit_key(name: str, place: str) -> str:
    """Return the key of a circuit.

    Args:
        name: The breaker's name.
        place: Fingerprint of the endpoint, so that equal names at different places are different circuits.
    """
    return f"{PREFIX}circuit:{name}@{place}"


def fingerprint(*parts: str) -> str:
    """Return a short digest by which settings can be compared, and from which they cannot be had."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(f"nvgateway fleet {framed}".encode("utf-8", "replace")).hexdigest()[:16]
