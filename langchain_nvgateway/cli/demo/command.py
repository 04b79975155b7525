"""The run of the demo, on the emulator or on the real services."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...emulator import Emulator
from ...errors import ConfigurationError, NVGatewayError
from ...manager import ModelManager
from ...roles import Role
from ...settings import NVGatewaySettings
from ..terminal import clean, console, is_lively
from .actor import Actor
from .crew import Crew
from .outage import SECONDS_PER_CALL, CallClock, Outage
from .phrases import tests_text
from .report import Report, requests_at, tokens_at, whole_tools
from .role_graph import RoleState, role_graph
from .role_tools import role_tools
from .screen import Screen
from .tally import Tally
from .workspace import Workspace

__all__ = ["run_demo"]

_LATENCY = 0.15
"""Seconds that the emulator takes to answer when somebody looks on."""

_EMULATOR_NOTES = (
    "Starfleet, the LLM Gateway and NIM are the emulator on this machine.",
    "What its models say is scripted, whatever the task. Tools and tests run.",
    f"Breakers open for 180 s as usual; each call lets {SECONDS_PER_CALL:.0f} s pass for them.",
)
_LIVE_NOTES = (
    "The real services answer, and no fault is injected.",
    "run_tests runs what the models write, on this machine.",
)


@dataclass(slots=True)
class _Run:
    """One run: a task for the roles, and what comes of it."""

    task: str
    screen: Screen
    as_json: bool
    tally: Tally = field(default_factory=Tally)

    def on_emulator(self, settings_of: Callable[[Emulator], NVGatewaySettings], *, latency: float) -> bool:
        actor, clock = Actor(), CallClock()
        with Emulator(latency=latency) as emu, ModelManager(settings_of(emu), clock=clock) as manager:
            emu.nim.reply_always(actor)
            emu.gateway.reply_always(actor)
            outage = Outage(emu, clock, self.screen.announce)
            return self._work(
                manager,
                outage.before_call,
                _EMULATOR_NOTES,
                lambda: {
                    "requests": requests_at(emu),
                    "tokens": tokens_at(emu),
                    "whole_tools": whole_tools(actor, self.tally),
                },
            )

    def live(self, settings: NVGatewaySettings) -> bool:
        with ModelManager(settings) as manager:
            for role in Role:
                manager.model(role)  # What is missing is told before anything is done.
            unknown = {"requests": None, "tokens": None, "whole_tools": None}
            return self._work(manager, lambda: None, _LIVE_NOTES, lambda: unknown)

    def _work(
        self,
        manager: ModelManager,
        before_call: Callable[[], None],
        notes: Sequence[str],
        counted: Callable[[], dict[str, Any]],
    ) -> bool:
        start = time.perf_counter()
        manager.on_event(self.screen.event)
        with Workspace.temporary() as workspace:
            with self.screen.running_graph():
                self._show_head(workspace, notes)
                crew = Crew(manager, role_tools(workspace), self.screen, self.tally, before_call)
                state, error = self._final_state(crew)
            tests = workspace.verdict()
        report = Report(
            task=self.task,
            state=state,
            tally=self.tally,
            tests=tests,
            seconds=time.perf_counter() - start,
            error=error,
            **counted(),
        )
        if self.as_json:
            print(json.dumps(report.to_dict(), indent=2))
        else:
            report.show(self.screen)
        return report.ok

    def _final_state(self, crew: Crew) -> tuple[RoleState, str | None]:
        """Return the state after the last role that came to its end, and what went wrong after that."""
        state: RoleState = {"task": self.task}
        states = role_graph(crew).stream(state, {"callbacks": [self.screen.callback]}, stream_mode="values")
        try:
            for newest in states:
                state = newest
        except ConfigurationError:
            raise
        except NVGatewayError as error:
            return state, clean(str(error))
        return state, None

    def _show_head(self, workspace: Workspace, notes: Sequence[str]) -> None:
        screen = self.screen
        screen.text("Five roles fix a bug, each with a model that keeps answering.", style="bold")
        screen.blank()
        screen.fact("task", clean(self.task))
        screen.fact("project", f"{', '.join(workspace.list_files().splitlines())} in a temporary folder")
        screen.fact("tests", tests_text(workspace.run_tests()))
        for note in notes:
            screen.fact("note", note)
        screen.blank()


def run_demo(
    task: str,
    *,
    as_json: bool,
    live_settings: NVGatewaySettings | None,
    emulator_settings: Callable[[Emulator], NVGatewaySettings],
) -> bool:
    """Let the roles do a task, and show it.

    Args:
        task: What is to be done to the project.
        as_json: Print one JSON object at the end, and nothing else on standard output.
        live_settings: Settings of the real services; `None` for the emulator.
        emulator_settings: Returns the settings that point to an emulator.

    Returns:
        Whether the project's tests pass.

    Raises:
        ConfigurationError: A setting of the real services is missing or malformed.
    """
    lively = is_lively(stderr=as_json)
    run = _Run(task, Screen(console(stderr=as_json, lively=lively), lively=lively, silent=as_json), as_json)
    if live_settings is not None:
        return run.live(live_settings)
    return run.on_emulator(emulator_settings, latency=_LATENCY if lively and not as_json else 0.0)
