"""The body of a chat completion request from what langchain-openai makes of a call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode

from openai.lib._parsing._completions import type_to_response_format_param

from ..answers import PLAIN, Contract, asked_in, contract_in, contract_of, schema_of
from ..errors import ConfigurationError
from .time_limits import LIMITS

__all__ = [
    "OwnHeaders",
    "RequestParts",
    "is_reasoning_model",
    "own_headers_of",
    "request_parts",
    "with_query",
]

_REASONING = re.compile(r"^(o\d|gpt-5(?!-chat))", re.IGNORECASE)

_REFUSED_BY_REASONING = (
    # https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning ("Not supported")
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
)
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 §5.6.2
_SHORTEST_SECRET = 8
_ABOUT_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_OWN_HEADERS = frozenset(
    {"authorization", "api-key", "host", "content-length", "content-type", "transfer-encoding", "connection"}
    | {"accept-encoding", "correlationid"}
)


class OwnHeaders(Mapping[str, Any]):
    """Headers of the user's own, which do not show their values: tracebacks may show local variables.

    No `dict`, of which some show the items whatever its `repr` says.
    """

    def __init__(self, headers: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._headers = dict(headers)

    def __getitem__(self, name: str) -> Any:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self))})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a service may not echo of them; shorter values would be found in anything."""
        values = [str(value).strip() for value in self.values()]
        # What stands behind "Bearer" and the like may be echoed alone.
        values += [rest for value in values for scheme, _, rest in (value.partition(" "),) if scheme.isalpha()]
        return tuple(value for value in values if len(value) >= _SHORTEST_SECRET)


@dataclass(frozen=True, slots=True)
class RequestParts:
    """What a call brings to its request, sorted by where it goes."""

    model: str
    body: bytes = field(repr=False)
    headers: OwnHeaders = field(repr=False)
    query: dict[str, str]
    limits: dict[str, Any]
    """Those of `LIMITS` that the call sets itself."""
    schema: type | None
    """Class that the answer is parsed into (`response_format` given as a class)."""
    contract: Contract = PLAIN
    """What is asked of the answer."""


def is_reasoning_model(model: str) -> bool:
    """Whether a model is of the o-series or of gpt-5, which take fewer parameters than the others."""
    return bool(_REASONING.match(model))


def request_parts(payload: dict[str, Any], *, headers: Mapping[str, Any], query: Mapping[str, Any]) -> RequestParts:
    """Sort a payload as langchain-openai builds it for the SDK.

    Args:
        payload: Keyword arguments of the SDK's `chat.completions.create`.
        headers: Headers of the user's own (`default_headers`).
        query: Query parameters of the user's own (`default_query`).
    """
    payload = _adapted({name: value for name, value in payload.items() if not _is_not_given(value)})
    own_headers = own_headers_of(OwnHeaders({**headers, **(payload.pop("extra_headers", None) or {})}))
    own_query = _query({**query, **(payload.pop("extra_query", None) or {})})
    limits: dict[str, Any] = {name: payload.pop(name) for name in LIMITS if name in payload}
    payload.update(payload.pop("extra_body", None) or {})
    if payload.get("tools") == []:
        # What LangChain's agents bind when they have none; services refuse an empty list.
        payload = {name: value for name, value in payload.items() if name not in _ABOUT_TOOLS}
    answer_schema = payload.pop("answer_schema", None)
    schema = payload.get("response_format")
    if isinstance(schema, type):
        # Services want each field in the answer, where the class has defaults for some.
        answer_schema = answer_schema or schema_of(schema)
        payload["response_format"] = type_to_response_format_param(schema)
    text, contract = _written(payload, answer_schema)
    return RequestParts(
        model=str(payload.get("model", "")),
        # A lone surrogate is no character and has no encoding; `?` is what it is shown as.
        body=text.encode("utf-8", "replace"),
        headers=own_headers,
        query=own_query,
        limits=limits,
        schema=schema if isinstance(schema, type) else None,
        contract=contract,
    )


def _written(payload: dict[str, Any], answer_schema: Any) -> tuple[str, Contract]:
    """Return the JSON of a payload, and what it asks of the answer; tools are long, and written once for both."""
    asked = asked_in(payload)
    if not asked or answer_schema:
        return _JSON.encode(payload), contract_of({**asked, "answer_schema": answer_schema})
    asked_text = _JSON.encode(asked)
    rest = _JSON.encode({name: value for name, value in payload.items() if name not in asked})
    return (asked_text if rest == "{}" else f"{rest[:-1]},{asked_text[1:]}"), contract_in(asked_text)


@lru_cache(maxsize=64)
def with_query(url: str, query: tuple[tuple[str, str], ...]) -> str:
    """Return a URL with query parameters beside its own, which win."""
    place, _, own = url.partition("?")
    text = urlencode({**dict(query), **dict(parse_qsl(own))})
    return f"{place}?{text}" if text else place


def own_headers_of(given: OwnHeaders) -> OwnHeaders:
    """Return the user's own headers, by lower-case name, without those that the request has itself.

    Raises:
        ConfigurationError: HTTP cannot carry one of them.
    """
    taken = OwnHeaders(
        {name: value for name, value in given.items() if not _is_not_given(value) and name.lower() not in _OWN_HEADERS}
    )
    wrong = next((name for name, value in taken.items() if not _can_be_sent(name, str(value))), None)
    if wrong is not None:
        msg = f"The header {wrong!r} cannot be sent: give it a name of letters and printable ASCII text."
        raise ConfigurationError(msg, setting="default_headers")
    return OwnHeaders({name.lower(): str(value).strip() for name, value in taken.items()})


def _can_be_sent(name: str, text: str) -> bool:
    return bool(_HEADER_NAME.fullmatch(name)) and text.isascii() and text.isprintable()


def _query(given: Mapping[str, Any]) -> dict[str, str]:
    """Return query parameters in the form in which the SDK writes them."""
    return {name: _query_value(value) for name, value in given.items() if not _is_not_given(value)}


def _query_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _adapted(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave out or rename what the model does not take."""
    if not is_reasoning_model(str(payload.get("model", ""))):
        return payload
    payload = {name: value for name, value in payload.items() if name not in _REFUSED_BY_REASONING}
    if "max_tokens" in payload:
        limit = payload.pop("max_tokens")
        payload.setdefault("max_completion_tokens", limit)
    return payload


def _is_not_given(value: object) -> bool:
    """Whether a value is one of the SDK's markers for "leave this out"."""
    return type(value).__name__ in ("NotGiven", "Omit")
