"""One model call as a plan: which requests to send, when to try again, when to give up.

The flow is a generator without I/O. It yields steps (`Authorize`, `Send`, `ReadBody`, `ReadFirstToken`, `Wait`)
and is sent their outcomes; `request_path` carries the steps out, in threads and in event loops alike.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin

from pydantic import SecretStr

from ..deadlines import Deadline
from ..egress import Origins, origin_of
from ..errors import EgressDeniedError, NVGatewayError
from ..redaction import shown
from ..sealed_http import HTTPRequest, HTTPResponse, TransportError
from .envelopes import BrokenEnvelopeError, CutEnvelopeError, checked_completion, is_error, parsed_json
from .open_stream import OpenStream
from .service_errors import (
    Call,
    SingleToolCallError,
    error_from_answer,
    error_from_broken_answer,
    error_from_event,
    error_from_filter,
    error_without_answer,
)

__all__ = ["Authorize", "CallPlan", "Completion", "ReadBody", "ReadFirstToken", "Send", "Step", "Wait", "call_flow"]

LONGEST_RETRY_AFTER = 30.0
"""Seconds that a model used alone waits because a service asks it to; a longer wait fails at once."""

MAX_REPLY_BYTES = 64 * 1024 * 1024
_MAX_ERROR_BYTES = 256 * 1024
_MAX_REDIRECTS = 3
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Everything that stays the same for all attempts of one call."""

    service: str
    model: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    correlation_id: str
    stream: bool
    max_retries: int
    deadline: Deadline
    origins: Origins
    is_from_fleet: Callable[[SecretStr], bool] = field(default=lambda bearer: False, repr=False)
    """Whether a bearer was got by another process, so that it may be as old as the one that it replaced."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What else the request carries that no error may show, beside its bearer."""

    status_url: str | None = None
    """Where the answer of a request that is still running (202) can be had."""

    seen_by: float = math.inf
    """When something of a stream has to be seen at the latest, as a reading of `time.monotonic`."""

    ends_by: float = math.inf
    """When a stream has to be over at the latest."""

    takes_texts: bool = True
    """Whether a chunk that brings nothing but text may be handed on as that text."""

    split_body: Callable[[], bytes | None] = field(default=lambda: None, repr=False)
    """Makes the body with one tool call per turn, for a model that has refused a turn with several; `None` if that is
    the body already."""

    def call(self, bearer: SecretStr | None = None) -> Call:
        """Return what an error of this call says about it."""
        secrets = (bearer.get_secret_value(), *self.secrets) if bearer else self.secrets
        return Call(self.service, self.model, self.url.partition("?")[0], self.correlation_id, secrets)


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer and the headers that came with it."""

    reply: dict[str, Any] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    call: Call


@dataclass(frozen=True, slots=True)
class Authorize:
    """Get the bearer for the next attempt, after a replacement of the one that was refused, if any."""

    refused: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the outcome is an `HTTPResponse` or a `TransportError`."""

    request: HTTPRequest


@dataclass(frozen=True, slots=True)
class ReadBody:
    """Read a body up to a limit and close it; the outcome is `bytes` or a `TransportError`."""

    response: HTTPResponse
    limit: int


@dataclass(frozen=True, slots=True)
class ReadFirstToken:
    """Read a stream up to its first token; the outcome is an `OpenStream` or the error of the attempt."""

    response: HTTPResponse
    call: Call


@dataclass(frozen=True, slots=True)
class Wait:
    """Let some time go by."""

    seconds: float


Step = Authorize | Send | ReadBody | ReadFirstToken | Wait
Outcome = Completion | OpenStream | NVGatewayError
Flow = Generator[Step, Any, Outcome]


def call_flow(plan: CallPlan) -> Flow:
    """Bring one call to its answer, or to the typed error that its last attempt ended with."""
    retries = 0
    refreshes = 0
    bearer: SecretStr = yield Authorize()
    while True:
        outcome = yield from _attempt(plan, plan.call(bearer), bearer)
        if not isinstance(outcome, NVGatewayError):
            return outcome
        if outcome.status_code == 401 and refreshes < (2 if plan.is_from_fleet(bearer) else 1):
            refreshes += 1
            fresh: SecretStr = yield Authorize(refused=bearer)
            if fresh != bearer:
                bearer = fresh
                continue
        if isinstance(outcome, SingleToolCallError):
            split = plan.split_body()
            if split is not None:
                # What is asked is still the same, so this is none of the retries.
                plan = replace(plan, body=split, split_body=lambda: None)
                continue
        delay = _delay_before_retry(outcome, retries, plan)
        if delay is None:
            return outcome
        retries += 1
        yield Wait(delay)
        bearer = yield Authorize()


def _attempt(plan: CallPlan, call: Call, bearer: SecretStr) -> Flow:
    authorization = {"Authorization": f"Bearer {bearer.get_secret_value()}"}
    request = HTTPRequest("POST", plan.url, {**plan.headers, **authorization}, plan.body)
    redirects = polls = 0
    while True:
        response: HTTPResponse | TransportError = yield Send(request)
        if isinstance(response, TransportError):
            locked_out = response.is_locked_out
            return error_without_answer(call, str(response), timed_out=response.timed_out, is_locked_out=locked_out)
        if response.status // 100 == 3:
            target = _redirect_target(plan, call, request.url, response)
            if isinstance(target, EgressDeniedError):
                yield ReadBody(response, _MAX_ERROR_BYTES)
                return target
            if target and response.status in (307, 308) and redirects < _MAX_REDIRECTS:
                yield ReadBody(response, _MAX_ERROR_BYTES)
                redirects += 1
                request = HTTPRequest(request.method, target, request.headers, request.body)
                continue
        request_id = response.headers.get("nvcf-reqid", "")
        if response.status == 202 and plan.status_url and _REQUEST_ID.fullmatch(request_id):
            yield ReadBody(response, _MAX_ERROR_BYTES)
            polls += 1
            yield Wait(min(0.2 * polls, 2.0, plan.deadline.remaining()))
            if plan.deadline.remaining() <= 0:
                return error_without_answer(call, f"still running after {polls} polls", timed_out=True)
            request = HTTPRequest("GET", f"{plan.status_url}/{request_id}", {**plan.headers, **authorization})
            continue
        if response.status // 100 == 2 and plan.stream:
            stream: OpenStream | NVGatewayError = yield ReadFirstToken(response, call)
            return stream
        return (yield from _whole_answer(call, response))


def _whole_answer(call: Call, response: HTTPResponse) -> Flow:
    good = response.status // 100 == 2
    limit = MAX_REPLY_BYTES if good else _MAX_ERROR_BYTES
    body: bytes | TransportError = yield ReadBody(response, limit)
    if isinstance(body, TransportError):
        if not good:
            return error_from_answer(call, response.status, response.headers, b"")
        return error_without_answer(call, str(body), timed_out=body.timed_out)
    if response.status // 100 == 3:
        reason = "a redirect (set the base URL to where the service really is)"
        return error_from_broken_answer(call, response.status, response.headers, body, reason)
    if not good:
        return error_from_answer(call, response.status, response.headers, body)
    try:
        if len(body) > limit:
            raise BrokenEnvelopeError(f"more than {limit >> 20} MiB")
        reply = parsed_json(body)
        if is_error(reply):
            return error_from_event(call, body)
        reply = checked_completion(reply)
    except BrokenEnvelopeError as problem:
        is_cut = isinstance(problem, CutEnvelopeError)
        return error_from_broken_answer(call, response.status, response.headers, body, str(problem), is_cut=is_cut)
    if any(choice.get("finish_reason") == "content_filter" for choice in reply["choices"]):
        return error_from_filter(call)
    return Completion(reply, response.headers, call)


def _redirect_target(plan: CallPlan, call: Call, url: str, response: HTTPResponse) -> str | EgressDeniedError | None:
    """Return where a redirect leads, or the error if that is a place that is not allowed."""
    location = response.headers.get("location")
    if not location:
        return None
    try:
        target = urljoin(url, location)
        origin = origin_of(target)
    except ValueError:
        return None
    if origin in plan.origins.allowed:
        return target
    host = shown(origin.partition("://")[2], call.secrets)
    return EgressDeniedError(
        f"{call.who}: wanted to redirect the request to {host}, which is not allowed; nothing was sent there. "
        "Check the base URL.",
        host=host,
    )


def _delay_before_retry(error: NVGatewayError, retries: int, plan: CallPlan) -> float | None:
    """Return the seconds until the next attempt, or `None` when there is to be none."""
    if retries >= plan.max_retries or not getattr(error, "is_retryable", False):
        return None
    if error.retry_after is None:
        delay = min(0.5 * 2.0 ** min(retries, 10), 8.0) * random.uniform(0.5, 1.0)
    elif error.retry_after > LONGEST_RETRY_AFTER:
        return None
    else:
        # Spread upwards only: earlier than asked would be refused again.
        delay = error.retry_after * random.uniform(1.0, 1.1)
    return delay if delay < plan.deadline.remaining() else None
