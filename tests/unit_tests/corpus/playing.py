"""Plays an item through the emulator in each call style, and judges what comes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

import langchain_nvgateway
from langchain_nvgateway import StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Reply

from .broken import BROKEN
from .items import Broken, Item, Valid
from .offered import TOOLS
from .shapes import BROKEN_SHAPES, VALID_SHAPES
from .valid import VALID

__all__ = [
    "ALL", "ALL_BROKEN", "ALL_VALID", "PROMPT", "STYLES", "Played", "aplay", "asked", "ids", "letters_of", "play",
    "problem_of", "problem_of_role", "reply_of", "script", "script_role", "told",
]  # fmt: skip

PROMPT = "Answer as JSON with the keys `name` (text) and `age` (number)."
STYLES = ("invoke", "stream")
ALL_BROKEN: list[Broken] = [*BROKEN, *BROKEN_SHAPES]
ALL_VALID: list[Valid] = [*VALID, *VALID_SHAPES]
ALL: list[Item] = [*ALL_BROKEN, *ALL_VALID]
MOST_DELTAS = 200
"""So many deltas make up a long text that is sent in small pieces."""
HEALTHY = Reply(text='{"name": "Grace", "age": 37}')
"""What the second leg says in JSON mode, where nobody tells it the schema."""


def ids(items: Iterable[Item]) -> list[str]:
    """Return the ids of items for pytest."""
    return [item.id for item in items]


# -- Scripting -----------------------------------------------------------------------------------------------


def reply_of(item: Item) -> Reply:
    """Return the reply that the emulator is to give, in the pieces in which it sends it by itself."""
    finish = item.finish
    if item.deltas is not None:
        return Reply(chunks=item.deltas, finish_reason=finish)
    call_ids = _call_ids(item)
    if all(isinstance(call[1], str) for call in item.calls):
        return Reply(
            text=item.text,
            tool_calls=[(call[0], call[1]) for call in item.calls],
            finish_reason=finish,
            message=item.message or {},
            call_ids=call_ids,
        )
    # The emulator writes an object as text; as a part of the message it is sent as it is.
    calls = [
        {"id": call_id, "type": "function", "function": {"name": call[0], "arguments": call[1]}}
        for call, call_id in zip(item.calls, call_ids, strict=True)
    ]
    return Reply(text=item.text, message={"tool_calls": calls}, finish_reason="tool_calls")


def letters_of(item: Item) -> Reply:
    """Return the reply as a stream of single characters."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(item.text or "")]
    deltas += [dict(item.message)] if item.message else []
    for index, (call, call_id) in enumerate(zip(item.calls, _call_ids(item), strict=True)):
        opening: dict[str, Any] = {"index": index, "type": "function", "function": {"name": call[0], "arguments": ""}}
        deltas.append({"tool_calls": [opening if call_id is None else {**opening, "id": call_id}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in _pieces(call[1])]
    return Reply(chunks=deltas, finish_reason=item.finish)


def _pieces(value: Any) -> list[Any]:
    if not isinstance(value, str):
        return [value]
    size = 1 + len(value) // MOST_DELTAS
    return [value[place : place + size] for place in range(0, len(value), size)]


def _call_ids(item: Item) -> list[str | None]:
    return [call[2] if len(call) > 2 else f"call_{place}" for place, call in enumerate(item.calls)]


def script(service: Any, item: Item, *, letters: bool = False) -> None:
    """Let a service of the emulator give the reply of an item next."""
    service.reply_next(letters_of(item) if letters and item.deltas is None else reply_of(item))
    if item.fault:
        service.fail_next(item.fault)


# -- Asking --------------------------------------------------------------------------------------------------


def asked(model: Any, item: Item) -> Any:
    """Return what a user of the tools or the schema calls."""
    if item.schema is not None:
        return model.with_structured_output(item.schema, method=item.method, include_raw=True)
    if not item.tools:
        return model
    choice = {} if item.tool_choice is None else {"tool_choice": item.tool_choice}
    return model.bind_tools(_offered(item), **choice)


@lru_cache(maxsize=1)
def _written() -> dict[str, dict[str, Any]]:
    """Return all tools in `openai`'s form; LangChain takes long to write them."""
    written = [convert_to_openai_tool(tool) for tool in TOOLS]
    return {tool["function"]["name"]: tool for tool in written}


def _offered(item: Item) -> list[Any]:
    """Return the item's tools, of which only those that matter are in their own form."""
    if item.tools is not TOOLS:
        return list(item.tools)
    matter = {call[0] for call in item.calls} | {name for name, _ in getattr(item, "does", ())}
    return [own if name in matter else tool for own, (name, tool) in zip(TOOLS, _written().items(), strict=True)]


@dataclass
class Played:
    """What became of one call."""

    style: str
    result: Any = None
    error: BaseException | None = None
    pieces: list[Any] = field(default_factory=list)
    """What a stream brought, up to its end or its error."""

    @property
    def message(self) -> AIMessage | None:
        """The answer."""
        return self.result.get("raw") if isinstance(self.result, dict) else self.result

    @property
    def messages(self) -> list[AIMessageChunk]:
        """The messages that a stream brought."""
        found = [piece.get("raw") if isinstance(piece, dict) else piece for piece in self.pieces]
        return [message for message in found if isinstance(message, AIMessage)]


def play(runnable: Any, style: str, said: Any = PROMPT) -> Played:
    """Call in a style, `invoke` or `stream`, and catch what comes."""
    played = Played(style)
    try:
        if style == "invoke":
            played.result = runnable.invoke(said)
        else:
            for piece in runnable.stream(said):
                played.pieces.append(piece)
            played.result = _joined(played.pieces)
    except Exception as error:
        played.error = error
    return played


def _joined(pieces: list[Any]) -> Any:
    """Add up what a stream brought, in one go, since LangChain's way of adding is slow."""
    if not isinstance(pieces[0], dict):
        return pieces[0] + pieces[1:] if len(pieces) > 1 else pieces[0]
    messages = [piece["raw"] for piece in pieces if "raw" in piece]
    rest = {name: value for piece in pieces for name, value in piece.items() if name != "raw" and value is not None}
    return {"parsed": None, **rest, "raw": _joined(messages)}


async def aplay(runnable: Any, style: str, said: Any = PROMPT) -> Played:
    """Do what `play` does."""
    played = Played(style)
    try:
        if style == "invoke":
            played.result = await runnable.ainvoke(said)
        else:
            stream: AsyncIterator[Any] = runnable.astream(said)
            async for piece in stream:
                played.pieces.append(piece)
            played.result = _joined(played.pieces)
    except Exception as error:
        played.error = error
    return played


# -- Judging -------------------------------------------------------------------------------------------------


def problem_of(item: Item, played: Played) -> str | None:
    """Return what is wrong with what became of an item, `None` if it is as it should be."""
    problem = _problem_of_broken(item, played) if isinstance(item, Broken) else _problem_of_valid(item, played)
    return f"{item.id} [{played.style}]: {problem}" if problem else None


def _problem_of_broken(item: Broken, played: Played) -> str | None:
    error = played.error
    if any(message.tool_calls or _chunks(message) for message in played.messages):
        return "a part of a call was shown"
    if error is None:
        return f"it was accepted: {_shown(played.result)}"
    names = (*item.error, "StreamInterruptedError") if item.shows and played.style == "stream" else item.error
    if not isinstance(error, tuple(getattr(langchain_nvgateway, name) for name in names)):
        return f"{' or '.join(names)} expected, and not {type(error).__name__}: {error}"
    if isinstance(error, StreamInterruptedError):
        partial = error.partial
        return "its partial has a call" if partial is not None and partial.tool_calls else None
    if "NVGatewayError" in item.error:
        return None
    reason = str(getattr(error, "reason", None) or "").lower()
    if not reason:
        return "it has no reason"
    if item.words and not any(word in reason for word in item.words):
        return f"the reason {reason!r} has none of {item.words}"
    return None if isinstance(getattr(error, "raw", None), str) else "it has no raw answer"


def _problem_of_valid(item: Item, played: Played) -> str | None:
    assert isinstance(item, Valid)
    if played.error is not None:
        return f"it was refused: {type(played.error).__name__}: {str(played.error)[:300]}"
    message = played.message
    if message is None:
        return "there is no message"
    if item.schema is not None:
        parsed = played.result["parsed"]
        parsed = parsed.model_dump() if isinstance(parsed, BaseModel) else parsed
        if parsed != item.parsed:
            return f"parsed to {_shown(parsed)} ({played.result.get('parsing_error')})"
        return None if message.tool_calls or not item.does else "its call is missing"
    says = item.text or "" if item.says is None else item.says
    if message.text != says:
        return f"the text is {_shown(message.text)}"
    calls = [(call["name"], call["args"]) for call in message.tool_calls]
    if calls != list(item.does) or message.invalid_tool_calls:
        return f"the calls are {_shown(calls)}, invalid ones {_shown(message.invalid_tool_calls)}"
    call_ids = [call["id"] for call in message.tool_calls]
    if not all(call_ids) or len(set(call_ids)) < len(call_ids):
        return f"the ids are {call_ids}"
    wanted = _call_ids(item)
    if any(want not in (None, found) for want, found in zip(wanted, call_ids, strict=False)):
        return f"the ids are {call_ids}"
    return None if message.response_metadata.get("finish_reason") else "there is no finish reason"


def _chunks(message: AIMessage) -> Any:
    return message.tool_call_chunks if isinstance(message, AIMessageChunk) else []


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}…"


# -- Roles ---------------------------------------------------------------------------------------------------


def script_role(emu: Emulator, item: Item, *, letters: bool = False) -> None:
    """Let NIM give the reply of an item, and the Gateway a good one."""
    emu.reset()
    script(emu.nim, item, letters=letters)
    if item.method == "json_mode":
        emu.gateway.reply_next(HEALTHY)


def problem_of_role(item: Item, played: Played) -> str | None:
    """Return what is wrong with what a role made of an item: broken ones are answered by the Gateway."""
    problem: str | None
    if isinstance(item, Valid):
        problem = problem_of(item, played)
        return problem or _problem_of_provider(item, played, "nvidia-nim")
    error = played.error
    if item.shows and item.schema is None and played.style == "stream" and isinstance(error, StreamInterruptedError):
        seen = "".join(message.text for message in played.messages)
        problem = None if error.partial.text == seen and not error.partial.tool_calls else "a wrong partial"
        return f"{item.id} [{played.style}]: {problem}" if problem else None
    if error is not None:
        return f"{item.id} [{played.style}]: nobody answered: {type(error).__name__}: {str(error)[:300]}"
    return _problem_of_provider(item, played, "nvidia-gateway")


def _problem_of_provider(item: Item, played: Played, provider: str) -> str | None:
    message = played.message
    found = (message.response_metadata if message is not None else {}).get("nvgateway", {}).get("provider")
    if found != provider:
        return f"{item.id} [{played.style}]: answered by {found}: {_shown(played.result)}"
    if item.schema is not None and not played.result["parsed"]:
        return f"{item.id} [{played.style}]: not parsed"
    return None


def told(problems: Iterable[str | None]) -> None:
    """Fail with all problems that there are.

    Raises:
        AssertionError: There is one.
    """
    found = [problem for problem in problems if problem]
    if found:
        lines = "\n".join(found)
        raise AssertionError(f"{len(found)} of the corpus:\n{lines}")
