"""Broken replies are refused, odd ones are not, the same in every call style and on every leg."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from langchain_nvgateway import ModelManager, NVGatewayError, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator

from ..chat_models.calling import Endpoint
from .items import Broken, Item
from .playing import (
    ALL,
    ALL_BROKEN,
    ALL_VALID,
    PROMPT,
    STYLES,
    Played,
    aplay,
    asked,
    ids,
    play,
    problem_of,
    problem_of_role,
    reply_of,
    script,
    script_role,
    told,
)

WHOLE = [item for item in ALL if item.deltas is None]
"""Those that are no matter of how a stream is cut."""
GROUPS = 6
"""So many tests share the corpus where one event loop takes a part of it."""
HANDFUL = [item for item in ALL[::29] if item.deltas is None]
STREAMED = {"stream": False, "a character a time": True}


def styles_of(item: Item) -> Sequence[str]:
    """Return the styles in which an item can be played."""
    return STYLES if item.deltas is None else ("stream",)


def group(items: Sequence[Any], number: int) -> Sequence[Any]:
    """Return one of the groups, each with something of everything."""
    return items[number::GROUPS]


@pytest.mark.parametrize("item", WHOLE, ids=ids(WHOLE))
def test_a_whole_reply_is_judged(item: Item, emu: Emulator) -> None:
    """A broken one is an error of the right kind, an odd one comes out as it went in."""
    script(emu.nim, item)
    told([problem_of(item, play(asked(Endpoint("nim", emu).model(), item), "invoke"))])


@pytest.mark.parametrize("item", ALL, ids=ids(ALL))
def test_a_stream_is_judged(item: Item, emu: Emulator) -> None:
    """As the emulator sends it and a character a time: no part of a broken call is ever seen."""
    runnable = asked(Endpoint("nim", emu).model(), item)
    problems = []
    for letters in (False, True)[: 1 if item.deltas is not None else 2]:
        script(emu.nim, item, letters=letters)
        problems.append(problem_of(item, play(runnable, "stream")))
    told(problems)


@pytest.mark.parametrize("number", range(GROUPS))
@pytest.mark.parametrize("name", ["nim", "gateway"])
def test_replies_are_judged_alike_in_async_code(name: str, number: int, emu: Emulator) -> None:
    """Whole and streamed, in one event loop; a third of them on the Gateway."""
    endpoint = Endpoint(name, emu)
    items = group(ALL if name == "nim" else ALL[::3], number)

    async def problems() -> list[str | None]:
        model = endpoint.model()
        found = []
        for item in items:
            for style in styles_of(item):
                emu.reset()
                script(endpoint.service, item, letters=style == "stream" and item.deltas is None)
                found.append(problem_of(item, await aplay(asked(model, item), style)))
        return found

    told(asyncio.run(problems()))


@pytest.mark.parametrize("number", range(GROUPS))
def test_the_gateways_replies_are_judged_alike(number: int, emu: Emulator) -> None:
    """A third of the corpus, whole and streamed."""
    endpoint = Endpoint("gateway", emu)
    model = endpoint.model()
    problems = []
    for item in group(ALL[::3], number):
        for style in styles_of(item):
            emu.reset()
            script(endpoint.service, item)
            problems.append(problem_of(item, play(asked(model, item), style)))
    told(problems)


def rested(manager: ModelManager) -> Any:
    """Return the planner, whose circuits have forgotten the items before."""
    for breaker in manager.breakers.values():
        breaker.reset()
    return manager.model("planner")


@pytest.mark.parametrize("number", range(GROUPS))
@pytest.mark.parametrize("style", STYLES)
def test_a_role_answers_through_the_next_leg(style: str, number: int, emu: Emulator) -> None:
    """Broken replies of NIM are never seen and the Gateway answers; odd ones are NIM's answers."""
    manager = ModelManager.from_env()
    problems = []
    for item in group(ALL, number):
        if style in styles_of(item):
            script_role(emu, item)
            problems.append(problem_of_role(item, play(asked(rested(manager), item), style)))
    told(problems)


@pytest.mark.parametrize("number", range(GROUPS))
@pytest.mark.parametrize("style", STYLES)
def test_a_role_answers_through_the_next_leg_in_async_code(style: str, number: int, emu: Emulator) -> None:
    """The same in one event loop; streams a character a time."""
    manager = ModelManager.from_env()

    async def problems() -> list[str | None]:
        found = []
        for item in group(ALL, number):
            if style in styles_of(item):
                script_role(emu, item, letters=style == "stream")
                found.append(problem_of_role(item, await aplay(asked(rested(manager), item), style)))
        return found

    told(asyncio.run(problems()))


SHOWN_FIRST = [item for item in ALL_BROKEN if item.shows and item.schema is None]


def test_a_role_that_holds_everything_answers_even_then(emu: Emulator) -> None:
    """Where a stream shows text before the trouble, `hold="all"` lets the next leg answer alone."""
    manager = ModelManager.from_env()
    problems = []
    for item in SHOWN_FIRST:
        script_role(emu, item)
        rested(manager)
        played = play(asked(manager.model("planner", hold="all"), item), "stream")
        if isinstance(played.error, StreamInterruptedError):
            problems.append(f"{item.id}: interrupted")
        else:
            problems.append(problem_of_role(item, played))
    told(problems)


@pytest.mark.parametrize("is_async", [False, True], ids=["batch", "abatch"])
def test_each_reply_of_a_batch_is_judged(is_async: bool, emu: Emulator) -> None:
    """A broken reply is an error in its own place."""
    problems = []
    for item in HANDFUL:
        emu.reset()
        emu.nim.reply_next(reply_of(item), times=2)
        runnable = asked(Endpoint("nim", emu).model(), item)
        batch = (
            asyncio.run(runnable.abatch([PROMPT] * 2, return_exceptions=True))
            if is_async
            else runnable.batch([PROMPT] * 2, return_exceptions=True)
        )
        problems += [problem_of(item, _outcome(result)) for result in batch]
    told(problems)


@pytest.mark.parametrize("item", HANDFUL, ids=ids(HANDFUL))
async def test_events_end_with_the_verdict(item: Item, emu: Emulator) -> None:
    """`astream_events` raises for a broken reply, and shows no part of a call before."""
    script(emu.nim, item)
    runnable = asked(Endpoint("nim", emu).model(), item)
    events: list[Any] = []
    error: BaseException | None = None
    try:
        async for event in runnable.astream_events(PROMPT, version="v2"):
            events.append(event)
    except NVGatewayError as caught:
        error = caught
    chunks = [event["data"]["chunk"] for event in events if event["event"] == "on_chat_model_stream"]
    if isinstance(item, Broken):
        assert error is not None
        assert not any(chunk.tool_call_chunks for chunk in chunks)
    else:
        assert error is None
        assert sum(bool(chunk.tool_call_chunks) for chunk in chunks) >= bool(item.does)  # type: ignore[attr-defined]  # chunks


def test_the_corpus_is_large() -> None:
    """At least a hundred of each, and no id twice."""
    assert len(ALL_BROKEN) >= 100
    assert len(ALL_VALID) >= 100
    assert len(set(ids(ALL))) == len(ALL)


def _outcome(result: Any) -> Played:
    is_error = isinstance(result, BaseException)
    return Played("invoke", None if is_error else result, result if is_error else None)
