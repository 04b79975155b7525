"""What a service answered, or that it did not, as a typed error that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..answers import Flaw
from ..errors import (
    EmptyResponseError,
    InvalidResponseError,
    NVGatewayError,
    ToolCallCorruptedError,
    TruncatedResponseError,
)
from ..failures import retry_after_seconds
from ..http_family import httpx
from ..redaction import redact, redact_value, shown
from .error_classes import (
    BadAnswerError,
    BrokenCallError,
    ConflictError,
    ContextTooLongError,
    CutAnswerError,
    EmptyAnswerError,
    FilteredError,
    ForbiddenError,
    InvalidRequestError,
    LateBadAnswerError,
    LateBrokenCallError,
    LateCutAnswerError,
    LateEmptyAnswerError,
    LockedOutError,
    OutageError,
    RateLimitedError,
    RefusedRequestError,
    RetiredModelError,
    SingleToolCallError,
    SlowServiceError,
    TimedOutError,
    UnauthorizedError,
    UnknownModelError,
    UnprocessableError,
    UnreachableError,
)

__all__ = [
    "Call",
    "SingleToolCallError",
    "error_from_answer",
    "error_from_broken_answer",
    "error_from_event",
    "error_from_filter",
    "error_from_flaw",
    "error_without_answer",
    "redacted_headers",
]


@dataclass(frozen=True, slots=True)
class Call:
    """What an error has to tell about the call that failed."""

    service: str
    model: str
    url: str
    correlation_id: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def who(self) -> str:
        """Service and model, as error messages name them."""
        return f"{self.service}, model {self.model}"


@dataclass(frozen=True, slots=True)
class _Words:
    """What the service itself says in the body of an error."""

    text: str
    code: str


_FLAWED: dict[type[NVGatewayError], tuple[type[NVGatewayError], type[NVGatewayError]]] = {
    InvalidResponseError: (BadAnswerError, LateBadAnswerError),
    ToolCallCorruptedError: (BrokenCallError, LateBrokenCallError),
    TruncatedResponseError: (CutAnswerError, LateCutAnswerError),
    EmptyResponseError: (EmptyAnswerError, LateEmptyAnswerError),
}
"""The error for a flaw, and the one for a flaw that is found too late."""

_BY_STATUS: dict[int, tuple[type[NVGatewayError], str]] = {
    400: (InvalidRequestError, "Change the request: a retry as it is will fail again."),
    401: (UnauthorizedError, "Check the credentials."),
    403: (ForbiddenError, "Ask for access to this model, or check whether the key is wrong or expired."),
    404: (UnknownModelError, "Check the model's name and the base URL."),
    408: (SlowServiceError, "Try again."),
    409: (ConflictError, "Try again."),
    410: (RetiredModelError, "Choose another model."),
    413: (RefusedRequestError, "Send less."),
    422: (UnprocessableError, "Change the request: a retry as it is will fail again."),
    425: (SlowServiceError, "Try again."),
    429: (RateLimitedError, "Slow down."),
}
_CONTEXT = re.compile(
    r"context_length_exceeded|maximum context length|context window|prompt is too long|input tokens exceed"
    r"|longer than the (?:maximum )?model|reduce the length of the (?:messages|prompt|input)",
    re.IGNORECASE,
)
_FILTER_CODES = ("content_filter", "ResponsibleAIPolicyViolation")
_UNSAFE_HEADERS = ("content-length", "content-encoding", "transfer-encoding", "set-cookie")


def error_from_answer(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> NVGatewayError:
    """Return the error for an answer with an error status."""
    text = body.decode("utf-8", "replace")
    parsed = _parsed(text)
    words = _words_of(parsed, text)
    kind, remedy = _kind(status, words)
    wait = retry_after_seconds(headers, words.text)
    said = shown(words.text, call.secrets)
    message = f"{call.who}: answered {status}" + (f": {said}" if said else " without a word") + _full_stop(said)
    if wait is not None:
        remedy = f"Try again in {wait:g} s."
    return kind(
        f"{message} {remedy}",
        **_openai_data(call, status, headers, text, parsed, words),
        retry_after=wait,
    )


def error_from_event(call: Call, body: bytes) -> NVGatewayError:
    """Return the error for an error object that came with status 200, in a body or within a stream."""
    text = body.decode("utf-8", "replace")
    words = _words_of(_parsed(text), text)
    if re.fullmatch(r"[45][0-9]{2}", words.code):
        return error_from_answer(call, int(words.code), {}, body)
    if words.code in _FILTER_CODES or _CONTEXT.search(f"{words.text} {words.code}"):
        return error_from_answer(call, 400, {}, body)
    return error_from_broken_answer(call, 200, {}, body, f"an error in its place: {words.text}")


def error_from_broken_answer(
    call: Call, status: int, headers: Mapping[str, str], body: bytes, reason: str, *, is_cut: bool = False
) -> NVGatewayError:
    """Return the error for an answer with a good status that is no chat completion.

    Args:
        call: The call.
        status: Status of the answer.
        headers: Headers of the answer.
        body: Body of the answer.
        reason: What is wrong with it.
        is_cut: Whether it is the beginning of one.
    """
    text = body[:200_000].decode("utf-8", "replace")
    reason = shown(reason, call.secrets)
    kind = CutAnswerError if is_cut else BadAnswerError
    return kind(
        f"{call.who}: answered {status} with {reason}{_full_stop(reason)} Try again, or use another model.",
        **_openai_data(call, status, headers, text, _parsed(text), _Words(reason, "")),
        reason=reason,
        raw=shown(text, call.secrets),
        is_quality=False,
    )


def error_from_flaw(
    call: Call, headers: Mapping[str, str], flaw: Flaw, *, usage_metadata: Any = None, is_late: bool = False
) -> NVGatewayError:
    """Return the error for an answer that is a chat completion, and yet cannot be used.

    Args:
        call: The call.
        headers: Headers of the answer.
        flaw: What is wrong with it.
        usage_metadata: What it cost all the same.
        is_late: Whether its reader has seen a part of it.
    """
    remedy = "What came is in `.partial`; ask again." if is_late else "Ask again, or use another model."
    return _FLAWED[flaw.error][is_late](
        f"{call.who}: the answer cannot be used: {flaw.reason}. {remedy}",
        **_openai_data(call, 200, headers, "", None, _Words(flaw.reason, "")),
        reason=flaw.reason,
        raw=shown(flaw.raw, call.secrets),
        is_quality=True,
        usage_metadata=usage_metadata,
    )


def error_from_filter(call: Call) -> NVGatewayError:
    """Return the error for an answer that the content filter has cut."""
    words = _Words("the content filter stopped the answer", "content_filter")
    return FilteredError(
        f"{call.who}: {words.text}. Change the prompt.",
        **_openai_data(call, 200, {}, "", {"error": {"code": words.code, "message": words.text}}, words),
    )


def error_without_answer(call: Call, problem: str, *, timed_out: bool, is_locked_out: bool = False) -> NVGatewayError:
    """Return the error for a call that got no (whole) answer.

    Args:
        call: The call.
        problem: What happened.
        timed_out: Whether time ran out.
        is_locked_out: Whether the proxy has refused its user and password.
    """
    kind: type[NVGatewayError] = TimedOutError if timed_out else UnreachableError
    remedy = "Allow more time or try again." if timed_out else "Check the network and the base URL, or try again."
    if is_locked_out:
        kind, remedy = LockedOutError, "Correct NVGATEWAY_PROXY before another try, which may lock the account."
    problem = shown(problem, call.secrets)
    return kind(
        f"{call.who}: {problem}{_full_stop(problem)} {remedy}",
        request=_request(call),
        message=problem,
        body=None,
        code=None,
        param=None,
        type=None,
        correlation_id=call.correlation_id,
    )


def redacted_headers(headers: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """Return an answer's headers as they may be shown, without those that tell of how it was sent."""
    secrets = tuple(secrets)
    return {name: redact(value, secrets) for name, value in headers.items() if name not in _UNSAFE_HEADERS}


def _kind(status: int, words: _Words) -> tuple[type[NVGatewayError], str]:
    if words.code in _FILTER_CODES:
        return FilteredError, "Change the prompt."
    if status in (400, 413, 422) and _CONTEXT.search(f"{words.text} {words.code}"):
        return ContextTooLongError, "Shorten the conversation or use a model with a larger context."
    if "DEGRADED function" in words.text and (status == 400 or status >= 500):
        return OutageError, "The model is down; try again later or use another one."
    if "only supports single tool-calls" in words.text:
        return SingleToolCallError, "This model takes one tool call per turn; set single_tool_call=True."
    if status >= 500:
        return OutageError, "Try again."
    return _BY_STATUS.get(status, (RefusedRequestError, "Check the base URL and the request."))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _words_of(parsed: Any, text: str) -> _Words:
    """Find the message and the code in the many shapes that error bodies have."""
    if not isinstance(parsed, dict):
        return _Words("an HTML page" if text.lstrip()[:1] == "<" else text, "")
    inner = parsed.get("error") or parsed
    if not isinstance(inner, dict):
        return _Words(inner if isinstance(inner, str) else text, "")
    said = [inner.get(name) for name in ("message", "detail", "title", "error_description", "error")]
    detail = next((words for words in said if words and isinstance(words, str | list)), text)
    if isinstance(detail, list):
        detail = "; ".join(_validation_text(item) for item in detail[:5]) or text
    codes = [inner.get("code"), inner.get("type")]
    innermost = inner.get("innererror")
    if isinstance(innermost, dict) and innermost.get("code") in _FILTER_CODES:
        codes = [innermost["code"]]
    code = next((code for code in codes if isinstance(code, str) or _is_status(code)), "")
    return _Words(detail, str(code))


def _is_status(code: Any) -> bool:
    # Not any number: Python refuses to write one of 5,000 digits.
    return isinstance(code, int) and 100 <= code <= 599


def _validation_text(item: Any) -> str:
    if not isinstance(item, dict):
        return item if isinstance(item, str) else ""
    where = item.get("loc")
    steps = where if isinstance(where, list) else [where]
    place = ".".join(str(step) for step in steps if isinstance(step, str | int))
    message = item.get("msg")
    return f"{place}: {message if isinstance(message, str) else ''}".strip(": ")


def _openai_data(
    call: Call, status: int, headers: Mapping[str, str], text: str, parsed: Any, words: _Words
) -> dict[str, Any]:
    """Return what `openai`'s errors carry, without secrets and without the request's headers."""
    clean = redacted_headers(headers, call.secrets)
    body = redact_value(parsed, call.secrets)
    inner = body.get("error", body) if isinstance(body, dict) else body
    details = inner if isinstance(inner, dict) else {}
    request = _request(call)
    content = redact(text, call.secrets).encode("utf-8", "replace")
    # As bytes: what a server sends need not be ASCII.
    raw = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in clean.items()]
    return {
        "message": shown(words.text, call.secrets),
        "request": request,
        "response": httpx.Response(status, headers=raw, content=content, request=request),
        "body": inner,
        "code": details.get("code"),
        "param": details.get("param"),
        "type": details.get("type"),
        "status_code": status,
        "request_id": clean.get("nvcf-reqid") or clean.get("x-request-id"),
        "correlation_id": call.correlation_id,
    }


def _request(call: Call) -> httpx.Request:
    return httpx.Request("POST", call.url)


def _full_stop(text: str) -> str:
    return "" if text.endswith((".", "!", "?", "…")) else "."
