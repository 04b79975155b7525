"""The ways to call a role, and no blocking in event loops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

from ..chat_models.calling import STYLES, Call


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_event_loops() -> Iterator[None]:
    """Make each blocking call of the package in an event loop an error, as LangGraph's server does."""
    with blockbuster_ctx("langchain_nvgateway", excluded_modules=["langchain_nvgateway.emulator"]):
        yield


@pytest.fixture(params=list(STYLES))
def call(request: pytest.FixtureRequest) -> Call:
    """One way to ask a model: whole or as a stream, sync or async."""
    return STYLES[request.param]


@pytest.fixture(params=["invoke", "ainvoke"])
def call_whole(request: pytest.FixtureRequest) -> Call:
    """The two ways to ask for a whole answer."""
    return STYLES[request.param]


@pytest.fixture(params=["stream", "astream"])
def call_stream(request: pytest.FixtureRequest) -> Call:
    """The two ways to ask for a stream."""
    return STYLES[request.param]


@pytest.fixture(params=["model", "chain"])
def kind(request: pytest.FixtureRequest) -> str:
    """The two things that a manager gives for a role."""
    return request.param
