"""The URL of a Redis server, which may hold a password."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

__all__ = ["host_of", "wrong_with"]

_QUERY = frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
"""What may be given behind a `?`; anything else could switch off what this package relies upon."""


def wrong_with(url: str) -> str | None:
    """Return what is wrong with a URL, in words that do not show it; `None` if nothing is."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "it has a blank or another character that no URL may carry"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its host or port is malformed"
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        return "it needs a scheme, redis or rediss, and a host"
    if port == 0:
        return "its port is 0"
    if parts.fragment or "#" in url:
        return "it has a fragment (write a # in the password as %23)"
    if parts.path.strip("/") and not parts.path.strip("/").isdigit():
        return "its path is not the number of a database"
    unknown = sorted(name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if name not in _QUERY)
    return f"its query may have {', '.join(sorted(_QUERY))} only" if unknown else None


def host_of(url: str) -> str:
    """Return the host of a good URL with its port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or 6379}"
