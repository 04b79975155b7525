"""One way to write a test for sync and async, whole and streamed, Gateway and NIM."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import pytest

from langchain_nvgateway import ChatNIM, ChatNVGateway, NVGatewayError
from langchain_nvgateway.emulator import Emulator, RecordedRequest

SCOUT = "meta/llama-4-scout-17b-16e-instruct"
GENEROUS = 4.0
"""Seconds within which anything ends that is limited to a fraction of a second, even on a busy machine."""

Call = Callable[..., Any]


def _invoke(bound: Any, /, said: Any = "Hello", config: Any = None, **kwargs: Any) -> Any:
    return bound.invoke(said, config, **kwargs)


def _ainvoke(bound: Any, /, said: Any = "Hello", config: Any = None, **kwargs: Any) -> Any:
    return asyncio.run(bound.ainvoke(said, config, **kwargs))


def _stream(bound: Any, /, said: Any = "Hello", config: Any = None, **kwargs: Any) -> Any:
    return _joined(list(bound.stream(said, config, **kwargs)))


def _astream(bound: Any, /, said: Any = "Hello", config: Any = None, **kwargs: Any) -> Any:
    async def collect() -> list[Any]:
        return [chunk async for chunk in bound.astream(said, config, **kwargs)]

    return _joined(asyncio.run(collect()))


def _joined(chunks: list[Any]) -> Any:
    return reduce(add, chunks)


STYLES: dict[str, Call] = {"invoke": _invoke, "ainvoke": _ainvoke, "stream": _stream, "astream": _astream}


@dataclass
class Endpoint:
    """One of the two services of the emulator, and models of it."""

    name: str
    emu: Emulator

    @property
    def service(self) -> Any:
        """The emulator's side of it."""
        return getattr(self.emu, self.name)

    @property
    def model_name(self) -> str:
        """The name of the model that is asked by default."""
        return "gpt-4o-mini" if self.name == "gateway" else SCOUT

    def model(self, **kwargs: Any) -> ChatNVGateway | ChatNIM:
        """Build a model; no retries and a short limit unless the test says otherwise."""
        settings = {"max_retries": 0, "timeout": 20.0, **kwargs}
        return ChatNVGateway(**settings) if self.name == "gateway" else ChatNIM(**settings)

    @property
    def chats(self) -> list[RecordedRequest]:
        """The chat requests so far."""
        return [request for request in self.service.requests if request.route == "chat"]


def error_of(call: Call, model: Any, said: Any = "Hello", /, config: Any = None, **kwargs: Any) -> NVGatewayError:
    """Return the typed error that a call ends with."""
    with pytest.raises(NVGatewayError) as caught:
        call(model, said, config, **kwargs)
    return caught.value


@contextmanager
def soon(seconds: float = GENEROUS) -> Iterator[None]:
    """Check that the block ends within a generous time: a limit was honoured, no matter how exactly."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds
