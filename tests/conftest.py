"""What every test starts from: an environment that says nothing, and a process that remembers nothing."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import hypothesis
import pytest

from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.testing.environment import clear_environment, forget_everything

from .integration_tests.standard_suites import leave_out_what_cannot_apply

# Where the package is installed, pytest has it already; a second mention does no harm.
pytest_plugins = ["langchain_nvgateway.testing.plugin"]

# The same examples in every run, so that a red run means a change; HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
# `make fuzz`: for hours, outside of CI; a failure says its seed, and is kept in .hypothesis for the next run.
hypothesis.settings.register_profile(
    "long",
    deadline=None,
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "20000")),
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out every variable that could matter to a model, wherever the tests run."""
    clear_environment(monkeypatch)


@pytest.fixture(autouse=True)
def _nothing_shared_between_tests() -> Iterator[None]:
    """Give each test connections, tokens and knowledge of models of its own."""
    forget_everything()
    yield
    forget_everything()


@pytest.fixture
def emu(nvgateway_emulator: Emulator) -> Emulator:
    """The emulator, under the short name that most tests call it by."""
    return nvgateway_emulator


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests have recorded."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot apply of LangChain's standard suites; nothing is skipped."""
    leave_out_what_cannot_apply(config, items)


def pytest_collection_finish() -> None:
    """Spare the collector the millions of objects of tests and libraries, which live to the end anyway."""
    gc.collect()
    gc.freeze()
