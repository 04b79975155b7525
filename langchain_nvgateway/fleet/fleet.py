"""The fleet as one process sees it: a thread that keeps its breakers in step with those of other processes."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from pydantic import SecretStr

from ..breaker import SharedCircuitBreaker
from .check import password_in_the_clear
from .circuit_lua import SCRIPT
from .member import Member
from .redis_link import CONNECT_SECONDS, OPERATION_SECONDS, RedisLink, Script
from .schema import CHANGES_KEY, VIEW_SECONDS, circuit_key
from .steps import Step, answers_from, arguments
from .token_store import FleetTokens

__all__ = ["Fleet", "shared_fleet"]

IDLE_AFTER, IDLE_SECONDS = 60.0, 5.0
"""After so many seconds without a call, the fleet is looked at this often only, until the next call."""

CALL_SECONDS = CONNECT_SECONDS + 2 * OPERATION_SECONDS
"""For so long a refresh of a token waits for Redis at most, each time it asks."""

LINGER_SECONDS = 1.0
"""For so long the thread stays for another call of that kind when nobody has breakers."""

_AFTER_A_FLAW = 60.0
_logger = logging.getLogger("langchain_nvgateway")


class _Call:
    """A script that another thread of this process wants to have run."""

    def __init__(self, script: Script, keys: list[str], arguments: list[Any], read: Callable[[Any], Any]) -> None:
        self.script = script
        self.read = read
        self.keys = keys
        self.arguments = arguments
        self.reply: Future[Any] = Future()


class Fleet:
    """Everything that this process shares through one Redis; serves threads and event loops alike.

    All I/O for breakers is done by one daemon thread, so that no call ever waits for a socket; it starts with the
    first call, starts anew in a forked child, and ends when nobody has any of the breakers. One round trip tells
    what happened here, and brings what happened elsewhere, for all breakers together.

    All keys start with `PREFIX`; the commands that it needs are in `COMMANDS`.

    Args:
        url: URL of the server.

    Raises:
        ConfigurationError: The packages of the extra `redis` are not installed.
    """

    def __init__(self, url: SecretStr) -> None:
        self.link = RedisLink(url.get_secret_value())
        self.tokens = FleetTokens(self.call)
        """Where token providers of this process share tokens."""
        self._members: list[Member] = []
        self._seen = b""
        self._is_running = False
        self._active_at = self._asked_at = self._called_at = -math.inf
        self._renew()
        _alive.add(self)
        warning = password_in_the_clear(url)
        if warning:
            _logger.warning(warning)

    def __repr__(self) -> str:
        return f"Fleet({self.link!r}, breakers={len(self._members)})"

    @property
    def is_lost(self) -> bool:
        """Whether Redis cannot be reached."""
        return self.link.is_lost

    def breaker(self, name: str, *, place: str, **rules: Any) -> SharedCircuitBreaker:
        """Return a new breaker whose circuit is the fleet's.

        Args:
            name: Its name.
            place: Fingerprint of the endpoint; see `circuit_key`.
            rules: Arguments of `CircuitBreaker`.
        """
        member = Member(circuit_key(name, place), self)
        breaker = SharedCircuitBreaker(name, gate=member, **rules)
        member.guard(breaker)
        with self._lock:
            self._members = [*self._members, member]
        self._seen = b""
        return breaker

    def detach(self, breakers: list[SharedCircuitBreaker]) -> None:
        """Leave breakers to their own rules; the thread ends with the last one. Never waits."""
        for breaker in breakers:
            breaker.leave()
        self.wake()

    def start(self) -> None:
        """Take note of a call: start the thread unless it runs, and wake it if it idles."""
        with self._lock:
            for member in self._members:
                member.is_watching = True
            was_idle, self._active_at = self._is_idle(), time.monotonic()
            if not self._is_running:
                self._start_thread()
            elif was_idle:
                self.wake()

    def call(self, script: Script, keys: list[str], arguments: list[Any], read: Callable[[Any], Any]) -> Any | None:
        """Let the thread do what `RedisLink.run` does; blocks for `CALL_SECONDS` at most, and then returns `None`."""
        call = _Call(script, keys, arguments, read)
        with self._lock:
            self._woken.put(call)
            self._called_at = time.monotonic()
            if not self._is_running:
                self._start_thread()
        try:
            return call.reply.result(CALL_SECONDS)
        except TimeoutError:
            call.reply.cancel()
            return None

    def _start_thread(self) -> None:
        self._is_running = True
        thread = threading.Thread(target=self._watch, args=(self._woken,), name="nvgateway-fleet", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # The interpreter ends, or there are no threads left: the breakers go by their own rules.
            self.link.is_lost = True
            self._is_running = False

    def wake(self) -> None:
        """Let the thread look at once; never waits."""
        self._woken.put(None)

    def _watch(self, woken: queue.SimpleQueue[_Call | None]) -> None:
        while self._is_needed(woken):
            seconds = VIEW_SECONDS / 2
            try:
                self._look()
                seconds = self._seconds_to_next()
            except Exception:
                _logger.exception("The fleet could not be looked at; please report this")
                seconds = _AFTER_A_FLAW
            self._serve(woken, seconds)
        self.link.close()

    def _serve(self, woken: queue.SimpleQueue[_Call | None], seconds: float) -> None:
        """Do what this process asks for, until it has asked for nothing for some seconds, or wakes the thread."""
        try:
            call = woken.get(timeout=seconds)
            while call is not None or not woken.empty():
                if call and call.reply.set_running_or_notify_cancel():
                    call.reply.set_result(self.link.run(call.script, call.keys, call.arguments, call.read))
                call = woken.get_nowait()
        except queue.Empty:
            pass

    def _is_needed(self, woken: queue.SimpleQueue[_Call | None]) -> bool:
        with self._lock:
            self._members = [member for member in self._members if member.is_alive]
            is_called = not woken.empty() or time.monotonic() - self._called_at < LINGER_SECONDS
            self._is_running = bool(self._members) or is_called
            return self._is_running

    def _look(self) -> None:
        """Do one round trip."""
        if self.link.seconds_to_pause:
            return
        is_idle = self._is_idle()
        steps = [(member, step) for member in self._members if (step := member.next_step(is_idle=is_idle))]
        if not steps:
            return
        if self._seen and all(step.verb == "glance" for _, step in steps) and self.link.read(CHANGES_KEY) == self._seen:
            for member, _ in steps:
                member.take(None, sent_at=time.monotonic())
            return
        self._look_closely(steps)

    def _look_closely(self, steps: list[tuple[Member, Step]]) -> None:
        keys = [CHANGES_KEY, *(member.key for member, _ in steps)]
        told = [word for member, step in steps for word in arguments(step, member.owner)]
        sent_at = time.monotonic()
        seen, self._seen = self._seen, b""
        found = self.link.run(SCRIPT, keys, [seen, *told], partial(answers_from, count=len(steps)))
        if found is None:
            return
        self._seen, answers = found
        for (member, _), answer in zip(steps, answers, strict=True):
            member.take(answer, sent_at=sent_at)

    def _seconds_to_next(self) -> float:
        if time.monotonic() - self._asked_at > IDLE_AFTER / 2:
            self._asked_at = time.monotonic()
            for member in self._members:
                member.is_watching = False  # The next call says that there are calls.
        if not self._members:
            return LINGER_SECONDS
        if self.link.seconds_to_pause:
            return self.link.seconds_to_pause
        if self._is_idle():
            return IDLE_SECONDS
        return min((member.seconds_to_next() for member in self._members), default=VIEW_SECONDS / 2)

    def _is_idle(self) -> bool:
        return time.monotonic() - self._active_at > IDLE_AFTER

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._woken: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()

    def after_fork(self) -> None:
        """Become a process of its own in a child, where the thread does not exist."""
        self._renew()
        self._is_running = False
        self._active_at = self._asked_at = -math.inf
        self.link.reconnect()
        for member in self._members:
            member.after_fork()
            member.is_watching = False


_alive: weakref.WeakSet[Fleet] = weakref.WeakSet()
_shared: weakref.WeakValueDictionary[str, Fleet] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared_fleet(url: SecretStr) -> Fleet:
    """Return the process's fleet at a URL.

    Raises:
        ConfigurationError: The packages of the extra `redis` are not installed.
    """
    key = hashlib.sha256(url.get_secret_value().encode()).hexdigest()
    with _lock:
        fleet = _shared.get(key)
        if fleet is None:
            fleet = _shared[key] = Fleet(url)
        return fleet


def _become_child() -> None:
    global _lock
    _lock = threading.Lock()
    for fleet in list(_alive):
        fleet.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_become_child)
