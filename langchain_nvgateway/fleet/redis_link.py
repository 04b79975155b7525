"""The connection to Redis, which fails fast, says so once, and never raises."""

from __future__ import annotations

import hashlib
import inspect
import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import ConfigurationError
from ..redis_url import host_of

__all__ = ["CONNECT_SECONDS", "OPERATION_SECONDS", "RedisLink", "Script"]

CONNECT_SECONDS, OPERATION_SECONDS = 0.5, 0.25
"""Longest time to connect, and to send or receive; both in threads of the package, never in a caller's."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds without another try after a failure; they double from the first to the second."""

QUIET_SECONDS = 60.0
"""For so long after a warning further losses are told at DEBUG only."""

_logger = logging.getLogger("langchain_nvgateway")
ResultT = TypeVar("ResultT")
_draw = random.SystemRandom().random


class Script:
    """A Lua script, and the name that Redis has for it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisLink:
    """A Redis that may be down, slow, full, or back at any time.

    For one thread of the package, since it blocks.

    Args:
        url: `redis://` or `rediss://`, with what signs in.

    Raises:
        ConfigurationError: The packages of the extra `redis` are not installed.
    """

    def __init__(self, url: str) -> None:
        self._library = _library()
        self._url = url
        self.host = host_of(url)
        self._tells_again_at = float("-inf")
        self.reconnect()

    def __repr__(self) -> str:
        return f"RedisLink({self.host!r}, is_lost={self.is_lost})"

    def reconnect(self) -> None:
        """Start with new connections, as in a child process, where those of the parent are not to be touched."""
        never = self._library.retry.Retry(self._library.backoff.NoBackoff(), 0)
        self._redis = self._library.Redis.from_url(
            self._url,
            protocol=2,
            retry=never,
            socket_timeout=OPERATION_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            **_without_introduction(self._library),
            **({"ssl_check_hostname": True} if self._url.startswith("rediss:") else {}),
        )
        self.is_lost = False
        self.trouble = ""
        """Class of the last error."""
        self._was_told = False
        self.failures = 0
        """Tries in a row that failed."""
        self._pause_until = float("-inf")

    @property
    def seconds_to_pause(self) -> float:
        """Seconds until another try, 0 if it may be made now."""
        return max(self._pause_until - time.monotonic(), 0.0)

    def read(self, key: str) -> bytes | None:
        """Return what stands at a key; `None` if nothing does, or Redis cannot be reached."""
        return self._tried(lambda: self._redis.get(key))

    def run(
        self, script: Script, keys: list[str], arguments: list[Any], read: Callable[[Any], ResultT]
    ) -> ResultT | None:
        """Return what a script returns, `None` if Redis cannot be reached, refuses, or makes no sense.

        The script is sent whole only if Redis has not got it yet.

        Args:
            script: The script.
            keys: Its keys.
            arguments: Its arguments.
            read: Makes sense of its reply, or raises.
        """
        return self._tried(lambda: read(self._evaluated(script, keys, arguments)))

    def _tried(self, work: Callable[[], ResultT]) -> ResultT | None:
        """Do something, unless the last failure was only just now."""
        if self.seconds_to_pause:
            return None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Redis, calls go on without it
            self._lose(error)
            return None
        self._find()
        return result

    def close(self) -> None:
        """Close the connection; the next run makes a new one."""
        self._redis.close()

    def _evaluated(self, script: Script, keys: list[str], arguments: list[Any]) -> Any:
        try:
            return self._redis.evalsha(script.digest, len(keys), *keys, *arguments)
        except self._library.exceptions.NoScriptError:
            return self._redis.eval(script.text, len(keys), *keys, *arguments)

    def _lose(self, error: Exception) -> None:
        self.is_lost = True
        self.trouble = type(error).__name__
        now = time.monotonic()
        self._pause_until = now + min(FIRST_PAUSE * 2.0 ** min(self.failures, 10), LONGEST_PAUSE) * (1 + 0.25 * _draw())
        self.failures += 1
        if self.failures > 1:
            return
        self._was_told = now >= self._tells_again_at
        if self._was_told:
            self._tells_again_at = now + QUIET_SECONDS
        # Only the class: what a server says may quote what it was sent.
        msg = "Redis at %s is lost (%s): each process goes by its own breakers and tokens until it is back"
        _logger.log(logging.WARNING if self._was_told else logging.DEBUG, msg, self.host, self.trouble)

    def _find(self) -> None:
        if not self.is_lost:
            return
        self.is_lost = False
        self.failures = 0
        _logger.log(logging.INFO if self._was_told else logging.DEBUG, "Redis at %s is back", self.host)


def _without_introduction(library: Any) -> dict[str, None]:
    """Return arguments by which redis-py does not say who it is, which would be one more command to allow."""
    is_new = "driver_info" in inspect.signature(library.Redis).parameters
    names = ("driver_info",) if is_new else ("lib_name", "lib_version")
    return dict.fromkeys(names)


def _library() -> Any:
    try:
        import cryptography  # noqa: F401 - looked for here, where it can be said, and used for tokens
        import redis
        import redis.backoff
        import redis.retry
    except ImportError:
        msg = "NVGATEWAY_REDIS_URL needs redis and cryptography. Run: pip install 'langchain-nvgateway[redis]'"
        raise ConfigurationError(msg, setting="NVGATEWAY_REDIS_URL") from None
    return redis
