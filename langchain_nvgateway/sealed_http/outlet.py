"""How requests leave this machine: directly or through a proxy, and whose certificates they trust."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, Self

from pydantic import SecretStr

from ..egress import is_loopback
from .requests import Place

__all__ = ["DIRECT", "DirectHost", "Outlet", "Proxy", "canonical_host", "written_host"]


def canonical_host(host: str) -> str:
    """Return a host in the one spelling by which hosts are compared."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return host.rstrip(".").lower()


def written_host(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked for tunnels; cannot be pickled, since it may hold a password."""

    host: str
    port: int
    authorization: SecretStr | None = None
    """Value of `Proxy-Authorization`."""

    def __str__(self) -> str:
        return written_host(self.host, self.port)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        msg = "A Proxy cannot be pickled, since it may hold a password; build one in each process."
        raise TypeError(msg)


class DirectHost(NamedTuple):
    """A host that is reached without the proxy, and its subdomains."""

    host: str
    """In its canonical spelling, without a dot at its beginning."""

    port: int | None = None
    """The only port that is meant; `None` is all."""

    def __str__(self) -> str:
        return self.host if self.port is None else written_host(self.host, self.port)

    def covers(self, place: Place) -> bool:
        """Whether a place is on this host or on one of its subdomains."""
        if self.port not in (None, place.port):
            return False
        host = canonical_host(place.host)
        return host == self.host or (host.endswith(f".{self.host}") and not _is_address(host))


@dataclass(frozen=True, slots=True)
class Outlet:
    """The way out of this machine; equal ones may share connections."""

    proxy: Proxy | None = None
    """Through whom requests leave."""

    direct: frozenset[DirectHost] = frozenset()
    """Who is reached without the proxy, beside this machine itself."""

    ca_bundle: str = ""
    """Path of a PEM file with authorities that are trusted beside the usual ones."""

    def proxy_to(self, place: Place) -> Proxy | None:
        """Return the proxy through which a place is reached, `None` if it is reached directly."""
        if self.proxy is None or is_loopback(canonical_host(place.host)):
            return None
        return None if any(host.covers(place) for host in self.direct) else self.proxy


DIRECT = Outlet()
"""No proxy, and the usual authorities."""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
