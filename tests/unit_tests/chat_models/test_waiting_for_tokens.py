"""The time that a call waits for its token is the call's own time."""

from __future__ import annotations

import time

from langchain_nvgateway import StarfleetUnavailableError

from .calling import Call, Endpoint, error_of


def test_waiting_for_a_token_counts_against_the_limit_of_the_call(gateway: Endpoint, call: Call) -> None:
    """A token endpoint that hangs does not hold a call beyond its `timeout`."""
    gateway.emu.starfleet.fail_always("hang")
    start = time.monotonic()
    error = error_of(call, gateway.model(timeout=0.3, first_token_timeout=0.3))
    assert isinstance(error, StarfleetUnavailableError)
    assert error.correlation_id
    assert time.monotonic() - start < 5
