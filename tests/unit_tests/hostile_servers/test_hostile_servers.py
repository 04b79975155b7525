"""Bounded time and memory, a typed error, and the next leg answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from functools import reduce
from operator import add
from typing import Any, ClassVar

import pytest

from langchain_nvgateway import ChatNIM, ModelManager, NVGatewayError, NVGatewaySettings, StreamInterruptedError
from langchain_nvgateway.chat_models.chunk_reader import ChunkReader
from langchain_nvgateway.chat_models.open_stream import OpenStream
from langchain_nvgateway.chat_models.service_errors import Call
from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.emulator import Emulator, Reply

from ..chat_models.raw_server import chunk
from .attacks import AFTER_THE_END, AT_ONCE, ENDLESS, SLOW, THOUGHTS, VISIBLE
from .hostile_server import HostileServer, Play, attacking

STYLES = ("invoke", "stream", "ainvoke", "astream")
PATIENCE = 20.0
"""Seconds, many times the limits below: what no busy machine needs, and what no endless server keeps to."""


def look_up(name: str) -> str:
    """Look up a name."""
    return name


def ask(model: Any, style: str) -> Any:
    """Ask in one of the styles; the chunks of a stream are added up."""

    async def chunks_of() -> list[Any]:
        stream: AsyncIterator[Any] = model.astream("hello")
        return [chunk async for chunk in stream]

    match style:
        case "invoke":
            return model.invoke("hello")
        case "stream":
            return reduce(add, list(model.stream("hello")))
        case "ainvoke":
            return asyncio.run(model.ainvoke("hello"))
    return reduce(add, asyncio.run(chunks_of()))


def told(model: Any, style: str) -> Any:
    """Return the answer, or the error of this package."""
    try:
        return ask(model, style)
    except NVGatewayError as error:
        return error


def nim(server: HostileServer) -> Any:
    """Return a model of a hostile server, which may call a tool."""
    limits = {"timeout": 1.0, "first_token_timeout": 0.5, "max_retries": 0}
    return ChatNIM(api_key="fake-key", base_url=f"{server.origin}/v1", **limits).bind_tools([look_up])


@pytest.fixture
def managers(emu: Emulator) -> Iterator[Any]:
    """Make managers whose NIM is a hostile server, and whose Gateway is well."""
    emu.gateway.reply_always(Reply(text="The Gateway says hello."))
    made: list[ModelManager] = []

    def build(server: HostileServer, **settings: Any) -> ModelManager:
        env = {name.lower(): value for name, value in emu.env.items() if not name.startswith("NVIDIA_NIM")}
        limits = {"request_timeout": 30.0, "first_token_timeout": 0.5}
        own = {"nvidia_nim_api_key": "fake-key", "nvidia_nim_base_url": f"{server.origin}/v1"}
        own["nvidia_nim_status_url"] = f"{server.origin}/status"
        made.append(ModelManager(NVGatewaySettings(**{**env, **own, **limits, **settings})))
        return made[-1]

    yield build
    for manager in made:
        manager.close()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*AT_ONCE, *SLOW])
def test_model_answers_with_a_typed_error_in_bounded_time(name: str, style: str) -> None:
    """It does not show the key."""
    start = time.monotonic()
    with attacking({**AT_ONCE, **SLOW}[name]) as server:
        answer = told(nim(server), style)
    assert time.monotonic() - start < PATIENCE
    assert "fake-key" not in str(answer)
    assert isinstance(answer, NVGatewayError)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*AT_ONCE, *ENDLESS])
def test_next_leg_answers(name: str, style: str, managers: Any) -> None:
    """In each style; the answer says that the first one failed, and holds none of its words."""
    with attacking({**AT_ONCE, **ENDLESS}[name]) as server:
        answer = ask(managers(server).model("planner"), style)
    first, second = answer.response_metadata["nvgateway"]["attempts"][:2]

    assert first["provider"] == "nvidia-nim"
    assert first["outcome"] in ("failed", "rejected")
    assert (second["provider"], second["outcome"]) == ("nvidia-gateway", "answered")
    assert answer.text == "The Gateway says hello."


@pytest.mark.parametrize("style", ["stream", "astream"])
@pytest.mark.parametrize("name", SLOW)
def test_next_leg_answers_when_the_first_token_is_late(name: str, style: str, managers: Any) -> None:
    """A stream need not wait for the end of the time for the whole call."""
    with attacking(SLOW[name]) as server:
        answer = ask(managers(server, request_timeout=10.0).model("planner"), style)

    assert answer.text == "The Gateway says hello."


@pytest.mark.parametrize("style", ["invoke", "ainvoke"])
@pytest.mark.parametrize("name", SLOW)
def test_slow_server_is_left_out_of_later_calls(name: str, style: str, managers: Any) -> None:
    """It may take all the time of two calls; then its circuit is open."""
    with attacking(SLOW[name]) as server:
        model = managers(server, request_timeout=0.5).model("planner")
        for _ in range(2):
            with pytest.raises(NVGatewayError):
                ask(model, style)

        assert ask(model, style).text == "The Gateway says hello."


@pytest.mark.parametrize("style", ["stream", "astream"])
@pytest.mark.parametrize("name", VISIBLE)
def test_endless_text_is_interrupted(name: str, style: str, managers: Any) -> None:
    """After 64 MiB, or after twenty times the longest silence; what came is there."""
    start = time.monotonic()
    limits = {"timeout": 0.2, "first_token_timeout": 5.0, "max_retries": 0}
    with attacking(VISIBLE[name]) as server:
        error = told(ChatNIM(api_key="fake-key", base_url=f"{server.origin}/v1", **limits), style)

    assert isinstance(error, StreamInterruptedError)
    assert time.monotonic() - start < 3 * PATIENCE


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_answer_that_goes_on_after_its_end_is_over(style: str) -> None:
    """What comes behind the finish reason keeps nobody waiting: not twenty times the longest silence."""
    limits = {"timeout": 1.0, "first_token_timeout": 1.0, "max_retries": 0}
    start = time.monotonic()
    with attacking(AFTER_THE_END) as server:
        answer = ask(ChatNIM(api_key="fake-key", base_url=f"{server.origin}/v1", **limits), style)

    assert answer.text.startswith("The end.")
    assert time.monotonic() - start < 15.0


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("play", [VISIBLE["endless text"], THOUGHTS], ids=["text", "thoughts"])
def test_next_leg_answers_after_endless_text_that_nobody_saw(play: Play, style: str, managers: Any) -> None:
    """An answer that is held back, or asked for as a whole, is given up unseen."""
    with attacking(play) as server:
        model = managers(server, request_timeout=60.0, first_token_timeout=20.0).model("planner", hold="all")

        assert ask(model, style).text == "The Gateway says hello."


def test_cookies_never_come_back(managers: Any) -> None:
    """Nobody is recognised by them."""

    def play(server: HostileServer) -> list[bytes]:
        return [b"HTTP/1.1 500 X\r\nSet-Cookie: who=fake-cookie; Path=/\r\nContent-Length: 0\r\n\r\n"]

    with attacking(play) as server:
        model = managers(server).model("planner")
        for style in STYLES:
            ask(model, style)
        assert len(server.requests) >= 2
        assert not any(b"cookie" in request.lower() for request in server.requests)


GREEDY = """
import resource
from tests.unit_tests.hostile_servers.attacks import ENDLESS
from tests.unit_tests.hostile_servers.hostile_server import attacking
from tests.unit_tests.hostile_servers.test_hostile_servers import nim, told
from langchain_nvgateway import NVGatewayError

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before = peak()
for name, play in ENDLESS.items():
    for style in ("invoke", "stream"):
        with attacking(play) as server:
            assert isinstance(told(nim(server), style), NVGatewayError), name
print(peak() - before)
"""


def test_endless_servers_take_a_bounded_amount_of_memory() -> None:
    """All of them one after the other: a few times the 64 MiB that an answer may have."""
    done = subprocess.run([sys.executable, "-c", GREEDY], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr

    assert float(done.stdout) < 500


def test_chunks_of_a_stream_are_counted() -> None:
    """As objects small ones take many times the memory of their bytes, so that 64 MiB of them would be gigabytes."""
    reader = ChunkReader(Call("service", "model", "http://127.0.0.1/", "id"), {})
    piece = chunk({"content": "a"}) * 1000
    chunks = 0
    while reader.failure is None:
        chunks += len(reader.feed(piece))

    assert 200_000 < chunks < 300_000


def test_nothing_that_came_is_lost_when_time_is_over() -> None:
    """A piece that was read a moment too late, on a busy machine, may be the end of the answer."""
    deadline = Deadline(10.0)

    class LateResponse:
        headers: ClassVar[dict[str, str]] = {}

        def chunks(self) -> Iterator[bytes]:
            yield chunk({"content": "one "})
            deadline.at = -1.0
            yield chunk({"content": "two"}) + chunk({}, "stop")

    call = Call("service", "model", "http://127.0.0.1/", "id")
    stream: Any = OpenStream(LateResponse(), call, deadline, takes_texts=False)
    stream.read_first_token()
    said = "".join(part["choices"][0]["delta"].get("content", "") for part in stream.chunks(10.0, -1.0))

    assert stream.failure is None
    assert said == "one two"
