"""The pytest plugin: the emulator as a fixture.

pytest imports it in every run where the package is installed, so what the fixture needs is imported when a test asks
for it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..emulator import Emulator

__all__ = ["nvgateway_emulator"]


@pytest.fixture(scope="session")
def _nvgateway_emulator_server() -> Iterator[Emulator]:
    from ..emulator import Emulator

    with Emulator() as emulator:
        yield emulator
        # Whoever still has a connection closes it before the server does, so that no socket is left to warn about.
        gc.collect()


@pytest.fixture
def nvgateway_emulator(_nvgateway_emulator_server: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Starfleet, the LLM Gateway and NIM on loopback, with an environment that points to them.

    Each test finds the emulator as if it had just been started: no faults, no requests, no token that an earlier test
    got. Its settings are in the environment while the test runs, and every other variable that could matter to a model
    is taken out. One server serves the whole session.
    """
    from .environment import clear_environment, forget_everything

    clear_environment(monkeypatch)
    for name, value in _nvgateway_emulator_server.env.items():
        monkeypatch.setenv(name, value)
    # Once more than after the last test, whose background work may have asked for something since.
    _nvgateway_emulator_server.reset()
    forget_everything()
    yield _nvgateway_emulator_server
    forget_everything()
    _nvgateway_emulator_server.reset()
