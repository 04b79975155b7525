"""The Lua script: what counts in which generation, and who may probe."""

from __future__ import annotations

import pytest

from langchain_nvgateway.breaker import BreakerState, SharedCircuit
from langchain_nvgateway.fleet.circuit_lua import SCRIPT
from langchain_nvgateway.fleet.schema import CHANGES_KEY, circuit_key
from langchain_nvgateway.fleet.steps import Answer, Holder, Step, answer_from, arguments

from .valkey import Valkey

KEY = circuit_key("nvidia-nim:fake-model", "here")
OPEN, CLOSED, HALF_OPEN = BreakerState.OPEN, BreakerState.CLOSED, BreakerState.HALF_OPEN

OPENED = SharedCircuit(OPEN, openings=1, open_for=180.0, seconds_left=180.0)
OVER = SharedCircuit(OPEN, openings=1, open_for=180.0)
PROBING = SharedCircuit(HALF_OPEN, openings=1, open_for=180.0, probes_out=1)
MENDED = SharedCircuit(CLOSED, openings=1, open_for=180.0, closed_for=0.0)


@pytest.fixture
def do(valkey: Valkey) -> Do:
    """Do a step as some process."""
    return Do(valkey)


class Do:
    """Runs the script as the package does."""

    def __init__(self, valkey: Valkey) -> None:
        self.valkey = valkey

    def __call__(self, who: str, verb: str, circuit: SharedCircuit, base: int, *, wants: bool = False) -> Answer:
        """Do a step, and return what came of it."""
        step = Step(verb, base, circuit, wants)  # type: ignore[arg-type] - the verbs are literals
        _, (reply,) = self.valkey.client.eval(SCRIPT.text, 2, CHANGES_KEY, KEY, "", *arguments(step, who))
        answer = answer_from(reply)
        assert answer
        return answer

    def end_open_time(self) -> None:
        """Let the open time be over."""
        self.valkey.client.hset(KEY, "until", 0)

    def end_lease(self) -> None:
        """Let the lease of the probe be over."""
        self.valkey.client.hset(KEY, "lease", 1)

    def end_hold(self) -> None:
        """Let the time be over for which a right need not be passed on."""
        self.valkey.client.hset(KEY, "since", 1)


def test_nothing_is_there_at_first(do: Do) -> None:
    """And looking leaves nothing of it behind."""
    assert do("a", "look", SharedCircuit(), 0) == Answer(is_done=False, generation=0)
    assert do.valkey.client.keys() == [CHANGES_KEY]


def test_opening_counts_in_its_generation_only(do: Do) -> None:
    """Of two that open together the first one counts, and the second learns of it."""
    first = do("a", "open", OPENED, 0)
    second = do("b", "open", SharedCircuit(OPEN, openings=1, open_for=999.0, seconds_left=999.0), 0)

    assert (first.is_done, second.is_done) == (True, False)
    assert second.generation == first.generation
    assert second.circuit.open_for == 180.0


def test_late_opening_does_not_open_what_has_closed_since(do: Do) -> None:
    """Its calls began before the closing."""
    opened = do("a", "open", OPENED, 0)
    closed = do("a", "close", MENDED, opened.generation)
    late = do("b", "open", OPENED, opened.generation)

    assert closed.is_done
    assert not late.is_done
    assert late.circuit.state is CLOSED


@pytest.mark.parametrize(("age", "counts"), [(0.0, True), (100.0, False)])
def test_opening_of_who_has_not_looked_for_long_is_judged_by_its_time(do: Do, age: float, counts: bool) -> None:
    """It counts if it came after the closing."""
    opened = do("a", "open", OPENED, 0)
    do("a", "close", MENDED, opened.generation)
    circuit = SharedCircuit(OPEN, openings=1, open_for=180.0, seconds_left=180.0 - age)

    assert do("b", "open", circuit, 0).is_done is counts


def test_generations_grow_even_past_the_loss_of_all_data(do: Do) -> None:
    """So a verdict of before never fits what comes after."""
    before = do("a", "open", OPENED, 0)
    do.valkey.client.flushall()
    after = do("b", "open", OPENED, 0)

    assert after.generation > before.generation
    assert not do("a", "close", MENDED, before.generation).is_done


def test_one_process_has_the_lease(do: Do) -> None:
    """After the open time and not before, and it may renew it."""
    opened = do("a", "open", OPENED, 0)
    early = do("a", "claim", OVER, opened.generation)
    do.end_open_time()
    first, second = do("a", "claim", OVER, opened.generation), do("b", "claim", OVER, opened.generation)
    again = do("a", "claim", OVER, opened.generation)

    assert (early.is_done, early.holder) == (False, Holder.NOBODY)
    assert (first.holder, second.holder, again.holder) == (Holder.ME, Holder.OTHER, Holder.ME)


def test_lease_that_is_over_is_the_next_ones(do: Do) -> None:
    """And the verdict of the first comes too late, in whatever order they come."""
    opened = do("a", "open", OPENED, 0)
    do.end_open_time()
    do("a", "claim", OVER, opened.generation)
    do.end_lease()

    assert do("b", "claim", OVER, opened.generation).holder is Holder.ME
    assert not do("a", "close", MENDED, opened.generation).is_done
    assert not do("a", "open", OPENED, opened.generation).is_done
    assert do("b", "close", MENDED, opened.generation).is_done


def test_verdict_counts_after_the_lease_if_nobody_took_it(do: Do) -> None:
    """A probe that took long is better than none."""
    opened = do("a", "open", OPENED, 0)
    do.end_open_time()
    do("a", "claim", OVER, opened.generation)
    do.end_lease()

    assert do("a", "close", MENDED, opened.generation).is_done


def test_right_that_is_wanted_is_passed_on_and_the_next_has_longer(do: Do) -> None:
    """Its holder learns that it is wanted; who waited gets it, and may keep it for twice as long."""
    opened = do("a", "open", OPENED, 0)
    do.end_open_time()
    first = do("a", "claim", OVER, opened.generation)
    do("b", "claim", OVER, opened.generation, wants=True)
    do.end_hold()
    told = do("a", "claim", OVER, opened.generation)
    do("a", "release", OVER, opened.generation)
    second = do("b", "claim", OVER, opened.generation, wants=True)

    assert (told.is_wanted, told.hold_left) == (True, 0.0)
    assert second.holder is Holder.ME
    assert second.hold_left > 1.5 * first.hold_left
    assert not second.is_wanted


def test_lost_circuit_is_made_anew_by_who_wants_to_probe(do: Do) -> None:
    """With the lease."""
    claimed = do("a", "claim", PROBING, 0)

    assert claimed.is_done
    assert (claimed.holder, claimed.circuit.state, claimed.circuit.open_for) == (Holder.ME, OPEN, 180.0)


def test_reset_counts_always(do: Do) -> None:
    """Whatever others do, and with no memory of openings."""
    opened = do("a", "open", OPENED, 0)
    do.end_open_time()
    do("a", "claim", OVER, opened.generation)
    done = do("b", "reset", SharedCircuit(), 0)

    assert (done.is_done, done.circuit) == (True, SharedCircuit())


@pytest.mark.parametrize("reply", [None, b"OK", [1], [1, 2, 3]])
def test_reply_of_something_else_is_refused(reply: object) -> None:
    """A server that is no Redis, or a script that is not ours."""
    with pytest.raises(ValueError):  # noqa: PT011 - Python words it itself where there are too few values
        answer_from(reply)
