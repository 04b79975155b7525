"""Every error that this package raises on its own account.

The tree (those marked * can be helped by a retry):

    NVGatewayError
    ├── ConfigurationError
    ├── EgressDeniedError
    ├── StarfleetError                 (ModelError)
    │   ├── StarfleetAuthError         (ModelAuthenticationError)
    │   └── StarfleetUnavailableError* (ModelAPIError)
    ├── CircuitOpenError*              (ModelError)
    ├── InvalidResponseError*          (ModelError)
    │   ├── ToolCallCorruptedError*
    │   ├── TruncatedResponseError*
    │   └── EmptyResponseError*
    ├── StreamInterruptedError*        (ModelConnectionError)
    ├── AllProvidersFailedError*       (ModelError)
    └── ContentFilteredError           (ModelInvalidRequestError)

Answers with an error status additionally are the matching `openai` error; those classes live beside
the chat models, so that this module stays light.
"""

from __future__ import annotations

from typing import Any, TypeVar

from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
)

__all__ = [
    "AllProvidersFailedError",
    "CircuitOpenError",
    "ConfigurationError",
    "ContentFilteredError",
    "EgressDeniedError",
    "EmptyResponseError",
    "InvalidResponseError",
    "NVGatewayError",
    "StarfleetAuthError",
    "StarfleetError",
    "StarfleetUnavailableError",
    "StreamInterruptedError",
    "ToolCallCorruptedError",
    "TruncatedResponseError",
]

ErrorT = TypeVar("ErrorT", bound=BaseException)


def _restore(cls: type[ErrorT], args: tuple[Any, ...], state: dict[str, Any]) -> ErrorT:
    """Rebuild an error without its `__init__`, whose signature differs from class to class."""
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class NVGatewayError(Exception):
    """Root of the errors of this package; can be pickled and copied with all its data."""

    status_code: Any = None
    """HTTP status of the answer, an `int`; `None` when there was none. (`openai` types it per class.)"""

    retry_after: float | None = None
    """Seconds after which another try makes sense, `None` when nobody said."""

    correlation_id: str | None = None
    """The id that the gateway's audit log and the LangChain trace have for the call."""

    def __init__(self, message: str, /, **data: Any) -> None:
        # Not `super().__init__`: in errors that are `openai`'s as well, that would be a constructor of theirs.
        Exception.__init__(self, message)
        self.__dict__.update(data)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__.copy())


class ConfigurationError(NVGatewayError):
    """A setting is missing or malformed; the message names it and says what to do.

    Not a `ValueError`, since pydantic would wrap that in its `ValidationError`.
    """

    setting: str | None = None
    """The argument or environment variable at fault."""


class EgressDeniedError(NVGatewayError):
    """A request would have left for a host that nobody has allowed; nothing was sent."""

    host: str | None = None
    """Host, with its port, that the request would have gone to."""

    role: str | None = None
    """Role whose model it was; `None` for a chat model that is used alone."""

    leg: str | None = None
    """The leg, as `provider:model`."""

    reason: str | None = None
    """Which rule denied it, in words; `None` if the HTTP client did."""


class StarfleetError(NVGatewayError, ModelError):
    """No access token can be had from Starfleet."""


class StarfleetAuthError(StarfleetError, ModelAuthenticationError):
    """Starfleet refuses the client credentials; trying again with the same ones is useless."""


class StarfleetUnavailableError(StarfleetError, ModelAPIError):
    """Starfleet cannot be reached or gives broken answers; a later try may help."""

    is_retryable = True


class CircuitOpenError(NVGatewayError, ModelError):
    """A circuit breaker let no call through, after failures; nothing was sent."""

    is_retryable = True

    name: str | None = None
    """The breaker's name: `provider:model`."""


class InvalidResponseError(NVGatewayError, ModelError):
    """The answer cannot be used: it is no chat completion, or not what was asked for."""

    is_retryable = True

    is_quality: bool = False
    """Whether the model is at fault, and not the service."""

    reason: str | None = None
    """What is wrong with the answer, in a few words."""

    raw: str | None = None
    """What came, at most 500 characters and with secrets removed: the arguments of the call, or the answer."""

    usage_metadata: Any = None
    """Tokens that the answer cost all the same, as LangChain's `UsageMetadata`; `None` when nobody counted them."""


class ToolCallCorruptedError(InvalidResponseError):
    """A tool call cannot be run as it came, is missing although it was demanded, or was written into the text."""

    is_quality = True


class TruncatedResponseError(InvalidResponseError):
    """The answer was cut in the midst of a tool call, or of an object in a schema."""

    is_quality = True


class EmptyResponseError(InvalidResponseError):
    """The answer says nothing."""

    is_quality = True


class StreamInterruptedError(NVGatewayError, ModelConnectionError):
    """A stream broke off after its reader had seen a part of it."""

    is_retryable = True

    partial: Any = None
    """The `AIMessageChunk` so far."""


class AllProvidersFailedError(NVGatewayError, ModelError):
    """No leg of a role could answer; `__cause__` is the first failure."""

    is_retryable = True

    role: str | None = None

    attempts: list[dict[str, Any]] = []  # noqa: RUF012 - each error has its own, given to the constructor
    """What became of each leg in their order: `{provider, model, outcome, error, seconds}`.

    `outcome` is `failed`, `rejected` (its answer was unusable) or `skipped`; `error` says why, in words.
    """


class ContentFilteredError(NVGatewayError, ModelInvalidRequestError):
    """The service's content filter stopped the prompt or the answer."""

    partial: Any = None
    """The `AIMessageChunk` that a stream had brought by then."""
