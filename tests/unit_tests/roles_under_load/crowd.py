"""Many callers at once: threads that ask in the sync styles, and tasks that ask in the async ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from langchain_nvgateway import ModelManager
from langchain_nvgateway.events import CircuitClosed, CircuitHalfOpen, CircuitOpened, Event

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"
GATEWAY = "nvidia-gateway:gpt-4o"

THREADS = 8
TASKS = 50

OPEN_SECONDS = 180.0
LONGEST_OPEN_SECONDS = 1800.0

SYNC = ("invoke", "stream")
ASYNC = ("ainvoke", "astream")


class Clock:
    """Monotonic time that a test moves, from any thread."""

    def __init__(self) -> None:
        self.now = 1024.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.now += seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one call."""

    number: int
    style: str
    answer: Any = None
    error: BaseException | None = None

    @property
    def provider(self) -> str:
        """Who answered."""
        return self.answer.response_metadata["nvgateway"]["provider"]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Who was asked."""
        return self.answer.response_metadata["nvgateway"]["attempts"]


def ask(model: Any, style: str, said: str) -> Any:
    """Ask in a sync style; the chunks of a stream are added up."""
    return model.invoke(said) if style == "invoke" else reduce(add, list(model.stream(said)))


async def aask(model: Any, style: str, said: str) -> Any:
    """Ask in an async style."""
    if style == "ainvoke":
        return await model.ainvoke(said)
    return reduce(add, [chunk async for chunk in model.astream(said)])


class Crowd:
    """Threads and tasks that each make calls as long as there are numbers to ask about.

    Args:
        model_of: The model that is asked about a number.
        threads: How many threads ask, in the sync styles by turns.
        tasks: How many tasks of one event loop ask, in the async styles by turns.
        after: Called after each call.
    """

    def __init__(
        self,
        model_of: Callable[[int], Any],
        *,
        threads: int = THREADS,
        tasks: int = TASKS,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._model_of = model_of
        self._threads = threads
        self._tasks = tasks
        self._after = after
        self._changed = threading.Condition()
        self._asked: list[Asked] = []

    @property
    def asked(self) -> list[Asked]:
        """The calls that are done."""
        with self._changed:
            return list(self._asked)

    @property
    def size(self) -> int:
        """How many ask at once."""
        return self._threads + self._tasks

    def ask(self, count: int) -> list[Asked]:
        """Make calls about the numbers below `count`, and return what came of them in the numbers' order."""
        with self.asking(count):
            pass
        return sorted(self._asked, key=lambda asked: asked.number)

    @contextmanager
    def asking(self, count: int) -> Iterator[None]:
        """Make these calls while the block runs; the end of the block waits for the last of them."""
        is_for_threads = (lambda number: number % 4 < 2) if self._tasks else (lambda number: True)
        numbers = range(count)
        mine = [number for number in numbers if self._threads and is_for_threads(number)]
        taken = set(mine)
        with ThreadPoolExecutor(self._threads + 1) as pool:
            sync_numbers = _Shared(mine)
            work: list[Future[None]] = [pool.submit(self._in_thread, sync_numbers) for _ in range(self._threads)]
            if self._tasks:
                rest = [number for number in numbers if number not in taken]
                work.append(pool.submit(lambda: asyncio.run(self._in_loop(rest))))
            yield
        for done in work:
            done.result()

    def wait_for(self, count: int, timeout: float = 30.0) -> None:
        """Wait until so many calls are done."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._asked) >= count, timeout), f"{len(self._asked)} of {count}"

    def _in_thread(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            style = SYNC[number % 2]
            try:
                self._note(Asked(number, style, ask(self._model_of(number), style, f"number {number}")))
            except Exception as error:
                self._note(Asked(number, style, error=error))

    async def _in_loop(self, numbers: list[int]) -> None:
        shared = iter(numbers)

        async def in_task() -> None:
            for number in shared:
                style = ASYNC[number % 2]
                try:
                    self._note(Asked(number, style, await aask(self._model_of(number), style, f"number {number}")))
                except Exception as error:
                    self._note(Asked(number, style, error=error))

        await asyncio.gather(*(in_task() for _ in range(self._tasks)))

    def _note(self, asked: Asked) -> None:
        self._after()
        with self._changed:
            self._asked.append(asked)
            self._changed.notify_all()


class _Shared:
    """An iterator that several threads may use."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = iter(numbers)
        self._lock = threading.Lock()

    def __iter__(self) -> _Shared:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._numbers)


def circuit_events(manager: ModelManager, breaker: str = NIM) -> list[Event]:
    """Return the list that a breaker's events will be in."""
    heard: list[Event] = []

    def listen(event: Event) -> None:
        if isinstance(event, CircuitOpened | CircuitHalfOpen | CircuitClosed) and event.breaker == breaker:
            heard.append(event)

    manager.on_event(listen)
    return heard


def check_legal(heard: list[Event]) -> None:
    """Check that each transition may follow the one before it, from closed on."""
    may_follow = {
        CircuitClosed: (CircuitOpened,),
        CircuitOpened: (CircuitHalfOpen,),
        CircuitHalfOpen: (CircuitOpened, CircuitClosed),
    }
    before: type[Event] = CircuitClosed
    for event in heard:
        assert isinstance(event, may_follow[before]), heard
        before = type(event)
