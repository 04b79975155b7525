"""Services that know the canaries, and an ear for everything that is logged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from langchain_nvgateway.emulator import Emulator

from .surfaces import Logs
from .world import World, world_of


@pytest.fixture
def world(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The emulator and three vendors, who know the canaries; the environment holds them."""
    with world_of(emu, monkeypatch) as world:
        yield world


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Everything that any logger says."""
    with Logs().listening() as logs:
        yield logs
