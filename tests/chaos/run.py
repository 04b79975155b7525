"""Runs a plan: the storm here, the workers in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .plan import Plan
from .storm import Storm
from .verdict import Verdict
from .worker import Findings, Victim, Worker

__all__ = ["run"]


def run(plan: Plan, tell: Callable[[int], object] = lambda begun: None) -> Verdict:
    """Make all calls of a plan, and judge what came of them.

    Args:
        plan: What is to happen.
        tell: Called now and then with the number of calls that have begun.
    """
    victims: list[Victim] = []
    storm = Storm(plan, kill=lambda: victims[0].kill())
    start = time.perf_counter()
    with storm.emulator as emulator:
        env = {
            **emulator.env,
            "NVGATEWAY_REDIS_URL": storm.valkey.url,
            "NVGATEWAY_REQUEST_TIMEOUT": str(plan.request_timeout),
            "NVGATEWAY_FIRST_TOKEN_TIMEOUT": str(plan.first_token_timeout),
            "NVGATEWAY_BREAKER_FAILURE_THRESHOLD": str(plan.failure_threshold),
            "NVGATEWAY_BREAKER_OPEN_SECONDS": str(plan.open_seconds),
        }
        workers: list[Worker] = []
        try:
            with storm.raging():
                victims.append(Victim(plan, env))
                workers += [Worker(plan, number, env) for number in range(plan.workers)]
                _wait(workers, lambda: tell(len(storm.served)))
                victims[0].close()
            seconds = time.perf_counter() - start
            findings = _settled(workers)
        finally:
            for process in (*victims, *workers):
                process.close()
            storm.close()
    return Verdict(plan, findings, storm.served, storm.token_requests, storm.disturbances, seconds)


def _wait(workers: list[Worker], tell: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(workers)) as pool:
        waiting = [pool.submit(worker.wait_for_calls) for worker in workers]
        while not all(one.done() for one in waiting):
            tell()
            time.sleep(0.1)  # Between looks at how far it is.
    for one in waiting:
        one.result()


def _settled(workers: list[Worker]) -> list[Findings]:
    """Let all settle at once: a fleet's circuits close for all of it."""
    with ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(Worker.settle, workers))
