"""Which step comes next, and what was asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import uuid4

from langchain_core.messages import BaseMessage

from .steps import Step, check_step

__all__ = ["AtEnd", "Request", "Script", "ScriptOverError", "Style"]

AtEnd = Literal["raise", "repeat_last", "cycle"]
"""What a script that has been played does."""

Style = Literal["invoke", "ainvoke", "stream", "astream"]
"""How a model is asked: for the whole answer or for a stream, in sync or async code."""


class ScriptOverError(AssertionError):
    """A model was asked more often than its script has steps: a flaw of the test, and no failure of a service.

    Attributes:
        steps: How many steps there are.
    """

    def __init__(self, steps: int, asked: int, last_words: str) -> None:
        super().__init__(steps, asked, last_words)
        self.steps = steps
        self._asked = asked
        self._last_words = last_words

    def __str__(self) -> str:
        steps = "1 step" if self.steps == 1 else f"{self.steps or 'no'} steps"
        return (
            f"The script has {steps}, and the model was asked for answer {self._asked}, to: {self._last_words!r:.100}. "
            "Add a step, or say what comes then: at_end='repeat_last' or at_end='cycle'."
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What a scripted model was asked."""

    messages: list[BaseMessage]
    """The conversation as it was then."""

    kwargs: Mapping[str, Any]
    """The keyword arguments of the call, bound ones among them: `tools`, `tool_choice`, `stop`, `temperature`, …"""

    style: Style
    """How; `batch` asks by `invoke`, and whoever watches the tokens of an `invoke` makes it a stream."""

    @property
    def tools(self) -> list[Any]:
        """The tools on offer, in OpenAI's form."""
        return list(self.kwargs.get("tools") or ())

    @property
    def tool_names(self) -> list[str]:
        """The names of the tools on offer."""
        names = (tool.get("function", tool).get("name") for tool in self.tools if isinstance(tool, dict))
        return [name for name in names if isinstance(name, str)]


class Script:
    """Steps, each of which is taken once, and the record of who took them; safe in threads and tasks.

    Args:
        steps: The steps.
        at_end: What comes after them.

    Raises:
        TypeError: One is no step.
        ValueError: There is nothing to repeat, or no such ending.
    """

    def __init__(self, steps: Sequence[Step], at_end: AtEnd) -> None:
        for step in steps:
            check_step(step)
        if at_end not in ("raise", "repeat_last", "cycle"):
            msg = f"at_end is {at_end!r}; there are 'raise', 'repeat_last' and 'cycle'."
            raise ValueError(msg)
        if at_end != "raise" and not steps:
            msg = f"There is no step that at_end={at_end!r} could play again."
            raise ValueError(msg)
        self._steps = list(steps)
        self._at_end = at_end
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self.key = uuid4().hex
        """Tells scripts apart."""

    def __repr__(self) -> str:
        return f"Script({len(self._steps)} steps, {self.steps_left} left)"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # Copies of a model go on in the same script.

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def steps_left(self) -> int:
        """How many steps nobody has taken yet."""
        with self._lock:
            return max(0, len(self._steps) - len(self._requests))

    def take(self, request: Request) -> Step:
        """Record a request, and return the step that answers it.

        Raises:
            ScriptOverError: There is none left.
        """
        with self._lock:
            place = len(self._requests)
            self._requests.append(request)
        if place < len(self._steps):
            return self._steps[place]
        if self._at_end == "repeat_last":
            return self._steps[-1]
        if self._at_end == "cycle":
            return self._steps[place % len(self._steps)]
        last_words = request.messages[-1].text if request.messages else ""
        raise ScriptOverError(len(self._steps), place + 1, last_words)
