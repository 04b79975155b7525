"""The emulator in a process of its own, so that only the client's work counts."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from langchain_nvgateway.emulator import Emulator, Reply

__all__ = ["serving"]


@contextmanager
def serving(**reply: Any) -> Iterator[dict[str, str]]:
    """Serve one reply to every request; the value is the environment that points there.

    Args:
        reply: What the emulator's `Reply` takes.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, reply), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join(timeout=10)


def _serve(pipe: Connection, reply: dict[str, Any]) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    with Emulator() as emu:
        emu.nim.reply_always(Reply(**reply))
        emu.gateway.reply_always(Reply(**reply))
        pipe.send(emu.env)
        pipe.recv()
