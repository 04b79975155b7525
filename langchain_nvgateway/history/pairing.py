"""Pairs each tool call of a conversation with its result, and each result with its call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage

from .call_ids import CallIds
from .calls import UNKNOWN_TOOL, Call, calls_of, legal_name
from .dialects import Dialect
from .results import joined

__all__ = ["PairedCall", "Turn", "paired"]

_NO_RESULT = "This call has no result: it did not run, or its result was lost."
_MALFORMED = "This call was malformed ({problem}) and did not run. Make it again if it is still needed."


@dataclass(slots=True)
class PairedCall:
    """A call, the id that it is sent with, and what was found of its results."""

    call: Call
    id: str
    results: list[ToolMessage] = field(default_factory=list)

    def tool_call(self) -> ToolCall:
        """Return the call as an entry of `tool_calls`; the one that it was read from if nothing is to change."""
        call = self.call
        # A call with a result has run, whatever its tool is named.
        args = call.args if self.results or not call.problem else {}
        given = call.given
        if (
            given is not None
            and given.get("args") is args
            and (given.get("id"), given.get("name")) == (self.id, call.name)
        ):
            return given  # type: ignore[return-value]  # an entry of `tool_calls`
        return ToolCall(type="tool_call", id=self.id, name=call.name, args=args)

    def result(self, dialect: Dialect) -> ToolMessage:
        """Return the one result of the call; a short stub where there was none."""
        if not self.results:
            problem = self.call.problem
            text = _MALFORMED.format(problem=problem) if problem else _NO_RESULT
            return ToolMessage(content=text, tool_call_id=self.id, name=self.call.name, status="error")
        result = joined(self.results)
        name = result.name if not result.name or legal_name(result.name, dialect) == result.name else self.call.name
        if result.tool_call_id == self.id and result.name == name:
            return result
        return result.model_copy(update={"tool_call_id": self.id, "name": name})


@dataclass(slots=True)
class Turn:
    """An assistant's turn that calls tools."""

    message: AIMessage
    calls: list[PairedCall]


def paired(messages: Iterable[BaseMessage], dialect: Dialect) -> list[BaseMessage | Turn]:
    """Return a conversation with each result moved to its call.

    A result belongs to the latest turn before it that has a call with its id, since some models use the same ids in
    each turn. One that belongs to none gets a turn of its own, which calls the tool with no arguments.

    Args:
        messages: The conversation; its results are `ToolMessage`s.
        dialect: What the service takes.
    """
    ids = CallIds(dialect)
    items: list[BaseMessage | Turn] = []
    latest: dict[str, list[PairedCall]] = {}
    for message in messages:
        if isinstance(message, AIMessage):
            calls = calls_of(message, dialect)
            if calls:
                turn = _turn(message, calls, ids, latest)
                items.append(turn)
            else:
                items.append(message)
        elif isinstance(message, ToolMessage):
            key = ids.sent(message.tool_call_id or "")
            found = _call_for(message, latest.get(key, ()), has_id=bool(key))
            if found is None:
                lost = Call(message.tool_call_id or "", legal_name(message.name or UNKNOWN_TOOL, dialect), {})
                turn = _turn(AIMessage(content=""), [lost], ids, latest if key else {})
                items.append(turn)
                (found,) = turn.calls
            found.results.append(message)
        else:
            items.append(message)
    return items


def _turn(message: AIMessage, calls: Sequence[Call], ids: CallIds, latest: dict[str, list[PairedCall]]) -> Turn:
    """Give each call of a turn an id of its own, and note under which id its result is to be looked for."""
    found: dict[str, list[PairedCall]] = {}
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    turn = Turn(message, [])
    for call in calls:
        key = ids.sent(call.id)
        sent = key or ids.made_up(call)
        while sent in taken:
            numbers[key] += 1
            sent = ids.another(key, numbers[key] + 1)
        taken.add(sent)
        one = PairedCall(call, sent)
        turn.calls.append(one)
        found.setdefault(key, []).append(one)
    latest.update(found)
    return turn


def _call_for(result: ToolMessage, calls: Sequence[PairedCall], *, has_id: bool) -> PairedCall | None:
    """Choose among the calls that a result may belong to: one that has none yet, of its own name if it has one."""
    waiting = [one for one in calls if not one.results]
    of_its_name = [one for one in waiting if one.call.name == result.name]
    if of_its_name or waiting:
        return (of_its_name or waiting)[0]
    # A second result for one id is part of the first; without an id nothing says that it is.
    return calls[-1] if calls and has_id else None
