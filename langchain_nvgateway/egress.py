"""Where requests may go."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigurationError, EgressDeniedError

__all__ = ["Origins", "checked_url", "is_loopback", "origin_of"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})|[\s\x00-\x1f\x7f\\]")
_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}\.?")


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_url(url: str, *, setting: str) -> str:
    """Return `url` without trailing slashes, or say what is wrong with it.

    Args:
        url: Absolute URL of a service.
        setting: Name of the setting that it comes from, for the message.

    Raises:
        ConfigurationError: It has a blank or a stray `%`, no host, another scheme than `https` (`http` is
            fine on loopback only), or carries credentials, a query or a fragment.
    """
    wrong = _what_is_wrong(url)
    if wrong:
        msg = f"{setting} is not a usable URL: {wrong}. Set it to something like https://host/path."
        raise ConfigurationError(msg, setting=setting)
    return url.rstrip("/")


def origin_of(url: str) -> str:
    """Return `scheme://host:port` of a URL, lower-case, with the port written out.

    Raises:
        ValueError: It is not an absolute `http` or `https` URL.
    """
    parts = urlsplit(url)
    host = parts.hostname
    # Two parsers may differ over what is not ASCII; an HTTP library takes ASCII only.
    if parts.scheme not in _DEFAULT_PORTS or not host or not url.isascii():
        msg = "not an absolute http or https URL"
        raise ValueError(msg)
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host.lower()}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"


class Origins:
    """The scheme, host and port combinations that a client may talk to; everything else is refused."""

    def __init__(self, urls: Iterable[str]) -> None:
        self.allowed = frozenset(map(origin_of, urls))

    def check(self, url: str) -> None:
        """Let an allowed URL pass.

        Raises:
            EgressDeniedError: Its origin is not among the allowed ones.
        """
        try:
            origin = origin_of(url)
        except ValueError:
            origin = "a malformed URL"
        if origin not in self.allowed:
            host = origin.partition("://")[2] or origin
            msg = (
                f"Nothing was sent to {host}: only {', '.join(sorted(self.allowed))} may be reached from here. "
                "Change the base URL in the settings if this host is right."
            )
            raise EgressDeniedError(msg, host=host)


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if ":" in host:
        return re.fullmatch(r"\[[0-9a-fA-F:.]+\](?::\d+)?", parts.netloc) is not None
    return _HOST_NAME.fullmatch(host) is not None


def _what_is_wrong(url: str) -> str | None:
    if not url:
        return "it is empty"
    if not url.isascii():
        return "it has characters that no URL may carry (give an international host name in its xn-- form)"
    if _STRAY.search(url):
        return "it has a blank, a control character, a backslash or a stray % (copied from a shell prompt?)"
    if "?" in url or "#" in url:
        return "it has a query or a fragment"
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return "its host or port is malformed"
    return _wrong_part(parts) if has_port else "its port is 0"


def _wrong_part(parts: SplitResult) -> str | None:
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return "it needs a scheme and a host"
    if parts.username is not None or parts.password is not None:
        return "it carries credentials"
    if not _is_host(parts):
        return "its host is malformed"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "http sends credentials in the clear and is for loopback only; use https"
    return None
