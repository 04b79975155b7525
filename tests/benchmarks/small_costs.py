"""What has an absolute bar: a circuit breaker, a token, the start of a process."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from itertools import repeat

from langchain_nvgateway import CircuitBreaker, StarfleetTokenProvider

from .measuring import cost_of
from .models import KEY, Bench
from .row import Measurement, Row
from .server import ROOT

__all__ = ["ROWS"]

_HEAVY = ("openai", "langchain", "langchain_core", "langchain_openai", "langgraph")
_LOADED = f"import sys, langchain_nvgateway; print([name for name in {_HEAVY} if name in sys.modules])"


def _breaker(_: Bench) -> Measurement:
    breaker = CircuitBreaker("bench")

    def turn(runs: int) -> float:
        started = time.process_time()
        for _ in repeat(None, runs):
            breaker.acquire().success()
        return time.process_time() - started

    return Measurement(cost_of(turn) * 1e6)


def _token(bench: Bench) -> Measurement:
    provider = StarfleetTokenProvider(f"{bench.server}/token", "fake-id", KEY)
    get_token = provider.get_token

    def turn(runs: int) -> float:
        started = time.process_time()
        for _ in repeat(None, runs):
            get_token()
        return time.process_time() - started

    value = Measurement(cost_of(turn) * 1e6)
    provider.close()
    return value


def _import(_: Bench) -> Measurement:
    bare, ours = [], []
    for _ in range(11):
        bare.append(_cpu_of_process("-c", "pass"))
        ours.append(_cpu_of_process("-c", "import langchain_nvgateway"))
    loaded = _run("-c", _LOADED).stdout.strip()
    note = f"loads {loaded.strip('[]') or 'none of openai, langchain, langgraph'}"
    return Measurement(statistics.median(mine - base for mine, base in zip(ours, bare, strict=True)), note)


def _help(_: Bench) -> Measurement:
    command = ("-m", "langchain_nvgateway", "--help")
    _run(*command)
    return Measurement(statistics.median(_cpu_of_process(*command) for _ in range(5)))


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=True, capture_output=True, text=True)


def _cpu_of_process(*arguments: str) -> float:
    """Return the CPU seconds of a fresh interpreter, which other processes do not lengthen."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


ROWS = (
    Row("breaker", "a breaker's `acquire` and `success`", "", _breaker, 2.0, 1.0, unit="µs", slack=0.1, is_main=True),
    Row("token", "reading a fresh token", "", _token, 0.5, 0.2, unit="µs", slack=0.05, is_main=True),
    Row(
        "import",
        "`import langchain_nvgateway`, less the interpreter",
        "",
        _import,
        0.15,
        0.05,
        unit="s",
        slack=0.02,
        is_main=True,
    ),
    Row("cli-help", "`nvgateway --help`", "", _help, unit="s", slack=0.1),
)
