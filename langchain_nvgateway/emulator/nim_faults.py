"""How hosted NIM goes wrong: the error table of wire facts, section 3."""

from __future__ import annotations

from typing import Any

from .faults import Exchange, Fault, FaultPlan, answer_with
from .responses import Response, json_response
from .stream_faults import STREAM_FAULTS

FUNCTION = "11111111-2222-3333-4444-555555555555"
"""The id of the cloud function that error texts name."""
PROBLEM_TYPE = {"content-type": "application/problem+json"}


def problem(status: int, title: str, detail: str | None = None) -> Response:
    """Build an error as NVIDIA's cloud functions word it (RFC 9457)."""
    body: dict[str, Any] = {"status": status, "title": title}
    if detail is not None:
        body["detail"] = detail
    return json_response(status, body, PROBLEM_TYPE)


def vllm_error(status: int, message: str) -> Response:
    """Build an error as vLLM words it."""
    kind = "BadRequestError" if status < 500 else "internal_server_error"
    error = {"message": message, "type": kind, "param": None, "code": status}
    return json_response(status, {"error": error})


def _problem(status: int, title: str, detail: str | None = None) -> FaultPlan:
    def plan(exchange: Exchange, fault: Fault) -> Response:
        return problem(status, title, detail)

    return plan


def _vllm(status: int, message: str) -> FaultPlan:
    def plan(exchange: Exchange, fault: Fault) -> Response:
        return vllm_error(status, message)

    return plan


def _tools_unsupported(exchange: Exchange, fault: Fault) -> Response:
    model = exchange.request.model
    text = f"Tool use has not been enabled, because it is unsupported by {model}."
    return json_response(400, {"error": text})


def _gone(exchange: Exchange, fault: Fault) -> Response:
    detail = (
        f"The model '{exchange.request.model}' has reached its end of life on "
        "2026-01-15T00:00:00Z and is no longer available."
    )
    return problem(410, "Gone", detail)


def _rate_limited(exchange: Exchange, fault: Fault) -> Response:
    response = problem(429, "Too Many Requests")
    if fault.retry_after is not None:
        response.headers["retry-after"] = f"{fault.retry_after:g}"
    return response


AUTO_CHOICE = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
DEGRADED = f"Function id '{FUNCTION}': DEGRADED function cannot be invoked"
ENGINE_CORE = "EngineCore encountered an issue. See stack trace (above) for the root cause."
VALIDATION = [
    {
        "type": "less_than_equal",
        "loc": ["body", "temperature"],
        "msg": "Input should be less than or equal to 1",
        "input": 3,
    }
]

NIM_FAULTS: dict[str, FaultPlan] = STREAM_FAULTS | {
    "tools_unsupported_flat": _tools_unsupported,
    "auto_tool_choice_unsupported": _vllm(400, AUTO_CHOICE),
    "degraded": _problem(400, "Bad Request", DEGRADED),
    "malformed_history": _vllm(400, "Expecting ',' delimiter: line 1 column 54 (char 53)"),
    "bad_request": _vllm(400, "top_k must be -1 (disable), or at least 1, got 0."),
    "context_length_exceeded": _vllm(
        400,
        "This model's maximum context length is 131072 tokens. However, your messages resulted "
        "in 140000 tokens. Please reduce the length of the messages.",
    ),
    "unauthorized": _problem(401, "Unauthorized", "Authentication failed"),
    "forbidden": _problem(403, "Forbidden", "Authorization failed"),
    "not_found": _problem(404, "Not Found", f"Function '{FUNCTION}': Not found for account 'fake-account'"),
    "not_found_plain": answer_with(404, "404 page not found"),
    "timeout_408": _problem(408, "Request Timeout", "The request timed out"),
    "gone": _gone,
    "payload_too_large": _problem(413, "Payload Too Large", "The request is too large"),
    "validation_422": answer_with(422, {"detail": VALIDATION}),
    "rate_limited": _rate_limited,
    "internal_error": _vllm(500, "Internal server error"),
    "engine_core": _vllm(500, ENGINE_CORE),
    "empty_500": answer_with(500),
    "single_tool_calls": _vllm(500, "This model only supports single tool-calls at once!"),
    "unavailable": _problem(503, "Service Unavailable", "No healthy worker"),
    "gateway_timeout": _problem(504, "Gateway Timeout", "The function did not answer in time"),
    "empty_202": answer_with(202),
}
"""Name to plan; `Nim` adds the pending answers, and the transport faults come on top."""
