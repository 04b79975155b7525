"""One model serves several event loops, threads beside them, and the children of a fork."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from .calling import Endpoint


def test_one_model_serves_two_loops_one_after_the_other(endpoint: Endpoint) -> None:
    """Where `ChatOpenAI` says that the event loop is closed."""
    model = endpoint.model()
    for number in range(3):
        assert asyncio.run(model.ainvoke(f"number {number}")).text.endswith(f"number {number}")


def test_one_model_serves_many_loops_and_threads_at_once(endpoint: Endpoint) -> None:
    """Each gets its own answers."""
    model = endpoint.model(timeout=60)
    wrong: list[Any] = []

    def check(text: str, name: str) -> None:
        if not text.endswith(name):
            wrong.append((name, text))

    async def in_loop(name: str) -> None:
        for number in range(5):
            answers = await asyncio.gather(*(model.ainvoke(f"{name} {number} {i}") for i in range(4)))
            for i, answer in enumerate(answers):
                check(answer.text, f"{name} {number} {i}")
            check("".join([chunk.text async for chunk in model.astream(f"{name} s{number}")]), f"{name} s{number}")

    def in_thread(name: str) -> None:
        for number in range(10):
            check(model.invoke(f"{name} {number}").text, f"{name} {number}")
            check("".join(chunk.text for chunk in model.stream(f"{name} s{number}")), f"{name} s{number}")

    threads = [threading.Thread(target=lambda n=n: asyncio.run(in_loop(f"loop {n}"))) for n in range(4)]
    threads += [threading.Thread(target=in_thread, args=(f"thread {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


async def test_a_sync_call_of_the_same_model_does_not_disturb_a_loop(endpoint: Endpoint) -> None:
    """A tool that runs in a thread may ask the model too."""
    model = endpoint.model()
    answers = await asyncio.gather(model.ainvoke("a"), asyncio.to_thread(model.invoke, "b"), model.ainvoke("c"))
    assert [answer.text[-1] for answer in answers] == ["a", "b", "c"]


def _run(script: str, endpoint: Endpoint, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", script],
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **endpoint.emu.env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # On a busy machine the development mode reports a slow step of a task, which is no warning.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert lines == []
    return done.stdout


BUILD = """
import asyncio, gc, os, sys
from langchain_nvgateway import ChatNIM, ChatNVGateway
model = {kind}(timeout=20, max_retries=0)
async def chat(): return (await model.ainvoke("Hello")).text
async def read(): return "".join([chunk.text async for chunk in model.astream("Hello")])
async def leave():
    async for chunk in model.astream("Hello"): return
"""
NO_WARNINGS = (
    "-X",
    "dev",
    "-W",
    "error",
    "-W",
    "ignore::DeprecationWarning",
    "-W",
    "ignore::PendingDeprecationWarning",
)


def _script(endpoint: Endpoint, rest: str) -> str:
    return BUILD.format(kind="ChatNVGateway" if endpoint.name == "gateway" else "ChatNIM") + rest


@pytest.mark.parametrize(
    "rest",
    [
        "model.invoke('Hello')",
        "list(model.stream('Hello'))",
        "next(model.stream('Hello'))",
        "asyncio.run(chat())",
        "asyncio.run(chat()); asyncio.run(read()); model.invoke('Hello')",
        "asyncio.run(leave()); gc.collect()",
        "stream = model.stream('Hello'); next(stream); stream.close()",
        "asyncio.run(chat()); del model; gc.collect()",
    ],
)
def test_a_process_ends_without_a_warning(rest: str, endpoint: Endpoint) -> None:
    """No socket, task or generator is left open, in Python's development mode with warnings as errors."""
    _run(_script(endpoint, rest), endpoint, *NO_WARNINGS)


FORK = """
model.invoke("Hello")
asyncio.run(chat())
child = os.fork()
if child == 0:
    code = 1
    try:
        good = [model.invoke("Hello").text, asyncio.run(chat()), asyncio.run(read())]
        code = 0 if all("emulator" in text for text in good) else 2
    finally:
        os._exit(code)
text = model.invoke("Hello").text
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert "emulator" in text and "emulator" in asyncio.run(chat())
"""


def test_a_child_of_a_fork_has_connections_of_its_own(endpoint: Endpoint) -> None:
    """Parent and child may go on with the same model."""
    _run(_script(endpoint, FORK), endpoint)


OPEN_STREAM = """
stream = model.stream("Say it")
first = next(stream)
child = os.fork()
if child == 0:
    os._exit(0 if "emulator" in model.invoke("Hello").text else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert "emulator" in first.text + "".join(chunk.text for chunk in stream)
"""


def test_a_fork_does_not_disturb_an_open_stream(endpoint: Endpoint) -> None:
    """The child's end is not the end of its parent's connections."""
    _run(_script(endpoint, OPEN_STREAM), endpoint)


async def test_no_call_blocks_the_event_loop(endpoint: Endpoint) -> None:
    """Blockbuster watches; built, called, streamed, cancelled and failed within a loop."""
    model = endpoint.model()
    assert (await model.ainvoke("Hello")).text
    assert [chunk async for chunk in model.astream("Hello")]
    await model.abatch(["a", "b"])
    endpoint.service.fail_next("unavailable")
    with pytest.raises(Exception, match="503"):
        await model.ainvoke("Hello")
