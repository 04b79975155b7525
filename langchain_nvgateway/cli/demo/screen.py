"""Shows a run as it happens: who asks, who answers, what breaks, which tool runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, ToolMessage
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from ...events import (
    AnswerRejected,
    CircuitClosed,
    CircuitHalfOpen,
    CircuitOpened,
    Event,
    FellBack,
    LegSkipped,
    TokenRefreshed,
)
from ..terminal import clean
from .handovers import HANDOVERS
from .phrases import answer_text, call_text, circuit_name, result_text, skip_reason

__all__ = ["Screen"]

_WIDTHS = (3, 10, 14)
"""Columns: number of the call, role, who."""

_GAP = "  "
_INDENT = sum(_WIDTHS) + len(_WIDTHS) * len(_GAP)
_NARROWEST = 24
_STYLES = {"nvidia-nim": "green", "nvidia-gateway": "cyan", "breaker": "yellow", "tool": "magenta"}


class Screen:
    """The lines of a run, and on a lively terminal a line below them that says what is going on.

    Args:
        console: Where to print.
        lively: Whether the terminal can change what it has shown; else there are plain lines only.
        silent: Print no lines.
    """

    def __init__(self, console: Console, *, lively: bool, silent: bool = False) -> None:
        self._console = console
        self._is_lively = lively
        self._is_silent = silent
        self._busy = _Busy()
        self._live = Live(self._busy, console=console, transient=True, refresh_per_second=12) if lively else None
        self._role = ""
        self._label = ("", "")
        self._held: list[CircuitOpened | CircuitClosed] = []
        self.broken = ""
        """What the leg asked last sent in place of a tool call."""

        self.trouble = ""
        """Status of the error that it answered with."""

    @contextmanager
    def running_graph(self) -> Iterator[None]:
        """Show what is going on while the graph runs."""
        with self._live or nullcontext():
            yield

    @property
    def callback(self) -> BaseCallbackHandler:
        """Hears from LangChain which leg is asked."""
        return _LegWatch(self)

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return self._console.width

    # -- What happens ----------------------------------------------------------------------------------------

    @contextmanager
    def asking(self, role: str, number: int) -> Iterator[None]:
        """Show who asks."""
        self._role, self._label = role, (str(number), role)
        self._busy.start(f"{role} asks")
        try:
            yield
        finally:
            self._busy.stop()

    def leg_asked(self, provider: str) -> None:
        """Show who is asked."""
        self.broken = self.trouble = ""
        self._busy.start(f"{self._role} asks {provider}")

    def answered(self, provider: str, answer: AIMessage) -> None:
        """Show an answer."""
        said = [call_text(call) for call in answer.tool_calls] or [answer_text(answer.text)]
        for text in said:
            self._line(provider, text)
        self._release()

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Show that a tool runs."""
        self._busy.start(f"{name} runs")
        try:
            yield
        finally:
            self._busy.stop()

    def ran(self, name: str, result: ToolMessage) -> None:
        """Show what a tool said, unless it was the end of a role's work."""
        if name in HANDOVERS and result.status != "error":
            return
        self._line("tool", f"{name}: {result_text(name, result)}", style="red" if result.status == "error" else "")

    def event(self, event: Event) -> None:
        """Show what happens between the answers; the manager calls it."""
        match event:
            case AnswerRejected():
                self._line(event.provider, f"REJECTED: {event.reason}", style="red")
                if self.broken:
                    self._line("", f"it was {clean(self.broken)}", style="red")
            case FellBack():
                if event.kind != "quality":
                    self._line(event.provider, f"FAILED: {self.trouble}{event.error} ({event.kind})", style="red")
                self._release()
            case LegSkipped():
                self._line(event.provider, f"skipped: {skip_reason(event)}", style="dim")
            case CircuitHalfOpen():
                self._line("breaker", f"{circuit_name(event.breaker)}: HALF-OPEN, a probe goes out", style="yellow")
            case TokenRefreshed():
                self._line("starfleet", "a new token for the Gateway")
            case CircuitOpened() | CircuitClosed():
                # They come before what they are the consequence of.
                self._held.append(event)

    # -- Lines -----------------------------------------------------------------------------------------------

    def announce(self, words: str) -> None:
        """Show that the world has changed."""
        self.blank()
        self.text(f">>> {words}", style="bold")
        self._pause(0.6)

    def text(self, text: str, *, style: str = "") -> None:
        """Print a text over the whole width."""
        self._print(Text(text, style=style), indent="")

    def fact(self, name: str, value: str) -> None:
        """Print a name and a value, the value as a block of its own."""
        self._print(Text(value), indent=f"{name:<10}")

    def blank(self) -> None:
        """Print an empty line."""
        if not self._is_silent:
            self._console.print()

    def show(self, renderable: RenderableType) -> None:
        """Print something of rich's."""
        if not self._is_silent:
            self._console.print(renderable)

    def _line(self, who: str, text: str, *, style: str = "") -> None:
        # Only the first line of a call has its number and its role.
        (number, role), self._label = self._label, ("", "")
        cells = (f"{number:>{_WIDTHS[0]}}", f"{role:<{_WIDTHS[1]}}", f"{who:<{_WIDTHS[2]}}")
        head = Text.assemble(cells[0], _GAP, (cells[1], "bold"), _GAP, (cells[2], _STYLES.get(who, "")), _GAP)
        self._print(Text(text, style=style), indent=head)
        self._pause(0.06)

    def _print(self, text: Text, *, indent: str | Text) -> None:
        if self._is_silent:
            return
        head = Text(indent) if isinstance(indent, str) else indent
        width = max(self._console.width - head.cell_len, _NARROWEST)
        for line in text.wrap(self._console, width):
            line.rstrip()
            self._console.print(Text.assemble(head, line), soft_wrap=True)
            head = Text(" " * head.cell_len)

    def _release(self) -> None:
        held, self._held = self._held, []
        for event in held:
            reason = event.reason.replace("-", " ")
            if isinstance(event, CircuitOpened):
                words = f"{circuit_name(event.breaker)}: OPEN for {event.open_seconds:.0f} s, {reason}"
                self._line("breaker", words, style="yellow")
            elif isinstance(event, CircuitClosed):
                self._line("breaker", f"{circuit_name(event.breaker)}: CLOSED, {reason}", style="yellow")

    def _pause(self, seconds: float) -> None:
        if self._is_lively and not self._is_silent:
            time.sleep(seconds)


class _Busy:
    """What is going on, and for how long: rendered anew several times a second."""

    def __init__(self) -> None:
        self._spinner = Spinner("line")
        self._words = ""
        self._since = self._begun = time.monotonic()

    def start(self, words: str) -> None:
        self._words, self._since = words, time.monotonic()

    def stop(self) -> None:
        self._words = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = time.monotonic()
        words = f"{self._words} ({now - self._since:.1f} s), " if self._words else ""
        self._spinner.update(text=Text(f"{words}{now - self._begun:.0f} s in all", style="dim"))
        yield self._spinner.render(now)


class _LegWatch(BaseCallbackHandler):
    """Tells a screen what LangChain knows of the calls to legs."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, metadata: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        self._screen.leg_asked(str((metadata or {}).get("ls_provider", "")))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        status = getattr(error, "status_code", None)
        self._screen.trouble = f"status {status}, " if status else ""
        self._screen.broken = str(getattr(error, "raw", None) or "")
