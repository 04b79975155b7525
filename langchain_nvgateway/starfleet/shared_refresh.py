"""A refresh among many processes: one of them asks the token endpoint, and the others take what it got."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from ..deadlines import Deadline
from .outcomes import Failure
from .schedule import HeldToken, Moment

__all__ = ["SharedRefresh", "SharedToken", "TokenStore", "Turn", "obtain_shared"]

LONGEST_WAIT = 5.0
"""Seconds to wait for the token of another process, and at most half of the time for the refresh."""

TURN_SECONDS = 4.0
"""For so long a process has the turn to ask; less than the others wait, so that one of them has it next."""

POLL_SECONDS = 0.05
"""Seconds between two looks while another process asks."""

# People who train models seed the common generator, in all their workers alike.
_draw = random.SystemRandom().random


class Turn(Enum):
    """Who asks the token endpoint."""

    MINE = "mine"
    """This process, and the others wait for it."""

    ANOTHERS = "another's"

    ALONE = "alone"
    """Each for itself: the store cannot be reached."""


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A token that another process got."""

    value: str = field(repr=False)

    life: float
    """Seconds that the token endpoint gave it."""

    seconds_left: float
    """Seconds that are left of them."""


class SharedRefresh(Protocol):
    """The store as one refresh uses it; it may block, and never raises."""

    def look(self) -> SharedToken | Turn:
        """Return the token that is there, unless it was dismissed; or else whose turn it is to get one."""

    def dismiss(self) -> None:
        """Look no more at the token that `look` returned: it is no good."""

    def keep(self, token: SharedToken) -> None:
        """Put a new token there, unless another one has taken the place of what was dismissed."""

    def give_up(self) -> None:
        """Let another process have the turn."""


class TokenStore(Protocol):
    """Where processes with the same credentials share tokens."""

    def begin(self, secret: str, *context: str) -> SharedRefresh:
        """Start a refresh.

        Args:
            secret: The client secret; whoever has another one finds nothing.
            context: What else a token is for: the endpoint, the client, the scope.
        """


def obtain_shared(
    refresh: SharedRefresh,
    *,
    ask: Callable[[], HeldToken | Failure],
    is_wanted: Callable[[HeldToken], bool],
    deadline: Deadline,
    now: Callable[[], Moment],
    pause: Callable[[float], bool],
) -> HeldToken | Failure:
    """Return a token that another process got, or ask for one and let the others have it.

    Args:
        refresh: The store.
        ask: Asks the token endpoint.
        is_wanted: Whether a token of another process is of use.
        deadline: When to give up; it holds for the wait and the request together.
        now: Reads both clocks.
        pause: Waits for some seconds; returns whether to give up at once.
    """
    patience = Deadline(min(LONGEST_WAIT, deadline.remaining() / 2))
    while True:
        found = refresh.look()
        if isinstance(found, SharedToken):
            token = HeldToken.from_fleet(found.value, found.life, found.seconds_left, now=now(), draw=_draw())
            if is_wanted(token):
                return token
            refresh.dismiss()
        elif found is not Turn.ANOTHERS or pause(POLL_SECONDS):
            break
        if not patience.remaining():
            break
    outcome = ask()
    if isinstance(outcome, HeldToken):
        refresh.keep(SharedToken(outcome.value, outcome.life, outcome.ends_at.seconds_from(now())))
    else:
        refresh.give_up()
    return outcome
