"""The temporary folder that the roles work in: nothing outside of it is read or written."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from langchain_core.tools import ToolException

from .project import FILES, NUMBER_OF_TESTS, TESTS

__all__ = ["RefusedError", "TestRun", "Workspace"]

_MAX_READ = 20_000
_MAX_WRITTEN = 100_000
_MAX_OUTPUT = 4_000

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""Variables that tests get to see; no credential is among them."""


class RefusedError(ToolException):
    """The folder does not do that; the text is for the model."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """What came of the project's tests."""

    __test__ = False  # pytest collects what begins with Test

    ran: int
    failed: int
    passed: bool
    """Whether all of the project's tests ran, and all were good."""

    output: str
    """What the test runner said."""


class Workspace:
    """The project in a folder.

    Args:
        root: The folder.
        test_seconds: How long the tests may run.
    """

    def __init__(self, root: Path, *, test_seconds: float = 20.0) -> None:
        self.root = root.resolve()
        self._test_seconds = test_seconds

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator[Self]:
        """Give a fresh project in a temporary folder that is removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="nvgateway-demo-", ignore_cleanup_errors=True) as folder:
            for name, content in FILES.items():
                (Path(folder) / name).write_text(content, encoding="utf-8")
            yield cls(Path(folder))

    def list_files(self) -> str:
        """List the files of the project, one per line."""
        found = (path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return "\n".join(sorted(path.relative_to(self.root).as_posix() for path in found))

    def read_file(self, path: str) -> str:
        """Read a text file of the project; the path is relative to the project's folder."""
        try:
            return self._inside(path).read_text(encoding="utf-8")[:_MAX_READ]
        except (OSError, ValueError) as error:
            raise RefusedError(f"{path!r} cannot be read: {_reason(error)}.") from error

    def write_file(self, path: str, content: str) -> str:
        """Replace a file of the project by the whole content, or create it; tests cannot be changed."""
        target = self._inside(path)
        if any(part.lower().startswith("test") for part in target.relative_to(self.root).parts):
            raise RefusedError("The tests say what is right and cannot be changed: change the code.")
        if len(content) > _MAX_WRITTEN:
            raise RefusedError(f"The content has more than {_MAX_WRITTEN} characters.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise RefusedError(f"{path!r} cannot be written: {_reason(error)}.") from error
        return f"wrote {len(content.splitlines())} lines to {path}"

    def run_tests(self) -> str:
        """Run the tests of the project and return what they say."""
        return self.test_run().output

    def verdict(self) -> TestRun:
        """Run the tests as they were at the beginning, whatever has become of their file."""
        (self.root / TESTS).unlink(missing_ok=True)
        (self.root / TESTS).write_text(FILES[TESTS], encoding="utf-8")
        return self.test_run()

    def test_run(self) -> TestRun:
        """Run the tests in a process of their own, which sees no credentials."""
        # Isolated: no variable and no file in the folder can replace the test runner.
        command = [sys.executable, "-I", "-B", "-X", "utf8", "-m", "unittest", "discover"]
        with subprocess.Popen(  # noqa: S603 - that is what the tool is for
            command,
            cwd=self.root,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=self._test_seconds)
            except subprocess.TimeoutExpired:
                output = f"The tests were stopped after {self._test_seconds:g} s.\nFAILED (errors=1)"
            finally:
                _end(process)
        return _read(output.replace(str(self.root), "."), process.returncode)

    def _inside(self, path: str) -> Path:
        try:
            target = (self.root / path).resolve()
        except (OSError, ValueError) as error:
            raise RefusedError(f"{path!r} is no path: {_reason(error)}.") from error
        if not target.is_relative_to(self.root):
            raise RefusedError(f"{path!r} is outside of the project, where nothing is read or written.")
        return target


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _read(output: str, code: int) -> TestRun:
    found = re.findall(r"^Ran (\d+) tests?", output, re.MULTILINE)
    ran = int(found[-1]) if found else 0
    failed = sum(int(number) for number in re.findall(r"(?:failures|errors)=(\d+)", output.rpartition("FAILED")[2]))
    passed = code == 0 and ran == NUMBER_OF_TESTS and output.rstrip().endswith("OK")
    return TestRun(ran, 0 if passed else max(failed, 1), passed, output[-_MAX_OUTPUT:])


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
