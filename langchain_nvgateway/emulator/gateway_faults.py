"""How the Gateway goes wrong: wire facts, section 2."""

from __future__ import annotations

from typing import Any

from .dialects import SAFE_RESULTS
from .faults import Exchange, Fault, FaultPlan, answer_with
from .responses import Response, json_response
from .stream_faults import STREAM_FAULTS, error_in_stream

FILTER_TEXT = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management "
    "policy. Please modify your prompt and retry. To learn more about our content filtering "
    "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766"
)
CONTEXT_TEXT = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "140000 tokens. Please reduce the length of the messages."
)


def content_filter_error(fault: Fault) -> dict[str, Any]:
    """Write the body of Azure's content filter."""
    results = {**SAFE_RESULTS, "violence": {"filtered": True, "severity": "medium"}}
    return {
        "error": {
            "message": FILTER_TEXT,
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": results,
            },
        }
    }


def _azure(status: int, code: str, message: str) -> FaultPlan:
    return answer_with(status, {"error": {"code": code, "message": message}})


def _openai(status: int, message: str, *, kind: str, code: str | None, param: str | None = None) -> FaultPlan:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return answer_with(status, {"error": error})


def _content_filter(exchange: Exchange, fault: Fault) -> Response:
    return json_response(400, content_filter_error(fault))


def _rate_limit_body(seconds: float) -> dict[str, Any]:
    text = (
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
        "2024-12-01-preview have exceeded call rate limit of your current OpenAI S0 pricing tier. "
        f"Please retry after {seconds:g} seconds. Please go here: "
        "https://aka.ms/oai/quotaincrease if you would like to further increase the default "
        "rate limit."
    )
    return {"error": {"code": "429", "message": text}}


def _rate_limited(exchange: Exchange, fault: Fault) -> Response:
    seconds = 2 if fault.retry_after is None else fault.retry_after
    headers = {
        "retry-after": f"{seconds:g}",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-remaining-tokens": "0",
    }
    return json_response(429, _rate_limit_body(seconds), headers)


def _rate_limited_ms(exchange: Exchange, fault: Fault) -> Response:
    seconds = 2 if fault.retry_after is None else fault.retry_after
    headers = {
        "retry-after-ms": f"{seconds * 1000:g}",
        "x-ratelimit-remaining-requests": "0",
    }
    return json_response(429, _rate_limit_body(seconds), headers)


def _rate_limited_in_body(exchange: Exchange, fault: Fault) -> Response:
    seconds = 2 if fault.retry_after is None else fault.retry_after
    return json_response(429, _rate_limit_body(seconds))


GATEWAY_FAULTS: dict[str, FaultPlan] = STREAM_FAULTS | {
    "token_expired": _azure(401, "401", "Unauthorized: the token has expired."),
    "unauthorized": _azure(401, "401", "Unauthorized: the access token is not valid."),
    "forbidden": _azure(403, "403", "The client is not entitled to this model."),
    "deployment_not_found": _azure(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist.",
    ),
    "not_found": _azure(404, "404", "Resource not found"),
    "timeout_408": _azure(408, "Timeout", "The operation was timeout."),
    "conflict": _azure(409, "409", "Conflict"),
    "gone": _azure(410, "410", "The model has been retired."),
    "payload_too_large": _azure(413, "413", "Payload too large"),
    "validation_422": _azure(422, "422", "Unprocessable entity"),
    "rate_limited": _rate_limited,
    "rate_limited_ms": _rate_limited_ms,
    "rate_limited_in_body": _rate_limited_in_body,
    "bad_request": _openai(
        400,
        "Invalid value for 'top_p': expected a number at most 1.",
        kind="invalid_request_error",
        code="invalid_value",
        param="top_p",
    ),
    "context_length_exceeded": _openai(
        400,
        CONTEXT_TEXT,
        kind="invalid_request_error",
        code="context_length_exceeded",
        param="messages",
    ),
    "content_filter": _content_filter,
    "content_filter_in_stream": error_in_stream(content_filter_error),
    "internal_error": _openai(
        500,
        "The server had an error while processing your request. Sorry about that!",
        kind="server_error",
        code=None,
    ),
    "unavailable": _azure(503, "ServiceUnavailable", "The service is temporarily unavailable"),
    "gateway_timeout": _azure(504, "504", "Gateway timeout"),
    "overloaded_529": _azure(529, "529", "The service is overloaded"),
}
"""Name to plan; the transport faults come on top."""
