"""The error tree and what its members carry."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core import exceptions as langchain
from langchain_core.messages import AIMessageChunk

from langchain_nvgateway import errors
from langchain_nvgateway.errors import NVGatewayError

_TREE = {
    "NVGatewayError": (Exception,),
    "ConfigurationError": (NVGatewayError,),
    "EgressDeniedError": (NVGatewayError,),
    "CircuitOpenError": (NVGatewayError, langchain.ModelError),
    "AllProvidersFailedError": (NVGatewayError, langchain.ModelError),
    "StarfleetError": (NVGatewayError, langchain.ModelError),
    "StarfleetAuthError": (errors.StarfleetError, langchain.ModelAuthenticationError),
    "StarfleetUnavailableError": (errors.StarfleetError, langchain.ModelAPIError),
    "InvalidResponseError": (NVGatewayError, langchain.ModelError),
    "ToolCallCorruptedError": (errors.InvalidResponseError,),
    "TruncatedResponseError": (errors.InvalidResponseError,),
    "EmptyResponseError": (errors.InvalidResponseError,),
    "StreamInterruptedError": (NVGatewayError, langchain.ModelConnectionError),
    "ContentFilteredError": (NVGatewayError, langchain.ModelInvalidRequestError),
}
_RETRYABLE = {
    "AllProvidersFailedError",
    "CircuitOpenError",
    "StarfleetUnavailableError",
    "InvalidResponseError",
    "ToolCallCorruptedError",
    "TruncatedResponseError",
    "EmptyResponseError",
    "StreamInterruptedError",
}
_COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle protocol {protocol}": lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
ALL = [getattr(errors, name) for name in _TREE]


def test_tree_is_whole() -> None:
    """No error of the module is left out here."""
    assert set(errors.__all__) == set(_TREE)


@pytest.mark.parametrize("name", _TREE)
def test_tree_is_as_drawn(name: str) -> None:
    """Each error is what handlers of LangChain and of this package catch."""
    assert getattr(errors, name).__bases__ == _TREE[name]


@pytest.mark.parametrize("name", _TREE)
def test_errors_say_whether_a_retry_may_help(name: str) -> None:
    """LangChain's retry logic reads `is_retryable`."""
    error = getattr(errors, name)("text")

    assert bool(getattr(error, "is_retryable", False)) is (name in _RETRYABLE)


@pytest.mark.parametrize("kind", ALL)
def test_data_is_absent_unless_given(kind: type[NVGatewayError]) -> None:
    """No attribute error in a handler."""
    error = kind("text")

    assert (error.status_code, error.retry_after, error.correlation_id) == (None, None, None)
    assert str(error) == "text"
    assert error.args == ("text",)


@pytest.mark.parametrize("how", _COPIES)
@pytest.mark.parametrize("kind", ALL)
def test_errors_survive_copies(kind: type[NVGatewayError], how: str) -> None:
    """Message, data, notes and kind; processes and checkpoints pass errors on."""
    error = kind("text with 100 % {braces}", status_code=429, retry_after=1.5, correlation_id="id", extra=[1])
    error.add_note("seen by a test")

    twin = _COPIES[how](error)

    assert type(twin) is kind
    assert str(twin) == str(error)
    assert twin.__dict__ == error.__dict__
    assert twin.__notes__ == ["seen by a test"]


@pytest.mark.parametrize("how", _COPIES)
def test_partial_answer_survives_copies(how: str) -> None:
    """What a reader saw of a stream is a message, not text."""
    error = errors.StreamInterruptedError("text", partial=AIMessageChunk(content="Once upon"))

    assert _COPIES[how](error).partial == error.partial


def test_copies_are_independent() -> None:
    """The data of a shallow copy can be changed without changing the original."""
    error = NVGatewayError("text", retry_after=1.0)
    twin = copy.copy(error)
    twin.retry_after = 2.0

    assert error.retry_after == 1.0


@pytest.mark.parametrize("how", _COPIES)
def test_errors_of_users_survive_copies(how: str) -> None:
    """A subclass with a signature of its own, too."""
    assert _COPIES[how](OwnError(7, reason="why")).__dict__ == {"number": 7, "reason": "why"}


class OwnError(errors.ConfigurationError):
    """An error of somebody who builds on this package."""

    def __init__(self, number: int, *, reason: str) -> None:
        super().__init__(f"number {number}", number=number, reason=reason)


def test_configuration_error_is_no_value_error() -> None:
    """Pydantic would hide it in a `ValidationError`."""
    assert not issubclass(errors.ConfigurationError, ValueError | AssertionError)
