"""How the token endpoint goes wrong."""

from __future__ import annotations

import json
from typing import Any

from . import transport_faults
from .faults import Exchange, Fault, FaultPlan, answer_with
from .responses import Response, json_response


def _refuse(status: int, error: str, description: str) -> FaultPlan:
    headers = {"www-authenticate": 'Basic realm="starfleet"'} if status == 401 else {}
    return answer_with(status, {"error": error, "error_description": description}, headers)


def _rate_limited(exchange: Exchange, fault: Fault) -> Response:
    seconds = 5 if fault.retry_after is None else fault.retry_after
    body = {"error": "rate_limited", "error_description": "Too many token requests"}
    return json_response(429, body, {"retry-after": f"{seconds:g}"})


def _grant_with(**changes: Any) -> FaultPlan:
    """Plan a granted token with some fields replaced; `...` takes a field out."""

    def plan(exchange: Exchange, fault: Fault) -> Response:
        normal = exchange.normal
        if normal.status != 200:
            return normal
        body = json.loads(normal.body)
        for name, value in changes.items():
            body[name] = fault.value if fault.value is not None else value
            if value is ...:
                del body[name]
        return json_response(200, body)

    return plan


STARFLEET_FAULTS: dict[str, FaultPlan] = {
    "invalid_client_400": _refuse(400, "invalid_client", "Client authentication failed"),
    "invalid_client_401": _refuse(401, "invalid_client", "Client authentication failed"),
    "invalid_client_403": _refuse(403, "invalid_client", "Client is not allowed"),
    "invalid_scope": _refuse(400, "invalid_scope", "A requested scope is not granted"),
    "invalid_request": _refuse(400, "invalid_request", "The request is malformed"),
    "unsupported_grant_type": _refuse(400, "unsupported_grant_type", "Unsupported grant"),
    "unauthorized_client": _refuse(400, "unauthorized_client", "Grant type is not allowed"),
    "not_found": answer_with(404, "404 page not found"),
    "request_timeout": answer_with(408, {"error": "request_timeout"}),
    "rate_limited": _rate_limited,
    "server_error": answer_with(500, {"error": "server_error"}),
    "unavailable": answer_with(503, {"error": "temporarily_unavailable"}),
    "html": transport_faults.TRANSPORT_FAULTS["html_200"],
    "empty": transport_faults.TRANSPORT_FAULTS["empty_200"],
    "no_access_token": _grant_with(access_token=...),
    "null_access_token": _grant_with(access_token=None),
    "empty_access_token": _grant_with(access_token=""),
    "blank_access_token": _grant_with(access_token="fake token\r\nwith a line break"),
    "number_access_token": _grant_with(access_token=12345),
    "array_200": answer_with(200, ["not", "an", "object"]),
    "error_with_200": answer_with(200, {"error": "invalid_client", "error_description": "No"}),
    "no_expires_in": _grant_with(expires_in=...),
    "null_expires_in": _grant_with(expires_in=None),
    "text_expires_in": _grant_with(expires_in="soon"),
    "digits_expires_in": _grant_with(expires_in="900"),
    "float_expires_in": _grant_with(expires_in=900.0),
    "zero_expires_in": _grant_with(expires_in=0),
    "negative_expires_in": _grant_with(expires_in=-900),
    "nan_expires_in": _grant_with(expires_in=float("nan")),
    "infinite_expires_in": _grant_with(expires_in=float("inf")),
    "boolean_expires_in": _grant_with(expires_in=True),
    "huge_expires_in": _grant_with(expires_in=10**30),
    "list_expires_in": _grant_with(expires_in=[900]),
    "no_token_type": _grant_with(token_type=...),
    "odd_token_type": _grant_with(token_type="mac"),
}
"""Name to plan; the transport faults come on top."""
