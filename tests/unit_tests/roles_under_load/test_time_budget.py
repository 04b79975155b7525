"""One limit of time for a call of a role, whatever legs and retries it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from langchain_nvgateway import AllProvidersFailedError, ModelManager, NVGatewaySettings, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Fault, Reply

from ..chat_models.calling import STYLES, error_of, soon
from ..manager.fakes import failing, saying
from .crowd import NIM

WORDS = [{"content": f"word{number} "} for number in range(8)]


class Silent(BaseChatModel):
    """Says its words and then nothing, without an end."""

    words: int = 0

    @property
    def _llm_type(self) -> str:
        return "silent"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, *args: Any, **kwargs: Any) -> ChatResult:
        await asyncio.Event().wait()
        raise AssertionError

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(""))
        for _ in range(self.words):
            yield ChatGenerationChunk(message=AIMessageChunk("word "))
        await asyncio.Event().wait()


def look_up(name: str) -> str:
    """Look up a name."""
    return name


def outcomes(error: Any, legs: int = 2) -> list[str]:
    return [attempt["outcome"] for attempt in error.attempts][:legs]


@pytest.mark.parametrize("style", ["ainvoke", "astream"])
@pytest.mark.parametrize("said_where", ["override", "setting", "call"])
def test_a_fake_that_never_answers_is_cut(style: str, said_where: str) -> None:
    """After a fraction of a second, if so wished; then there is no time for the legs behind it."""
    second = saying("never asked")
    settings = NVGatewaySettings(**({"request_timeout": 0.1} if said_where == "setting" else {}))
    manager = ModelManager(settings, models={"nvidia-nim": Silent(), "nvidia-gateway": second})
    model = manager.model("planner", **({"timeout": 0.1} if said_where == "override" else {}))
    with soon():
        error = error_of(STYLES[style], model, **({"timeout": 0.1} if said_where == "call" else {}))
    assert isinstance(error, AllProvidersFailedError)
    assert outcomes(error) == ["failed", "skipped"]
    assert "TimeoutError" in error.attempts[0]["error"]
    assert "time" in error.attempts[1]["error"]
    assert second.requests == []
    assert manager.breakers[NIM].snapshot().consecutive_failures == 1


@pytest.mark.parametrize("style", ["ainvoke", "astream"])
def test_a_later_leg_gets_what_is_left(style: str) -> None:
    """One that fails at once leaves nearly all, and the next is cut at the end of it."""
    manager = ModelManager(models={"nvidia-nim": failing(ModelAPIError("down")), "nvidia-gateway": Silent()})
    with soon():
        error = error_of(STYLES[style], manager.model("planner", timeout=0.2))
    assert isinstance(error, AllProvidersFailedError)
    assert outcomes(error) == ["failed", "failed"]


@pytest.mark.parametrize("style", STYLES)
def test_a_leg_that_hangs_is_cut(emu: Emulator, style: str) -> None:
    """Our own models are told what is left, in sync calls too."""
    emu.nim.fail_always("hang")
    manager = ModelManager()
    with soon():
        error = error_of(STYLES[style], manager.model("planner", timeout=0.3))
    assert isinstance(error, AllProvidersFailedError)
    assert outcomes(error) == ["failed", "skipped"]
    assert emu.gateway.requests == []


@pytest.mark.parametrize("style", STYLES)
def test_all_legs_share_one_budget(emu: Emulator, style: str) -> None:
    """A first leg that is slow to fail leaves little for one that hangs, retries included."""
    emu.nim.fail_always(Fault("unavailable", delay=1.7))
    emu.gateway.fail_always("hang")
    with soon(3.6):
        error = error_of(STYLES[style], ModelManager().model("planner", timeout=2.0))
    assert isinstance(error, AllProvidersFailedError)
    assert outcomes(error) == ["failed", "failed"]


@pytest.mark.parametrize("style", STYLES)
def test_retries_and_their_waits_end_with_the_budget(emu: Emulator, style: str) -> None:
    """Whatever `Retry-After` says."""
    emu.nim.fail_always("unavailable")
    emu.gateway.fail_always(Fault("unavailable", headers={"retry-after": "20"}))
    with soon():
        error = error_of(STYLES[style], ModelManager().model("planner", timeout=1.0, max_retries=5))
    assert isinstance(error, AllProvidersFailedError)
    assert outcomes(error) == ["failed", "failed"]


@pytest.mark.parametrize("style", STYLES)
def test_the_wait_for_a_token_is_within_the_budget(emu: Emulator, style: str) -> None:
    """Starfleet hangs: the role does not."""
    emu.nim.fail_always("unavailable")
    emu.starfleet.fail_always("hang")
    with soon():
        error = error_of(STYLES[style], ModelManager().model("planner", timeout=0.5))
    assert isinstance(error, AllProvidersFailedError)
    assert outcomes(error) == ["failed", "failed"]


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_the_first_token_has_a_limit_of_its_own(emu: Emulator, style: str) -> None:
    """So that there is time left for the next leg; a role without content is no token."""
    emu.nim.fail_always(Fault("hang_mid_stream", after=1))
    with soon():
        answer = STYLES[style](ModelManager().model("planner", first_token_timeout=0.3))
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_silence_in_a_stream_interrupts_it(emu: Emulator, style: str) -> None:
    """What came before is in `.partial`."""
    emu.nim.reply_always(Reply(chunks=WORDS))
    emu.nim.fail_always("hang_mid_stream")
    manager = ModelManager()
    with soon():
        error = error_of(STYLES[style], manager.model("planner", timeout=0.3))
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.text.startswith("word0 ")
    assert manager.breakers[NIM].snapshot().consecutive_failures == 1
    assert emu.gateway.requests == []


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_a_call_that_sets_its_own_limit_sets_that_of_silence_too(emu: Emulator, style: str) -> None:
    """A shorter one than the model's, in sync and async streams alike."""
    emu.nim.reply_always(Reply(chunks=WORDS))
    emu.nim.fail_always("hang_mid_stream")
    with soon():
        error = error_of(STYLES[style], ModelManager().model("planner", timeout=5.0), timeout=0.3)
    assert isinstance(error, StreamInterruptedError)


@pytest.mark.parametrize("hold", ["all", "calls"])
def test_a_long_answer_that_is_held_ends_alike_in_sync_and_async(emu: Emulator, hold: str) -> None:
    """Its reader has seen nothing when the time for the whole call is over."""
    argument = [{"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}] * 9
    first = {"index": 0, "id": "1", "type": "function", "function": {"name": "look_up", "arguments": '{"name": "'}}
    last = {"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]}
    held_call = [{"tool_calls": [first]}, *argument, last]
    emu.nim.reply_always(Reply(chunks=[*WORDS, *WORDS] if hold == "all" else held_call, event_pause=0.15))
    model = ModelManager().model("planner", timeout=0.7, hold=hold)
    asked: Any = model if hold == "all" else model.bind_tools([look_up])
    ends = []
    for style in ("stream", "astream"):
        try:
            ends.append(STYLES[style](asked).response_metadata["nvgateway"]["provider"])
        except AllProvidersFailedError as error:
            ends.append(outcomes(error))
    assert ends[0] == ends[1]


def test_silence_of_a_fake_interrupts_its_stream() -> None:
    """In async calls the limit is the role's own."""
    manager = ModelManager(models={"nvidia-nim": Silent(words=3), "nvidia-gateway": saying("never asked")})
    with soon():
        error = error_of(STYLES["astream"], manager.model("planner", timeout=0.2))
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.text == "word word word "
    assert manager.breakers[NIM].snapshot().consecutive_failures == 1


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_a_long_stream_that_goes_on_is_not_cut(emu: Emulator, style: str) -> None:
    """The limit is for the first token and for silence, not for the whole stream."""
    emu.nim.reply_always(Reply(chunks=[*WORDS, {"content": "end"}], event_pause=0.2))
    answer = STYLES[style](ModelManager().model("planner", timeout=1.2))
    assert answer.text.endswith("word7 end")
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-nim"


def test_a_limit_of_the_callers_own_is_no_failure_of_a_leg(emu: Emulator) -> None:
    """`asyncio.timeout` around a call cancels it: nobody else is asked, nothing is counted."""
    emu.nim.hold()
    manager = ModelManager()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await manager.model("planner").ainvoke("Hello")

    asyncio.run(main())
    assert emu.gateway.requests == []
    assert manager.breakers[NIM].snapshot().consecutive_failures == 0
