"""Causes, contexts and groups: which of several exceptions is heard."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable

import httpx as httpx1
import openai
import pytest
from langchain_core import exceptions as langchain_errors
from langgraph import errors as langgraph_errors
from langgraph.types import Command, Interrupt

from langchain_nvgateway import errors
from langchain_nvgateway.failures import FailureKind, failure_of, is_content_filter, is_control_flow
from langchain_nvgateway.http_family import httpx

from . import vendors


def node_interrupt() -> BaseException:
    """LangGraph's deprecated way to interrupt."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return langgraph_errors.NodeInterrupt("ask the user")


INTERRUPTS: list[Callable[[], BaseException]] = [
    lambda: langgraph_errors.GraphBubbleUp(),
    lambda: langgraph_errors.GraphInterrupt([Interrupt(value="ask")]),
    node_interrupt,
    lambda: langgraph_errors.ParentCommand(Command(goto="elsewhere")),
    lambda: langgraph_errors.GraphDrained(),
    KeyboardInterrupt,
    SystemExit,
]


def raised(error: BaseException, cause: BaseException) -> BaseException:
    """Return `error` raised from `cause`."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def raised_while_handling(error: BaseException, context: BaseException, *, hidden: bool = False) -> BaseException:
    """Return `error` raised by a handler of `context`."""
    try:
        try:
            raise context
        except BaseException:
            if hidden:
                raise error from None
            raise error  # noqa: B904 - an implicit context is what this is about
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("interrupt", INTERRUPTS)
class TestInterrupts:
    """Nothing turns an interrupt into a failure."""

    def test_itself(self, interrupt: Callable[[], BaseException]) -> None:
        """It passes through."""
        assert is_control_flow(interrupt())

    def test_beneath_a_wrapper(self, interrupt: Callable[[], BaseException]) -> None:
        """What is raised from it passes through, even an error that says something else."""
        assert is_control_flow(raised(RuntimeError("wrapped"), interrupt()))
        assert is_control_flow(raised(langchain_errors.ModelAPIError("wrapped"), interrupt()))

    def test_a_cleanup_that_fails_hides_no_interrupt(self, interrupt: Callable[[], BaseException]) -> None:
        """An error that is raised on its way does not send the call to another model."""
        assert is_control_flow(raised_while_handling(ConnectionResetError("cleanup"), interrupt()))

    def test_in_a_group(self, interrupt: Callable[[], BaseException]) -> None:
        """It outweighs whatever else is in a group, at any depth."""
        group = BaseExceptionGroup("inner", [ValueError("no"), interrupt()])
        assert is_control_flow(BaseExceptionGroup("outer", [TypeError("bug"), group]))

    def test_replaced_on_purpose(self, interrupt: Callable[[], BaseException]) -> None:
        """`from None` says that the new error is the one that counts."""
        assert not is_control_flow(raised_while_handling(RuntimeError("new"), interrupt(), hidden=True))


async def test_a_timeout_is_a_failure_although_it_is_a_cancellation_beneath() -> None:
    """`asyncio.timeout` raises its error from the `CancelledError` by which it works."""

    async def call() -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError) as raised_error:
        await call()
    assert isinstance(raised_error.value.__cause__, asyncio.CancelledError)
    assert failure_of(raised_error.value).kind is FailureKind.AVAILABILITY


async def test_a_task_group_is_what_its_members_are() -> None:
    """The cancellation of the other tasks is not the failure."""

    async def limited() -> None:
        raise langchain_errors.ModelRateLimitError("slow down")

    async def call_together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(limited())
            group.create_task(asyncio.sleep(10))

    with pytest.raises(BaseExceptionGroup) as raised_error:
        await call_together()
    assert failure_of(raised_error.value).kind is FailureKind.RATE_LIMIT


def test_a_wrapped_cancellation_passes_through() -> None:
    """A bare wrapper around a cancellation is one."""
    assert is_control_flow(raised(RuntimeError("stopped"), asyncio.CancelledError()))


@pytest.mark.parametrize("end", [StopIteration, StopAsyncIteration])
def test_the_end_of_an_iterator_beneath_an_error_means_nothing(end: type[BaseException]) -> None:
    """`json.loads` raises its errors while handling a `StopIteration`."""
    assert failure_of(raised(RuntimeError("generator raised StopIteration"), end())).kind is FailureKind.AVAILABILITY


def test_the_error_itself_is_heard_first() -> None:
    """An error that says what it is does not become what it was raised from."""
    error = raised(langchain_errors.ModelRateLimitError("slow down"), langchain_errors.ModelAuthenticationError("no"))
    assert failure_of(error).kind is FailureKind.RATE_LIMIT


def test_a_bare_wrapper_is_what_it_wraps() -> None:
    """Through several layers."""
    error = raised(RuntimeError("a"), raised(ValueError("b"), langchain_errors.ModelNotFoundError("no such model")))
    assert failure_of(error).kind is FailureKind.MISSING


def test_a_connection_error_of_a_sdk_is_a_bare_wrapper() -> None:
    """Openai puts whatever goes wrong under way into an `APIConnectionError`, failures of the token endpoint too."""
    wrapper = openai.APIConnectionError(request=httpx.Request("POST", "https://example.com"))
    assert failure_of(raised(wrapper, errors.StarfleetAuthError("no"))).kind is FailureKind.CREDENTIALS
    assert failure_of(raised(wrapper, httpx1.ConnectError("no"))).kind is FailureKind.AVAILABILITY


def test_gemini_errors_without_a_class_of_their_own() -> None:
    """langchain-google-genai wraps the other statuses into one bare class."""
    cause = vendors.genai_error(402, "PAYMENT_REQUIRED", "pay")
    error = vendors.langchain_genai_error(vendors.ChatGoogleError, cause)
    assert failure_of(error).kind is FailureKind.CREDENTIALS


def test_a_wrapped_programming_error_is_no_bug() -> None:
    """Whoever wrapped it has handled it."""
    assert failure_of(raised(ValueError("odd reply"), TypeError("no"))).kind is FailureKind.AVAILABILITY


def test_a_content_filter_is_found_beneath_a_wrapper() -> None:
    """So that the caller can name it."""
    cause = langchain_errors.ModelInvalidRequestError("blocked by the content management policy")
    assert is_content_filter(raised(RuntimeError("wrapped"), cause))


def test_a_wait_is_found_beneath() -> None:
    """The header is on the SDK's error, the kind on LangChain's."""
    cause = RuntimeError("no")
    cause.response = vendors.answer(429, {"Retry-After": "7"})  # type: ignore[attr-defined]
    assert failure_of(raised(langchain_errors.ModelRateLimitError("slow"), cause)).retry_after == 7.0


class TestContext:
    """An error's context is heard if it belongs to the same call."""

    def test_of_the_same_call(self) -> None:
        """A handler inside the call that raises something bare."""
        error = raised_while_handling(RuntimeError("odd"), langchain_errors.ModelNotFoundError("no"))
        assert failure_of(error).kind is FailureKind.MISSING

    @pytest.mark.parametrize(
        "handled", [langchain_errors.ModelInvalidRequestError, KeyboardInterrupt, langgraph_errors.GraphInterrupt]
    )
    def test_of_the_caller(self, handled: type[BaseException]) -> None:
        """A model that is asked for help in an `except` block has nothing to do with what is handled there."""

        def ask_a_model() -> BaseException:
            try:
                raise RuntimeError("odd")
            except RuntimeError as caught:
                return caught

        try:
            raise handled
        except BaseException:
            error = ask_a_model()
        assert isinstance(error.__context__, handled)
        assert failure_of(error).kind is FailureKind.AVAILABILITY


class TestGroups:
    """A group is what its gravest member is."""

    @pytest.mark.parametrize(
        ("members", "kind"),
        [
            ([ConnectionError("no"), OSError("no")], FailureKind.AVAILABILITY),
            ([ConnectionError("no"), langchain_errors.ModelRateLimitError("no")], FailureKind.RATE_LIMIT),
            ([langchain_errors.ModelInvalidRequestError("no"), ConnectionError("no")], FailureKind.REQUEST),
            ([ConnectionError("no"), TypeError("bug")], FailureKind.BUG),
        ],
    )
    def test_gravest(self, members: list[Exception], kind: FailureKind) -> None:
        """What has to be raised is not hidden by what could fall back."""
        assert failure_of(ExceptionGroup("several", members)).kind is kind

    def test_longest_wait(self) -> None:
        """Of the members that decide."""
        waits = [errors.StarfleetUnavailableError("no", retry_after=seconds) for seconds in (3.0, 9.0, 5.0)]
        assert failure_of(ExceptionGroup("several", [*waits, ConnectionError("no")])).retry_after == 9.0

    def test_member_that_is_the_context_too(self) -> None:
        """A group is often raised while its last member is being handled."""
        bug = TypeError("bug")
        group = ExceptionGroup("several", [ConnectionError("no"), bug])
        assert failure_of(raised_while_handling(group, bug)).kind is FailureKind.BUG


def test_cycles_end() -> None:
    """Chains that bite their tail, through causes, contexts and groups."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert failure_of(first).kind is FailureKind.AVAILABILITY
    group = ExceptionGroup("several", [first, second])
    second.__context__, second.__cause__ = group, None
    assert failure_of(group).kind is FailureKind.AVAILABILITY


def test_endless_chains_are_cut() -> None:
    """Nobody waits for the end of a chain of a hundred thousand."""
    error: BaseException = langchain_errors.ModelNotFoundError("no")
    for _ in range(100_000):
        error.__traceback__ = None
        outer = RuntimeError("wrapped")
        outer.__cause__ = error
        error = outer
    assert failure_of(error).kind is FailureKind.AVAILABILITY
    while error.__cause__:  # Python frees a chain by recursion.
        beneath, error.__cause__ = error.__cause__, None
        error = beneath


def test_wide_and_deep_groups_are_cut() -> None:
    """Each exception is looked at once."""
    group: Exception = ValueError("no")
    for _ in range(60):
        group = ExceptionGroup("several", [group] * 60)
    assert failure_of(group).kind is FailureKind.AVAILABILITY
