"""Failures of a vendor are judged for what they are, in every call style."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_nvgateway import EgressDeniedError
from langchain_nvgateway.failures import FailureKind, failure_of

from ..chat_models.calling import Call, soon
from .conftest import Vendor
from .vendor_server import Reply, VendorServer

STATUSES = {
    400: FailureKind.REQUEST,
    401: FailureKind.CREDENTIALS,
    403: FailureKind.CREDENTIALS,
    404: FailureKind.MISSING,
    429: FailureKind.RATE_LIMIT,
    500: FailureKind.AVAILABILITY,
    503: FailureKind.AVAILABILITY,
    529: FailureKind.AVAILABILITY,
}


def failure_in(call: Call, model: Any, **kwargs: Any) -> Exception:
    """Return the exception that a call ends with."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each vendor has its own
        call(model, **kwargs)
    return caught.value


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_judged(vendor: Vendor, call: Call, status: int) -> None:
    """Each error status is the kind of failure that it means."""
    vendor.server.will(vendor.dialect.fails(status))
    assert failure_of(failure_in(call, vendor.model())).kind is STATUSES[status]


def test_the_wait_is_known(vendor: Vendor, call: Call) -> None:
    """A `Retry-After` can be read from the failure."""
    vendor.server.will(vendor.dialect.fails(429, Retry_After="17"))
    assert failure_of(failure_in(call, vendor.model())).retry_after == 17.0


@pytest.mark.parametrize("then", ["drop", "silent"])
def test_a_broken_answer_is_an_outage(vendor: Vendor, call: Call, then: str) -> None:
    """A connection that breaks or goes silent in the middle of an answer is the service's failure."""
    vendor.server.will(vendor.dialect.begins_only("Hello ", then=then))
    model = vendor.model(timeout=0.4)
    with soon():
        failure = failure_in(call, model)
    assert failure_of(failure).kind is FailureKind.AVAILABILITY


def test_no_service_is_an_outage(vendor: Vendor, call: Call) -> None:
    """A service that nobody can connect to is down."""
    model = vendor.model()
    vendor.server.stop()
    assert failure_of(failure_in(call, model)).kind is FailureKind.AVAILABILITY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_elsewhere_is_denied(vendor: Vendor, call: Call, elsewhere: VendorServer, status: int) -> None:
    """A redirect to another host ends the call; nothing is sent there, and nothing is tried again."""
    vendor.server.will(Reply(status, headers={"Location": f"{elsewhere.origin}/v1/stolen"}))
    failure = failure_in(call, vendor.model(max_retries=2))
    assert isinstance(failure, EgressDeniedError)
    assert failure.host == elsewhere.host
    assert len(vendor.server.requests) == 1
    assert elsewhere.connections == 0


def test_a_redirect_within_the_service_is_followed(vendor: Vendor, call: Call) -> None:
    """A service may move a path on its own host."""
    place = "/moved:streamGenerateContent" if "stream" in call.__name__ else "/moved"
    vendor.server.will(Reply(307, headers={"Location": place}), vendor.dialect.says("Hello ", "there"))
    assert call(vendor.model()).text == "Hello there"
    assert [vendor.key in request for request in vendor.server.requests] == [True, True]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_no_retries_means_one_request(vendor: Vendor, call: Call, status: int) -> None:
    """Without retries, a failure costs one request."""
    vendor.server.will(vendor.dialect.fails(status))
    failure_in(call, vendor.model(max_retries=0))
    assert len(vendor.server.requests) == 1


def test_retries_help(vendor: Vendor, call: Call) -> None:
    """A failure that a retry may help is tried again, as often as allowed."""
    vendor.server.will(vendor.dialect.fails(500), vendor.dialect.fails(529), vendor.dialect.says("Hello ", "there"))
    assert call(vendor.model(max_retries=2)).text == "Hello there"
    assert len(vendor.server.requests) == 3


def test_retries_end(vendor: Vendor, call: Call) -> None:
    """The last attempt's failure is that of the call."""
    vendor.server.will(vendor.dialect.fails(503), vendor.dialect.fails(429))
    assert failure_of(failure_in(call, vendor.model(max_retries=1))).kind is FailureKind.RATE_LIMIT
    assert len(vendor.server.requests) == 2


def test_a_refusal_is_not_tried_again(vendor: Vendor, call: Call) -> None:
    """What a retry cannot help costs one request."""
    vendor.server.will(vendor.dialect.fails(400))
    failure_in(call, vendor.model(max_retries=2))
    assert len(vendor.server.requests) == 1


def test_a_long_wait_is_not_waited_out(vendor: Vendor, call: Call) -> None:
    """A service that asks for more time than a call has is not waited for."""
    vendor.server.will(vendor.dialect.fails(429, Retry_After="25"))
    model = vendor.model(max_retries=1, timeout=10.0)
    with soon():
        failure = failure_in(call, model)
    assert failure_of(failure).retry_after == 25.0
    assert len(vendor.server.requests) == 1
