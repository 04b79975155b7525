"""A run of the benchmarks: each row on an idle machine, the main ones on a busy one as well."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .busy import busy_machine
from .comparison import is_doubtful, settled
from .litellm_driver import LiteLLM
from .models import Bench
from .results import Result, Results, machine, versions
from .row import Measurement, NotMeasuredError, Row
from .server import ROOT, serving

__all__ = ["LITELLM", "Run", "benching", "run"]

LITELLM = ROOT / ".venv-litellm" / "bin" / "python"
"""The interpreter of LiteLLM's environment."""


@dataclass
class Run:
    """What a run has found so far."""

    rows: dict[str, Result] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Why rows were not measured, by key."""

    errors: dict[str, Exception] = field(default_factory=dict)
    """What went wrong in rows, by key."""


@contextmanager
def benching(litellm: Path = LITELLM) -> Iterator[Bench]:
    """Have all that rows need."""
    # Without a handler, Python prints each fallback to the terminal.
    logging.getLogger("langchain_nvgateway").addHandler(logging.NullHandler())
    with serving() as server, asyncio.Runner() as runner:
        bench = Bench(server, runner, LiteLLM(litellm, server))
        try:
            yield bench
        finally:
            bench.close()


def run(rows: Iterable[Row], stored: Results, *, has_busy: bool, tell: Callable[[str], None]) -> tuple[Results, Run]:
    """Measure rows.

    Args:
        rows: What to measure.
        stored: A row that looks worse than here is measured again.
        has_busy: Whether to measure the main rows on a busy machine as well.
        tell: Is told what is being measured.
    """
    rows = list(rows)
    done = Run()
    with benching() as bench:
        # What is imported by now is nobody's garbage.
        gc.collect()
        gc.freeze()
        for row in rows:
            tell(f"{row.key}, idle")
            measured = _measured(row, bench, done, stored)
            if measured:
                done.rows[row.key] = Result(measured.value, None, measured.note)
        mains = [row for row in rows if has_busy and row.is_main and row.key in done.rows]
        if mains:
            with busy_machine():
                for row in mains:
                    tell(f"{row.key}, busy")
                    measured = _measured(row, bench, done, Results())
                    if measured:
                        done.rows[row.key] = replace(done.rows[row.key], busy=measured.value)
        told = versions(bench.litellm.version)
    return Results(machine(), told, done.rows), done


def _measured(row: Row, bench: Bench, done: Run, stored: Results) -> Measurement | None:
    try:
        return settled(lambda: row.measure(bench), lambda value: is_doubtful(row, value, stored))
    except NotMeasuredError as error:
        done.absent[row.key] = str(error)
    except Exception as error:  # the other rows are worth knowing
        done.errors[row.key] = error
    return None
