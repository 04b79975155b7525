"""LiteLLM, which has an environment of its own and takes its turns there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import convert_to_openai_messages
from langchain_core.utils.function_calling import convert_to_openai_tool

from .answers import MODEL
from .history import EDIT, conversation
from .measuring import Turn
from .row import NotMeasuredError

__all__ = ["LiteLLM"]

_WORKER = Path(__file__).with_name("litellm_worker.py")


class LiteLLM:
    """A process with LiteLLM's Router, started when it is needed.

    Args:
        python: The interpreter of its environment.
        server: URL of the server.
    """

    version: str | None = None
    """LiteLLM's version, once it has started."""

    def __init__(self, python: Path, server: str) -> None:
        self._python = python
        self._server = server
        self._process: subprocess.Popen[str] | None = None

    def turn(self, what: Literal["healthy", "history", "failover"], clock: Literal["cpu", "wall"] = "cpu") -> Turn:
        """Return a turn of the router.

        Raises:
            NotMeasuredError: Its environment is not there.
        """
        if self._process is None:
            self._start()
        return lambda runs: self._ask([what, runs])[clock]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.__exit__(None, None, None)  # closes its input, and waits
            self._process = None

    def _start(self) -> None:
        if not self._python.exists():
            raise NotMeasuredError("LiteLLM is not installed; make bench does it")
        command = [str(self._python), str(_WORKER)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, env=dict(os.environ), **pipes)
        self.version = self._ask(
            {
                "model": MODEL,
                "good": f"{self._server}/text/v1",
                "bad": f"{self._server}/503/v1",
                "messages": convert_to_openai_messages(conversation()),
                "tools": [convert_to_openai_tool(EDIT)],
            }
        )

    def _ask(self, question: Any) -> Any:
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("LiteLLM's process has ended")
        return json.loads(answer)
