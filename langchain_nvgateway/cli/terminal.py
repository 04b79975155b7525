"""The terminal: consoles, what may be shown on them, and errors as one line with an exit code."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

__all__ = ["FAILED", "INTERRUPTED", "MISUSED", "clean", "console", "expected_failures", "is_lively"]

FAILED = 1
"""Exit code when a check or a call failed."""

MISUSED = 2
"""Exit code when a setting or an argument is wrong."""

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def console(*, stderr: bool = False, lively: bool | None = None) -> Console:
    """Return a console that prints texts as they are.

    Args:
        stderr: Print on standard error.
        lively: Whether colours and changing lines may be used, whatever the variables for rich say.
    """
    return Console(
        stderr=stderr,
        force_terminal=lively,
        force_interactive=lively,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=lively is None,
    )


def is_lively(*, stderr: bool = False) -> bool:
    """Whether somebody looks at a terminal that can change what it has shown."""
    stream = sys.stderr if stderr else sys.stdout
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def clean(text: str) -> str:
    """Return a text in one line and without the control characters by which it could change the terminal."""
    return " ".join("".join(char if _is_shown(char) else " " for char in text).split())


@contextmanager
def expected_failures() -> Iterator[None]:
    """Turn errors that a user can do something about into one line and an exit code."""
    from ..errors import ConfigurationError, NVGatewayError

    try:
        yield
    except ConfigurationError as error:
        console(stderr=True).print(f"error: {error}")
        raise typer.Exit(MISUSED) from None
    except NVGatewayError as error:
        console(stderr=True).print(f"error: {error}")
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _is_shown(char: str) -> bool:
    return char == " " or not unicodedata.category(char).startswith("C")
