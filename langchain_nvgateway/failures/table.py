"""The table of failures: what kind a single exception is, as far as it says so itself.

The rows stand in the order in which they are asked. That order settles what an exception is that fits
several, such as `requests`' `StreamConsumedError`, which is a `TypeError` too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
    OutputParserException,
)

from ..errors import (
    ConfigurationError,
    ContentFilteredError,
    EgressDeniedError,
    InvalidResponseError,
    NVGatewayError,
    StarfleetError,
)
from .evidence import Evidence, attribute, traceback_of
from .kinds import FailureKind

__all__ = ["is_filter", "is_interrupt", "kind_of"]

_OURS = __name__.partition(".")[0]
_KINDS_OF_STATUS: Mapping[int, FailureKind] = MappingProxyType(
    {
        400: FailureKind.REQUEST,
        401: FailureKind.CREDENTIALS,
        402: FailureKind.CREDENTIALS,  # no credit left: the account's trouble, as with 403
        403: FailureKind.CREDENTIALS,
        404: FailureKind.MISSING,
        410: FailureKind.MISSING,
        413: FailureKind.REQUEST,
        422: FailureKind.REQUEST,
        429: FailureKind.RATE_LIMIT,
    }
)
_KINDS_OF_CLASSES: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (ContextOverflowError, FailureKind.CONTEXT),
    (ModelAuthenticationError, FailureKind.CREDENTIALS),
    (ModelPermissionDeniedError, FailureKind.CREDENTIALS),
    (ModelNotFoundError, FailureKind.MISSING),
    (ModelRateLimitError, FailureKind.RATE_LIMIT),
    (ModelAPIError, FailureKind.AVAILABILITY),
    (ModelTimeoutError, FailureKind.AVAILABILITY),
    (ModelInvalidRequestError, FailureKind.REQUEST),
    # `ModelConnectionError` is not here: openai puts anything that went wrong under way into one, so that
    # what is beneath it speaks first.
)
_PROGRAMMING_ERRORS = (TypeError, AttributeError, NameError, AssertionError)
_NETWORK = (
    *("aiohttp", "anyio", "h11", "h2", "http", "httpcore", "httpcore2", "httpx", "httpx2", "requests", "socket"),
    *("ssl", "urllib", "urllib3", "websockets"),
)
_FILTER_WORDS = (
    *("contentfilter", "contentfilterfinishreason", "contentpolicyviolation", "responsibleaipolicyviolation"),
    "blockedprompt",
)
_WORDS_OF_KINDS: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.AVAILABILITY: "overloaded server internalserver internal serviceunavailable unavailable timeout "
        "apitimeout deadline gatewaytimeout aborted dataloss unimplemented conflict modelnotready transport",
        FailureKind.RATE_LIMIT: "ratelimit resourceexhausted toomanyrequests throttling insufficientquota "
        "quota requestlimit servicequota",
        FailureKind.CREDENTIALS: "authentication unauthenticated unauthorized invalidapikey permission "
        "permissiondenied forbidden accessdenied billing paymentrequired credentials nocredentials "
        "defaultcredentials refresh unrecognizedclient expiredtoken",
        FailureKind.MISSING: "notfound modelnotfound deploymentnotfound resourcenotfound gone",
        FailureKind.CONTEXT: "contextlength contextwindow contextoverflow",
        FailureKind.REQUEST: f"badrequest invalidrequest invalidargument failedprecondition outofrange "
        f"unprocessableentity requesttoolarge openairefusal {' '.join(_FILTER_WORDS)}",
    }
)
"""How services and SDKs call a failure: `rate_limit_error`, `RateLimitError`, `RATE_LIMIT_EXCEEDED` are one word."""

_KINDS_OF_WORDS = {word: kind for kind, words in _WORDS_OF_KINDS.items() for word in words.split()}
_ENDINGS = re.compile(r"(?:error|exception|exceeded)+\Z")

_DEGRADED = re.compile(r"\bDEGRADED\b")  # hosted NIM: an outage, whatever the status (400 as a rule)
_FILTERED = re.compile(
    r"\bcontent_filter\b|ResponsibleAIPolicyViolation|content_policy_violation|content management policy"
    r"|content filtering policy|response content as the request was rejected by the content filter",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|ContextWindowExceeded|(?:maximum|model's) context length|context window|context limit"
    r"|prompt is too long|input is too long|input tokens exceed|maximum number of tokens allowed"
    r"|longer than the (?:maximum )?model|reduce the length of the (?:messages|prompt|input)",
    re.IGNORECASE,
)
# Gemini refuses a bad key, and Anthropic an empty account, with 400.
_NOT_LET_IN = re.compile(
    r"API[ _]key (?:not valid|not found|expired|invalid|is invalid|required)|(?:invalid|no|missing) API[ _]key"
    r"|API_KEY_INVALID|credit balance is too low|billing_hard_limit|billing (?:account|is not|has not)"
    r"|User location is not supported|missing credentials|Could not resolve authentication method"
    r"|api_key client option must be set",
    re.IGNORECASE,
)
# vLLM's and NIM's own sentences: what users wrote may be quoted in a refusal.
_NO_TOOLS = re.compile(
    r"Tool use has not been enabled, because it is unsupported by|tool choice requires --enable-auto-tool-choice and"
)
_TOO_MANY = re.compile(r"\brate[ _-]?limit|\btoo many requests\b|\bquota\b|\bresource_exhausted\b", re.IGNORECASE)

_REPLY_READERS = frozenset(
    {
        *("_create_chat_result", "_convert_chunk_to_generation_chunk"),  # langchain-openai
        *("_construct_lc_result_from_responses_api", "_convert_responses_chunk_to_generation_chunk"),
        *("_format_output", "_make_message_chunk_from_anthropic_event"),  # langchain-anthropic
        *("_response_to_result", "_parse_response_candidate"),  # langchain-google-genai
        *("_process_response", "_aggregate_msgs", "_custom_postprocess"),  # langchain-nvidia-ai-endpoints
    }
)
"""Functions by which LangChain's integrations turn a reply into messages; no code of a caller runs in them."""


def kind_of(evidence: Evidence) -> FailureKind | None:
    """Return the kind of a single exception, `None` if it is in no row."""
    return next((kind for kind in (row(evidence) for row in _ROWS) if kind), None)


def is_interrupt(evidence: Evidence) -> bool:
    """Whether this is an interrupt, which nothing may turn into a failure.

    LangGraph's all derive from `GraphBubbleUp`.
    """
    return evidence.isa(KeyboardInterrupt, SystemExit) or any(
        name == "GraphBubbleUp" and module.startswith("langgraph.") for module, name in evidence.lineage
    )


def is_filter(evidence: Evidence) -> bool:
    """Whether a content filter stopped the prompt or the answer, if this is a failure of the request."""
    if evidence.isa(ContentFilteredError):
        return True
    return any(_word(name) in _FILTER_WORDS for name in _names(evidence)) or bool(_FILTERED.search(evidence.text))


def _control_flow(evidence: Evidence) -> FailureKind | None:
    if is_interrupt(evidence) or not evidence.isa(Exception):  # asyncio's and trio's cancellations, GeneratorExit, …
        return FailureKind.CONTROL_FLOW
    # Beneath another exception, the end of an iterator is an accident of how the other came about.
    if evidence.outermost and evidence.isa(StopIteration, StopAsyncIteration):
        return FailureKind.CONTROL_FLOW
    return FailureKind.CONTROL_FLOW if ("concurrent.futures._base", "CancelledError") in evidence.lineage else None


def _our_own(evidence: Evidence) -> FailureKind | None:
    """Judge this package's errors, which know best.

    - Starfleet: the token endpoint's trouble, also when it will pass, is none of the model endpoint's.
    - `EgressDeniedError`: a service that sends its callers elsewhere is broken. What a policy denies is
      settled before a model is called.
    - `ConfigurationError`: the caller has to mend a setting; another model would only hide that.
    """
    if any(name == "CircuitOpenError" and module.startswith(f"{_OURS}.") for module, name in evidence.lineage):
        return FailureKind.CIRCUIT_OPEN
    if evidence.isa(StarfleetError):
        return FailureKind.CREDENTIALS
    if evidence.isa(InvalidResponseError) and attribute(evidence.error, "is_quality") is True:
        return FailureKind.QUALITY
    if evidence.isa(ConfigurationError):
        return FailureKind.REQUEST
    if evidence.isa(EgressDeniedError, InvalidResponseError):
        return FailureKind.AVAILABILITY
    return (_model_error(evidence) or FailureKind.AVAILABILITY) if evidence.isa(NVGatewayError) else None


def _model_error(evidence: Evidence) -> FailureKind | None:
    kind = next((kind for cls, kind in _KINDS_OF_CLASSES if evidence.isa(cls)), None)
    status = evidence.status
    if kind is FailureKind.REQUEST and status and not evidence.isa(ContentFilteredError):
        # Some integrations call every other 4xx an invalid request; and a model that cannot read a history says 500.
        kind = _kind_of_status(status)
    return _on_closer_look(evidence, kind)


def _quality(evidence: Evidence) -> FailureKind | None:
    is_unusable = evidence.isa(OutputParserException) or any(
        (name == "ValidationError" and module.partition(".")[0] in ("pydantic", "pydantic_core", "jsonschema"))
        or (name == "StructuredOutputError" and module.startswith("langchain."))
        or (name == "LengthFinishReasonError" and module.startswith("openai"))
        for module, name in evidence.lineage
    )
    return FailureKind.QUALITY if is_unusable else None


def _bug(evidence: Evidence) -> FailureKind | None:
    if not evidence.outermost or not evidence.isa(*_PROGRAMMING_ERRORS):
        return None  # A wrapper around a programming error was put there on purpose.
    if evidence.comes_from(*_NETWORK, "google"):
        return None  # such as `google.auth.exceptions.InvalidType`, a matter of credentials
    if _NOT_LET_IN.search(evidence.text):  # anthropic without a key raises `TypeError`
        return FailureKind.CREDENTIALS
    return FailureKind.AVAILABILITY if _is_from_reply(evidence.error) else FailureKind.BUG


def _is_from_reply(error: BaseException) -> bool:
    """Whether LangChain tripped over a reply, such as `"choices": null`, and nobody over a mistake of their own."""
    for step in traceback_of(error):
        name, module = step.tb_frame.f_code.co_name, str(step.tb_frame.f_globals.get("__name__"))
        is_reader = name in _REPLY_READERS or (step.tb_next is None and name in ("_stream", "_astream"))
        if is_reader and module.startswith("langchain_") and not module.startswith(("langchain_core", _OURS)):
            return True
    return False


def _answer(evidence: Evidence) -> FailureKind | None:
    return _on_closer_look(evidence, _kind_of_status(evidence.status)) if evidence.status else None


def _named(evidence: Evidence) -> FailureKind | None:
    """Go by how the service calls it, or how the SDK calls the class."""
    kinds = (_KINDS_OF_WORDS.get(_word(name)) for name in _names(evidence))
    return _on_closer_look(evidence, next(filter(None, kinds), None))


def _network(evidence: Evidence) -> FailureKind | None:
    is_network = evidence.isa(OSError) or evidence.comes_from(*_NETWORK)
    return FailureKind.AVAILABILITY if is_network else None


def _worded(evidence: Evidence) -> FailureKind | None:
    if evidence.status_in_text:
        return _on_closer_look(evidence, _kind_of_status(evidence.status_in_text))
    text = evidence.text
    if _TOO_MANY.search(text):
        return FailureKind.RATE_LIMIT
    kind = _on_closer_look(evidence, FailureKind.REQUEST)
    return kind if kind is not FailureKind.REQUEST or is_filter(evidence) else None


def _on_closer_look(evidence: Evidence, kind: FailureKind | None) -> FailureKind | None:
    """Correct the kind by the words, where services use one status for different things."""
    if kind in (None, FailureKind.AVAILABILITY, FailureKind.CONTEXT):
        return kind
    if _DEGRADED.search(evidence.text):
        return FailureKind.AVAILABILITY
    if kind is not FailureKind.REQUEST or is_filter(evidence):
        return kind
    if any(_TOO_LONG.search(words) for words in (*evidence.codes, evidence.text)):
        return FailureKind.CONTEXT
    if _NO_TOOLS.search(evidence.text):
        return FailureKind.UNSUPPORTED
    return FailureKind.CREDENTIALS if _NOT_LET_IN.search(evidence.text) else kind


def _kind_of_status(status: int) -> FailureKind:
    return _KINDS_OF_STATUS.get(status, FailureKind.AVAILABILITY)


def _names(evidence: Evidence) -> tuple[str, ...]:
    return *evidence.codes, *(name for module, name in evidence.lineage if module != "builtins")


def _word(name: str) -> str:
    return _ENDINGS.sub("", re.sub(r"[\W_]", "", name).lower())


_ROWS: tuple[Callable[[Evidence], FailureKind | None], ...] = (
    _control_flow,
    _our_own,
    _model_error,
    _quality,
    _bug,
    _answer,
    _named,
    _network,
    _worded,
)
