"""Twenty processes on one Valkey, and the death of one of them."""

from __future__ import annotations

from collections.abc import Callable

from langchain_nvgateway.fleet.schema import LEASE_SECONDS

from .workers import Worker

NewWorkers = Callable[..., list[Worker]]

COUNT = 20


def tell_all(workers: list[Worker], what: str, *words: object) -> list[Worker]:
    """Tell all of them to do the same."""
    for worker in workers:
        worker.tell(what, *words)
    return workers


def admitted(workers: list[Worker], seconds: float) -> list[tuple[Worker, float]]:
    """Let all call for some seconds; return those whose call went out, and when."""
    found = [(worker, worker.result()) for worker in tell_all(workers, "call_until_admitted", seconds)]
    return [(worker, when) for worker, when in found if when is not None]


def open_all(workers: list[Worker]) -> None:
    """Let one open, and wait for all."""
    workers[0].ask("fail_twice")
    for worker in tell_all(workers, "wait_until_not_closed"):
        worker.result()


def test_twenty_processes_open_together_probe_once_and_survive_the_prober(new_workers: NewWorkers) -> None:
    """All open within a second of the first; one probe goes out; its process dies, and one lease later another does."""
    workers = new_workers(COUNT, open_seconds=1.5)
    assert [worker.ask("state") for worker in workers] == ["closed"] * COUNT

    opened_at = workers[0].ask("fail_twice")
    seen = [worker.result() for worker in tell_all(workers, "wait_for_state", "open")]
    assert max(seen) - opened_at < 1.0

    ((prober, probed_at),) = admitted(workers, 2.5)
    assert probed_at >= opened_at + 1.5
    assert {worker.ask("state") for worker in workers} == {"half-open"}

    prober.kill()
    workers.remove(prober)
    ((heir, _),) = admitted(workers, LEASE_SECONDS + 1.0)

    closed_at = heir.ask("succeed")
    seen = [worker.result() for worker in tell_all(workers, "wait_for_state", "closed")]
    assert max(seen) - closed_at < 1.0
    prober.close()


def test_failed_probe_opens_all_for_longer(new_workers: NewWorkers) -> None:
    """The open time doubles for everybody, whoever probed."""
    workers = new_workers(3, open_seconds=1.0)
    open_all(workers)
    ((prober, _),) = admitted(workers, 1.5)

    failed_at = prober.ask("fail")
    for worker in tell_all(workers, "wait_for_state", "open"):
        worker.result()
    ((_, probed_at),) = admitted(workers, 3.0)

    assert 2.0 <= probed_at - failed_at < 3.0


def test_verdict_of_a_prober_that_was_thought_dead_comes_too_late(new_workers: NewWorkers) -> None:
    """A process that stood still for longer than its lease cannot close what another has opened again."""
    workers = new_workers(2, open_seconds=1.0, open_multiplier=100.0)
    open_all(workers)
    ((prober, _),) = admitted(workers, 1.5)
    others = [worker for worker in workers if worker is not prober]
    prober.freeze()
    ((heir, _),) = admitted(others, LEASE_SECONDS + 1.0)
    heir.ask("fail")

    prober.tell("succeed")
    prober.thaw()
    prober.result()

    assert prober.ask("wait_for_state", "open")
    assert heir.ask("state") == "open"
