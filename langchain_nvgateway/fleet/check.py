"""Whether a Redis can be used, for who wants to know before the fleet does."""

from __future__ import annotations

import time
from functools import partial
from urllib.parse import urlsplit

from pydantic import SecretStr

from ..egress import is_loopback
from ..redis_url import host_of
from .circuit_lua import SCRIPT
from .redis_link import RedisLink
from .schema import CHANGES_KEY
from .steps import answers_from

__all__ = ["check_redis", "password_in_the_clear"]


def password_in_the_clear(url: SecretStr) -> str | None:
    """Return what to say of a URL by which a password leaves this machine without TLS; `None` if none does."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme != "redis" or not parts.password or is_loopback(parts.hostname or ""):
        return None
    host = host_of(url.get_secret_value())
    return f"NVGATEWAY_REDIS_URL sends its password to {host} in the clear; give a rediss:// URL if the server has TLS"


def check_redis(url: SecretStr) -> tuple[str, float | None]:
    """Run the script once, without any circuit.

    Args:
        url: URL of the server.

    Returns:
        Host and seconds; or class of the error and `None`.

    Raises:
        ConfigurationError: The packages of the extra `redis` are not installed.
    """
    link = RedisLink(url.get_secret_value())
    start = time.perf_counter()
    is_good = link.run(SCRIPT, [CHANGES_KEY], [""], partial(answers_from, count=0)) is not None
    seconds = time.perf_counter() - start
    link.close()
    return (link.host, seconds) if is_good else (link.trouble, None)
