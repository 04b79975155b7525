"""The way out of this machine as users write it down: a proxy, hosts without it, a company's authorities."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from base64 import b64encode
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from pydantic import SecretStr

from ..environment import first_set
from ..errors import ConfigurationError
from .outlet import DirectHost, Outlet, Proxy, canonical_host

__all__ = ["FilePath", "outlet_from", "parsed_hosts", "parsed_proxy", "sealed"]

FilePath: TypeAlias = str | os.PathLike[str]

_FORM = "http://host:port or http://user:password@host:port"
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})|[\s\x00-\x1f\x7f\\]")
_HOST = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?)"
_AUTHORITY = re.compile(rf"{_HOST}:(?P<port>[0-9]{{1,5}})")
_DIRECT = re.compile(rf"\.?{_HOST}(?::(?P<port>[0-9]{{1,5}}))?")
_SCHEMES = {
    "https": "proxies that are themselves reached over https are not supported (what passes through one is encrypted)",
    "": "it does not begin with http://",
}


def outlet_from(
    proxy: SecretStr | str | None = None, no_proxy: str | None = None, ca_bundle: FilePath | None = None
) -> Outlet:
    """Return the way out that settings describe.

    Args:
        proxy: `http://[user:password@]host:port`. As for the others, `None` is what the environment says, and an
            empty text is none, whatever the environment says.
        no_proxy: Hosts that are reached without the proxy, separated by commas: `host`, `.suffix`, with `:port`.
        ca_bundle: PEM file with authorities that are trusted beside the usual ones; read once per process.

    Raises:
        ConfigurationError: One is malformed, or the file has no certificates; the message names the variable.
    """
    # Under their own names, and never in the clear: a traceback may show local variables.
    proxy = sealed(proxy)
    if proxy is None:
        proxy = sealed(first_set("NVGATEWAY_PROXY") or "")
    if no_proxy is None:
        no_proxy = first_set("NVGATEWAY_NO_PROXY")
    if ca_bundle is None:
        ca_bundle = first_set("NVGATEWAY_CA_BUNDLE")
    _check_types(proxy, no_proxy, ca_bundle)
    return Outlet(
        proxy=parsed_proxy(proxy) if proxy else None,
        direct=parsed_hosts(no_proxy or ""),
        ca_bundle=_checked_bundle(os.fspath(ca_bundle)) if ca_bundle else "",
    )


def sealed(value: SecretStr | str | None) -> SecretStr | None:
    """Return a text as a secret."""
    return SecretStr(value) if isinstance(value, str) else value


def parsed_proxy(url: SecretStr) -> Proxy:
    """Return the proxy at a URL.

    Raises:
        ConfigurationError: It is none that can be used; the message shows nothing of it.
    """
    found = _proxy_or_flaw(url)
    if isinstance(found, str):
        msg = (
            f"NVGATEWAY_PROXY (proxy) is not a usable proxy: {found}. Set it to {_FORM}, with special characters of "
            "user and password percent-encoded (%40 for @)."
        )
        raise ConfigurationError(msg, setting="NVGATEWAY_PROXY")
    return found


def parsed_hosts(text: str) -> frozenset[DirectHost]:
    """Return the hosts in a list that is separated by commas; blank entries are passed over.

    Raises:
        ConfigurationError: An entry is no host.
    """
    found = set()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host = _direct_host(entry)
        if host is None:
            told = "an entry with credentials" if "@" in entry else repr(entry[:100])
            msg = (
                f"NVGATEWAY_NO_PROXY (no_proxy) has {told}, which is no host. Give host names or addresses, "
                "with a port if only that is meant, separated by commas; example.com is its subdomains as well."
            )
            raise ConfigurationError(msg, setting="NVGATEWAY_NO_PROXY")
        found.add(host)
    return frozenset(found)


def _check_types(proxy: object, no_proxy: object, ca_bundle: object) -> None:
    given: tuple[tuple[str, object, type | tuple[type, ...]], ...] = (
        ("proxy", proxy, SecretStr),
        ("no_proxy", no_proxy, str),
        ("ca_bundle", ca_bundle, (str, os.PathLike)),
    )
    for name, value, kinds in given:
        if value is not None and not isinstance(value, kinds):
            msg = f"NVGATEWAY_{name.upper()} ({name}) is a {type(value).__name__}; give a text."
            raise ConfigurationError(msg, setting=f"NVGATEWAY_{name.upper()}")


def _proxy_or_flaw(url: SecretStr) -> Proxy | str:
    """Return the proxy, or what is wrong in words that show nothing of it; raises nothing, for the same reason."""
    text = url.get_secret_value()
    if not text.isascii() or _STRAY.search(text):
        return "it has a blank, a control character, a backslash, a stray % or a character that no URL may carry"
    scheme, slashes, rest = text.partition("://")
    scheme = scheme.lower() if slashes else ""
    if scheme.startswith("socks"):
        return "SOCKS proxies are not supported; ask for the HTTP proxy of your network"
    if scheme != "http":
        return _SCHEMES.get(scheme, "it is of a kind that is not supported")
    rest = rest.removesuffix("/")
    if re.search("[/?#]", rest):
        return "it has a path, a query or a fragment (or one of / ? # in user or password)"
    credentials, at, authority = rest.rpartition("@")
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not _is_good(found["host"], found["port"]):
        return "it has no usable host and port (the port is needed)"
    user, _, password = map(unquote_to_bytes, credentials.partition(":"))
    if at and (not user or b":" in user or re.search(rb"[\x00-\x1f\x7f]", user + password)):
        return "its user is empty or has a colon, or user or password has a control character"  # RFC 7617 §2
    value = f"Basic {b64encode(user + b':' + password).decode()}"
    return Proxy(canonical_host(found["host"]), int(found["port"]), SecretStr(value) if at else None)


def _direct_host(entry: str) -> DirectHost | None:
    if ":" in entry and _is_good(f"[{entry}]", None):
        return DirectHost(canonical_host(entry))
    found = _DIRECT.fullmatch(entry)
    if found is None or not _is_good(found["host"], found["port"]):
        return None
    return DirectHost(canonical_host(found["host"]), int(found["port"]) if found["port"] else None)


def _is_good(host: str, port: str | None) -> bool:
    if port is not None and not 0 < int(port) < 65536:
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return not host.startswith("[") and ".." not in host
    return True


@lru_cache(maxsize=16)
def _checked_bundle(path: str) -> str:
    """Return the path of a PEM file that holds certificates."""
    flaw = None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        flaw = "it holds no certificates in PEM form, or a broken one"
    except (OSError, ValueError) as error:
        flaw = f"it cannot be read ({getattr(error, 'strerror', None) or 'malformed path'})"
    else:
        if not context.cert_store_stats()["x509"]:
            flaw = "it holds no certificates"
    if flaw:
        msg = (
            f"NVGATEWAY_CA_BUNDLE (ca_bundle) is {path!r}: {flaw}. Set it to the path of a PEM file with the "
            "certificates of your company's authorities."
        )
        raise ConfigurationError(msg, setting="NVGATEWAY_CA_BUNDLE")
    return path
