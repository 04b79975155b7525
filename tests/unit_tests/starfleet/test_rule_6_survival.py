"""Rule 6: forks, jumping clocks, short and repeated tokens (hostile answers are with rule 4)."""

from __future__ import annotations

import gzip
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from langchain_nvgateway.errors import StarfleetUnavailableError
from langchain_nvgateway.starfleet import StarfleetTokenProvider, TokenState

from .conftest import Ask
from .token_server import PATIENCE, Clocks, Handler, TokenServer, answer, grant, wait_for_refreshes


def run_forking_script(server: TokenServer, script: str, go_on: Callable[[], None] = lambda: None) -> str:
    """Run a script in a process of its own, where a fork cannot hurt the tests; return what it prints.

    Args:
        server: The token endpoint, whose URL is the script's argument.
        script: Its `input()` returns when `go_on` has.
        go_on: Waits for whatever the script must wait for.
    """
    prelude = """
        import os, sys, threading, traceback
        from langchain_nvgateway.starfleet import StarfleetTokenProvider, shared_provider

        provider = StarfleetTokenProvider(sys.argv[1], "fake-id", "fake-secret", timeout=5.0)

        def say(text):
            os.write(1, f"{text}\\n".encode())  # In one piece, which `print` does not promise.

        def in_child(work):
            child = os.fork()
            if not child:
                try:
                    say(work())
                except BaseException:
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(0)
            return child
    """
    source = textwrap.dedent(prelude) + textwrap.dedent(script)
    # Newer Pythons warn of a fork in a process with threads, which is just what this is about.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source, server.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        go_on()
        printed, complaints = process.communicate("\n", timeout=PATIENCE)
    assert (process.returncode, complaints) == (0, "")
    return printed


def test_forked_child_has_the_token(server: TokenServer) -> None:
    """It is as good there."""
    printed = run_forking_script(
        server,
        """
        provider.get_token()
        os.waitpid(in_child(provider.get_token), 0)
        """,
    )

    assert printed == "fake-token-1\n"
    assert len(server.requests) == 1


def test_fork_during_a_refresh(server: TokenServer) -> None:
    """The child starts a refresh of its own while the parent's stands at the endpoint, which then goes on."""
    gate = server.gate(grant("fake-parent"))

    def grant_child_then_parent(handler: Handler) -> None:
        grant("fake-child")(handler)
        gate.open()

    server.then(grant_child_then_parent)

    printed = run_forking_script(
        server,
        """
        waiting = threading.Thread(target=lambda: say(provider.get_token()))
        waiting.start()
        input()
        os.waitpid(in_child(provider.get_token), 0)
        waiting.join()
        """,
        go_on=gate.wait_for_request,
    )

    assert sorted(printed.split()) == ["fake-child", "fake-parent"]


def test_fork_while_the_locks_are_held(server: TokenServer) -> None:
    """By threads that do not exist in the child, so nobody would ever let go of them."""
    printed = run_forking_script(
        server,
        """
        from langchain_nvgateway.starfleet import sharing

        def ask_both():
            shared = shared_provider(sys.argv[1], "fake-id", "fake-secret")
            return provider.get_token(), shared.get_token()

        with provider._lock, sharing._lock:
            child = in_child(ask_both)
        os.waitpid(child, 0)
        """,
    )

    assert printed == "('fake-token-1', 'fake-token-2')\n"


@pytest.mark.parametrize(("clock", "jump"), [("monotonic", 900.0), ("wall", 900.0), ("wall", 1e9)])
def test_clock_that_jumps_ahead_ends_the_token(
    ask: Ask, provider: StarfleetTokenProvider, clocks: Clocks, clock: str, jump: float
) -> None:
    """The wall clock after a machine slept, the monotonic one when the wall clock was set back."""
    ask(provider)
    setattr(clocks, clock, getattr(clocks, clock) + jump)

    assert provider.state is TokenState.EXPIRED
    assert provider.expires_in == 0
    assert ask(provider) == "fake-token-2"
    assert provider.state is TokenState.FRESH


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_clock_that_jumps_back_lengthens_no_life(
    ask: Ask, provider: StarfleetTokenProvider, clocks: Clocks, clock: str
) -> None:
    """The other clock still counts."""
    ask(provider)
    setattr(clocks, clock, getattr(clocks, clock) - 500.0)
    assert ask(provider) == "fake-token-1"
    clocks.advance(890.0)

    assert provider.state is TokenState.EXPIRED
    assert ask(provider) == "fake-token-2"


def test_token_of_a_second_lives_and_is_replaced(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """All parts of a short life are there, in proportion."""
    server.then(grant("fake-short", 1))
    assert ask(provider) == "fake-short"

    clocks.at(0.59)
    assert provider.state is TokenState.FRESH
    clocks.at(0.71)
    assert provider.state is TokenState.STALE
    assert ask(provider) == "fake-short"
    wait_for_refreshes()
    assert ask(provider) == "fake-token-1"


def test_repeated_token_lives_as_long_as_its_last_answer_says(
    ask: Ask, provider: StarfleetTokenProvider, server: TokenServer, clocks: Clocks
) -> None:
    """Some endpoints give the same token again with what is left of its life."""
    server.then(grant("fake-same", 900), grant("fake-same", 200))
    ask(provider)
    clocks.at(700.0)
    ask(provider)
    wait_for_refreshes()

    assert provider.state is TokenState.FRESH
    assert provider.expires_in == 200
    clocks.at(700.0 + 190.0)
    assert ask(provider) == "fake-token-1"


def test_answer_of_exactly_64_kib_is_fine(provider: StarfleetTokenProvider, server: TokenServer) -> None:
    """And one byte more is a broken answer."""
    body = '{"access_token": "fake-token-1"}'.ljust(64 * 1024)
    server.then(answer(200, body))
    assert provider.get_token() == "fake-token-1"

    provider.invalidate("fake-token-1")
    server.always(answer(200, body + " "))
    with pytest.raises(StarfleetUnavailableError, match="64 KiB"):
        provider.get_token()


def test_compressed_bomb_is_a_broken_answer(
    new_provider: Callable[..., StarfleetTokenProvider], server: TokenServer
) -> None:
    """It is not unpacked beyond the limit."""
    server.always(answer(200, gzip.compress(b" " * 50_000_000), content_encoding="gzip"))

    with pytest.raises(StarfleetUnavailableError, match="64 KiB"):
        new_provider().get_token()
