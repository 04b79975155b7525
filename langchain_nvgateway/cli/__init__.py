"""The `nvgateway` command; it needs the extra `cli`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit("nvgateway needs typer and rich: pip install 'langchain-nvgateway[cli]'")
    app()
