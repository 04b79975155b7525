"""Makes one call as planned, and says what came of it and what was wrong with that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import add
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool

from langchain_nvgateway import AllProvidersFailedError, ModelManager, NVGatewayError, StreamInterruptedError

from .plan import CallPlan
from .spoken import Finding, finding, prompt, words

__all__ = ["Caller", "Outcome"]

INSTEAD_OF_A_CALL = "I can answer that without any tool."
"""What the services say when they make no call although one was demanded."""

SERVICES = {"nvidia-nim": "nim", "nvidia-gateway": "gateway"}


@dataclass
class Outcome:
    """What came of a call."""

    number: int
    result: str = ""
    """`answered`, `all failed`, `interrupted`, `refused` or `left`."""
    error: str = ""
    error_text: str = ""
    attempts: list[list[dict[str, Any]]] = field(default_factory=list)
    """What became of each leg; an agent's call has several turns."""
    seconds: float = 0.0
    retry_after: float = 0.0
    """When it is worth to call again, after a call that all failed."""
    problems: list[str] = field(default_factory=list)


class Caller:
    """Makes calls of a manager's roles.

    Args:
        manager: Whose roles are called.
    """

    def __init__(self, manager: ModelManager) -> None:
        self._manager = manager
        self._ran: list[str] = []
        self._runnable = cache(self._built)

    @property
    def wrong_runs(self) -> list[str]:
        """Runs of a tool with arguments that no service had written."""
        return self._ran

    def ask(self, call: CallPlan) -> Outcome:
        """Make a call in a sync style."""
        outcome = Outcome(call.number)
        runnable, given = self._runnable(call.role, call.kind, call.holds_all), _given(call)
        seen: list[AIMessageChunk] = []
        start = time.perf_counter()
        try:
            if call.is_stream:
                with closing(runnable.stream(given)) as stream:
                    for chunk in stream:
                        seen.append(chunk)
                        if call.leaves:
                            outcome.result = "left"
                            break
                answer: Any = reduce(add, seen)
            else:
                answer = runnable.invoke(given)
        except Exception as error:
            _note_error(outcome, call, error, seen)
        else:
            if not outcome.result:
                _note_answer(outcome, call, answer)
        outcome.seconds = time.perf_counter() - start
        return outcome

    async def aask(self, call: CallPlan) -> Outcome:
        """Make a call in an async style; who leaves cancels it after a moment."""
        outcome = Outcome(call.number)
        runnable, given = self._runnable(call.role, call.kind, call.holds_all), _given(call)
        seen: list[AIMessageChunk] = []
        start = time.perf_counter()

        async def answer_of() -> Any:
            if not call.is_stream:
                return await runnable.ainvoke(given)
            async with aclosing(runnable.astream(given)) as stream:
                async for chunk in stream:
                    seen.append(chunk)
            return reduce(add, seen)

        task = asyncio.create_task(answer_of())
        if call.leaves:
            asyncio.get_running_loop().call_later(call.random("leave").uniform(0.0, 0.1), task.cancel)
        try:
            answer = await task
        except asyncio.CancelledError:
            outcome.result = "left"
            if not call.leaves:
                outcome.problems.append("cancelled by nobody")
        except Exception as error:
            _note_error(outcome, call, error, seen)
        else:
            _note_answer(outcome, call, answer)
        outcome.seconds = time.perf_counter() - start
        return outcome

    def ask_leg(self, role: str, number: int, leg: str) -> bool:
        """Ask one leg of a role for a tool call, and say whether it was this leg that gave it."""
        runnable = self._runnable(role, "call", False)
        answer = runnable.invoke(prompt(number), {"configurable": {f"{role}_model": leg}})
        return bool(answer.response_metadata["nvgateway"]["provider"] == leg.partition(":")[0])

    def _built(self, role: str, kind: str, holds_all: bool) -> Any:
        model = self._manager.model(role, hold="all") if holds_all else self._manager.model(role)
        # Of a pydantic model LangChain would not tell that further fields are forbidden.
        schema = Finding.model_json_schema()
        tool = StructuredTool.from_function(self._record, name="record", description="Record it.", args_schema=schema)
        match kind:
            case "call" | "two calls":
                return model.bind_tools([tool], tool_choice="any")
            case "schema":
                return model.with_structured_output(Finding, method="function_calling", include_raw=True)
            case "json":
                return model.with_structured_output(Finding, method="json_schema", include_raw=True)
            case "agent":
                return create_agent(model, [tool])
        return model

    def _record(self, **arguments: Any) -> str:
        service = arguments["by"].partition("-")[0]
        if arguments != finding(service, arguments["case"], arguments["part"]):
            self._ran.append(f"the tool ran with {arguments}")
        return "recorded"


def _given(call: CallPlan) -> Any:
    said = prompt(call.number) + (" Say it in two calls." if call.kind == "two calls" else "")
    messages: list[BaseMessage] = [*(_history(call) if call.has_history else ()), HumanMessage(said)]
    return {"messages": messages} if call.kind == "agent" else messages


def _history(call: CallPlan) -> list[BaseMessage]:
    """Return turns as NIM leaves them behind: ids that are too long, and a call that nobody could read."""
    long_id = f"chatcmpl-tool-{call.random('history').getrandbits(128):032x}"
    good = {"name": "record", "args": {"case": 1}, "id": long_id}
    bad = {"name": "record", "args": '{"case": 1', "id": f"{long_id}-2", "error": None, "type": "invalid_tool_call"}
    return [
        HumanMessage("Before this case there was another one."),
        AIMessage("", tool_calls=[good], invalid_tool_calls=[bad]),
        ToolMessage("recorded", tool_call_id=long_id),
        AIMessage("It is recorded."),
    ]


def _note_error(outcome: Outcome, call: CallPlan, error: Exception, seen: Sequence[AIMessageChunk]) -> None:
    outcome.error, outcome.error_text = type(error).__name__, str(error)
    outcome.result = "refused"
    text = "".join(chunk.text for chunk in seen)
    sayings = [INSTEAD_OF_A_CALL, *(words(service, call.number) for service in SERVICES.values())]
    if not any(saying.startswith(text) for saying in sayings):
        outcome.problems.append(f"a reader saw {text!r}, then {error!r}")
    if isinstance(error, StreamInterruptedError):
        outcome.result = "interrupted"
        if not text:
            outcome.problems.append("interrupted, but nothing was seen")
        if error.partial is None or error.partial.text != text:
            outcome.problems.append(f"a reader saw {text!r}, the error says {error.partial!r}")
    elif isinstance(error, AllProvidersFailedError):
        outcome.result = "all failed"
        outcome.attempts = [error.attempts]
        outcome.retry_after = error.retry_after or 0.0
        if text:
            outcome.problems.append(f"a reader saw {text!r} of a call that all failed")
    elif not isinstance(error, NVGatewayError):
        outcome.problems.append(f"an untyped error: {error!r:.300}")


def _note_answer(outcome: Outcome, call: CallPlan, answer: Any) -> None:
    outcome.result = "answered"
    messages = [answer]
    if call.kind == "agent":
        messages = [message for message in answer["messages"][len(_given(call)["messages"]) :] if message.type == "ai"]
    elif call.kind in ("schema", "json"):
        messages = [answer["raw"]]
        if answer["parsing_error"] is not None or answer["parsed"] is None:
            outcome.problems.append(f"no object: {answer['parsing_error']!r}")
        elif answer["parsed"].model_dump() != finding(_service(messages[0]), call.number):
            outcome.problems.append(f"a wrong object: {answer['parsed']!r}")
    for message in messages:
        outcome.attempts.append(message.response_metadata["nvgateway"]["attempts"])
        outcome.problems += _wrong_with(message, call)
    if call.kind == "agent" and not messages[-1].text:
        outcome.problems.append("an agent that stops in silence")


def _wrong_with(message: AIMessage, call: CallPlan) -> list[str]:
    service = _service(message)
    problems = []
    if message.invalid_tool_calls:
        problems.append(f"invalid calls: {message.invalid_tool_calls}")
    parts = 2 if call.kind == "two calls" else 1
    expected = [finding(service, call.number, part) for part in range(parts)]
    if message.tool_calls and [made["args"] for made in message.tool_calls] != expected:
        problems.append(f"calls of {service}: {message.tool_calls}")
    if call.kind in ("call", "two calls", "schema") and not message.tool_calls:
        problems.append("no call")
    # An answer whose length was limited is one, as long as it is text.
    whole = words(service, call.number)
    is_cut = message.response_metadata.get("finish_reason") == "length"
    is_expected = whole.startswith(message.text) if is_cut or not message.text else message.text == whole
    # An agent may do without the tool, and then gets what a service says instead.
    is_expected |= call.kind == "agent" and message.text == INSTEAD_OF_A_CALL
    if not is_expected and call.kind != "json":
        problems.append(f"words of {service}: {message.text!r}")
    if not message.text and not message.tool_calls:
        problems.append("an empty answer")
    return problems


def _service(message: AIMessage) -> str:
    return SERVICES[message.response_metadata["nvgateway"]["provider"]]
