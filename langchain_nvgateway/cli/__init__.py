"""The `nvgateway` command; it needs the extra `cli`, and `nvgateway demo` the extra `demo`."""

from __future__ import annotations

import io
import logging
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command."""
    # The command tells itself what happened; without a handler, Python would print each warning as well.
    logging.getLogger("langchain_nvgateway").addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        # Answers have letters that a terminal in ASCII cannot show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit("nvgateway needs typer and rich: pip install 'langchain-nvgateway[cli]'")
    except KeyboardInterrupt:
        sys.exit(130)
    app()
