"""Exceptions of which nothing can be relied upon."""

from __future__ import annotations

import time
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.failures import FailureKind, failure_of, is_content_filter, is_control_flow

NAMES = [
    *("status_code", "code", "status", "http_status", "response", "headers", "body", "details", "message", "type"),
    *("retry_after", "grpc_status_code", "error_code", "args", "is_quality", "errors", "_content"),
    *("__cause__", "__context__", "__traceback__", "__suppress_context__", "__class__", "__dict__", "exceptions"),
]


class Trap:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(name)

    def __str__(self) -> NoReturn:
        raise ValueError

    __len__ = __iter__ = __bool__ = __int__ = __float__ = __index__ = __call__ = __hash__ = __str__  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise ValueError


RAISE = object()
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.sampled_from([200, 400, 404, 429, "429", 10**5000, "retry after 5 seconds", "9" * 500]),
    st.builds(Trap),
    st.builds(ValueError, st.text()),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["error", "code", "type", "innererror"]), inner)
        ),
        max_leaves=10,
    ),
)


@given(
    base=st.sampled_from([Exception, ValueError, OSError, TypeError, KeyError, BaseException, StopIteration]),
    attributes=st.dictionaries(st.sampled_from(NAMES), VALUES | st.just(RAISE)),
    arguments=st.lists(VALUES, max_size=3),
)
def test_no_exception_is_too_odd(base: type[BaseException], attributes: dict[str, Any], arguments: list[Any]) -> None:
    """Attributes of any value, and ones that raise when they are read."""

    def raising(_: object) -> NoReturn:
        raise LookupError("not for you")

    body = {name: property(raising if value is RAISE else lambda _, v=value: v) for name, value in attributes.items()}
    error = type("Odd", (base,), body)(*arguments)
    assert isinstance(failure_of(error).kind, FailureKind)
    assert isinstance(is_control_flow(error), bool)
    assert isinstance(is_content_filter(error), bool)


@given(st.lists(st.builds(Trap), max_size=3), st.text())
def test_no_group_is_too_odd(arguments: list[Any], text: str) -> None:
    """Members may be anything, too."""
    odd = type("Odd", (ValueError,), {"__str__": Trap.__str__})(*arguments)
    assert isinstance(failure_of(ExceptionGroup(text, [odd, ValueError(text)])).kind, FailureKind)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    """Words alone are read without harm."""
    wait = failure_of(RuntimeError(text)).retry_after
    assert wait is None or 0 <= wait < float("inf")


def test_text_that_is_no_text() -> None:
    """A subclass of `str` with ideas of its own."""

    class Sly(str):
        __slots__ = ()

        def __getitem__(self, key: object) -> NoReturn:
            raise ValueError

        def __format__(self, spec: str) -> NoReturn:
            raise ValueError

    class OddError(Exception):
        def __str__(self) -> str:
            return Sly("[429] Too Many Requests")

    assert failure_of(OddError()).kind is FailureKind.RATE_LIMIT


def test_a_metaclass_that_hides_the_classes() -> None:
    """Nothing can be learned, and nothing breaks."""

    class Hiding(type):
        @property
        def __mro__(cls) -> NoReturn:  # type: ignore[override]
            raise RuntimeError

    assert failure_of(Hiding("Odd", (ValueError,), {})()).kind is FailureKind.AVAILABILITY


@pytest.mark.parametrize("words", ["x", " ", "retry after ", "9", "retryDelay: ", "status code", "api key", "{'", "[4"])
def test_a_megabyte_of_text_costs_little(words: str) -> None:
    """Only the front of a text is searched, and each pattern in one pass."""
    error = RuntimeError(words * (1_000_000 // len(words)))
    start = time.thread_time()
    failure_of(error)
    assert time.thread_time() - start < 0.3


def test_a_response_that_was_not_read_is_left_alone() -> None:
    """Reading a body is I/O."""

    class Unread:
        status_code = 400
        headers: dict[str, str] = {}  # noqa: RUF012

        @property
        def text(self) -> NoReturn:
            pytest.fail("somebody read the body")

        content = text
        json = text

    error = RuntimeError("no")
    error.response = Unread()  # type: ignore[attr-defined]
    assert failure_of(error).kind is FailureKind.REQUEST
