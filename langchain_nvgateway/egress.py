"""Where requests may go."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigurationError, EgressDeniedError
from .roles import EXTERNAL_PROVIDERS, PROVIDERS, role_key

__all__ = ["EgressPolicy", "Origins", "checked_url", "is_loopback", "origin_of"]

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


class EgressPolicy:
    """Which providers and hosts a role may use; what is not allowed is denied.

    Args:
        allow_external: The written permission to send data to outside vendors (`openai`, `anthropic`,
            `google-genai`).
        allowed_hosts: The only hosts that may be reached, as `host` or `host:port`; without it, the hosts of
            the settings and, with the permission, the vendors'.
        roles: Providers that a role is limited to, such as `{"summarizer": ["nvidia-nim"]}`; a role that is
            not named may use all.

    Raises:
        ConfigurationError: An argument is malformed; the message names it.
    """

    def __init__(
        self,
        allow_external: bool = False,
        allowed_hosts: Iterable[str] | None = None,
        roles: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        if not isinstance(allow_external, bool):
            msg = f"allow_external of an EgressPolicy is {allow_external!r}; it takes True or False."
            raise ConfigurationError(msg, setting="allow_external")
        self.allow_external = allow_external
        self.allowed_hosts = None if allowed_hosts is None else _hosts(allowed_hosts)
        self.roles = {role_key(role): _providers(role, names) for role, names in (roles or {}).items()}

    def __repr__(self) -> str:
        hosts = None if self.allowed_hosts is None else sorted(self.allowed_hosts)
        roles = {role: list(providers) for role, providers in self.roles.items()}
        return f"EgressPolicy(allow_external={self.allow_external}, allowed_hosts={hosts}, roles={roles})"

    def why_not(self, role: str, provider: str, urls: Iterable[str] = ()) -> str | None:
        """Return why a role may not use a provider, `None` if it may.

        Args:
            role: Name of the role.
            provider: Name of the provider.
            urls: Where the provider's requests would go.
        """
        return self._denial(role, provider, urls)[0]

    def check(self, role: str, provider: str, model: str, urls: Iterable[str] = ()) -> None:
        """Let an allowed leg pass.

        Args:
            role: Name of the role.
            provider: Name of the provider.
            model: Name of the model.
            urls: Where the provider's requests would go.

        Raises:
            EgressDeniedError: The role may not use the provider, or one of the hosts.
        """
        reason, host = self._denial(role, provider, urls)
        if reason:
            msg = (
                f"The role {role!r} may not use {provider}:{model} at {host}, so nothing was sent: {reason}. "
                "Choose an allowed model, or have the egress policy changed by whoever is in charge of it."
            )
            raise EgressDeniedError(msg, role=role, leg=f"{provider}:{model}", host=host, reason=reason)

    def _denial(self, role: str, provider: str, urls: Iterable[str]) -> tuple[str | None, str]:
        """Return the reason, if there is one, and the host that it concerns."""
        hosts = [origin_of(url).partition("://")[2] for url in urls]
        host = hosts[0] if hosts else provider
        if provider in EXTERNAL_PROVIDERS and not self.allow_external:
            return "outside vendors are not allowed without permission (NVGATEWAY_ALLOW_EXTERNAL, EgressPolicy)", host
        limited = self.roles.get(role_key(role))
        if limited is not None and provider not in limited:
            return f"the egress policy limits the role to {', '.join(limited) or 'nothing'}", host
        for name in hosts:
            if self.allowed_hosts is not None and not {name, name.rpartition(":")[0]} & self.allowed_hosts:
                return f"{name} is not among the allowed hosts", name
        return None, host


def _hosts(given: Iterable[str]) -> frozenset[str]:
    hosts = [given] if isinstance(given, str) else list(given)
    for host in hosts:
        if not isinstance(host, str) or not re.fullmatch(r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::\d+)?", host):
            msg = (
                f"allowed_hosts of an EgressPolicy has {host!r}; give hosts such as api.example.com or localhost:8000."
            )
            raise ConfigurationError(msg, setting="allowed_hosts")
    return frozenset(host.lower() for host in hosts)


def _providers(role: str, given: Iterable[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if any(name not in PROVIDERS for name in names):
        msg = f"roles of an EgressPolicy gives {role!r} the providers {names!r}; there are {', '.join(PROVIDERS)}."
        raise ConfigurationError(msg, setting="roles")
    return names


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
