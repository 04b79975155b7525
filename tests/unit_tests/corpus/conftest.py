"""No blocking in event loops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway", excluded_modules=["langchain_nvgateway.emulator"]):
        yield
