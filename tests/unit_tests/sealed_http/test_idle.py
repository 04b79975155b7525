"""Which connection is taken, and which are closed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from langchain_nvgateway.sealed_http.idle import KEEPALIVE_SECONDS, MAX_IDLE, IdleConnections
from langchain_nvgateway.sealed_http.requests import Place

HERE, THERE = Place("here", 443, is_encrypted=True), Place("there", 443, is_encrypted=True)


@dataclass(eq=False)
class Line:
    """A connection as a pool sees it."""

    place: Place = HERE
    is_usable: bool = True
    closed: list[bool] = field(default_factory=list)

    def close(self) -> None:
        self.closed.append(True)


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def idle(hands: Hands) -> IdleConnections[Line]:
    return IdleConnections(clock=hands)


def test_the_one_that_was_used_last_is_taken_first(idle: IdleConnections[Line]) -> None:
    """The others grow old and are closed: a burst's connections do not stay."""
    first, second = Line(), Line()
    idle.give(first)
    idle.give(second)

    assert [idle.take(HERE), idle.take(HERE), idle.take(HERE)] == [second, first, None]


def test_a_connection_is_taken_for_its_own_place_only(idle: IdleConnections[Line]) -> None:
    """Whatever is sent on it arrives there."""
    idle.give(Line(HERE))

    assert idle.take(THERE) is None
    assert idle.take(Place("here", 443, is_encrypted=False)) is None


def test_a_connection_that_is_of_no_use_is_closed(idle: IdleConnections[Line]) -> None:
    """The next one is taken instead."""
    good, dead = Line(), Line()
    idle.give(good)
    idle.give(dead)
    dead.is_usable = False

    assert idle.take(HERE) is good
    assert dead.closed == [True]


@pytest.mark.parametrize("by", ["take", "give"])
def test_old_connections_are_closed(by: str, idle: IdleConnections[Line], hands: Hands) -> None:
    """Whenever somebody comes by."""
    old, young = Line(), Line()
    idle.give(old)
    hands.now += KEEPALIVE_SECONDS
    if by == "give":
        idle.give(young)
    else:
        assert idle.take(HERE) is None

    assert (old.closed, young.closed) == ([True], [])


def test_so_many_are_kept_and_no_more(idle: IdleConnections[Line]) -> None:
    """A process has a limited number of files."""
    lines = [Line() for _ in range(MAX_IDLE + 2)]
    for line in lines:
        idle.give(line)

    assert [line for line in lines if line.closed] == lines[MAX_IDLE:]
    assert list(idle) == lines[:MAX_IDLE]


def test_a_step_touches_one_connection_however_many_there_are(idle: IdleConnections[Line]) -> None:
    """A pool that looks at all of its connections for each request is what makes others slow."""
    looks: list[Line] = []

    class Watched(Line):
        @property
        def is_usable(self) -> bool:  # type: ignore[override]  # counted
            looks.append(self)
            return True

        @is_usable.setter
        def is_usable(self, value: bool) -> None: ...

    for _ in range(MAX_IDLE):
        idle.give(Watched())
    for _ in range(10):
        taken = idle.take(HERE)
        assert taken is not None
        idle.give(taken)

    assert len(looks) == 10
