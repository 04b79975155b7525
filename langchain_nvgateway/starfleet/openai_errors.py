"""Our errors as openai errors too, for those that are raised inside the openai client."""

from __future__ import annotations

from openai import OpenAIError

from ..errors import EgressDeniedError, NVGatewayError, StarfleetAuthError, StarfleetError, StarfleetUnavailableError

__all__ = ["as_openai_error"]


class OpenAIEgressDeniedError(EgressDeniedError, OpenAIError):
    """`EgressDeniedError` that passes through the openai client."""


class OpenAIStarfleetError(StarfleetError, OpenAIError):
    """`StarfleetError` that passes through the openai client."""


class OpenAIStarfleetAuthError(StarfleetAuthError, OpenAIError):
    """`StarfleetAuthError` that passes through the openai client."""


class OpenAIStarfleetUnavailableError(StarfleetUnavailableError, OpenAIError):
    """`StarfleetUnavailableError` that passes through the openai client."""


_TWINS: dict[type[NVGatewayError], type[NVGatewayError]] = {
    EgressDeniedError: OpenAIEgressDeniedError,
    StarfleetError: OpenAIStarfleetError,
    StarfleetAuthError: OpenAIStarfleetAuthError,
    StarfleetUnavailableError: OpenAIStarfleetUnavailableError,
}


def as_openai_error(error: NVGatewayError) -> NVGatewayError:
    """Return the error as one that is an `OpenAIError` too, with the same text and data."""
    twin = _TWINS.get(type(error))
    return twin(*error.args, **error.__dict__) if twin else error
