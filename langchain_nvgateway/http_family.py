"""The HTTP library that the installed `openai` runs on.

`openai` 3 runs on `httpx2`, `openai` 2 on `httpx`. Objects of one library mean nothing to the other, so
everything here that meets `openai` comes from the same one: `from .http_family import httpx`.
"""

from __future__ import annotations

import re
import ssl
import sys
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import certifi

__all__ = ["FAMILY", "default_ssl_context", "httpx"]

FAMILY = "httpx2" if int(re.findall(r"\d+", version("openai"))[0]) >= 3 else "httpx"
"""Name of the HTTP library in use."""

if TYPE_CHECKING:
    # `httpx2` mirrors the interface of `httpx`.
    import httpx
elif FAMILY == "httpx2":
    import httpx2 as httpx
else:
    import httpx


@lru_cache(maxsize=16)
def default_ssl_context(ca_bundle: str = "") -> ssl.SSLContext:
    """Return the process's TLS settings: the machine's own authorities and those of `certifi`.

    Shared, since loading the authorities takes longer than a request.

    Args:
        ca_bundle: Path of a PEM file with more authorities; empty for none.
    """
    # Not `create_default_context`, which writes the keys of all connections to where `SSLKEYLOGFILE` says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if sys.version_info >= (3, 13):  # As that does from there on.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_verify_locations(certifi.where())
    if ca_bundle:
        context.load_verify_locations(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context
