"""A Redis that answers nonsense is as good as none: callers get their tokens, and circuits keep sound numbers."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from langchain_nvgateway.breaker import SharedCircuitBreaker
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.fleet import Fleet
from langchain_nvgateway.fleet.member import Member
from langchain_nvgateway.fleet.steps import Step, answer_from, answers_from, arguments
from langchain_nvgateway.starfleet import StarfleetTokenProvider

HUGE = 10**400


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """Serve the same reply to whatever is asked."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(1 << 16):
                self.request.sendall(reply)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

        def handle_error(self, request: object, client_address: object) -> None:
            """The client is gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    "reply",
    [
        b"*2\r\n$3\r\nask\r\n:" + str(HUGE).encode() + b"\r\n",
        b"*2\r\n$3\r\nask\r\n:-1\r\n",
        b"*4\r\n$5\r\ntoken\r\n:1\r\n:5\r\n:5\r\n",
        b"*2\r\n:300000000\r\n*0\r\n",
        b"+OK\r\n",
        b"\0\xff nonsense",
    ],
    ids=["a time beyond all clocks", "a time before all", "no token", "a number", "a word", "no Redis"],
)
def test_caller_gets_a_token_whatever_redis_answers(reply: bytes, emu: Emulator) -> None:
    """From Starfleet itself."""
    with answering(reply) as url:
        fleet = Fleet(SecretStr(url))
        provider = StarfleetTokenProvider(
            emu.env["STARFLEET_TOKEN_URL"], emu.env["STARFLEET_ID"], emu.env["STARFLEET_SECRET"]
        )
        provider.share(fleet.tokens)
        assert provider.get_token() == emu.starfleet.tokens_issued[-1]
        provider.close()


@pytest.mark.parametrize("moment", [50_000_000, b"1" * 65, None, "1", [1]])
def test_moment_that_the_script_does_not_write_is_refused(moment: object) -> None:
    """It is sent back with each look, so it must not grow; a number would become as many bytes."""
    with pytest.raises(ValueError, match="moment"):
        answers_from([moment, []], count=0)


def test_numbers_that_the_script_does_not_write_are_bounded() -> None:
    """What a process writes next can be read by all."""
    answer = answer_from([1, HUGE, b"open", HUGE, HUGE, int("9" * 4000), -5, 0, HUGE, 0])
    assert answer
    assert len("".join(arguments(Step("open", answer.generation, answer.circuit), "me"))) < 100

    breaker = SharedCircuitBreaker("fake-model", gate=Member("key", Silent()))
    breaker.adopt(answer.circuit, generation=0)
    assert breaker.snapshot().retry_after is not None

    closed = answer_from([1, 5, b"closed", 0, 1000, 3, -7000, 0, 0, 0])
    assert closed
    assert closed.circuit.closed_for == 0.0


class Silent:
    """A watcher that does nothing."""

    is_lost = False

    def start(self) -> None:
        """Do not start."""

    def wake(self) -> None:
        """Do not wake."""


def test_newcomer_looks_before_it_glances() -> None:
    """That nothing was written since the others looked is no news for one that has seen nothing."""
    member = Member("key", Silent())
    breaker = SharedCircuitBreaker("fake-model", gate=member)
    member.guard(breaker)
    verbs = []
    for _ in range(2):
        step = member.next_step(is_idle=False)
        assert step
        verbs.append(step.verb)
        member.take(answer_from([1, 0]), sent_at=0.0)
    assert verbs == ["look", "glance"]
