"""What the benchmarks promise, as ratios within one run."""

from __future__ import annotations

from . import checking


def test_the_check_is_a_small_part_of_a_streamed_call() -> None:
    """At most 15 % of the client's CPU time for a tool call of 2 kB."""
    measured = checking.measure(rounds=5)
    assert measured["share of the check in a streamed call"] <= 0.15
