"""Requests, and the bytes that they are on the wire (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from .transport_error import TransportError

__all__ = ["USER_AGENT", "HTTPRequest", "Place", "Target", "encoded", "target_of"]

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 §5.6.2
_PATH = re.compile(r"[!-~]+")
USER_AGENT = "langchain-nvgateway"


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """One request; its headers and body are kept out of `repr`, since they hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class Place(NamedTuple):
    """What a connection leads to."""

    host: str
    port: int
    is_encrypted: bool


class Target(NamedTuple):
    """A URL, taken apart."""

    place: Place

    host: str
    """As the `Host` header has it: with the port where that is not the scheme's own."""

    path: str
    """Path and query."""


@lru_cache(maxsize=256)
def target_of(url: str) -> Target:
    """Return where a URL leads to, read as `egress.origin_of` reads it: what is checked is what is connected to.

    Raises:
        TransportError: HTTP cannot carry it.
    """
    parts = urlsplit(url)
    host, own_port = parts.hostname or "", _PORTS[parts.scheme]
    port = parts.port or own_port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _PATH.fullmatch(path):
        raise _unsendable()
    written = f"[{host}]" if ":" in host else host
    place = Place(host, port, is_encrypted=parts.scheme == "https")
    return Target(place, written if port == own_port else f"{written}:{port}", path)


def encoded(request: HTTPRequest, target: Target) -> memoryview:
    """Return a request as it is sent; a traceback that shows local variables does not show what is in it.

    Raises:
        TransportError: HTTP cannot carry one of its headers.
    """
    lines = [f"{request.method} {target.path} HTTP/1.1"]
    own = {"host": target.host, "accept-encoding": "identity", "user-agent": USER_AGENT}
    for name, value in request.headers.items():
        own.pop(name.lower(), None)
        if not (_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            raise _unsendable()
        lines.append(f"{name}: {value}")
    lines[1:1] = [f"{name.title()}: {value}" for name, value in own.items()]
    if request.method != "GET":
        lines.append(f"Content-Length: {len(request.body)}")
    return memoryview("\r\n".join((*lines, "\r\n")).encode("ascii") + request.body)


def _unsendable() -> TransportError:
    return TransportError("the request has a URL or header that HTTP cannot carry")
