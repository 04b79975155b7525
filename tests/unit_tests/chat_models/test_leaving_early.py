"""Readers that leave and calls that are cancelled free their connection at once and harm nobody."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from langchain_nvgateway.emulator import Reply

from .calling import Endpoint

LONG = Reply(chunks=[{"content": "word "}] * 2000, event_pause=0.01)


def _aborted(endpoint: Endpoint) -> bool:
    return bool(endpoint.chats) and endpoint.chats[0].aborted


def test_a_reader_that_closes_its_stream_frees_the_connection(endpoint: Endpoint) -> None:
    """The service sees it and can stop to think."""
    endpoint.service.reply_next(LONG)
    model = endpoint.model()
    stream = model.stream("Hello")
    next(stream)
    next(stream)
    stream.close()
    endpoint.emu.wait_until(lambda: _aborted(endpoint))
    assert model.invoke("again").text


def test_an_async_reader_that_closes_its_stream_frees_the_connection(endpoint: Endpoint) -> None:
    """Within the same loop, and no task is left."""
    endpoint.service.reply_next(LONG)
    model = endpoint.model()

    async def main() -> None:
        stream = model.astream("Hello")
        await anext(stream)
        await stream.aclose()
        await asyncio.to_thread(endpoint.emu.wait_until, lambda: _aborted(endpoint))
        assert (await model.ainvoke("again")).text
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_loop_over_a_stream_that_breaks_frees_the_connection(endpoint: Endpoint) -> None:
    """When the generator is dropped, not at the end of the process."""
    endpoint.service.reply_next(LONG)
    model = endpoint.model()
    for _ in model.stream("Hello"):
        break
    gc.collect()
    endpoint.emu.wait_until(lambda: _aborted(endpoint))


def test_an_async_loop_that_breaks_frees_the_connection(endpoint: Endpoint) -> None:
    """The loop closes the generator that is dropped."""
    endpoint.service.reply_next(LONG)
    model = endpoint.model()

    async def main() -> None:
        async for _ in model.astream("Hello"):
            break
        gc.collect()
        await asyncio.to_thread(endpoint.emu.wait_until, lambda: _aborted(endpoint))

    asyncio.run(main())


@pytest.mark.parametrize("where", ["before the head", "within the stream", "in a retry", "at the token"])
def test_a_cancelled_call_frees_its_connection_at_once(where: str, gateway: Endpoint) -> None:
    """Later calls of the same model work."""
    model: Any = gateway.model(max_retries=1)
    watched: Any = gateway
    if where == "before the head":
        gateway.service.hold()
    elif where == "within the stream":
        gateway.service.reply_next(LONG)
    elif where == "in a retry":
        gateway.service.fail_next("unavailable")
    else:
        gateway.emu.starfleet.hold()
        watched = None

    async def consume() -> None:
        async for _ in model.astream("Hello"):
            pass

    async def main() -> None:
        task = asyncio.create_task(consume())
        service = gateway.service if watched else gateway.emu.starfleet
        await asyncio.to_thread(service.wait_for_requests, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if where in ("before the head", "within the stream"):
            await asyncio.to_thread(gateway.emu.wait_until, lambda: _aborted(gateway))
        service.release()
        assert (await model.ainvoke("again")).text
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_timeout_of_the_callers_own_cancels_the_call(endpoint: Endpoint) -> None:
    """`asyncio.timeout` works as with anything else."""
    endpoint.service.hold()
    model = endpoint.model()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await model.ainvoke("Hello")
        await asyncio.to_thread(endpoint.emu.wait_until, lambda: _aborted(endpoint))
        endpoint.service.release()
        assert (await model.ainvoke("again")).text

    asyncio.run(main())


def test_100_cancelled_calls_leave_nothing_behind(endpoint: Endpoint) -> None:
    """No task, and a pool that still works."""
    endpoint.service.hold()
    model = endpoint.model()

    async def main() -> None:
        tasks = [asyncio.create_task(model.ainvoke("Hello")) for _ in range(100)]
        await asyncio.to_thread(endpoint.service.wait_for_requests, 100, timeout=30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        endpoint.service.release()
        assert (await model.ainvoke("again")).text
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_reader_that_raises_frees_the_connection(endpoint: Endpoint) -> None:
    """Its own exception reaches it unchanged."""
    endpoint.service.reply_next(LONG)

    def read() -> None:
        for _ in endpoint.model().stream("Hello"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()
    gc.collect()
    endpoint.emu.wait_until(lambda: _aborted(endpoint))


def test_a_stream_that_nobody_reads_sends_nothing(endpoint: Endpoint) -> None:
    """Neither does one that is closed before it is read."""
    model = endpoint.model()
    model.stream("Hello").close()
    model.stream("Hello")

    async def main() -> None:
        await model.astream("Hello").aclose()
        model.astream("Hello")

    asyncio.run(main())
    assert endpoint.chats == []


def test_connections_are_used_again(endpoint: Endpoint) -> None:
    """A stream that was read to its end gives its connection back; so does a whole answer."""
    model = endpoint.model()
    list(model.stream("a"))
    model.invoke("b")
    assert len(list(model._path.http._thread_connections()._idle)) == 1


def test_a_stream_can_be_read_in_another_thread(endpoint: Endpoint) -> None:
    """As web frameworks do with generators."""
    stream = endpoint.model().stream("Hello")
    texts = [next(stream).text]
    reader = threading.Thread(target=lambda: texts.extend(chunk.text for chunk in stream))
    reader.start()
    reader.join(10)
    assert "emulator" in "".join(texts)
