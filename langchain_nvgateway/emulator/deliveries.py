"""Ways to put a response on a connection: the right one, and many wrong ones."""

from __future__ import annotations

import asyncio
import zlib
from functools import lru_cache

from .connections import Connection
from .responses import LAST_CHUNK, Delivery, Response, encode_head, frame_chunk

DRIP_SECONDS = 0.05
"""Seconds between the bytes of a slow answer."""


async def deliver(connection: Connection, response: Response) -> None:
    """Send a response as it should be sent."""
    headers = response.headers
    if response.close:
        headers["connection"] = "close"
        connection.is_open = False
    if response.events is None:
        headers["content-length"] = str(len(response.body))
        connection.send_head(response.status, headers, response.body)
    else:
        await _send_events(connection, response)
        connection.send(LAST_CHUNK)
    await connection.flush()


async def _send_events(connection: Connection, response: Response) -> None:
    events = response.events or ()
    response.headers["transfer-encoding"] = "chunked"
    if not response.event_pause:
        # Each event is its own HTTP chunk, but all travel in one write: it is many times cheaper.
        chunks = b"".join([frame_chunk(event) for event in events])
        connection.send_head(response.status, response.headers, chunks)
        return
    connection.send_head(response.status, response.headers)
    for number, event in enumerate(events):
        if number:
            await connection.pause(response.event_pause)
        connection.send(frame_chunk(event))


async def _send_part(connection: Connection, response: Response) -> None:
    """Send the given events, or half of a whole body, and leave the rest open."""
    if response.events is not None:
        await _send_events(connection, response)
    else:
        response.headers["content-length"] = str(len(response.body))
        half = response.body[: len(response.body) // 2]
        connection.send_head(response.status, response.headers, half)
    await connection.flush()


async def hang(connection: Connection, response: Response) -> None:
    """Take the request and send not one byte."""
    await connection.hang()


async def disconnect(connection: Connection, response: Response) -> None:
    """Take the request and close the connection."""
    connection.disconnect()


async def reset(connection: Connection, response: Response) -> None:
    """Take the request and reset the connection."""
    connection.reset()


async def hang_midway(connection: Connection, response: Response) -> None:
    """Send a part, then nothing more."""
    await _send_part(connection, response)
    await connection.hang()


async def disconnect_midway(connection: Connection, response: Response) -> None:
    """Send a part, then close the connection."""
    await _send_part(connection, response)
    connection.disconnect()


async def reset_midway(connection: Connection, response: Response) -> None:
    """Send a part, then reset the connection."""
    await _send_part(connection, response)
    connection.reset()


def drip(interval: float) -> Delivery:
    """Send the head at once and the body byte by byte, forever slower than anyone waits.

    Args:
        interval: Seconds between two bytes.
    """

    async def send_drops(connection: Connection, response: Response) -> None:
        body = response.body if response.events is None else b"".join(response.events)
        response.headers["content-length"] = str(len(body))
        connection.send_head(response.status, response.headers)
        for byte in body:
            connection.send(bytes([byte]))
            await connection.pause(interval)

    return send_drops


def drip_head(interval: float) -> Delivery:
    """Send the head byte by byte.

    Args:
        interval: Seconds between two bytes.
    """

    async def send_drops(connection: Connection, response: Response) -> None:
        body = response.body if response.events is None else b"".join(response.events)
        response.headers["content-length"] = str(len(body))
        connection.note_status(response.status)
        for byte in encode_head(response.status, response.headers):
            connection.send(bytes([byte]))
            await connection.pause(interval)
        connection.send(body)

    return send_drops


async def break_chunk_framing(connection: Connection, response: Response) -> None:
    """Announce chunks and send something that is none."""
    response.headers["transfer-encoding"] = "chunked"
    connection.send_head(response.status, response.headers, b"ZZ\r\nnot a chunk\r\n")
    connection.disconnect()


async def announce_too_much(connection: Connection, response: Response) -> None:
    """Announce more bytes than follow, then close the connection."""
    body = response.body or b"".join(response.events or ())
    response.headers["content-length"] = str(len(body) + 100)
    connection.send_head(response.status, response.headers, body)
    connection.disconnect()


async def announce_too_little(connection: Connection, response: Response) -> None:
    """Announce fewer bytes than follow."""
    body = response.body or b"".join(response.events or ())
    response.headers["content-length"] = str(len(body) // 2)
    connection.send_head(response.status, response.headers, body)
    connection.disconnect()


async def send_garbage(connection: Connection, response: Response) -> None:
    """Send bytes that are not HTTP."""
    connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is not HTTP\r\n\r\n")
    connection.disconnect()


def send_huge(size: int) -> Delivery:
    """Send a body of many megabytes.

    Args:
        size: Bytes of the body.
    """

    async def send_blocks(connection: Connection, response: Response) -> None:
        response.headers["content-length"] = str(size)
        connection.send_head(response.status, response.headers)
        block = b" " * 65_536
        for start in range(0, size, len(block)):
            connection.send(block[: size - start])
            await connection.flush()

    return send_blocks


def send_gzip_bomb(size: int) -> Delivery:
    """Send a small compressed body that unpacks to a huge one.

    Args:
        size: Bytes of the unpacked body.
    """

    async def send_bomb(connection: Connection, response: Response) -> None:
        # Packing takes long enough to hold up the other connections.
        body = await asyncio.to_thread(_gzip_blanks, size)
        response.headers |= {
            "content-encoding": "gzip",
            "content-length": str(len(body)),
        }
        connection.send_head(response.status, response.headers, body)
        await connection.flush()

    return send_bomb


@lru_cache(maxsize=4)
def _gzip_blanks(size: int) -> bytes:
    # 16 above the window size makes zlib write the gzip container.
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = b" " * 1_048_576
    packed = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join([*packed, packer.compress(block[: size % len(block)]), packer.flush()])
