"""The ways to call a model, and no blocking in event loops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

from ..chat_models.conftest import call, call_stream, call_whole

__all__ = ["call", "call_stream", "call_whole"]
"""Fixtures of the chat models' tests that these use as well."""


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway", excluded_modules=["langchain_nvgateway.emulator"]):
        yield


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    """Both kinds of code."""
    return bool(request.param)
