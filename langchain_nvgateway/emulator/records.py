"""The log of what clients asked."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(slots=True, eq=False)
class RecordedRequest:
    """One request that reached the emulator."""

    service: str
    """`starfleet`, `gateway`, `nim`, or `unknown` when no service owns the path."""
    route: str
    """`token`, `chat`, `embeddings`, `models`, `status`, or empty for an unknown path."""
    method: str
    path: str
    """The path as sent, without the query."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    json: Any
    """The parsed body, or `None` when it is not JSON."""
    model: str | None
    """The model or deployment asked for, from the path or else the body."""
    at: float = field(default_factory=time.monotonic)
    """When it arrived, by `time.monotonic`."""
    status: int | None = None
    """The status that was answered; `None` while in flight or when no head was sent."""
    finished: bool = False
    """Whether the emulator has done with it: answered, hung up, or left by the client."""
    aborted: bool = False
    """Whether the client left before the answer was complete."""


def record_request(
    service: str,
    route: str,
    model: str | None,
    *,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
) -> RecordedRequest:
    """Describe a request as it will be found in the log."""
    path, _, query = target.partition("?")
    parsed = _parse_json(body)
    if model is None and isinstance(parsed, dict):
        asked = parsed.get("model")
        model = asked if isinstance(asked, str) else None
    fields = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    return RecordedRequest(service, route, method, path, fields, headers, body, parsed, model)


def _parse_json(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class RequestLog:
    """A log that the server's thread writes while tests read it and wait on it.

    Args:
        limit: How many requests to keep; older ones are forgotten.
    """

    def __init__(self, limit: int) -> None:
        self._changed = threading.Condition()
        self._requests: deque[RecordedRequest] = deque(maxlen=limit)

    def add(self, request: RecordedRequest) -> None:
        """Append a request that has just arrived."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def answered(self, request: RecordedRequest, status: int) -> None:
        """Note the status whose head is about to be sent."""
        with self._changed:
            request.status = status
            self._changed.notify_all()

    def finished(self, request: RecordedRequest, *, aborted: bool) -> None:
        """Note that the emulator has done with a request."""
        with self._changed:
            request.finished = True
            request.aborted = aborted
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all requests."""
        with self._changed:
            self._requests.clear()

    def snapshot(self, service: str | None = None) -> list[RecordedRequest]:
        """Copy the log, of one service or of all."""
        with self._changed:
            return [r for r in self._requests if service is None or r.service == service]

    def wait_until(self, condition: Callable[[], object], timeout: float) -> bool:
        """Wait until a condition over the log holds.

        Args:
            condition: Called again after each change of the log.
            timeout: Seconds to wait at most.

        Returns:
            Whether the condition came to hold.
        """
        with self._changed:
            return bool(self._changed.wait_for(condition, timeout))
