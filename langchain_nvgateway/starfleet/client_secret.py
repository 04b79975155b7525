"""The client secret, or where to get it, in a form that shows nothing."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import TypeAlias

from pydantic import SecretStr

from .outcomes import Failure

__all__ = ["ClientSecret", "SecretSource", "flaw_of"]

SecretSource: TypeAlias = "str | SecretStr | Callable[[], str | SecretStr]"
"""A secret, or a function that returns the current one."""


def flaw_of(value: str) -> str | None:
    """Return what makes a credential unusable, in words that do not show it."""
    if not value:
        return "is empty"
    if value != value.strip():
        return "has a blank or a line break at one of its ends (from a file or a shell?)"
    if not value.isprintable():
        return "holds a line break or another character that cannot be seen"
    return None


class ClientSecret:
    """A secret that is read when it is needed.

    Args:
        source: The secret, or a function that returns it; anything else is a flaw.
    """

    __slots__ = ("_source", "flaw", "identity")

    _source: Callable[[], object]

    def __init__(self, source: SecretSource | ClientSecret) -> None:
        self.flaw: str | None = None
        """What makes the source unusable, as far as can be seen without calling it."""
        self.identity: object
        """Equal for equal secrets (their digest) and for the same function."""
        if isinstance(source, ClientSecret):
            self._source, self.flaw, self.identity = source._source, source.flaw, source.identity
            return
        if callable(source):
            self._source = source
            # A method is a new object each time it is looked up; what it is bound to is not.
            self.identity = id(getattr(source, "__self__", source)), id(getattr(source, "__func__", source))
            if inspect.iscoroutinefunction(source):
                self.flaw = "is a coroutine function; give one that returns the secret itself"
            return
        # Wrapped at once, so that no traceback with local variables shows it.
        sealed = SecretStr(source) if isinstance(source, str) else source
        self._source = lambda: sealed
        self.flaw = _flaw_in(sealed)
        self.identity = hashlib.sha256(_plain(sealed).encode("utf-8", "replace")).digest()

    def __repr__(self) -> str:
        return "ClientSecret(**********)"

    def read(self) -> str | Failure:
        """Return the current secret, or why it cannot be had.

        Calls the caller's function, so it may take time and never raises an `Exception`, whose text or
        traceback might hold the secret.
        """
        try:
            found = self._source()
        except Exception as error:  # noqa: BLE001 - whatever a vault's client raises, only its name is safe to show.
            return _unreadable(f"raised {type(error).__name__}")
        flaw = _flaw_in(found)
        if flaw:
            return _unreadable(f"returned a value that {flaw}")
        return _plain(found)


def _plain(value: object) -> str:
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _flaw_in(value: object) -> str | None:
    if not isinstance(value, str | SecretStr):
        return f"is neither a str nor a SecretStr but {type(value).__name__}"
    return flaw_of(_plain(value))


def _unreadable(what: str) -> Failure:
    return Failure(f"the client_secret function {what}", "see to that function")
