"""What an exception shows of itself, read without trusting it: nothing here raises, and nothing does I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import Any

from .retry_after import retry_after_seconds

__all__ = ["Evidence", "attribute", "traceback_of"]

_MAX_TEXT = 20_000
"""Characters of each text that are searched; what matters stands at the front."""

_MAX_HEADERS = 200
_MAX_FRAMES = 2_000
_STATUS_IN_TEXT = re.compile(
    r"\A\s*\[([45]\d\d)\]"  # ChatNVIDIA: a bare `Exception("[429] Too Many Requests\n…")`
    r"|\A([45]\d\d) [A-Z]"  # google.genai, google.api_core: "429 RESOURCE_EXHAUSTED. {…}"
    r"|\b(?i:error|status)[ _](?i:code):? ([45]\d\d)\b"  # the SDKs of openai and anthropic, copied by many
)
_CODE_IN_TEXT = re.compile(r"\A(\w{3,60}(?:Error|Exception)): ")
# `google.rpc.RetryInfo` as JSON (`'retryDelay': '34s'`) and as a printed protobuf (`retry_delay { seconds: 34 }`).
_RETRY_INFO = re.compile(r"retry_?delay['\"]?\s*[:{]\s*(?:seconds:\s*)?['\"]?(\d{1,9}(?:\.\d{1,9})?)", re.IGNORECASE)


def attribute(thing: object, name: str) -> Any:
    """Return an attribute, or `None` if there is none or reading it fails."""
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign class may raise anything
        return None


def traceback_of(error: BaseException) -> Iterator[TracebackType]:
    """Yield the steps of the way that the exception came, starting where it was caught."""
    step = attribute(error, "__traceback__")
    for _ in range(_MAX_FRAMES):
        if type(step) is not TracebackType:
            return
        yield step
        step = step.tb_next


class Evidence:
    """What one exception says about the failure.

    Args:
        error: The exception.
        outermost: Whether it is the one that was caught, and not one beneath it.
    """

    def __init__(self, error: BaseException, *, outermost: bool = True) -> None:
        self.error = error
        self.outermost = outermost

    def isa(self, *classes: type[BaseException]) -> bool:
        """Whether the exception is of one of these classes, whatever it says of its `__class__`."""
        return issubclass(type(self.error), classes)

    @cached_property
    def lineage(self) -> tuple[tuple[str, str], ...]:
        """Module and name of the exception's classes, the most derived first."""
        classes = attribute(type(self.error), "__mro__") or ()
        pairs = ((attribute(cls, "__module__"), attribute(cls, "__name__")) for cls in classes)
        return tuple((module, name) for module, name in pairs if type(module) is str and type(name) is str)

    def comes_from(self, *packages: str) -> bool:
        """Whether a class of the exception lives in one of these top-level packages."""
        return any(module.partition(".")[0] in packages for module, _ in self.lineage)

    @cached_property
    def status(self) -> int | None:
        """HTTP status of the answer, from 400 to 599; `None` without one."""
        response = attribute(self.error, "response")
        metadata = _item(response, "ResponseMetadata")  # botocore
        candidates = [attribute(self.error, name) for name in ("status_code", "code", "status", "http_status")]
        candidates += [attribute(response, "status_code"), attribute(response, "status")]
        candidates += [_item(metadata, "HTTPStatusCode"), *self._codes]
        return next((status for status in map(_error_status, candidates) if status), None)

    @cached_property
    def status_in_text(self) -> int | None:
        """HTTP status that only the text tells."""
        found = _STATUS_IN_TEXT.search(self.text)
        return int(found[found.lastindex or 0]) if found else None

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Words by which the service itself names the failure, such as `overloaded_error` or `UNAVAILABLE`."""
        found = _CODE_IN_TEXT.match(self.text)
        return tuple(code for code in [*self._codes, found and found[1]] if type(code) is str and len(code) < 100)

    @cached_property
    def _codes(self) -> list[Any]:
        error = self.error
        found = [attribute(error, name) for name in ("code", "type", "status", "error_code")]
        found.append(attribute(attribute(error, "grpc_status_code"), "name"))  # google.api_core
        if self.comes_from("grpc"):
            found.append(_grpc_code(error))
        for body in self._bodies:
            inner = next((_item(body, name) for name in ("error", "Error") if _item(body, name)), None)
            for part in (_item(inner, "innererror"), inner, body):
                found += [_item(part, name) for name in ("code", "type", "status", "Code")]
        return found

    @property
    def _bodies(self) -> Iterator[Any]:
        yield from (attribute(self.error, name) for name in ("body", "details", "response"))
        # langchain-openai raises `ValueError({"message": …, "code": …})` for an error object with status 200.
        arguments = attribute(self.error, "args")
        if type(arguments) is tuple and arguments:
            yield arguments[0]

    @cached_property
    def text(self) -> str:
        """All the words there are: the message and the service's own."""
        response = attribute(self.error, "response")
        body = attribute(self.error, "body")
        # `_content` is what httpx and requests have read already; their `.text` might read more.
        parts = [self.error, attribute(self.error, "message"), body, attribute(response, "_content")]
        return "\n".join(filter(None, map(_text, parts)))

    def wait(self, now: float | None) -> float | None:
        """Return the seconds to wait, `None` when nobody said.

        Args:
            now: The time in seconds since 1970, to count from to a date.
        """
        said = _seconds(attribute(self.error, "retry_after"))
        if said is not None:
            return said
        said = _seconds(retry_after_seconds(self._headers, now=now))
        if said is not None:
            return said
        found = _RETRY_INFO.search(self.text)
        return float(found[1]) if found else _seconds(retry_after_seconds({}, self.text, now=now))

    @property
    def _headers(self) -> dict[str, str]:
        response = attribute(self.error, "response")
        metadata = _item(response, "ResponseMetadata")
        headers: dict[str, str] = {}
        for source in (
            _item(metadata, "HTTPHeaders"),
            attribute(self.error, "headers"),
            attribute(response, "headers"),
        ):
            try:
                for (name, value), _ in zip(source.items(), range(_MAX_HEADERS), strict=False):
                    headers[str(name).lower()] = str(value)
            except Exception:  # noqa: BLE001, S112 - there are none, or a foreign mapping raises anything
                continue
        return headers


def _item(thing: Any, name: str) -> Any:
    return dict.get(thing, name) if issubclass(type(thing), dict) else None


def _error_status(value: Any) -> int | None:
    if issubclass(type(value), int) and 400 <= int.__int__(value) <= 599:
        return int.__int__(value)
    if type(value) is str and re.fullmatch(r"[45]\d\d", value, re.ASCII):
        return int(value)
    return None


def _grpc_code(error: BaseException) -> Any:
    try:
        return error.code().name  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - whatever this is, it has no code
        return None


def _text(thing: Any) -> str:
    if thing is None:
        return ""
    try:
        if isinstance(thing, bytes):
            return bytes(thing[:_MAX_TEXT]).decode("utf-8", "replace")
        text: str = str.__getitem__(str(thing), slice(_MAX_TEXT))
    except Exception:  # noqa: BLE001 - `__str__` of a foreign class may raise anything
        return ""
    return text


def _seconds(value: Any) -> float | None:
    if not issubclass(type(value), int | float | str) or type(value) is bool:
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
