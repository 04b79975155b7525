"""`make bench`: ratios of CPU time, as a table."""

from __future__ import annotations

import os
from collections.abc import Iterator

from . import checking, comparing

_FOREIGN = ("OPENAI_", "NVIDIA_", "NVGATEWAY_", "STARFLEET_", "LLM_GATEWAY_", "LANGSMITH_", "LANGCHAIN_")


def main() -> None:
    """Measure, and print what came of it."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN) or name.lower().endswith("_proxy")]:
        del os.environ[name]
    print("Client CPU time, as ratios of runs that take turns")
    for name, value in _rows():
        print(f"{name:<68} {value:6.2f}", flush=True)


def _rows() -> Iterator[tuple[str, float]]:
    yield from comparing.measure()
    measured = checking.measure()
    for name in ("share of the check in a streamed call", "a checked stream against an unchecked one"):
        yield f"{name} (a tool call of 2 kB)", measured[name]


if __name__ == "__main__":
    main()
