"""The fixture `nvgateway_emulator` in the test runs of users, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from .running import PLUGIN, Done, run_pytest

USERS_TEST = """
from langchain_nvgateway import ModelManager

def test_nim(nvgateway_emulator):
    nvgateway_emulator.nim.fail_always("internal_error")
    answer = ModelManager.from_env().model("planner").invoke("Hello")
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"
    assert len(nvgateway_emulator.starfleet.requests) == 1
"""

LIGHT_TEST = """
def test_nothing(nvgateway_emulator):
    assert nvgateway_emulator.requests == []
"""

Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs pytest on a test file of a user, in a folder of its own."""
    return partial(run_pytest, tmp_path)


def check_passed(done: Done, passed: int = 1) -> None:
    """Check that so many tests passed, and that nothing else is to be said."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout
    assert "warning" not in done.stdout.lower() + done.stderr.lower()


WAYS = {
    "installed": ([], True, ""),
    "-p": (["-p", PLUGIN], False, ""),
    "conftest": ([], False, f'pytest_plugins = ["{PLUGIN}"]'),
    "installed and -p": (["-p", PLUGIN], True, ""),
    "installed and conftest": ([], True, f'pytest_plugins = ["{PLUGIN}"]'),
    "-p and conftest": (["-p", PLUGIN], False, f'pytest_plugins = ["{PLUGIN}"]'),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_fixture_is_found_and_loaded_once(way: str, run: Run, tmp_path: Path) -> None:
    """By the installed entry point, by `-p`, by a `conftest.py`, and by two of them at once."""
    arguments, is_installed, conftest = WAYS[way]
    (tmp_path / "conftest.py").write_text(
        conftest
        + "\ndef pytest_sessionstart(session):\n"
        + "    known = [p for p in session.config.pluginmanager.get_plugins() if hasattr(p, 'nvgateway_emulator')]\n"
        + "    assert len(known) == 1\n"
    )
    check_passed(run(LIGHT_TEST, *arguments, is_installed=is_installed))


def test_each_test_finds_the_emulator_anew(run: Run) -> None:
    """No faults, no requests and no tokens of the test before; the server is the same."""
    code = USERS_TEST + USERS_TEST.replace("test_nim", "test_nim_again")
    code += """
origins = set()

def test_nothing(nvgateway_emulator):
    origins.add(nvgateway_emulator.origin)
    assert nvgateway_emulator.requests == []
    answer = ModelManager.from_env().model("planner").invoke("Hello")
    assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-nim"

def test_the_server_is_the_same(nvgateway_emulator):
    assert origins == {nvgateway_emulator.origin}
"""
    check_passed(run(code, "-p", PLUGIN), 4)


def test_variables_that_matter_to_a_model_are_taken_out_while_the_test_runs(run: Run) -> None:
    """The emulator's are there instead; what has nothing to do with models stays, and all is put back."""
    code = """
import os

NAMES = ["OPENAI_API_KEY", "https_proxy", "NVGATEWAY_PLANNER_MODELS", "LANGSMITH_TRACING", "NVIDIA_NIM_STATUS_URL"]

def test_within(nvgateway_emulator):
    assert [name for name in NAMES[:-1] if name in os.environ] == []
    assert os.environ["NVIDIA_NIM_STATUS_URL"].startswith(nvgateway_emulator.origin)
    assert os.environ["NVIDIA_VISIBLE_DEVICES"] == "all"

def test_afterwards():
    assert [os.environ[name] for name in NAMES] == ["here"] * 5
"""
    names = ["OPENAI_API_KEY", "https_proxy", "NVGATEWAY_PLANNER_MODELS", "LANGSMITH_TRACING", "NVIDIA_NIM_STATUS_URL"]
    done = run(code, "-p", PLUGIN, **dict.fromkeys(names, "here"), NVIDIA_VISIBLE_DEVICES="all")
    check_passed(done, 2)


def test_it_works_in_the_workers_of_xdist(run: Run) -> None:
    """Each has a server of its own."""
    code = "".join(LIGHT_TEST.replace("test_nothing", f"test_{number}") for number in range(4))
    check_passed(run(code, "-n", "2", is_installed=True), 4)


def test_it_works_in_async_tests(run: Run) -> None:
    """Of whichever plugin for them."""
    settings = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
    check_passed(run(LIGHT_TEST.replace("def", "async def"), "-p", PLUGIN, *settings, used=["asyncio"]))


def test_whoever_does_not_use_the_fixture_loads_nothing_for_it(run: Run) -> None:
    """Neither LangChain nor the emulator, although the plugin is there."""
    code = f"""
import sys

def test_nothing():
    heavy = ("langchain_core", "openai", "asyncio", "langchain_nvgateway.emulator")
    assert [name for name in heavy if name in sys.modules] == []
    assert "{PLUGIN}" in sys.modules
"""
    check_passed(run(code, is_installed=True))


def test_without_the_plugin_other_tests_run(run: Run) -> None:
    """`-p no:…` takes out the fixture and nothing else."""
    done = run("def test_that(): pass\n" + LIGHT_TEST, "-p", f"no:{PLUGIN}", is_installed=True)
    assert "fixture 'nvgateway_emulator' not found" in done.stdout
    assert "1 passed, 1 error" in done.stdout


@pytest.mark.parametrize("name", ["monkeypatch", "xdist", "assertion", "capture", "threadexception"])
def test_it_needs_no_plugin_but_monkeypatch(name: str, run: Run) -> None:
    """Whatever is taken out, the run ends properly."""
    done = run(LIGHT_TEST, "-p", PLUGIN, "-p", f"no:{name}")
    if name == "monkeypatch":
        assert "fixture 'monkeypatch' not found" in done.stdout
    else:
        check_passed(done)


def test_the_fixture_explains_itself(run: Run) -> None:
    """In `pytest --fixtures`."""
    done = run(LIGHT_TEST, "-p", PLUGIN, "--fixtures")
    assert "nvgateway_emulator" in done.stdout
    assert "Starfleet, the LLM Gateway and NIM on loopback" in done.stdout
    assert "_nvgateway_emulator_server" not in done.stdout
