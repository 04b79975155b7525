"""A machine that has something else to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["busy_machine"]

# Ends by itself should the benchmarks be killed.
_LOOP = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n for _ in range(1_000_000): pass"


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep each core busy with a loop."""
    command = [sys.executable, "-c", _LOOP, str(os.getpid())]
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield
