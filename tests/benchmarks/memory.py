"""What 10,000 calls leave behind, in fresh processes: memory, sockets, tasks."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from .litellm_driver import LiteLLM
from .models import Bench
from .row import Measurement, NotMeasuredError, Row
from .server import ROOT

__all__ = ["ROWS"]

_CALLS = 10_000
_WARM_UP = 1_000
_AT_ONCE = 16
_KIB_OF_A_LEAK = 1024


def _measure(bench: Bench) -> Measurement:
    if not Path("/proc/self/statm").exists():
        raise NotMeasuredError("only Linux says what a process holds")
    processes = [_started(which, bench.server) for which in ("role", "chat_openai")]
    ours, theirs = (json.loads(process.communicate()[0]) for process in processes)
    note = f"{ours['sockets']} sockets, {ours['tasks']} tasks; ChatOpenAI {theirs['kib']:.0f} KiB"
    # A socket or task that is left over has to miss the bar, however small it is.
    left_over = max(0, ours["sockets"]) + max(0, ours["tasks"])
    return Measurement(ours["kib"] + _KIB_OF_A_LEAK * left_over, note)


def _started(which: str, server: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", which, server]
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)


async def _calls(model: Any, count: int) -> None:
    """Make half of the calls in the loop, some at once, and half in the other way."""
    left = iter(range(count // 2))

    async def work() -> None:
        for _ in left:
            await model.ainvoke("Hi")

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    for _ in range(count - count // 2):
        model.invoke("Hi")


async def _growth(model: Any) -> dict[str, float]:
    await _calls(model, _WARM_UP)
    before = _state()
    await _calls(model, _CALLS)
    return {name: value - before[name] for name, value in _state().items()}


def _state() -> dict[str, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    files = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {
        "kib": pages * resource.getpagesize() / 1024,
        "sockets": sum(name.startswith("socket:") for name in files),
        "tasks": len(asyncio.all_tasks()),
    }


def _main(which: str, server: str) -> None:
    with asyncio.Runner() as runner:
        bench = Bench(server, runner, LiteLLM(Path("unused"), server))
        model = bench.manager().model("planner") if which == "role" else getattr(bench, which)()
        print(json.dumps(runner.run(_growth(model))))


ROWS = (
    Row(
        "memory", f"memory that {_CALLS:,} calls of a role leave behind", "", _measure, 1024.0, unit="KiB", slack=512.0
    ),
)

if __name__ == "__main__":
    _main(*sys.argv[1:])
