"""Processes of a fleet, each with one breaker, that do what a test tells them through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from pydantic import SecretStr

from langchain_nvgateway.breaker import Permit
from langchain_nvgateway.errors import CircuitOpenError
from langchain_nvgateway.fleet import Fleet
from langchain_nvgateway.starfleet import StarfleetTokenProvider

from .valkey import PATIENCE

# Each is a fork of a process that has loaded the package and has no threads: as real as any other, and quick to start.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


class Worker:
    """A process with a breaker; `tell` starts something, `result` waits for what comes of it.

    Args:
        url: Where the fleet meets.
        rules: Arguments of the breaker.
    """

    def __init__(self, url: str, **rules: Any) -> None:
        self._pipe, end = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(end, url, rules), daemon=True)
        self._process.start()
        end.close()

    def tell(self, what: str, *words: Any) -> None:
        """Tell it to do something."""
        self._pipe.send((what, words))

    def result(self) -> Any:
        """Return what came of it."""
        assert self._pipe.poll(PATIENCE), "a worker says nothing"
        return self._pipe.recv()

    def ask(self, what: str, *words: Any) -> Any:
        """Do both."""
        self.tell(what, *words)
        return self.result()

    def kill(self) -> None:
        """End it at once, in the midst of whatever it does."""
        self._signal(signal.SIGKILL)
        self._process.join(PATIENCE)

    def freeze(self) -> None:
        """Let it do nothing for a while."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and forget it."""
        self.kill()
        self._pipe.close()
        self._process.close()

    def _signal(self, number: int) -> None:
        if self._process.is_alive():
            os.kill(self._process.pid or 0, number)


def _serve(pipe: Connection, url: str, rules: dict[str, Any]) -> None:
    part = _Part(url, rules)
    while True:
        what, words = pipe.recv()
        pipe.send(getattr(part, what)(*words))


class _Part:
    """What a process can be told. The times it returns are of one clock for all processes."""

    def __init__(self, url: str, rules: dict[str, Any]) -> None:
        self._fleet = Fleet(SecretStr(url))
        self._breaker = self._fleet.breaker("nvidia-nim:fake-model", place="here", jitter=0.0, **rules)
        self._permit: Permit | None = None

    def token(self, token_url: str) -> str:
        self._provider = StarfleetTokenProvider(token_url, "fake-id", "fake-secret")
        self._provider.share(self._fleet.tokens)
        return self._provider.get_token()

    def state(self) -> str:
        return self._breaker.state.value

    def fail_twice(self) -> float:
        for _ in range(2):
            self._breaker.acquire().failure(ConnectionError("nobody is there"))
        return time.monotonic()

    def wait_for_state(self, state: str) -> float:
        _wait_until(lambda: self._breaker.state.value == state)
        return time.monotonic()

    def wait_until_not_closed(self) -> float:
        _wait_until(lambda: self._breaker.state.value != "closed")
        return time.monotonic()

    def call_until_admitted(self, seconds: float) -> float | None:
        """Call again and again; return when a call went out, which goes on from there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self._permit = self._breaker.acquire()
            except CircuitOpenError:
                time.sleep(0.01)
            else:
                return time.monotonic()
        return None

    def succeed(self) -> float:
        assert self._permit
        self._permit.success()
        return time.monotonic()

    def fail(self) -> float:
        assert self._permit
        self._permit.failure(ConnectionError("nobody is there"))
        return time.monotonic()


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.005)
