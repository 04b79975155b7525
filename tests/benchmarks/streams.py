"""What a chunk of a stream costs."""

from __future__ import annotations

from typing import Any

from .answers import CALL_DELTAS, PACED, WORDS
from .history import EDIT
from .measuring import Comparison, acpu_of, compare, cpu_of
from .models import Bench
from .row import Measurement, Row

__all__ = ["ROWS", "chunks", "stream_turns"]


def chunks(comparison: Comparison, count: int = WORDS) -> Measurement:
    """Return a ratio, and what a chunk costs each side."""
    ours, theirs = (seconds / count * 1e6 for seconds in comparison[:2])
    return Measurement(comparison.ratio, f"{ours:.0f} against {theirs:.0f} µs a chunk")


def stream_turns(one: Any, other: Any) -> Comparison:
    """Compare the streams of two models, which have to say the same in the same pieces.

    A tool call has no text: ours hands it on as a whole, so that its pieces do not count.
    """
    ours, theirs = ([chunk.text for chunk in model.stream("Hi") if chunk.text] for model in (one, other))
    if ours != theirs:
        raise AssertionError("the two streams differ")
    return compare(cpu_of(lambda: list(one.stream("Hi"))), cpu_of(lambda: list(other.stream("Hi"))))


def _text(bench: Bench) -> Measurement:
    return chunks(stream_turns(bench.nim(), bench.chat_openai()))


def _paced(bench: Bench) -> Measurement:
    nim, openai = bench.nim("paced"), bench.chat_openai("paced")
    turns = cpu_of(lambda: list(nim.stream("Hi"))), cpu_of(lambda: list(openai.stream("Hi")))
    return chunks(compare(*turns, rounds=11, runs=1), len(PACED))


def _async_text(bench: Bench) -> Measurement:
    nim, openai = bench.nim(), bench.chat_openai()
    return chunks(
        compare(
            acpu_of(bench.runner, lambda: _read(nim)),
            acpu_of(bench.runner, lambda: _read(openai)),
        )
    )


def _tool_call(bench: Bench) -> Measurement:
    one, other = (model.bind_tools([EDIT]) for model in (bench.nim("tool"), bench.chat_openai("tool")))
    return chunks(stream_turns(one, other), len(CALL_DELTAS))


async def _read(model: Any) -> None:
    async for _ in model.astream("Hi"):
        pass


ROWS = (
    Row("stream-chunk", "a streamed chunk", "ChatOpenAI", _text, 0.35, 0.2, is_main=True),
    Row("astream-chunk", "a chunk of `astream`", "ChatOpenAI", _async_text, 0.35, 0.2, is_main=True),
    Row("stream-paced", "a streamed chunk that comes alone, 1 ms after the last", "ChatOpenAI", _paced, 1.0),
    Row(
        "stream-tool-call",
        "a streamed tool call of 2 kB",
        "ChatOpenAI",
        _tool_call,
        0.35,
        0.2,
        slack=0.03,
        is_main=True,
    ),
)
