"""What of a streamed answer its reader has to wait for."""

from __future__ import annotations

from typing import Literal

from .contract import Contract
from .leak_watch import LeakWatch

__all__ = ["Hold", "Holding"]

Hold = Literal["calls", "all"]
"""What of a stream is held back until the answer is whole: tool calls, or everything."""


class Holding:
    """Decides, piece by piece, whether what has come may be seen.

    Text flows at once. Held back are: blanks before the first word, tool calls and whatever comes after one, text that
    may still turn out to be a leaked call, and everything if an object in a schema was asked for.

    Args:
        contract: What the answer may be.
        hold: What else to hold.
    """

    def __init__(self, contract: Contract, hold: Hold = "calls") -> None:
        self._is_for_good = hold == "all" or contract.answer is not None
        self._leaks = LeakWatch(contract.tools) if contract.offers_tools else None
        self._has_said = False

    def holds(self, text: str, *, is_call: bool = False, says_more: bool = False) -> bool:
        """Take the next piece; return whether it, and all that is held already, has to wait.

        Args:
            text: Its text.
            is_call: Whether it is a piece of a tool call.
            says_more: Whether it says something that is neither.
        """
        self._is_for_good = self._is_for_good or is_call
        if self._is_for_good:
            return True
        self._has_said = self._has_said or says_more or bool(text.strip())
        may_be_call = self._leaks is not None and self._leaks.add(text)
        return may_be_call or not self._has_said
