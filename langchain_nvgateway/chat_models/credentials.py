"""What opens a service: a Starfleet token or a key, asked for anew at each attempt."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Protocol

from pydantic import SecretStr

from ..errors import ConfigurationError
from ..starfleet import StarfleetTokenProvider

__all__ = ["Credential", "KeyCredential", "StarfleetCredential", "TokenSource"]

TokenSource = Callable[[], str] | Callable[[], Awaitable[str]]


class Credential(Protocol):
    """Where the bearer of a request comes from."""

    def get(self, longest_wait: float) -> SecretStr:
        """Return the bearer for the next attempt, waiting for it for so many seconds at most."""

    async def aget(self, longest_wait: float) -> SecretStr:
        """Return the bearer for the next attempt, without blocking the event loop."""

    def refuse(self, bearer: SecretStr) -> None:
        """Take note that the service has answered 401 to this bearer."""

    def is_from_fleet(self, bearer: SecretStr) -> bool:
        """Whether another process got this bearer."""


class StarfleetCredential:
    """Tokens of a provider that other models may share."""

    def __init__(self, provider: StarfleetTokenProvider) -> None:
        self._provider = provider

    def get(self, longest_wait: float) -> SecretStr:
        """Return the current token."""
        return SecretStr(self._provider.get_token(longest_wait=longest_wait))

    async def aget(self, longest_wait: float) -> SecretStr:
        """Return the current token, without blocking the event loop."""
        return SecretStr(await self._provider.aget_token(longest_wait=longest_wait))

    def refuse(self, bearer: SecretStr) -> None:
        """Have exactly this token replaced."""
        self._provider.invalidate(bearer.get_secret_value())

    def is_from_fleet(self, bearer: SecretStr) -> bool:
        """Whether another process got this token."""
        return self._provider.is_from_fleet(bearer.get_secret_value())


class KeyCredential:
    """A key that stays, or whatever a callable returns when it is asked.

    Args:
        source: The key, or a callable (sync or async) that returns it.
        setting: Name of the setting that it comes from, for messages.

    Raises:
        ConfigurationError: The key cannot be sent.
    """

    def __init__(self, source: SecretStr | TokenSource, *, setting: str) -> None:
        self._setting = setting
        self._source = self._checked(source) if isinstance(source, SecretStr) else source

    def get(self, longest_wait: float) -> SecretStr:
        """Return the key.

        Raises:
            ConfigurationError: The callable is asynchronous, or returns something that cannot be sent.
        """
        if isinstance(self._source, SecretStr):
            return self._source
        found = _hidden(self._source())
        if inspect.isawaitable(found):
            if inspect.iscoroutine(found):
                found.close()
            msg = f"{self._setting} is an async callable, which only the async methods can use (ainvoke, astream, …)."
            raise ConfigurationError(msg, setting=self._setting)
        return self._checked(found)

    async def aget(self, longest_wait: float) -> SecretStr:
        """Return the key, without blocking the event loop."""
        if isinstance(self._source, SecretStr):
            return self._source
        if inspect.iscoroutinefunction(self._source):
            return self._checked(_hidden(await self._source()))
        found = _hidden(await asyncio.to_thread(self._source))
        return self._checked(_hidden(await found) if inspect.isawaitable(found) else found)

    def refuse(self, bearer: SecretStr) -> None:
        """Do nothing: the next call of the callable says whether there is another key."""

    def is_from_fleet(self, bearer: SecretStr) -> bool:
        """Say no: keys are not shared by way of Redis."""
        return False

    def _checked(self, found: object) -> SecretStr:
        if not isinstance(found, SecretStr) or not _can_be_sent(found):
            msg = f"{self._setting} is no usable token: it has to be ASCII text without blanks or control characters."
            raise ConfigurationError(msg, setting=self._setting)
        return found


def _hidden(value: object) -> object:
    """Return a text as a secret: tracebacks may show local variables."""
    return SecretStr(value) if isinstance(value, str) else value


def _can_be_sent(secret: SecretStr) -> bool:
    text = secret.get_secret_value()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
