"""Payload in, parsed reply or chunks out: the one way that calls of all our chat models take to a service.

`call_flow` decides what to do; the two drivers here do it, in a thread or in an event loop.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from ..errors import NVGatewayError
from ..sealed_http import HTTPRequest, HTTPResponse, SealedHTTP, TransportError
from .call_flow import Authorize, CallPlan, Completion, Outcome, ReadBody, ReadFirstToken, Send, Wait, call_flow
from .credentials import Credential
from .open_stream import OpenStream
from .service_errors import Call

__all__ = ["RequestPath"]


class RequestPath:
    """The way to one service; shared by all threads and event loops.

    Args:
        http: Client that reaches this service only.
        credential: What opens the service.
    """

    def __init__(self, http: SealedHTTP, credential: Credential) -> None:
        self.http = http
        self.credential = credential

    def __deepcopy__(self, memo: dict[int, object]) -> RequestPath:
        """Return itself: copies of a model share connections and tokens."""
        return self

    def run(self, plan: CallPlan) -> Completion | OpenStream:
        """Return the whole answer of a call, or its open stream, which the caller closes.

        Raises:
            NVGatewayError: The typed error of the last attempt; it carries the correlation id.
        """
        try:
            outcome = self._drive(plan)
        except NVGatewayError as error:
            error.correlation_id = plan.correlation_id
            raise
        return _unless_failed(outcome, plan)

    async def arun(self, plan: CallPlan) -> Completion | OpenStream:
        """Do what `run` does, in the running event loop."""
        try:
            outcome = await self._adrive(plan)
        except NVGatewayError as error:
            error.correlation_id = plan.correlation_id
            raise
        return _unless_failed(outcome, plan)

    def _drive(self, plan: CallPlan) -> Outcome:
        flow = call_flow(plan)
        result: object = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            match step:
                case Send(request):
                    result = self._send(request, plan)
                case ReadBody(response, limit):
                    result = _read_body(response, limit)
                case ReadFirstToken(response, call):
                    result = _open_stream(response, call, plan)
                case Authorize(refused):
                    if refused is not None:
                        self.credential.refuse(refused)
                    result = self.credential.get(plan.deadline.remaining())
                case Wait(seconds):
                    time.sleep(seconds)

    async def _adrive(self, plan: CallPlan) -> Outcome:
        flow = call_flow(plan)
        result: object = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            match step:
                case Send(request):
                    result = await self._asend(request, plan)
                case ReadBody(response, limit):
                    result = await _aread_body(response, limit)
                case ReadFirstToken(response, call):
                    result = await _aopen_stream(response, call, plan)
                case Authorize(refused):
                    if refused is not None:
                        self.credential.refuse(refused)
                    result = await self.credential.aget(plan.deadline.remaining())
                case Wait(seconds):
                    await asyncio.sleep(seconds)

    def _send(self, request: HTTPRequest, plan: CallPlan) -> HTTPResponse | TransportError:
        try:
            return self.http.open(request, plan.deadline)
        except TransportError as problem:
            return problem

    async def _asend(self, request: HTTPRequest, plan: CallPlan) -> HTTPResponse | TransportError:
        try:
            return await self.http.aopen(request, plan.deadline)
        except TransportError as problem:
            return problem


def _unless_failed(outcome: Outcome, plan: CallPlan) -> Completion | OpenStream:
    if isinstance(outcome, NVGatewayError):
        outcome.correlation_id = plan.correlation_id
        raise outcome
    return outcome


def _read_body(response: HTTPResponse, limit: int) -> bytes | TransportError:
    body = bytearray()
    try:
        for piece in response.chunks():
            body += piece
            if len(body) > limit:
                break
    except TransportError as problem:
        return problem
    finally:
        response.close()
    return bytes(body)


async def _aread_body(response: HTTPResponse, limit: int) -> bytes | TransportError:
    body = bytearray()
    try:
        async with aclosing(response.achunks()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > limit:
                    break
    except TransportError as problem:
        return problem
    finally:
        await response.aclose()
    return bytes(body)


def _stream_of(response: HTTPResponse, call: Call, plan: CallPlan) -> OpenStream:
    limits = {"seen_by": plan.seen_by, "ends_by": plan.ends_by}
    return OpenStream(response, call, plan.deadline, takes_texts=plan.takes_texts, **limits)


def _open_stream(response: HTTPResponse, call: Call, plan: CallPlan) -> OpenStream | NVGatewayError:
    stream = _stream_of(response, call, plan)
    try:
        stream.read_first_token()
    except BaseException:
        stream.close()
        raise
    if stream.failure and not stream.has_begun:
        stream.close()
        return stream.failure
    return stream


async def _aopen_stream(response: HTTPResponse, call: Call, plan: CallPlan) -> OpenStream | NVGatewayError:
    stream = _stream_of(response, call, plan)
    try:
        await stream.aread_first_token()
    except BaseException:
        await stream.aclose()
        raise
    if stream.failure and not stream.has_begun:
        await stream.aclose()
        return stream.failure
    return stream
