"""What can go wrong, and how a fault is named and adjusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from .json_text import encode_bytes
from .records import RecordedRequest
from .responses import JSON_TYPE, Response


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one request.

    A fault has a name from its service's catalogue, or is described by its fields, or both:
    the fields adjust the named fault.

    Example:
        ```python
        Fault("rate_limited", retry_after=7)
        Fault(status=503, body={"error": "down"}, delay=0.2)
        Fault(delay=0.2)  # the usual answer, late
        ```
    """

    name: str = ""
    status: int | None = None
    body: Any = None
    """Bytes and text are sent as they are, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    retry_after: float | None = None
    """Seconds that a rate limit announces."""
    url: str | None = None
    """Where a redirect points."""
    polls: int | None = None
    """How often a pending answer says that it is still running."""
    after: int | None = None
    """How many events of a stream pass before the trouble."""
    size: int | None = None
    """Bytes of a huge body."""
    interval: float | None = None
    """Seconds between the bytes of a slow answer."""
    value: Any = None
    """The odd value that a fault sends, where it sends one."""

    def adjust(self, response: Response) -> Response:
        """Apply the fields that fit any fault to the response of a named one."""
        if self.status is not None:
            response.status = self.status
        if self.body is not None:
            self._replace_body(response)
        response.headers.update({name.lower(): text for name, text in self.headers.items()})
        response.delay += self.delay
        return response

    def _replace_body(self, response: Response) -> None:
        response.events = None
        if isinstance(self.body, bytes):
            response.body = self.body
        elif isinstance(self.body, str):
            response.body = self.body.encode()
            response.headers["content-type"] = "text/plain; charset=utf-8"
        else:
            response.body = encode_bytes(self.body)
            response.headers["content-type"] = JSON_TYPE


class Exchange:
    """A request together with the answer it would normally get.

    Args:
        request: The request.
        answer: Computes the normal answer; called at most once.
    """

    def __init__(self, request: RecordedRequest, answer: Callable[[RecordedRequest], Response]) -> None:
        self.request = request
        self._answer = answer

    @cached_property
    def normal(self) -> Response:
        """The answer that the service would give without the fault."""
        return self._answer(self.request)


FaultPlan: TypeAlias = Callable[[Exchange, Fault], Response]
"""Turns a request into the response of a fault."""


def answer_with(
    status: int,
    body: object = b"",
    headers: Mapping[str, str] | None = None,
) -> FaultPlan:
    """Plan a fault that always answers the same.

    Args:
        status: The status.
        body: Bytes and text are sent as they are, anything else as JSON.
        headers: Further headers.
    """

    def plan(exchange: Exchange, fault: Fault) -> Response:
        response = Response(status, {"content-type": "text/plain; charset=utf-8"})
        return Fault(body=body, headers=headers or {}).adjust(response)

    return plan


def plan_normal(exchange: Exchange, fault: Fault) -> Response:
    """Plan a nameless fault: what its fields say, or else the normal answer."""
    if fault.status is None and fault.body is None:
        return exchange.normal
    return Response(fault.status or 200, {"content-type": JSON_TYPE})
