"""Faults in the middle of a stream, or of a completion that should have been whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import deliveries
from .faults import Exchange, Fault, FaultPlan
from .json_text import encode_bytes
from .responses import DONE, Delivery, Response, event

EVENTS_BEFORE = 4
"""Events that pass before a stream goes wrong, unless the fault says otherwise."""


def _breaks_off(delivery: Delivery) -> FaultPlan:
    def plan(exchange: Exchange, fault: Fault) -> Response:
        response = exchange.normal
        if response.events is not None:
            response.events = _beginning(response, fault)
        response.delivery = delivery
        return response

    return plan


def _beginning(response: Response, fault: Fault) -> list[bytes]:
    """Return the events before the trouble, which never include the last ones."""
    events = [e for e in response.events or () if _is_open(e)]
    count = EVENTS_BEFORE if fault.after is None else fault.after
    return events[: min(count, max(1, len(events) - 1))] if count else []


def _is_open(data: bytes) -> bool:
    """Say whether an event neither finishes the stream nor counts its tokens."""
    payload = _payload(data)
    if payload is None:
        return False
    choices = payload.get("choices") or []
    return not payload.get("usage") and not any(c.get("finish_reason") for c in choices)


def _payload(data: bytes) -> dict[str, Any] | None:
    if data == DONE:
        return None
    payload = json.loads(data.removeprefix(b"data: "))
    return payload if isinstance(payload, dict) else None


def _cut_stream(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    if response.events is None:
        return _change_choices(response, finish_reason=None)
    response.events = _beginning(response, fault)
    return response


def _no_done(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    if response.events is not None:
        response.events = [e for e in response.events if e != DONE]
    return response


def _done_only(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    if response.events is None:
        return _change_choices(response, finish_reason=None)
    response.events = [e for e in response.events if e == DONE or _is_open(e)]
    return response


def error_in_stream(error: Callable[[Fault], Any]) -> FaultPlan:
    """Plan an error object that arrives as an event of a good stream.

    Args:
        error: Makes the error object.
    """

    def plan(exchange: Exchange, fault: Fault) -> Response:
        response = exchange.normal
        if response.events is None:
            response.body = encode_bytes(error(fault))
        else:
            response.events = [*_beginning(response, fault), event(error(fault)), DONE]
        return response

    return plan


def _finish_with(reason: str) -> FaultPlan:
    """Plan an answer that breaks off with a finish reason."""

    def plan(exchange: Exchange, fault: Fault) -> Response:
        response = exchange.normal
        if response.events is None:
            return _change_choices(response, finish_reason=reason)
        last = _payload(response.events[-2]) or {}
        finish = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
        closing = event({**last, "choices": [finish]})
        response.events = [*_beginning(response, fault), closing, DONE]
        return response

    return plan


def _change_body(change: Callable[[dict[str, Any]], None]) -> FaultPlan:
    """Plan a change of every completion object, in the body or in each event."""

    def plan(exchange: Exchange, fault: Fault) -> Response:
        response = exchange.normal
        if response.status != 200:
            return response
        if response.events is None:
            response.body = encode_bytes(_changed(json.loads(response.body), change))
            return response
        payloads = [_payload(e) for e in response.events]
        response.events = [DONE if p is None else event(_changed(p, change)) for p in payloads]
        return response

    return plan


def _changed(body: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    if isinstance(body, dict):
        change(body)
    return body


def _change_choices(response: Response, **fields: Any) -> Response:
    if response.status != 200:
        return response
    body = json.loads(response.body)
    for choice in body.get("choices") or ():
        choice.update(fields)
    response.body = encode_bytes(body)
    return response


def _empty_choices(body: dict[str, Any]) -> None:
    body["choices"] = []


def _null_choices(body: dict[str, Any]) -> None:
    body["choices"] = None


def _missing_choices(body: dict[str, Any]) -> None:
    body.pop("choices", None)


def _missing_message(body: dict[str, Any]) -> None:
    for choice in body.get("choices") or ():
        choice.pop("message", None)
        choice.pop("delta", None)


def _null_message(body: dict[str, Any]) -> None:
    for choice in body.get("choices") or ():
        choice["message" if "message" in choice else "delta"] = None


def _empty_content(body: dict[str, Any]) -> None:
    for choice in body.get("choices") or ():
        said = choice.get("message") or choice.get("delta") or {}
        said.pop("tool_calls", None)
        if "content" in said:
            said["content"] = ""


def _malformed_event(exchange: Exchange, fault: Fault) -> Response:
    response = exchange.normal
    if response.events is None:
        response.body = response.body[: len(response.body) // 2]
    else:
        response.events = [
            *_beginning(response, fault),
            b'data: {"id": "x", "cho\n\n',
            DONE,
        ]
    return response


def _server_error(fault: Fault) -> dict[str, Any]:
    return {
        "error": {
            "message": "Internal server error",
            "type": "internal_server_error",
            "param": None,
            "code": 500,
        }
    }


STREAM_FAULTS: dict[str, FaultPlan] = {
    "hang_mid_stream": _breaks_off(deliveries.hang_midway),
    "disconnect_mid_stream": _breaks_off(deliveries.disconnect_midway),
    "reset_mid_stream": _breaks_off(deliveries.reset_midway),
    "cut_stream": _cut_stream,
    "no_done": _no_done,
    "done_only": _done_only,
    "error_in_stream": error_in_stream(_server_error),
    "malformed_event": _malformed_event,
    "content_filter_finish": _finish_with("content_filter"),
    "length_finish": _finish_with("length"),
    "error_object_200": error_in_stream(_server_error),
    "empty_choices": _change_body(_empty_choices),
    "null_choices": _change_body(_null_choices),
    "missing_choices": _change_body(_missing_choices),
    "missing_message": _change_body(_missing_message),
    "null_message": _change_body(_null_message),
    "empty_content": _change_body(_empty_content),
}
"""Name to plan; both chat services have these."""
