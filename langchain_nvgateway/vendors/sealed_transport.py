"""A transport for the HTTP clients of vendors' SDKs: their requests take our own sealed way, with the key put in last.

An SDK gets a placeholder in the place of the key, so that nothing it holds, logs or raises has the key in it, and
an environment variable that makes it send another one has no effect.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from pydantic import SecretStr

from ..chat_models.call_flow import LONGEST_RETRY_AFTER, MAX_REPLY_BYTES, ReadBody, Send, Wait
from ..chat_models.payloads import OwnHeaders
from ..chat_models.request_path import _aread_body, _read_body
from ..chat_models.service_errors import Call, error_without_answer, redacted_headers
from ..chat_models.time_limits import NO_LIMIT_SECONDS
from ..errors import InvalidResponseError
from ..failures import retry_after_seconds
from ..redaction import redact
from ..sealed_http import HTTPRequest, HTTPResponse, SealedHTTP, TransportError
from .call_limits import CallLimits, current_limits

__all__ = ["PLACEHOLDER", "Seal", "sealed_clients"]

PLACEHOLDER = "key-is-put-in-by-the-transport"
"""What an SDK holds in the place of its key."""

_MAX_ERROR_BYTES = 256 * 1024
_MAX_REDIRECTS = 3
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-goog-api-key", "x-goog-user-project")
# `SealedHTTP` writes these itself; it asks for no compression that it could not undo.
_OF_CONNECTION = ("accept-encoding", "connection", "content-length", "host", "transfer-encoding")
_RETRYABLE = (408, 409, 425, 429)


@dataclass(frozen=True, slots=True)
class Seal:
    """Where requests may go, and what they carry beyond what the SDK gives them."""

    http: SealedHTTP
    key: SecretStr
    headers: OwnHeaders = field(default_factory=OwnHeaders, repr=False)
    """The user's own, by lower-case name; like the key, kept out of the SDK's hands."""

    def __deepcopy__(self, memo: dict[int, object]) -> Seal:
        """Return itself: copies of a model share connections."""
        return self


@dataclass(frozen=True, slots=True)
class _Answer:
    response: HTTPResponse
    error_body: bytes | None
    """The body of an answer with an error status, which is read at once."""


def sealed_clients(family: Any, seal: Seal) -> tuple[Any, Any]:
    """Return a sync and an async client for an SDK.

    Args:
        family: `httpx` or `httpx2`, whichever the SDK works with.
        seal: What the clients are sealed with.
    """
    transport = _Transport(family, seal)
    # A redirect comes through the transport like any request, and so is denied if it leads elsewhere.
    options = {"trust_env": False, "follow_redirects": True, "max_redirects": _MAX_REDIRECTS, "timeout": None}
    return family.Client(transport=transport, **options), family.AsyncClient(transport=transport, **options)


class _Transport:
    """Both transports of `httpx` in one; clients ask for the methods, not for the base classes."""

    def __init__(self, family: Any, seal: Seal) -> None:
        self._family = family
        self._seal = seal

    def handle_request(self, request: Any) -> Any:
        """Send a request of the SDK.

        Raises:
            EgressDeniedError: It would leave for a host that is not allowed; nothing was sent.
            LockedOutError: The proxy refuses its user and password.
            httpx.TransportError: No answer came, or not in time.
        """
        limits = _limits_of(request)
        flow = _exchange(self._outgoing(request, request.read()), limits)
        result: object = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration as end:
                return self._incoming(end.value, request, limits)
            match step:
                case Send(outgoing):
                    try:
                        result = self._seal.http.open(outgoing, limits.deadline)
                    except TransportError as problem:
                        result = problem
                case ReadBody(response, limit):
                    result = _read_body(response, limit)
                case Wait(seconds):
                    time.sleep(seconds)

    async def handle_async_request(self, request: Any) -> Any:
        """Do what `handle_request` does, in the running event loop."""
        limits = _limits_of(request)
        flow = _exchange(self._outgoing(request, await request.aread()), limits)
        result: object = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration as end:
                return self._incoming(end.value, request, limits)
            match step:
                case Send(outgoing):
                    try:
                        result = await self._seal.http.aopen(outgoing, limits.deadline)
                    except TransportError as problem:
                        result = problem
                case ReadBody(response, limit):
                    result = await _aread_body(response, limit)
                case Wait(seconds):
                    await asyncio.sleep(seconds)

    # The connections belong to `SealedHTTP`, which other models use too.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    def close(self) -> None:
        """Leave the connections open."""

    async def aclose(self) -> None:
        """Leave the connections open."""

    def _outgoing(self, request: Any, body: bytes) -> HTTPRequest:
        key = self._seal.key.get_secret_value()
        headers = {}
        for name, value in request.headers.items():  # Names are in lower case.
            if PLACEHOLDER in value:
                headers[name] = value.replace(PLACEHOLDER, key)
            elif name not in _OF_CONNECTION and name not in _CREDENTIALS:
                headers[name] = value
        return HTTPRequest(request.method, str(request.url), {**headers, **self._seal.headers}, body)

    def _incoming(self, outcome: _Answer | TransportError, request: Any, limits: CallLimits) -> Any:
        if isinstance(outcome, TransportError):
            raise _error(self._family, outcome, request)
        secrets = (self._seal.key.get_secret_value(), *self._seal.headers.secrets)
        headers = redacted_headers(outcome.response.headers, secrets)
        status = outcome.response.status
        if outcome.error_body is not None:
            # Servers echo what they were sent, and SDKs put that into their exceptions.
            text = redact(outcome.error_body.decode("utf-8", "replace"), secrets)
            return self._family.Response(status, headers=headers, content=text.encode())
        body = _bodies_of(self._family)(self._family, outcome.response, request)
        limits.answers.append(body)
        return self._family.Response(status, headers=headers, stream=body)


class _Body:
    """A body that is read as it arrives; becomes one of a family's streams by `_bodies_of`."""

    def __init__(self, family: Any, response: HTTPResponse, request: Any) -> None:
        self._family = family
        self._response = response
        self._request = request
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._response.chunks():
                yield self._counted(piece)
        except TransportError as problem:
            raise _error(self._family, problem, self._request) from None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with aclosing(self._response.achunks()) as pieces:
                async for piece in pieces:
                    yield self._counted(piece)
        except TransportError as problem:
            raise _error(self._family, problem, self._request) from None

    def close(self) -> None:
        self._response.close()

    async def aclose(self) -> None:
        await self._response.aclose()

    def _counted(self, piece: bytes) -> bytes:
        self._size += len(piece)
        if self._size > MAX_REPLY_BYTES:
            reason = f"more than {MAX_REPLY_BYTES >> 20} MiB"
            msg = f"{self._request.url.host}: answered with {reason}. Try again, or use another model."
            raise InvalidResponseError(msg, reason=reason)
        return piece


@lru_cache(maxsize=2)
def _bodies_of(family: Any) -> type[Any]:
    return type("Body", (_Body, family.SyncByteStream, family.AsyncByteStream), {})


def _exchange(
    request: HTTPRequest, limits: CallLimits
) -> Generator[Send | ReadBody | Wait, Any, _Answer | TransportError]:
    """Send a request until it is answered for good; without I/O, like `call_flow`."""
    retries = 0
    while True:
        response: HTTPResponse | TransportError = yield Send(request)
        body: bytes | None = None
        if isinstance(response, HTTPResponse) and response.status >= 400:
            read: bytes | TransportError = yield ReadBody(response, _MAX_ERROR_BYTES)
            body = b"" if isinstance(read, TransportError) else read
        delay = None if retries >= limits.max_retries else _delay_before_retry(response, body or b"", retries)
        if delay is None or delay >= limits.deadline.remaining():
            return response if isinstance(response, TransportError) else _Answer(response, body)
        retries += 1
        yield Wait(delay)


def _delay_before_retry(response: HTTPResponse | TransportError, body: bytes, retries: int) -> float | None:
    """Return the seconds until the next attempt, or `None` when it would be of no use."""
    asked = None
    if isinstance(response, TransportError) and response.is_locked_out:
        return None
    if isinstance(response, HTTPResponse):
        if response.status < 500 and response.status not in _RETRYABLE:
            return None
        asked = retry_after_seconds(response.headers, body.decode("utf-8", "replace"))
    if asked is None:
        return min(0.5 * 2.0 ** min(retries, 10), 8.0) * random.uniform(0.5, 1.0)
    # Spread upwards only: earlier than asked would be refused again.
    return asked * random.uniform(1.0, 1.1) if asked <= LONGEST_RETRY_AFTER else None


def _limits_of(request: Any) -> CallLimits:
    """Return the limits of the call; a request outside of a call has the timeout that the SDK gives it."""
    seconds = request.extensions.get("timeout", {}).get("read")
    return current_limits() or CallLimits(NO_LIMIT_SECONDS if seconds is None else seconds)


def _error(family: Any, problem: TransportError, request: Any) -> Exception:
    if problem.is_locked_out:
        call = Call(request.url.host, "of a vendor", str(request.url).partition("?")[0], "")
        return error_without_answer(call, str(problem), timed_out=False, is_locked_out=True)
    kind = family.ReadTimeout if problem.timed_out else family.ReadError
    error: Exception = kind(str(problem), request=request)
    return error
