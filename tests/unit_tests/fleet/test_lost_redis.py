"""Redis down, slow, full, flushed and back: the process goes by its own breakers, and no call fails or waits."""

from __future__ import annotations

import logging
import socketserver
import threading
import time
from contextlib import suppress

import pytest
import redis
from pydantic import SecretStr

from langchain_nvgateway.breaker import BreakerState, Permit, SharedCircuitBreaker
from langchain_nvgateway.errors import CircuitOpenError
from langchain_nvgateway.fleet import Fleet
from langchain_nvgateway.fleet.schema import ANSWER_SECONDS, VIEW_SECONDS, circuit_key

from .conftest import FAILURE, NAME, Call, NewBreaker, is_in, is_open_or_was, wait_until
from .valkey import Valkey

KEY = circuit_key(NAME, "here")


def open_it(breaker: SharedCircuitBreaker, call: Call) -> None:
    """Let two calls fail."""
    call(breaker, FAILURE)
    call(breaker, FAILURE)
    assert breaker.state is BreakerState.OPEN


def probe_of(breaker: SharedCircuitBreaker) -> Permit:
    """Call until a call goes out as a probe, which goes on from there."""
    out: list[Permit] = []

    def goes_out() -> bool:
        with suppress(CircuitOpenError):
            out.append(breaker.acquire())
        return bool(out)

    wait_until(goes_out)
    return out[0]


def wait_until_told(valkey: Valkey) -> None:
    """Wait until the fleet has the circuit."""
    wait_until(lambda: bool(valkey.client.exists(KEY)))


def test_breaker_works_alone_when_redis_was_never_there(
    own_valkey: Valkey, new_breaker: NewBreaker, call: Call
) -> None:
    """It opens, and probes within the stated bound, and closes."""
    own_valkey.terminate()
    breaker = new_breaker(own_valkey, open_seconds=0.3)
    open_it(breaker, call)
    wait_until(is_in(breaker, BreakerState.HALF_OPEN))

    assert wait_until(lambda: call(breaker, None)) < ANSWER_SECONDS + 0.1
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("end", ["freeze", "terminate"])
def test_probe_goes_out_within_the_bound_when_redis_ends_while_another_holds_the_lease(
    own_valkey: Valkey, new_breaker: NewBreaker, call: Call, end: str
) -> None:
    """Even if Redis has just said that somebody else probes."""
    prober, other = new_breaker(own_valkey, open_seconds=0.6), new_breaker(own_valkey, open_seconds=0.6)
    call(other, None)
    open_it(prober, call)
    wait_until(is_open_or_was(other))
    probe = probe_of(prober)
    assert not call(other, None)
    getattr(own_valkey, end)()

    assert wait_until(lambda: call(other, None)) < VIEW_SECONDS + 2 * ANSWER_SECONDS + 0.2
    assert not probe.is_settled


def test_stopping_redis_amid_five_thousand_calls_fails_none_and_costs_none_of_them(
    own_valkey: Valkey, new_breaker: NewBreaker
) -> None:
    """No call waits for Redis; the slowest few are as fast as the scheduler lets them be."""
    breaker = new_breaker(own_valkey)
    seconds = []
    for number in range(5_000):
        if number == 2_000:
            own_valkey.freeze()
        elif number == 3_500:
            own_valkey.thaw()
            own_valkey.terminate()
        start = time.perf_counter()
        breaker.acquire().success()
        seconds.append(time.perf_counter() - start)
        if not number % 10:
            time.sleep(0.002)  # Calls take their time; so both ends of Redis are noticed in their midst.

    assert breaker.state is BreakerState.CLOSED
    assert sorted(seconds)[-50] < 0.001


def test_loss_and_return_are_told_once(own_valkey: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """One WARNING and one INFO, however many tries there are; if it goes on like that, no more."""
    caplog.set_level(logging.INFO, logger="langchain_nvgateway")
    fleet = Fleet(SecretStr(own_valkey.url))
    breaker = fleet.breaker(NAME, place="here")
    breaker.acquire().success()
    wait_until(lambda: commands(own_valkey) > 0)
    for _ in range(2):
        own_valkey.terminate()
        wait_until(lambda: fleet.is_lost)
        wait_until(lambda: fleet.link.failures > 1)
        own_valkey.start()
        wait_until(lambda: not fleet.is_lost)
    fleet.detach([breaker])

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert own_valkey.url.removeprefix("redis://") in caplog.text


def commands(valkey: Valkey) -> int:
    """Return how many scripts were run."""
    stats = valkey.client.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("evalsha", "eval"))


def test_what_happened_while_redis_was_away_is_told_when_it_is_back(
    own_valkey: Valkey, new_breaker: NewBreaker, call: Call
) -> None:
    """An opening counts then, and the others follow."""
    first, second = new_breaker(own_valkey), new_breaker(own_valkey)
    call(first, None)
    call(second, None)
    own_valkey.terminate()
    open_it(first, call)
    own_valkey.start()

    wait_until(is_in(second, BreakerState.OPEN))


def test_flush_loses_no_open_circuit(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """Whoever has it open tells it again, within a second."""
    breaker = new_breaker(valkey)
    open_it(breaker, call)
    wait_until_told(valkey)
    valkey.client.flushall()
    valkey.client.script_flush()

    assert wait_until(lambda: bool(valkey.client.exists(KEY))) < 1.0
    assert wait_until(is_in(new_breaker(valkey), BreakerState.OPEN)) < 1.0


def test_flush_while_a_probe_is_out_leaves_one_probe(valkey: Valkey, new_breaker: NewBreaker, call: Call) -> None:
    """Its lease is renewed before anybody else can take it, and its verdict counts."""
    first, second = new_breaker(valkey, open_seconds=0.8), new_breaker(valkey, open_seconds=0.8)
    call(second, None)
    open_it(first, call)
    wait_until(is_open_or_was(second))
    probe = probe_of(first)
    valkey.client.flushall()
    wait_until_told(valkey)
    assert not call(second, None)

    probe.success()
    wait_until(is_in(second, BreakerState.CLOSED))


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_full_redis_leaves_breakers_to_themselves(new_breaker: NewBreaker, call: Call, policy: str) -> None:
    """Whether it refuses to write, or throws out what it has."""
    server = Valkey(maxmemory="4mb", **{"maxmemory-policy": policy})
    try:
        breaker = new_breaker(server, open_seconds=0.5)
        open_it(breaker, call)
        wait_until_told(server)
        fill(server)
        wait_until(is_in(breaker, BreakerState.HALF_OPEN))
        assert wait_until(lambda: call(breaker, None)) < VIEW_SECONDS + 2 * ANSWER_SECONDS + 0.2
        assert breaker.state is BreakerState.CLOSED
    finally:
        server.stop()


def fill(server: Valkey) -> None:
    """Write until nothing more fits."""
    for number in range(400):
        with suppress(redis.OutOfMemoryError):
            server.client.set(f"filler:{number}", "x" * 10_000)


def test_wrong_password_is_a_lost_redis_and_shows_nowhere(
    own_valkey: Valkey, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the right one nor the one that was given is in any log line or `repr`."""
    caplog.set_level(logging.DEBUG)
    own_valkey.client.config_set("requirepass", "fake-right-secret")
    url = own_valkey.url.replace("://", "://default:fake-wrong-secret@")
    fleet = Fleet(SecretStr(url))
    breaker = fleet.breaker(NAME, place="here")
    call(breaker, None)
    wait_until(lambda: fleet.is_lost)
    fleet.detach([breaker])
    own_valkey.client.execute_command("AUTH", "fake-right-secret")

    shown = caplog.text + repr(fleet) + repr(fleet.link)
    assert "AuthenticationError" in shown
    assert "secret" not in shown


class Stranger(socketserver.BaseRequestHandler):
    """Something that speaks the protocol and is no Redis."""

    def handle(self) -> None:
        """Answer everything with the same."""
        while self.request.recv(65536):
            self.request.sendall(b"*1\r\n+HELLO\r\n")


def test_server_that_makes_no_sense_is_a_lost_redis(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and calls go on."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stranger) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        fleet = Fleet(SecretStr(f"redis://127.0.0.1:{server.server_address[1]}"))
        breaker = fleet.breaker(NAME, place="here", open_seconds=0.3)
        open_it(breaker, call)
        wait_until(lambda: fleet.link.failures > 1)
        wait_until(lambda: call(breaker, None))
        fleet.detach([breaker])
        server.shutdown()
        thread.join()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
