"""The three services on loopback, in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .gateway import Gateway
from .nim import Nim
from .records import RecordedRequest, RequestLog
from .server import Listener
from .services import Service
from .starfleet import Starfleet

HOST = "127.0.0.1"


class Emulator:
    """Starfleet, the LLM Gateway and hosted NIM on loopback.

    Everything may be scripted and read from any thread while the server runs.

    Args:
        port: Where to listen; 0 lets the system choose.
        separate_hosts: Give each service a port, and so an origin, of its own.
        latency: Seconds before the first byte of every answer of each service.
        clock: Monotonic time in seconds, by which tokens expire.
        max_recorded: How many requests to keep in the log.

    Example:
        ```python
        with Emulator() as emu:
            emu.nim.fail_next("degraded")
            ...  # point a client at `emu.env`
            assert emu.nim.requests[0].status == 400
        ```
    """

    def __init__(
        self,
        *,
        port: int = 0,
        separate_hosts: bool = False,
        latency: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        max_recorded: int = 100_000,
    ) -> None:
        self._port = port
        self._separate_hosts = separate_hosts
        self._latency = latency
        self._log = RequestLog(max_recorded)
        self.starfleet = Starfleet(self._log, clock)
        self.gateway = Gateway(self._log, self.starfleet.tokens)
        self.nim = Nim(self._log)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._set_latency()

    @property
    def services(self) -> tuple[Service, ...]:
        """The three services."""
        return (self.starfleet, self.gateway, self.nim)

    @property
    def origin(self) -> str:
        """Scheme, host and port; the Gateway's when each service has its own."""
        return self.gateway.origin

    @property
    def env(self) -> dict[str, str]:
        """The environment that points a client here."""
        return {
            "STARFLEET_ID": self.starfleet.client_id,
            "STARFLEET_SECRET": self.starfleet.client_secret,
            "STARFLEET_TOKEN_URL": f"{self.starfleet.origin}/starfleet/token",
            "LLM_GATEWAY_BASE_URL": f"{self.gateway.origin}/llm/v1/azure",
            "NVIDIA_NIM_API_KEY": self.nim.api_key,
            "NVIDIA_NIM_BASE_URL": f"{self.nim.origin}/nim/v1",
            "NVIDIA_NIM_STATUS_URL": f"{self.nim.origin}/nim/status",
        }

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests to all services so far, oldest first."""
        return self._log.snapshot()

    def wait_until(self, condition: Callable[[], object], *, timeout: float = 5.0) -> None:
        """Wait until a condition over the requests holds, without polling.

        Args:
            condition: Called again whenever a request arrives, is answered or is finished with.
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: It did not come to hold in that time.
        """
        if not self._log.wait_until(condition, timeout):
            raise TimeoutError("the condition did not come to hold")

    def reset(self) -> None:
        """Forget faults, replies, settings and the log; issued tokens stay good."""
        for service in self.services:
            service.reset()
        self._set_latency()
        self._log.clear()

    def start(self) -> Self:
        """Start to serve, and return when every port is open.

        Raises:
            RuntimeError: It is already running.
            OSError: The port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("the emulator is already running")
        ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="nvgateway-emulator", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise self._failure
        return self

    def stop(self) -> None:
        """Close every connection, end the thread, and return when both are done."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()
        self._loop = self._stopping = None

    def __enter__(self) -> Self:
        """Start to serve."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self.stop()

    def _set_latency(self) -> None:
        for service in self.services:
            service.latency = self._latency

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        # Whatever ends the thread belongs to the caller of start(), whose thread is another one.
        except BaseException as error:  # noqa: BLE001
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        groups = [(s,) for s in self.services] if self._separate_hosts else [self.services]
        listeners = [Listener(group, self._log) for group in groups]
        try:
            for index, listener in enumerate(listeners):
                port = await listener.open(HOST, self._port + index if self._port else 0)
                for service in listener.services:
                    service.attach(self._loop, f"http://{HOST}:{port}")
            ready.set()
            await self._stopping.wait()
        finally:
            for listener in listeners:
                await listener.close()
