"""Ten thousand calls, of which every tenth fails, leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from langchain_nvgateway import ChatNIM, NVGatewayError

from .flaky_server import flaky_server

CALLS = 10_000
_AT_ONCE = 20
_EXECUTOR_THREADS = min(32, (os.cpu_count() or 1) + 4) + 2
"""As many as an event loop may start for itself, beside this thread and what the test runner has."""


def _sockets() -> set[str]:
    """Return the sockets that this process has open."""
    found = set()
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(os.readlink(number))
    return {name for name in found if name.startswith("socket:")}


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


async def _acall(model: ChatNIM, number: int, seen: Counter[str]) -> None:
    try:
        if number % 2:
            text = (await model.ainvoke("Hi")).text
        else:
            text = "".join([chunk.text async for chunk in model.astream("Hi")])
        seen[text] += 1
    except NVGatewayError:
        seen["failed"] += 1


def _call(model: ChatNIM, number: int, seen: Counter[str]) -> None:
    try:
        text = model.invoke("Hi").text if number % 2 else "".join(chunk.text for chunk in model.stream("Hi"))
        seen[text] += 1
    except NVGatewayError:
        seen["failed"] += 1


async def _calls(model: ChatNIM, number: int, seen: Counter[str]) -> None:
    """Make some calls from many tasks at once, and as many one after the other in a thread."""
    numbers = iter(range(number // 2))

    async def work() -> None:
        for each in numbers:
            await _acall(model, each, seen)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    await asyncio.to_thread(lambda: [_call(model, each, seen) for each in range(number // 2)])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are counted as Linux shows them")
async def test_ten_thousand_calls_leave_nothing_behind() -> None:
    """No socket, task, thread or object stays; each call has an answer or a typed error."""
    with flaky_server() as url:
        model = ChatNIM(model="m", base_url=url, api_key="fake-key", max_retries=0)
        seen: Counter[str] = Counter()
        gc.collect()  # What earlier tests left behind: a vendor's SDK ends in whatever loop runs.
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        before, tasks = _sockets(), len(asyncio.all_tasks())
        await _calls(model, CALLS // 10, seen)
        # Threads of the loop's own, in which hosts are looked up, stay.
        warm, threads = _objects(), threading.active_count()

        await _calls(model, CALLS - CALLS // 10, seen)

        grown, kept = _objects() - warm, len(_sockets() - before)
        assert threading.active_count() <= max(threads, _EXECUTOR_THREADS)
        await model._path.http.aclose()
        new, tasks_after = _sockets() - before, len(asyncio.all_tasks())
    assert seen == {"fine": CALLS - CALLS // 10, "failed": CALLS // 10}
    assert (new, tasks_after) == (set(), tasks)
    assert kept <= _AT_ONCE + 1  # Idle connections, which are used again.
    assert grown < CALLS / 100
