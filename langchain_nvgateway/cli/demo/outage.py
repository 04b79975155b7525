"""The trouble that NIM gets into in the demo, and the clock that lets nobody wait for its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ...emulator import Emulator

__all__ = ["SECONDS_PER_CALL", "CallClock", "Outage"]

SECONDS_PER_CALL = 50.0
"""Seconds that pass for the breakers with each call: open for 180 to 198 s, they probe at the fourth call."""

CORRUPTION = "doubled_braces"
"""How NIM breaks tool calls; a name of `langchain_nvgateway.emulator.CORRUPTIONS`."""


class CallClock:
    """The time of the breakers, which only passes when somebody says so."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class Outage:
    """Brings NIM down in two ways, and up again, while the roles work.

    Args:
        emu: The emulator whose NIM it is.
        clock: The breakers' time.
        announce: Called with what changes, in words.
    """

    def __init__(self, emu: Emulator, clock: CallClock, announce: Callable[[str], None]) -> None:
        self._emu = emu
        self._clock = clock
        self._announce = announce
        self._calls = 0
        self._scenes: Mapping[int, tuple[str, Callable[[], None]]] = MappingProxyType(
            {
                5: ("From now on NIM corrupts every tool call.", self._corrupt),
                10: ("From now on NIM answers every request with 500.", self._fail),
                15: ("NIM has recovered, but nobody knows yet.", emu.nim.heal),
            }
        )

    def before_call(self) -> None:
        """Let time pass, and NIM change if this is the call for it."""
        self._clock.advance(SECONDS_PER_CALL)
        self._calls += 1
        if self._calls in self._scenes:
            words, change = self._scenes[self._calls]
            change()
            self._announce(words)

    def _corrupt(self) -> None:
        self._emu.nim.corrupt_always(CORRUPTION)

    def _fail(self) -> None:
        self._emu.nim.heal()
        self._emu.nim.fail_always("internal_error")
