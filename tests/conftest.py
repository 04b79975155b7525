"""What every test starts from: an environment that says nothing, and a process that remembers nothing."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import hypothesis
import pytest

from langchain_nvgateway.chat_models.learned import forget_learned
from langchain_nvgateway.chat_models.sealed_chat_model import _shared_http
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.starfleet.sharing import clear_shared_providers

from .integration_tests.standard_suites import leave_out_what_cannot_apply

# The same examples in every run, so that a red run means a change; HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

_PREFIXES = (
    "STARFLEET_",
    "LLM_GATEWAY_",
    "NVIDIA_",
    "NVGATEWAY_",
    "OPENAI_",
    "AZURE_OPENAI_",
    "LANGSMITH_",
    "LANGCHAIN_",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out every variable that could matter to a model, wherever the tests run."""
    for name in list(os.environ):
        if name.upper().startswith(_PREFIXES) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _nothing_shared_between_tests() -> Iterator[None]:
    """Give each test connections, tokens and knowledge of models of its own."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    _shared_http.cache_clear()
    clear_shared_providers()
    forget_learned()


@pytest.fixture(scope="session")
def _running_emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator
        # Whoever still has a connection closes it before the server does, so that no socket is left to warn about.
        gc.collect()


@pytest.fixture
def emu(_running_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The emulator as if it had just been started, and an environment that points to it."""
    _running_emulator.reset()
    for name, value in _running_emulator.env.items():
        monkeypatch.setenv(name, value)
    yield _running_emulator
    _running_emulator.reset()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot apply of LangChain's standard suites; nothing is skipped."""
    leave_out_what_cannot_apply(config, items)
