"""Calls that are cancelled and loops that end leave nothing behind: no permit, no task, no socket."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from langchain_nvgateway import BreakerState, ModelManager
from langchain_nvgateway.emulator import Emulator, Reply

from .crowd import ASYNC, NIM, OPEN_SECONDS, Clock, Crowd, aask

LONG = Reply(chunks=[{"content": "word "}] * 2000, event_pause=0.01)


async def read(stream: Any) -> None:
    async for _ in stream:
        pass


def started(model: Any, style: str) -> Coroutine[Any, Any, Any]:
    return model.ainvoke("Hello") if style == "ainvoke" else read(model.astream("Hello"))


async def no_other_tasks() -> None:
    """Check that this task is the only one."""
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("style", ASYNC)
@pytest.mark.parametrize("where", ["at NIM", "at the Gateway", "at the token"])
def test_a_cancelled_call_leaves_nothing_behind(emu: Emulator, style: str, where: str) -> None:
    """Wherever it waits: the connection is gone, no task is left, and the circuit has not counted it."""
    manager = ModelManager(clock=Clock())
    model = manager.model("planner")
    waits_at = {"at NIM": emu.nim, "at the Gateway": emu.gateway, "at the token": emu.starfleet}[where]
    if where != "at NIM":
        manager.breakers[NIM].force_open()
    waits_at.hold()

    async def main() -> None:
        task = asyncio.create_task(started(model, style))
        await asyncio.to_thread(waits_at.wait_for_requests, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if where != "at the token":  # which others may be waiting for
            await asyncio.to_thread(emu.wait_until, lambda: waits_at.requests[0].aborted)
        waits_at.release()
        manager.reset()
        assert (await model.ainvoke("again")).text
        await no_other_tasks()

    asyncio.run(main())
    for breaker in manager.breakers.values():
        assert (breaker.state, breaker.snapshot().consecutive_failures) == (BreakerState.CLOSED, 0)


@pytest.mark.parametrize("style", ASYNC)
def test_a_hundred_cancelled_calls_leave_nothing_behind(emu: Emulator, style: str) -> None:
    """The circuit that was half-open still is, and one probe goes out next."""
    clock = Clock()
    manager = ModelManager(clock=clock)
    model = manager.model("planner")
    emu.nim.hold()
    emu.gateway.hold()

    async def cancel_all() -> None:
        tasks = [asyncio.create_task(started(model, style)) for _ in range(100)]
        await asyncio.to_thread(
            emu.wait_until, lambda: len(emu.nim.requests) + len(emu.gateway.requests) == 100, timeout=30
        )
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(error, asyncio.CancelledError) for error in done)
        await no_other_tasks()

    asyncio.run(cancel_all())
    breaker = manager.breakers[NIM]
    assert len(emu.nim.requests) == 100
    assert (breaker.state, breaker.snapshot().consecutive_failures) == (BreakerState.CLOSED, 0)

    breaker.force_open()
    clock.advance(1.1 * OPEN_SECONDS)
    emu.reset()
    emu.nim.hold()
    emu.gateway.hold()
    asyncio.run(cancel_all())
    assert len(emu.nim.requests) == 1
    assert breaker.state is BreakerState.HALF_OPEN
    emu.reset()
    assert asyncio.run(model.ainvoke("again")).response_metadata["nvgateway"]["provider"] == "nvidia-nim"
    assert breaker.state is BreakerState.CLOSED


def test_what_a_leaving_reader_says_of_the_leg(emu: Emulator) -> None:
    """After a chunk that the leg works; before any, nothing."""
    manager = ModelManager(clock=Clock())
    model, breaker = manager.model("planner"), manager.breakers[NIM]

    def fail_once() -> None:
        emu.nim.fail_next("unavailable")
        model.invoke("Hello")
        assert breaker.snapshot().consecutive_failures == 1

    async def leave_before() -> None:
        emu.nim.hold()
        before = len(emu.nim.requests)
        task = asyncio.create_task(read(model.astream("Hello")))
        await asyncio.to_thread(emu.nim.wait_for_requests, before + 1)
        task.cancel()
        await asyncio.wait([task])
        emu.nim.release()

    async def leave_after() -> None:
        stream = model.astream("Hello")
        await anext(stream)
        await stream.aclose()

    fail_once()
    asyncio.run(leave_before())
    assert breaker.snapshot().consecutive_failures == 1
    emu.nim.reply_next(LONG, times=2)
    asyncio.run(leave_after())
    assert breaker.snapshot().consecutive_failures == 0
    fail_once()
    stream = model.stream("Hello")
    next(stream)
    stream.close()
    assert breaker.snapshot().consecutive_failures == 0


def test_one_manager_serves_loops_and_threads_one_after_the_other_and_at_once(emu: Emulator) -> None:
    """Also while the first leg fails every other time: each gets the answer to its own question."""
    emu.nim.fail_when(lambda request: int(request.json["messages"][-1]["content"][-1]) % 2 == 0, "unavailable")
    clock = Clock()
    manager = ModelManager(clock=clock)
    model = manager.model("planner")
    for number in range(4):
        assert asyncio.run(aask(model, ASYNC[number % 2], f"number {number}")).text.endswith(f"number {number}")

    crowds = [Crowd(lambda _number: model, threads=2, tasks=10, after=lambda: clock.advance(60.0)) for _ in range(4)]
    asked: list[Any] = []
    threads = [threading.Thread(target=lambda crowd=crowd: asked.extend(crowd.ask(60))) for crowd in crowds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(asked) == 240
    wrong = [call for call in asked if call.error or not call.answer.text.endswith(f"number {call.number}")]
    assert wrong == []


BUILD = """
import asyncio, gc
from langchain_nvgateway import ModelManager
manager = ModelManager()
model = manager.model("planner")
async def chat(): return (await model.ainvoke("Hello")).text
async def read(): return [chunk async for chunk in model.astream("Hello")]
async def leave():
    async for chunk in model.astream("Hello"): return
async def cancel():
    tasks = [asyncio.create_task(chat()), asyncio.create_task(read())]
    await asyncio.sleep(0.05)
    for task in tasks: task.cancel()
    await asyncio.wait(tasks)
async def die(): tasks.append(asyncio.create_task(read())); await asyncio.sleep(0.05); raise SystemExit(0)
tasks = []
"""
STRICT = (
    *("-X", "dev", "-W", "error"),
    *("-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning"),
)


@pytest.mark.parametrize(
    "rest",
    [
        "model.invoke('Hello'); asyncio.run(chat()); asyncio.run(read())",
        "asyncio.run(chat()); next(model.stream('Hello'))",
        "asyncio.run(cancel()); asyncio.run(cancel()); gc.collect()",
        "asyncio.run(die())",
    ],
)
def test_a_process_ends_without_a_warning(emu: Emulator, rest: str) -> None:
    """No socket, task or generator is left open, in Python's development mode with warnings as errors."""
    if "cancel" in rest or "die" in rest:
        emu.nim.hold()
    else:
        emu.nim.fail_next("unavailable")  # so that both legs have connections
    done = subprocess.run(
        [sys.executable, *STRICT, "-c", BUILD + rest],
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **emu.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # On a busy machine the development mode reports a slow step of a task, and the role says whom it asks.
    told = ("Executing <", "planner: ", "Circuit ")
    assert (done.returncode, [line for line in done.stderr.splitlines() if not line.startswith(told)]) == (0, [])
