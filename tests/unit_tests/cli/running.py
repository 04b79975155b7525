"""Runs the command in processes of its own: with its output in a pipe, or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "nvgateway"
SECONDS = 60.0

# Ctrl-C reaches a process whose terminal it is; done in the child, since a fork among threads is none to build on.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended, and what it left in its folder for temporary files."""

    code: int
    out: str
    err: str
    left: list[Path]


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which temporary files are made in a folder."""
    return {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "TERM": "dumb", **more}


def run_piped(folder: Path, *words: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Ended:
    """Run the command to its end."""
    done = subprocess.run(
        [PROGRAM, *words],
        env=surroundings(folder, **(env or {})),
        cwd=folder,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, list(folder.iterdir()))


class Terminal:
    """The command on a terminal of its own.

    Args:
        folder: Where its temporary files go.
        words: Its arguments.
        columns: Width of the terminal.
        env: Further variables.
    """

    def __init__(self, folder: Path, *words: str, columns: int = 80, env: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self.shown = ""
        """All that it has written so far."""
        self._fd, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, PROGRAM, *words],
            env=surroundings(folder, **{"TERM": "xterm-256color", **(env or {})}),
            cwd=folder,
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
        )
        os.close(side)

    def read_until(self, text: str) -> None:
        """Read until a text has been written."""
        while text not in self.shown:
            assert self._read(), f"ended without {text!r}: {self.shown!r}"

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C."""
        os.write(self._fd, b"\x03")

    def end(self) -> Ended:
        """Read until the command ends."""
        while self._read():
            pass
        os.close(self._fd)
        return Ended(self._process.wait(SECONDS), self.shown, "", list(self._folder.iterdir()))

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux says so when the other side is closed.
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
