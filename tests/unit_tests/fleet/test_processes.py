"""The thread of the fleet: forks, idle times, its end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import pytest
from pydantic import SecretStr

from langchain_nvgateway.breaker import BreakerState
from langchain_nvgateway.fleet import Fleet
from langchain_nvgateway.fleet import fleet as thread_of_fleet

from .conftest import NAME, NewBreaker, is_in, wait_until
from .test_circuits import commands
from .valkey import PATIENCE, Valkey


def run_script(valkey: Valkey, script: str) -> str:
    """Run a script in a process of its own, where a fork cannot hurt the tests; return what it prints."""
    prelude = f"""
        import os, sys, time
        from pydantic import SecretStr
        from langchain_nvgateway.breaker import BreakerState
        from langchain_nvgateway.fleet import Fleet

        breaker = Fleet(SecretStr({valkey.url!r})).breaker({NAME!r}, place="here", open_seconds=1.0, jitter=0)

        def wait_for(state):
            end = time.monotonic() + {PATIENCE}
            while breaker.state is not state and time.monotonic() < end:
                time.sleep(0.01)
            os.write(1, f"{{breaker.state.value}}\\n".encode())
    """
    source = textwrap.dedent(prelude) + textwrap.dedent(script)
    # Newer Pythons warn of a fork in a process with threads, which is just what this is about.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_forked_child_is_a_process_of_its_own(valkey: Valkey) -> None:
    """It hears of what the parent does, and the parent of what it does, each over its own connection."""
    printed = run_script(
        valkey,
        """
        breaker.acquire().success()
        time.sleep(0.2)
        child = os.fork()
        if child:
            breaker.force_open()
            os.waitpid(child, 0)
            wait_for(BreakerState.CLOSED)
        else:
            wait_for(BreakerState.OPEN)
            breaker.reset()
            time.sleep(0.2)
            os._exit(0)
        """,
    )

    assert printed == "open\nclosed\n"


def test_right_to_probe_is_not_inherited(valkey: Valkey) -> None:
    """Parent and child after a fork are two, of which one probes."""
    printed = run_script(
        valkey,
        """
        from langchain_nvgateway.errors import CircuitOpenError
        breaker.force_open()
        # The open time, and a look in which the parent takes the right ahead of any call: that is what a child could
        # inherit, and it shows nowhere that could be waited for.
        time.sleep(1.2)
        child = os.fork()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                permit = breaker.acquire()
                os.write(1, b"probe\\n")
                break
            except CircuitOpenError:
                time.sleep(0.01)
        time.sleep(max(0, end - time.monotonic()))
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        """,
    )

    assert printed == "probe\n"


def test_idle_process_looks_seldom_until_it_makes_a_call(
    valkey: Valkey, new_breaker: NewBreaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker without work costs Redis next to nothing."""
    monkeypatch.setattr(thread_of_fleet, "IDLE_AFTER", 0.2)
    monkeypatch.setattr(thread_of_fleet, "IDLE_SECONDS", PATIENCE)
    idle = new_breaker(valkey)
    idle.acquire().success()
    wait_until(lambda: commands_stand_still(valkey))
    busy = new_breaker(valkey)
    busy.force_open()
    wait_until(is_in(busy, BreakerState.OPEN))

    idle.acquire().success()
    assert wait_until(is_in(idle, BreakerState.OPEN)) < 1.0


def commands_stand_still(valkey: Valkey) -> bool:
    """Whether nothing is sent for longer than between two looks."""
    before = commands(valkey)
    threading.Event().wait(0.7)
    return commands(valkey) == before


def test_thread_ends_with_the_last_breaker(valkey: Valkey) -> None:
    """Nobody has to close anything."""
    fleet = Fleet(SecretStr(valkey.url))
    breaker = fleet.breaker(NAME, place="here")
    breaker.acquire().success()
    assert "nvgateway-fleet" in {thread.name for thread in threading.enumerate()}
    del breaker

    wait_until(lambda: "nvgateway-fleet" not in {thread.name for thread in threading.enumerate()})


def test_breaker_starts_the_thread_anew_after_its_end(valkey: Valkey, new_breaker: NewBreaker) -> None:
    """A fleet that had no breakers for a while is as good as a new one."""
    fleet = Fleet(SecretStr(valkey.url))
    first = fleet.breaker(NAME, place="here")
    first.acquire().success()
    fleet.detach([first])
    wait_until(lambda: "nvgateway-fleet" not in {thread.name for thread in threading.enumerate()})

    second = fleet.breaker(NAME, place="here")
    second.force_open()
    assert wait_until(is_in(new_breaker(valkey), BreakerState.OPEN)) < 1.0
    fleet.detach([second])
