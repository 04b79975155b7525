"""What a run comes to: a table, a few facts and one last line, or all of it as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from ...emulator import Emulator
from ..terminal import clean
from .actor import Actor
from .phrases import tests_text
from .project import NUMBER_OF_TESTS
from .role_graph import RoleState
from .screen import Screen
from .tally import LegCount, Tally
from .workspace import TestRun

__all__ = ["Report", "requests_at", "tokens_at", "whole_tools"]

_OUTCOMES = ("answered", "failed", "rejected", "skipped")
_WIDE = 100
"""Columns of a terminal that has room for the models' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run that is over."""

    task: str
    state: RoleState
    """What the roles handed on, as far as they came."""

    tally: Tally
    tests: TestRun
    seconds: float
    requests: dict[str, int] | None
    """Requests at the emulator by service; `None` on the real services, where nobody counts them."""

    tokens: int | None
    """Tokens that the Gateway was shown, `None` on the real services."""

    whole_tools: int | None
    """Tool calls that ran just as the model had said them, `None` on the real services."""

    error: str | None = None
    """What broke the run off."""

    @property
    def ok(self) -> bool:
        """Whether the project's tests pass."""
        return self.tests.passed

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        tally = self.tally
        return {
            "ok": self.ok,
            "live": self.requests is None,
            "task": self.task,
            "plan": self.state.get("plan"),
            "approved": self.state.get("approved"),
            "rounds": self.state.get("rounds", 0),
            "summary": self.state.get("summary"),
            "error": self.error,
            "tests": {"ran": self.tests.ran, "failed": self.tests.failed, "passed": self.tests.passed},
            "calls": {"made": tally.calls, "answered": tally.answered},
            "tool_calls": {
                "accepted": tally.tool_calls,
                "ran": len(tally.tools),
                "whole": self.whole_tools,
                "refused": sum(use.refused for use in tally.tools),
                "rejected_answers": tally.total("rejected"),
            },
            "legs": [asdict(leg) for leg in tally.legs],
            "requests": self.requests,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 2),
        }

    def show(self, screen: Screen) -> None:
        """Print it."""
        screen.blank()
        if self.error:
            screen.text(f"The run broke off: {self.error}", style="red")
            screen.blank()
        if self.state.get("route") == "no_op":
            screen.fact("router", clean(str(self.state.get("summary"))))
            screen.blank()
        if self.tally.legs:
            screen.show(_table(self.tally.legs, wide=screen.width >= _WIDE))
            screen.blank()
        if self.requests is not None:
            screen.fact("requests", f"as the emulator counted them: {self._requests_text()}")
            screen.fact("tokens", f"{self.tokens} for all requests to the Gateway")
        screen.fact("tests", tests_text(self.tests.output))
        screen.fact("time", f"{self.seconds:.1f} s")
        screen.blank()
        screen.text(self.last_line(), style="bold green" if self.ok else "bold red")

    def _requests_text(self) -> str:
        assert self.requests is not None
        tally = self.tally
        parts = [f"{name} {count}" for name, count in self.requests.items()]
        outcomes = [f"{count} {name}" for name in _OUTCOMES[:3] if (count := tally.total(name, "nvidia-nim"))]
        skipped = tally.total("skipped", "nvidia-nim")
        nothing_sent = f", and none for the {_counted(skipped, 'call')} that skipped it" if skipped else ""
        return f"{', '.join(parts)}. To NIM: {' + '.join(outcomes)}{nothing_sent}."

    def last_line(self) -> str:
        """Return what there is to say in the end, good or bad."""
        tally, tests = self.tally, self.tests
        outcome = (
            f"Done: all {NUMBER_OF_TESTS} tests of the project pass"
            if self.ok
            else f"NOT done: {tests.failed} of the project's tests fail"
        )
        if self.state.get("approved") is False:
            outcome += ", and the reviewer did not approve"
        broken = tally.total("rejected")
        told = f"{tally.answered} of {tally.calls} calls were answered, {len(tally.tools)} tool calls ran"
        if self.whole_tools is not None:
            is_whole = self.whole_tools == len(tally.tools)
            told += ", every one whole" if is_whole else f", {len(tally.tools) - self.whole_tools} of them BROKEN"
        if broken:
            told += f"; {_counted(broken, 'broken answer')} {'was' if broken == 1 else 'were'} rejected, and never ran"
        return f"{outcome}. {told}."


def requests_at(emu: Emulator) -> dict[str, int]:
    """Return how many requests each service has had."""
    return {
        "NIM": len(emu.nim.requests),
        "Gateway": len(emu.gateway.requests),
        "Starfleet": len(emu.starfleet.requests),
    }


def tokens_at(emu: Emulator) -> int:
    """Return how many tokens the Gateway was shown."""
    return len({request.headers.get("authorization") for request in emu.gateway.requests})


def whole_tools(actor: Actor, tally: Tally) -> int:
    """Return how many of the tool calls that ran are just what the emulator's models had said."""
    said = actor.said
    return sum((use.name, dict(use.args)) in said for use in tally.tools)


def _table(legs: list[LegCount], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("role", no_wrap=True)
    table.add_column("leg", no_wrap=True)
    if wide:
        table.add_column("model", no_wrap=True)
    for outcome in _OUTCOMES:
        table.add_column(outcome, justify="right", no_wrap=True)
    role = ""
    for leg in legs:
        counts = [str(getattr(leg, outcome) or "-") for outcome in _OUTCOMES]
        model = [leg.model] if wide else []
        table.add_row(leg.role if leg.role != role else "", leg.provider, *model, *counts)
        role = leg.role
    totals = [str(sum(getattr(leg, outcome) for leg in legs) or "-") for outcome in _OUTCOMES]
    table.add_row("all", "", *([""] if wide else []), *totals, style="bold")
    return table


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
