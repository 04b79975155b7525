"""A role at work: its model is asked, the tools that it calls run, until it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool

from ...errors import NVGatewayError
from ...manager import ModelManager
from .screen import Screen
from .tally import Tally, ToolUse

__all__ = ["Crew", "StuckError", "Work"]

MAX_CALLS = 12
"""Calls of a role's model until it has to be done."""


class StuckError(NVGatewayError):
    """A role did not come to an end."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a role hands over."""

    text: str

    handover: Mapping[str, Any]
    """Arguments of the call by which it ended; empty if it ended with a text."""


class Crew:
    """All roles, with their models and their tools.

    Args:
        manager: Has the roles' models.
        tools: All tools by name.
        screen: Shows what happens.
        tally: Counts it.
        before_call: Called before each call of a model.
    """

    def __init__(
        self,
        manager: ModelManager,
        tools: Mapping[str, BaseTool],
        screen: Screen,
        tally: Tally,
        before_call: Callable[[], None],
    ) -> None:
        self._manager = manager
        self._tools = tools
        self._screen = screen
        self._tally = tally
        self._before_call = before_call

    def work(
        self,
        role: str,
        instructions: str,
        request: str,
        *,
        tools: Sequence[str] = (),
        ends_with: str | None = None,
    ) -> Work:
        """Let a role work until it is done.

        Args:
            role: The role.
            instructions: What the role is there for.
            request: What it has to do now.
            tools: Names of the tools it is offered.
            ends_with: Name of the tool by which it ends; without one, it ends with a text.

        Raises:
            StuckError: It calls tools without an end.
            NVGatewayError: No model of the role could answer.
        """
        model = self._model(role, tools, ends_with)
        messages: list[BaseMessage] = [SystemMessage(instructions), HumanMessage(request)]
        for _ in range(MAX_CALLS):
            answer = self._ask(role, model, messages)
            messages.append(answer)
            if not answer.tool_calls and ends_with is None:
                return Work(answer.text, {})
            for call in answer.tool_calls:
                result = self._run(role, call)
                messages.append(result)
                if call["name"] == ends_with and result.status != "error":
                    return Work(answer.text, call["args"])
            if not answer.tool_calls:
                messages.append(HumanMessage(f"End with a call of {ends_with}."))
        raise StuckError(f"The {role} was not done after {MAX_CALLS} calls; give it a smaller task.")

    def _model(self, role: str, tools: Sequence[str], ends_with: str | None) -> Any:
        model = self._manager.model(role)
        if not tools:
            return model
        # A role that has nothing to do but hand over has to do that.
        choice = {"tool_choice": ends_with} if list(tools) == [ends_with] else {}
        return model.bind_tools([self._tools[name] for name in tools], **choice)

    def _ask(self, role: str, model: Any, messages: list[BaseMessage]) -> AIMessage:
        self._before_call()
        self._tally.calls += 1
        with self._screen.asking(role, self._tally.calls):
            try:
                answer: AIMessage = model.invoke(messages)
            except NVGatewayError as error:
                self._tally.count(role, getattr(error, "attempts", None) or ())
                raise
        who = answer.response_metadata["nvgateway"]
        self._tally.answered += 1
        self._tally.tool_calls += len(answer.tool_calls)
        self._tally.count(role, who["attempts"])
        self._screen.answered(who["provider"], answer)
        return answer

    def _run(self, role: str, call: ToolCall) -> ToolMessage:
        with self._screen.running(call["name"]):
            result: ToolMessage = self._tools[call["name"]].invoke(call)
        self._tally.tools.append(ToolUse(role, call["name"], call["args"], refused=result.status == "error"))
        self._screen.ran(call["name"], result)
        return result
