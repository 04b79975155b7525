"""What a whole call costs, alone and among many."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .history import EDIT, conversation
from .measuring import Comparison, Turn, acpu_of, compare, cpu_of
from .models import Bench
from .row import Measurement, Row
from .streams import chunks, stream_turns

__all__ = ["ROWS", "calls", "invoke_turns"]

_AT_ONCE = 64


def calls(comparison: Comparison) -> Measurement:
    """Return a ratio, and what a call costs each side."""
    ours, theirs = (seconds * 1e3 for seconds in comparison[:2])
    return Measurement(comparison.ratio, f"{ours:.2f} against {theirs:.2f} ms")


def invoke_turns(one: Any, other: Any) -> Comparison:
    """Compare calls of two models, which have to answer the same."""
    if one.invoke("Hi").text != other.invoke("Hi").text:
        raise AssertionError("the two answers differ")
    return compare(cpu_of(lambda: one.invoke("Hi")), cpu_of(lambda: other.invoke("Hi")))


def _invoke(bench: Bench) -> Measurement:
    return calls(invoke_turns(bench.nim(), bench.chat_openai()))


def _history(bench: Bench) -> Measurement:
    messages = conversation()
    one, other = (model.bind_tools([EDIT]) for model in (bench.nim(), bench.chat_openai()))
    return calls(compare(cpu_of(lambda: one.invoke(messages)), cpu_of(lambda: other.invoke(messages))))


def _ainvoke(bench: Bench) -> Measurement:
    nim, openai = bench.nim(), bench.chat_openai()
    turns = acpu_of(bench.runner, lambda: nim.ainvoke("Hi")), acpu_of(bench.runner, lambda: openai.ainvoke("Hi"))
    return calls(compare(*turns))


def _throughput(bench: Bench) -> Measurement:
    one, other = _many(bench.runner, bench.nim()), _many(bench.runner, bench.chat_openai())
    one(_AT_ONCE), other(_AT_ONCE)
    compared = compare(one, other, rounds=5, runs=4 * _AT_ONCE)
    return Measurement(1 / compared.ratio, f"{1 / compared[0]:.0f} against {1 / compared[1]:.0f} calls/s")


def _many(runner: asyncio.Runner, model: Any) -> Turn:
    """Return a turn that takes the time which passes while calls run, 64 at once."""

    async def turn(runs: int) -> float:
        left = iter(range(runs))

        async def work() -> None:
            for _ in left:
                await model.ainvoke("Hi")

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        return time.perf_counter() - started

    return lambda runs: runner.run(turn(runs))


def _gateway_invoke(bench: Bench) -> Measurement:
    return calls(invoke_turns(bench.gateway(), bench.azure()))


def _gateway_stream(bench: Bench) -> Measurement:
    return chunks(stream_turns(bench.gateway(), bench.azure()))


def _nvidia_invoke(bench: Bench) -> Measurement:
    return calls(invoke_turns(bench.nim(), bench.chat_nvidia()))


def _nvidia_stream(bench: Bench) -> Measurement:
    return chunks(stream_turns(bench.nim(), bench.chat_nvidia()))


ROWS = (
    Row("invoke", "an `invoke`", "ChatOpenAI", _invoke, 0.6, 0.4, is_main=True),
    Row(
        "invoke-history",
        "an `invoke` with 50 messages and a tool",
        "ChatOpenAI",
        _history,
        1.0,
        0.6,
        slack=0.03,
        is_main=True,
    ),
    Row("ainvoke", "an `ainvoke`", "ChatOpenAI", _ainvoke, 0.6, 0.4),
    Row(
        "throughput-64",
        "throughput of 64 `ainvoke` at once",
        "ChatOpenAI",
        _throughput,
        4.0,
        8.0,
        better="higher",
        is_main=True,
    ),
    Row("gateway-invoke", "the Gateway's `invoke`", "AzureChatOpenAI", _gateway_invoke, 0.6, 0.4, is_main=True),
    Row("gateway-stream", "a streamed chunk of the Gateway", "AzureChatOpenAI", _gateway_stream, 0.35, 0.2),
    Row("nvidia-invoke", "an `invoke`", "ChatNVIDIA", _nvidia_invoke, 1.0, is_main=True),
    Row("nvidia-stream", "a streamed chunk", "ChatNVIDIA", _nvidia_stream, 1.0, is_main=True),
)
