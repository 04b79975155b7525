"""Rules 4, 6 and 7 against every fault that the emulator's Starfleet knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.errors import StarfleetAuthError, StarfleetError, StarfleetUnavailableError
from langchain_nvgateway.starfleet import StarfleetTokenProvider

FINE = {
    "no_expires_in",
    "null_expires_in",
    "digits_expires_in",
    "float_expires_in",
    "huge_expires_in",
    "no_token_type",
    "connection_close",
}
REFUSALS = {
    "invalid_client_400",
    "invalid_client_401",
    "invalid_client_403",
    "invalid_scope",
    "invalid_request",
    "unsupported_grant_type",
    "unauthorized_client",
    "not_found",
}
HOLDING = {"rate_limited", "echo_secret"}
"""Those with tests of their own."""

FAULTS = sorted(Emulator().starfleet.fault_names)  # Not started, only asked.


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all of this file; each test resets it."""
    with Emulator() as running:
        yield running


@pytest.fixture
def provider(emulator: Emulator) -> Iterator[StarfleetTokenProvider]:
    """A provider for the emulator; its timeout is for the faults that stall."""
    emulator.reset()
    env = emulator.env
    built = StarfleetTokenProvider(
        env["STARFLEET_TOKEN_URL"], env["STARFLEET_ID"], env["STARFLEET_SECRET"], timeout=1.5
    )
    yield built
    built.close()


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - REFUSALS - HOLDING))
def test_fault_is_survived(emulator: Emulator, provider: StarfleetTokenProvider, fault: str) -> None:
    """One fault, then a good answer: a second try brings the token, unless the first was fine."""
    sent = len(emulator.starfleet.requests)
    emulator.starfleet.fail_next(fault)

    assert provider.get_token() in emulator.starfleet.tokens_issued
    assert len(emulator.starfleet.requests) - sent == (1 if fault in FINE else 2)


@pytest.mark.parametrize("fault", sorted(REFUSALS))
def test_refusal_is_told_as_one(emulator: Emulator, provider: StarfleetTokenProvider, fault: str) -> None:
    """Without a second try."""
    sent = len(emulator.starfleet.requests)
    emulator.starfleet.fail_next(fault)

    with pytest.raises(StarfleetAuthError):
        provider.get_token()

    assert len(emulator.starfleet.requests) - sent == 1


def test_long_retry_after_is_passed_on(emulator: Emulator, provider: StarfleetTokenProvider) -> None:
    """The emulator's 429 asks for 5 s, more than this provider has."""
    emulator.starfleet.fail_next("rate_limited")

    with pytest.raises(StarfleetUnavailableError) as caught:
        provider.get_token()

    assert caught.value.retry_after == 5


def test_echo_of_the_credentials_is_masked(emulator: Emulator, provider: StarfleetTokenProvider) -> None:
    """The emulator repeats the whole header."""
    emulator.starfleet.fail_always("echo_secret")

    with pytest.raises(StarfleetError) as caught:
        provider.get_token()

    header = emulator.starfleet.requests[-1].headers["authorization"]
    assert header.removeprefix("Basic ") not in str(caught.value)
    assert emulator.env["STARFLEET_SECRET"] not in str(caught.value)
