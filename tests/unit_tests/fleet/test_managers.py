"""Managers share circuits when the settings name a Redis."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from langchain_nvgateway import BreakerState, ModelManager, NVGatewaySettings
from langchain_nvgateway.events import CircuitOpened, Event
from langchain_nvgateway.fleet.redis_link import OPERATION_SECONDS
from langchain_nvgateway.testing import ScriptedChatModel

from .conftest import FAILURE, wait_until
from .valkey import PATIENCE, Valkey

NIM = "nvidia-nim:meta/llama-4-scout-17b-16e-instruct"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Closing managers ends the thread."""
    yield
    for thread in threading.enumerate():
        if thread.name == "nvgateway-fleet":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def states(valkey: Valkey) -> list[str]:
    """Return the states of all circuits that are shared."""
    return [valkey.client.hget(key, "state") for key in valkey.client.scan_iter("*circuit*")]


def new_manager(valkey: Valkey, *script: object, **settings: object) -> ModelManager:
    """Build a manager whose NIM plays a script."""
    nim, gateway = (ScriptedChatModel(*steps, at_end="repeat_last") for steps in (script, ["hi"]))
    fakes = {"nvidia-nim": nim, "nvidia-gateway": gateway}
    return ModelManager(NVGatewaySettings(redis_url=valkey.url, **settings), models=fakes)


def test_leg_that_failed_for_one_manager_is_skipped_by_the_other(valkey: Valkey) -> None:
    """It answers from the next leg at once, and hears why."""
    events: list[Event] = []
    with new_manager(valkey, FAILURE) as first, new_manager(valkey, "hello") as second:
        second.on_event(events.append)
        second.model("planner")
        for _ in range(2):
            first.model("planner").invoke("hello")
        wait_until(lambda: any(isinstance(event, CircuitOpened) for event in events))

        assert second.model("planner").invoke("hello").text == "hi"
    opened = [event for event in events if isinstance(event, CircuitOpened)]
    assert [(event.breaker, event.reason) for event in opened] == [(NIM, "fleet")]


def test_endpoints_of_one_name_at_different_places_are_told_apart(valkey: Valkey) -> None:
    """An outage of one company's NIM says nothing of another's; refused credentials say nothing of others."""
    keys = {"nvidia_nim_api_key": "fake-secret"}
    here = ModelManager(NVGatewaySettings(redis_url=valkey.url, **keys))
    there = ModelManager(NVGatewaySettings(redis_url=valkey.url, nvidia_nim_base_url="https://nim.test/v1", **keys))
    other = ModelManager(NVGatewaySettings(redis_url=valkey.url, nvidia_nim_api_key="fake-secret-2"))
    with here, there, other:
        here.breakers[NIM].force_open()
        here.breakers[f"{NIM}/credentials"].force_open()
        wait_until(lambda: other.breakers[NIM].state is BreakerState.OPEN)

        assert there.breakers[NIM].state is BreakerState.CLOSED
        assert other.breakers[f"{NIM}/credentials"].state is BreakerState.CLOSED
        told = "".join(valkey.client.keys())
    assert "fake-secret" not in told


def test_closed_manager_follows_nobody(valkey: Valkey) -> None:
    """Its breakers go by their own rules, and nothing of it is told."""
    first, second = new_manager(valkey, "hello"), new_manager(valkey, "hello")
    with second:
        second.model("planner").invoke("hello")
        first.close()
        first.breakers[NIM].force_open()
        second.breakers[NIM].force_open()
        second.breakers[NIM].reset()
        wait_until(lambda: states(valkey) == ["closed"])

    assert first.breakers[NIM].state is BreakerState.OPEN


def test_manager_that_is_forgotten_leaves_no_thread(valkey: Valkey) -> None:
    """Without being closed."""
    new_manager(valkey, "hello").model("planner").invoke("hello")
    gc.collect()


def test_redis_is_not_loaded_without_the_setting() -> None:
    """Nor is what encrypts tokens."""
    code = """
import sys
from langchain_nvgateway import ModelManager
from langchain_nvgateway.testing import ScriptedChatModel
ModelManager(models={"nvidia-nim": ScriptedChatModel("hello")}).model("planner").invoke("hello")
print(sorted({"redis", "cryptography"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout.strip() == "[]"


def test_interpreter_ends_while_the_thread_runs(valkey: Valkey) -> None:
    """With an open circuit, and without being closed."""
    code = f"""
import time
from pydantic import SecretStr
from langchain_nvgateway.fleet import Fleet
breaker = Fleet(SecretStr({valkey.url!r})).breaker("nvidia-nim:fake-model", place="here")
breaker.force_open()
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_stopping_redis_amid_the_calls_of_a_role_fails_none(own_valkey: Valkey) -> None:
    """It is frozen, then ended; no call fails or blocks the event loop, which would be an error here."""
    seconds = []
    with new_manager(own_valkey, "hello") as manager:
        model = manager.model("planner")
        for number in range(1_500):
            if number == 500:
                own_valkey.freeze()
            elif number == 1_000:
                await asyncio.to_thread(own_valkey.thaw)
                await asyncio.to_thread(own_valkey.terminate)
            start = time.perf_counter()
            assert (await model.ainvoke("hello")).text == "hello"
            seconds.append(time.perf_counter() - start)
    # Not the slowest: on a busy machine the scheduler lets a few wait.
    assert sorted(seconds)[-50] < OPERATION_SECONDS
