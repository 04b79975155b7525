"""`python -m langchain_nvgateway.emulator`: serve until Ctrl-C."""

from __future__ import annotations

import argparse
import shlex
import threading
from contextlib import suppress

from .emulator import Emulator


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C and print the environment that points a client here.

    Args:
        arguments: Command-line arguments; `None` for those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m langchain_nvgateway.emulator",
        description="Starfleet, the LLM Gateway and hosted NIM on loopback.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    chosen = parser.parse_args(arguments)
    # Ctrl-C may come as soon as the first line is there.
    with suppress(KeyboardInterrupt), Emulator(port=chosen.port, latency=chosen.latency) as emulator:
        for name, value in emulator.env.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
