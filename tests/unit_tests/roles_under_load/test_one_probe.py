"""While a leg's circuit is open nobody reaches it; then one probe goes out, however many callers there are."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from langchain_nvgateway import BreakerState, ModelManager
from langchain_nvgateway.breaker import CircuitBreaker
from langchain_nvgateway.emulator import Emulator, Reply

from .crowd import NIM, OPEN_SECONDS, TASKS, THREADS, Asked, Clock, Crowd

LONG = Reply(chunks=[{"content": "word "}] * 2000, event_pause=0.01)


class Scene:
    """A role whose first leg's circuit is half-open: the next call of it is a probe."""

    def __init__(self, emu: Emulator) -> None:
        self.emu = emu
        self.clock = Clock()
        self.manager = ModelManager(clock=self.clock)
        self.model = self.manager.model("planner")
        self.breaker: CircuitBreaker = self.manager.breakers[NIM]
        self.breaker.force_open()

    def be_half_open(self) -> None:
        self.clock.advance(1.1 * OPEN_SECONDS)
        assert self.breaker.state is BreakerState.HALF_OPEN

    def crowd(self, threads: int = THREADS, tasks: int = TASKS) -> Crowd:
        return Crowd(lambda _number: self.model, threads=threads, tasks=tasks)

    @property
    def probes(self) -> int:
        """How many requests have reached the first leg."""
        return len(self.emu.nim.requests)

    def check_that_one_probe_is_admitted(self) -> None:
        """Ask with a crowd while the probe is held up, then let it go: it closes the circuit."""
        before = self.probes
        self.emu.nim.hold()
        crowd = self.crowd()
        with crowd.asking(crowd.size):
            crowd.wait_for(crowd.size - 1)
            assert self.probes - before == 1
            assert {call.provider for call in crowd.asked} == {"nvidia-gateway"}
            assert self.breaker.state is BreakerState.HALF_OPEN
            self.emu.nim.release()
        assert who(crowd.asked).count("nvidia-nim") == 1
        assert self.breaker.state is BreakerState.CLOSED


def who(asked: list[Asked]) -> list[str]:
    assert [call.error for call in asked if call.error] == []
    return [call.provider for call in asked]


@pytest.fixture
def scene(emu: Emulator) -> Scene:
    return Scene(emu)


@pytest.mark.parametrize(
    ("threads", "tasks"), [(THREADS, 0), (0, TASKS), (THREADS, TASKS)], ids=["threads", "tasks", "both"]
)
@pytest.mark.parametrize("is_good", [True, False], ids=["good", "bad"])
def test_exactly_one_probe_goes_out(scene: Scene, threads: int, tasks: int, is_good: bool) -> None:
    """None before its time; then one, while all others are answered without waiting for it."""
    crowd = scene.crowd(threads, tasks)
    assert set(who(crowd.ask(2 * crowd.size))) == {"nvidia-gateway"}
    assert scene.probes == 0

    scene.be_half_open()
    if not is_good:
        scene.emu.nim.fail_always("unavailable")
    scene.emu.nim.hold()
    crowd = scene.crowd(threads, tasks)
    count = 3 * crowd.size
    with crowd.asking(count):
        crowd.wait_for(count - 1)
        assert scene.probes == 1
        scene.emu.nim.release()
    assert who(crowd.asked).count("nvidia-nim") == is_good
    assert scene.probes == 1
    assert scene.breaker.state is (BreakerState.CLOSED if is_good else BreakerState.OPEN)


@pytest.mark.parametrize("style", ["ainvoke", "astream"])
def test_a_cancelled_probe_may_be_made_again(scene: Scene, style: str) -> None:
    """At once, by one of the many that ask next; so may the one after it."""
    scene.be_half_open()

    async def probe() -> None:
        if style == "ainvoke":
            await scene.model.ainvoke("probe")
        else:
            await anext(scene.model.astream("probe"))

    async def cancel_one() -> None:
        task = asyncio.create_task(probe())
        await asyncio.to_thread(scene.emu.nim.wait_for_requests, scene.probes + 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for round_ in range(3):
        scene.emu.nim.hold()
        asyncio.run(cancel_one())
        assert scene.probes == round_ + 1
        assert scene.breaker.state is BreakerState.HALF_OPEN
    scene.check_that_one_probe_is_admitted()


def test_a_probe_is_cancelled_while_others_ask(scene: Scene) -> None:
    """The probes follow one another: never two at once, and none is lost."""
    scene.be_half_open()
    scene.emu.nim.hold()

    async def cancel_all() -> None:
        for round_ in range(1, 6):
            tasks = [asyncio.create_task(scene.model.ainvoke(f"{round_} {number}")) for number in range(20)]
            await asyncio.to_thread(scene.emu.nim.wait_for_requests, round_)
            for answered in itertools.islice(asyncio.as_completed(tasks), 19):
                await answered
            (probing,) = [task for task in tasks if not task.done()]
            probing.cancel()
            await asyncio.wait([probing])
            assert scene.probes == round_

    asyncio.run(cancel_all())
    scene.check_that_one_probe_is_admitted()


def _close(stream: Any) -> None:
    next(stream)
    stream.close()


def _drop(stream: Any) -> None:
    next(stream)
    del stream
    gc.collect()


def _raise(stream: Any) -> None:
    try:
        for _ in stream:
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass


def _throw(stream: Any) -> None:
    next(stream)
    with pytest.raises(ZeroDivisionError):
        stream.throw(ZeroDivisionError())


async def _aclose(stream: Any) -> None:
    await anext(stream)
    await stream.aclose()


async def _abreak(stream: Any) -> None:
    async for _ in stream:
        break


@pytest.mark.parametrize("leave", [_close, _drop, _raise, _throw])
def test_a_reader_who_leaves_after_a_chunk_closes_the_circuit(scene: Scene, leave: Callable[[Any], None]) -> None:
    """The leg did speak: that is a success."""
    scene.be_half_open()
    scene.emu.nim.reply_next(LONG)
    leave(scene.model.stream("probe"))
    assert scene.probes == 1
    assert scene.breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("leave", [_aclose, _abreak])
def test_an_async_reader_who_leaves_after_a_chunk_closes_the_circuit(scene: Scene, leave: Callable[..., Any]) -> None:
    """Also one who just stops to read."""
    scene.be_half_open()
    scene.emu.nim.reply_next(LONG)

    asyncio.run(leave(scene.model.astream("probe")))
    assert scene.probes == 1
    assert scene.breaker.state is BreakerState.CLOSED


def test_a_reader_who_leaves_before_any_chunk_leaves_the_probe_to_others(scene: Scene) -> None:
    """A stream that nobody has begun to read takes no permit; one that is left waiting returns it."""
    scene.be_half_open()
    scene.model.stream("never read").close()

    async def main() -> None:
        await scene.model.astream("never read").aclose()
        scene.emu.nim.hold()
        stream = scene.model.astream("probe")
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.to_thread(scene.emu.nim.wait_for_requests, 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await stream.aclose()

    asyncio.run(main())
    assert scene.breaker.state is BreakerState.HALF_OPEN
    scene.check_that_one_probe_is_admitted()


def test_a_probe_that_says_nothing_of_the_leg_may_be_made_again(scene: Scene) -> None:
    """A request that is refused, in threads as in tasks, is no verdict."""
    scene.be_half_open()
    scene.emu.nim.fail_always("validation_422")
    crowd = scene.crowd()
    asked = crowd.ask(crowd.size)
    assert {call.provider for call in asked if not call.error} <= {"nvidia-gateway"}
    assert len([call for call in asked if call.error]) == scene.probes >= 1
    assert scene.breaker.state is BreakerState.HALF_OPEN
    scene.emu.nim.heal()
    scene.check_that_one_probe_is_admitted()


def test_a_probe_whose_thread_waits_is_the_only_one_of_all_roles(scene: Scene) -> None:
    """Roles, bound models and copies share the circuit, so that one of them probes."""
    scene.be_half_open()
    scene.emu.nim.hold()
    held = threading.Thread(target=scene.model.invoke, args=("probe",))
    held.start()
    scene.emu.nim.wait_for_requests(1)
    models = [scene.manager.model(role) for role in ("router", "planner", "reviewer")]
    models += [models[1].bind(temperature=0.5), scene.manager.model("planner", temperature=0.1)]
    asked = Crowd(lambda number: models[number % len(models)]).ask(100)
    assert set(who(asked)) == {"nvidia-gateway"}
    assert scene.probes == 1
    scene.emu.nim.release()
    held.join(30)
    assert scene.breaker.state is BreakerState.CLOSED


def look_up(name: str) -> str:
    """Look up a name."""
    return name


def test_of_calls_with_tools_one_probes_whether_tools_work_again(scene: Scene) -> None:
    """Plain text goes to the leg all the while and is no probe."""
    scene.breaker.reset()
    quality = scene.manager.breakers[f"{NIM}/quality"]
    quality.force_open()
    scene.clock.advance(1.1 * OPEN_SECONDS)
    with_tools = scene.model.bind_tools([look_up], tool_choice="look_up")
    assert set(who(scene.crowd().ask(100))) == {"nvidia-nim"}
    assert quality.state is BreakerState.HALF_OPEN

    before = scene.probes
    scene.emu.nim.hold()
    crowd = Crowd(lambda _number: with_tools)
    with crowd.asking(crowd.size):
        crowd.wait_for(crowd.size - 1)
        assert scene.probes - before == 1
        scene.emu.nim.release()
    assert who(crowd.asked).count("nvidia-nim") == 1
    assert quality.state is BreakerState.CLOSED


@pytest.mark.parametrize("kind", ["credentials", "quality"])
def test_a_call_that_another_circuit_stops_is_no_probe(scene: Scene, kind: str) -> None:
    """It gives back the permits that it has, so that nobody is kept out by a probe that never went out."""
    scene.be_half_open()
    other = scene.manager.breakers[f"{NIM}/{kind}"]
    other.force_open()
    with_tools = scene.model.bind_tools([look_up], tool_choice="look_up")
    assert set(who(Crowd(lambda _number: with_tools).ask(200))) == {"nvidia-gateway"}
    assert scene.probes == 0
    assert scene.breaker.state is BreakerState.HALF_OPEN
    other.reset()
    scene.check_that_one_probe_is_admitted()
