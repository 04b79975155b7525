"""What counts as seen by the reader of a stream: only then is it too late for the next leg."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk

from langchain_nvgateway import BreakerState, ModelManager, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import STYLES
from ..manager.fakes import saying
from .crowd import NIM

FINISH = {"finish_reason": "stop"}
each_style = pytest.mark.parametrize("style", STYLES)


def role_of(*chunks: Any, **overrides: Any) -> Any:
    """A role whose first leg streams these chunks, and whose second one answers; whole, the first fails as well."""
    first = ScriptedChatModel(list(chunks), at_end="repeat_last")
    return ModelManager(models={"nvidia-nim": first, "nvidia-gateway": saying("gateway")}).model("planner", **overrides)


NOTHING = {
    "empty text": AIMessageChunk(""),
    "blanks": AIMessageChunk(" \n"),
    "no blocks": AIMessageChunk([]),
    "empty block": AIMessageChunk([{"type": "text", "text": "", "index": 0}]),
    "usage": AIMessageChunk("", usage_metadata={"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}),
    "metadata": AIMessageChunk("", response_metadata={"model_name": "x"}),
    "call": AIMessageChunk("", tool_call_chunks=[{"name": "f", "args": "{", "id": "1", "index": 0, "type": None}]),
}


@each_style
@pytest.mark.parametrize("chunk", NOTHING.values(), ids=NOTHING)
def test_a_stream_that_is_cut_before_it_said_anything_is_answered_by_the_next_leg(style: str, chunk: Any) -> None:
    """As whole answers are: nobody has seen anything."""
    answer = STYLES[style](role_of(chunk, chunk, ConnectionError("cut")))
    assert answer.text == "gateway"
    assert answer.response_metadata["nvgateway"]["attempts"][0]["outcome"] == "failed"


@each_style
@pytest.mark.parametrize("chunk", [NOTHING["blanks"], NOTHING["empty block"], NOTHING["empty text"]])
def test_a_stream_that_says_nothing_is_an_empty_answer(style: str, chunk: Any) -> None:
    """It is rejected, in streams as in whole answers."""
    answer = STYLES[style](role_of(chunk, AIMessageChunk("", response_metadata=FINISH)))
    assert answer.text == "gateway"
    assert answer.response_metadata["nvgateway"]["attempts"][0]["outcome"] == "rejected"


@each_style
@pytest.mark.parametrize("blank", [" ", "\n\n", "\t"])
def test_blanks_of_nim_are_an_empty_answer(emu: Emulator, style: str, blank: str) -> None:
    """Whatever chunks they come in."""
    emu.nim.reply_always(Reply(text=blank))
    answer = STYLES[style](ModelManager().model("planner"))
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_blanks_before_a_text_are_part_of_it(style: str) -> None:
    """They are held only until there is something to see."""
    text = AIMessageChunk("text", response_metadata=FINISH)
    assert STYLES[style](role_of(AIMessageChunk(" \n"), text)).text == " \ntext"


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_what_was_seen_is_in_partial_and_not_in_another_answer(style: str) -> None:
    """With `hold="all"` nothing is seen, and the next leg answers alone."""
    chunks = (AIMessageChunk("some "), AIMessageChunk("text"), ConnectionError("cut"))
    with pytest.raises(StreamInterruptedError) as caught:
        STYLES[style](role_of(*chunks))
    assert caught.value.partial.text == "some text"
    assert STYLES[style](role_of(*chunks, hold="all")).text == "gateway"


@pytest.mark.parametrize("style", ["stream", "astream"])
@pytest.mark.parametrize("fault", ["disconnect_mid_stream", "cut_stream", "malformed_event", "done_only"])
def test_an_interrupted_stream_of_nim_counts_as_a_failure(emu: Emulator, style: str, fault: str) -> None:
    """Two of them open the circuit, and the third call goes to the Gateway."""
    emu.nim.fail_always(fault)
    manager = ModelManager()
    for _ in range(2):
        with pytest.raises(StreamInterruptedError):
            STYLES[style](manager.model("planner"))
    assert manager.breakers[NIM].state is BreakerState.OPEN
    assert STYLES[style](manager.model("planner")).response_metadata["nvgateway"]["provider"] == "nvidia-gateway"
