"""What opens a service: a Starfleet token or a key, asked for anew at each attempt."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from pydantic import SecretStr

from ..errors import ConfigurationError
from ..starfleet import StarfleetTokenProvider

__all__ = ["Credential", "KeyCredential", "StarfleetCredential", "TokenSource"]

TokenSource = Callable[[], str] | Callable[[], Awaitable[str]]


class Credential(Protocol):
    """Where the bearer of a request comes from."""

    def get(self) -> SecretStr:
        """Return the bearer for the next attempt."""

    async def aget(self) -> SecretStr:
        """Return the bearer for the next attempt, without blocking the event loop."""

    def refuse(self, bearer: SecretStr) -> None:
        """Take note that the service has answered 401 to this bearer."""


class StarfleetCredential:
    """Tokens of a provider that other models may share."""

    def __init__(self, provider: StarfleetTokenProvider) -> None:
        self._provider = provider

    def get(self) -> SecretStr:
        """Return the current token."""
        return SecretStr(self._provider.get_token())

    async def aget(self) -> SecretStr:
        """Return the current token, without blocking the event loop."""
        return SecretStr(await self._provider.aget_token())

    def refuse(self, bearer: SecretStr) -> None:
        """Have exactly this token replaced."""
        self._provider.invalidate(bearer.get_secret_value())


class KeyCredential:
    """A key that stays, or whatever a callable returns when it is asked.

    Args:
        source: The key, or a callable (sync or async) that returns it.
        setting: Name of the setting that it comes from, for messages.
    """

    def __init__(self, source: SecretStr | TokenSource, *, setting: str) -> None:
        self._setting = setting
        self._source = self._checked(source) if isinstance(source, SecretStr) else source

    def get(self) -> SecretStr:
        """Return the key.

        Raises:
            ConfigurationError: The callable is asynchronous, or returns something that cannot be sent.
        """
        if isinstance(self._source, SecretStr):
            return self._source
        if inspect.iscoroutinefunction(self._source):
            msg = f"{self._setting} is an async callable, which only the async methods can use (ainvoke, astream, …)."
            raise ConfigurationError(msg, setting=self._setting)
        return self._checked(self._source())

    async def aget(self) -> SecretStr:
        """Return the key, without blocking the event loop."""
        if isinstance(self._source, SecretStr):
            return self._source
        if inspect.iscoroutinefunction(self._source):
            return self._checked(await self._source())
        return self._checked(await asyncio.to_thread(cast("Callable[[], str]", self._source)))

    def refuse(self, bearer: SecretStr) -> None:
        """Do nothing: the next call of the callable says whether there is another key."""

    def _checked(self, value: object) -> SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable() or " " in text:
            msg = f"{self._setting} is no usable token: it has to be ASCII text without blanks or control characters."
            raise ConfigurationError(msg, setting=self._setting)
        return SecretStr(text)
