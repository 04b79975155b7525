"""One model serves threads and event loops, shares its connections, and gives them back."""

from __future__ import annotations

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from .conftest import Vendor
from .vendor_server import PATIENCE


def test_event_loops_one_after_the_other(vendor: Vendor) -> None:
    """A second `asyncio.run` with the same model works like the first."""
    model = vendor.model()
    assert [asyncio.run(model.ainvoke("Hello")).text for _ in range(3)] == ["Hello there"] * 3


def test_event_loops_at_once(vendor: Vendor) -> None:
    """Several event loops in threads use one model at the same time, beside sync calls."""
    model = vendor.model()

    def many() -> list[str]:
        async def calls() -> list[str]:
            answers = await asyncio.gather(*(model.ainvoke("Hello") for _ in range(4)))
            return [answer.text for answer in answers]

        return [*asyncio.run(calls()), model.invoke("Hello").text]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: many(), range(4)))
    assert answers == [["Hello there"] * 5] * 4


def test_models_share_connections(vendor: Vendor) -> None:
    """Models that are built per call take the connection of the one before."""
    for _ in range(3):
        vendor.model().invoke("Hello")
    assert vendor.server.connections == 1


def test_calls_in_an_event_loop_share_connections(vendor: Vendor) -> None:
    """The same holds in an event loop."""
    models = [vendor.model() for _ in range(3)]

    async def calls() -> None:
        for model in models:
            await model.ainvoke("Hello")

    asyncio.run(calls())
    assert vendor.server.connections == 1


def test_whoever_leaves_a_stream_closes_it(vendor: Vendor) -> None:
    """A stream that is left early does not go on in the background."""
    vendor.server.will(vendor.dialect.begins_only("Hello ", then="silent"))
    list(islice(vendor.model().stream("Hello"), 1))
    assert vendor.server.left.wait(PATIENCE)


def test_whoever_leaves_an_async_stream_closes_it(vendor: Vendor) -> None:
    """The same holds in an event loop, and before it ends."""
    vendor.server.will(vendor.dialect.begins_only("Hello ", then="silent"))
    model = vendor.model()

    async def leave() -> bool:
        stream = model.astream("Hello")
        await anext(stream)
        await stream.aclose()
        return await asyncio.to_thread(vendor.server.left.wait, PATIENCE)

    assert asyncio.run(leave())


def test_a_cancelled_call_closes_its_connection(vendor: Vendor) -> None:
    """A task that is cancelled while it waits for the answer leaves nothing behind."""
    vendor.server.will(vendor.dialect.begins_only(then="silent"))
    model = vendor.model()

    async def cancel() -> bool:
        task = asyncio.create_task(model.ainvoke("Hello"))
        await asyncio.to_thread(vendor.server.asked.wait, PATIENCE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await asyncio.to_thread(vendor.server.left.wait, PATIENCE)

    assert asyncio.run(cancel())


def test_copies_work(vendor: Vendor) -> None:
    """Copies of a model, shallow and deep, before and after its first call, answer like it."""
    model = vendor.model()
    model.invoke("Hello")
    copies = [copy.copy(model), copy.deepcopy(model), model.model_copy()]
    assert [made.invoke("Hello").text for made in copies] == ["Hello there"] * 3
