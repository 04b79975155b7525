"""A small HTTP/1.1 server that hands requests to services."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Sequence
from functools import lru_cache

from .connections import ClientLeftError, Connection
from .deliveries import deliver
from .http_requests import MAX_HEAD, BadRequestError, HttpRequest, read_request
from .records import RecordedRequest, RequestLog, record_request
from .responses import Response, text_response
from .services import Place, Service


class Listener:
    """One open port and its connections.

    Args:
        services: Who answers; each path belongs to the first that owns it.
        log: Where requests are noted.
    """

    def __init__(self, services: Sequence[Service], log: RequestLog) -> None:
        self.services = services
        self._by_name = {service.name: service for service in services}
        self._log = log
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._locate = lru_cache(maxsize=1024)(self._find_place)

    async def open(self, host: str, port: int) -> int:
        """Start to listen.

        Returns:
            The port, chosen by the system when 0 was asked for.
        """
        self._server = await asyncio.start_server(self._on_connect, host, port, limit=MAX_HEAD, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and end all connections, also those that hang."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _on_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Own tasks instead of those of start_server, so that close() can end and await them.
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._log)
        try:
            while connection.is_open:
                request = await read_request(reader, writer)
                if request is None:
                    return
                await self._answer(connection, request)
        except BadRequestError as error:
            refusal = text_response(error.status, error.reason)
            refusal.close = True
            await deliver(connection, refusal)
        except (ClientLeftError, OSError, asyncio.IncompleteReadError):
            return
        except asyncio.CancelledError:
            # Closing would wait for a client that may never read what is still to be sent.
            writer.transport.abort()
            raise
        finally:
            await _close(writer)

    async def _answer(self, connection: Connection, request: HttpRequest) -> None:
        place = self._locate(request.target.partition("?")[0])
        record = record_request(
            place.service,
            place.route,
            place.model,
            method=request.method,
            target=request.target,
            headers=request.headers,
            body=request.body,
        )
        self._log.add(record)
        connection.request = record
        aborted = True
        try:
            response = await self._response_to(connection, record)
            if not request.keep_alive:
                response.close = True
            await (response.delivery or deliver)(connection, response)
            connection.is_open &= not response.close
            aborted = False
        finally:
            self._log.finished(record, aborted=aborted)
            connection.request = None

    async def _response_to(self, connection: Connection, record: RecordedRequest) -> Response:
        service = self._by_name.get(record.service)
        if service is None:
            return text_response(404, "404 page not found")
        gate = service.gate  # Read once: release() may take it away in between.
        if gate is not None:
            await connection.wait_for(gate)
        response = _respond(service, record)
        await connection.pause(service.latency + response.delay)
        return response

    def _find_place(self, path: str) -> Place:
        # Clients join URLs with double and trailing slashes, and real services put up with it.
        tidy = re.sub(r"/{2,}", "/", path).rstrip("/")
        for service in self.services:
            place = service.locate(tidy)
            if place is not None:
                return place
        return Place("unknown", "")


def _respond(service: Service, record: RecordedRequest) -> Response:
    try:
        return service.respond(record)
    except Exception:  # noqa: BLE001
        # A test's predicate or the emulator itself is wrong; the test should see where.
        return text_response(500, f"The emulator failed:\n{traceback.format_exc()}")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except (OSError, asyncio.CancelledError):
        writer.transport.abort()
