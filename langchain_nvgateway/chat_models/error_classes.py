"""The errors of services as classes that LangChain's and `openai`'s users know.

Each class is an `NVGatewayError`, the LangChain `ModelError` of its kind and, where there is one, the
matching `openai` error:

    BadAnswerError*         InvalidResponseError      openai.APIResponseValidationError
    BrokenCallError*        ToolCallCorruptedError    openai.APIResponseValidationError
    CutAnswerError*         TruncatedResponseError    openai.APIResponseValidationError
    EmptyAnswerError*       EmptyResponseError        openai.APIResponseValidationError
    FilteredError           ContentFilteredError      openai.BadRequestError
    ContextTooLongError     ContextOverflowError      openai.BadRequestError
    InvalidRequestError     ModelInvalidRequestError  openai.BadRequestError
    SingleToolCallError     that, for a turn with several tool calls
    UnprocessableError      ModelInvalidRequestError  openai.UnprocessableEntityError
    RefusedRequestError     ModelInvalidRequestError  openai.APIStatusError            (405, 413, …)
    UnauthorizedError       ModelAuthenticationError  openai.AuthenticationError
    ForbiddenError          ModelPermissionDeniedError openai.PermissionDeniedError
    UnknownModelError       ModelNotFoundError        openai.NotFoundError
    RetiredModelError       ModelNotFoundError        openai.APIStatusError            (410)
    RateLimitedError*       ModelRateLimitError       openai.RateLimitError
    ConflictError*          ModelAPIError             openai.ConflictError
    OutageError*            ModelAPIError             openai.InternalServerError       (5xx, DEGRADED)
    SlowServiceError*       ModelTimeoutError         openai.APIStatusError            (408, 425)
    UnreachableError*       ModelConnectionError      openai.APIConnectionError
    LockedOutError          that, where the proxy refuses its user and password
    TimedOutError*          ModelTimeoutError         openai.APITimeoutError

Those marked * can be helped by a retry. What is found wrong with an answer after its reader has seen a part of it is
a `StreamInterruptedError` as well.
"""

from __future__ import annotations

import openai
from langchain_core.exceptions import (
    ModelAPIError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelTimeoutError,
)
from langchain_openai.chat_models import base as langchain_openai

from ..errors import (
    ContentFilteredError,
    EmptyResponseError,
    InvalidResponseError,
    NVGatewayError,
    StreamInterruptedError,
    ToolCallCorruptedError,
    TruncatedResponseError,
)

__all__ = [
    "BadAnswerError",
    "BrokenCallError",
    "ConflictError",
    "ContextTooLongError",
    "CutAnswerError",
    "EmptyAnswerError",
    "FilteredError",
    "ForbiddenError",
    "InvalidRequestError",
    "LateBadAnswerError",
    "LateBrokenCallError",
    "LateCutAnswerError",
    "LateEmptyAnswerError",
    "LockedOutError",
    "OutageError",
    "RateLimitedError",
    "RefusedRequestError",
    "RetiredModelError",
    "SingleToolCallError",
    "SlowServiceError",
    "TimedOutError",
    "UnauthorizedError",
    "UnknownModelError",
    "UnprocessableError",
    "UnreachableError",
]


class BadAnswerError(InvalidResponseError, openai.APIResponseValidationError):
    """The answer is no chat completion."""


class BrokenCallError(ToolCallCorruptedError, BadAnswerError):
    """A tool call in the answer cannot be run, or is missing."""


class CutAnswerError(TruncatedResponseError, BadAnswerError):
    """The answer was cut where it must not be."""


class EmptyAnswerError(EmptyResponseError, BadAnswerError):
    """The answer says nothing."""


class LateBadAnswerError(BadAnswerError, StreamInterruptedError):
    """A `BadAnswerError` after a part was seen."""


class LateBrokenCallError(BrokenCallError, StreamInterruptedError):
    """A `BrokenCallError` after a part was seen."""


class LateCutAnswerError(CutAnswerError, StreamInterruptedError):
    """A `CutAnswerError` after a part was seen."""


class LateEmptyAnswerError(EmptyAnswerError, StreamInterruptedError):
    """An `EmptyAnswerError` after a part was seen."""


class FilteredError(ContentFilteredError, langchain_openai.OpenAIInvalidRequestError):
    """The content filter stopped the call."""


class ContextTooLongError(NVGatewayError, langchain_openai.OpenAIContextOverflowError):
    """The conversation does not fit into the model's context."""


class InvalidRequestError(NVGatewayError, langchain_openai.OpenAIInvalidRequestError):
    """The service takes the request for invalid."""


class SingleToolCallError(InvalidRequestError):
    """The model takes one tool call per turn, and the conversation has a turn with several."""


class UnprocessableError(NVGatewayError, openai.UnprocessableEntityError, ModelInvalidRequestError):
    """The service could not validate the request."""


class RefusedRequestError(NVGatewayError, openai.APIStatusError, ModelInvalidRequestError):
    """The service refuses the request for another reason."""


class UnauthorizedError(NVGatewayError, langchain_openai.OpenAIAuthenticationError):
    """The service does not accept the token or key."""


class ForbiddenError(NVGatewayError, langchain_openai.OpenAIPermissionDeniedError):
    """The token or key does not entitle to this model."""


class UnknownModelError(NVGatewayError, langchain_openai.OpenAIModelNotFoundError):
    """The service has no such model for this client."""


class RetiredModelError(NVGatewayError, openai.APIStatusError, ModelNotFoundError):
    """The model has reached its end of life."""


class RateLimitedError(NVGatewayError, langchain_openai.OpenAIRateLimitError):
    """Too many requests."""


class ConflictError(NVGatewayError, openai.ConflictError, ModelAPIError):
    """The service is busy with a conflicting request."""


class OutageError(NVGatewayError, langchain_openai.OpenAIAPIError):
    """The service has a failure of its own."""


class SlowServiceError(NVGatewayError, openai.APIStatusError, ModelTimeoutError):
    """The service itself ran out of time."""


class UnreachableError(NVGatewayError, langchain_openai.OpenAIConnectionError):
    """No connection, or it broke before the answer was there."""


class LockedOutError(UnreachableError):
    """The proxy does not accept the user and password; it is not asked again, since that may lock an account."""

    is_retryable = False


class TimedOutError(NVGatewayError, langchain_openai.OpenAITimeoutError):
    """No answer within the time that the caller allows."""
