"""The command shows no secret: not when all is well, not when a setting is wrong, and not when it crashes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_nvgateway.cli.app import app
from langchain_nvgateway.cli.demo.workspace import Workspace

from ..cli.running import run_piped
from .canaries import CANARIES
from .world import World

COMMANDS: dict[str, tuple[str, ...]] = {
    "doctor": ("doctor",),
    "doctor --json": ("doctor", "--json"),
    "explain": ("explain",),
    "explain --json": ("explain", "--json"),
    "chat": ("chat", "planner", "Hello"),
    "chat --json": ("chat", "planner", "Hello", "--json"),
    "--help": ("--help",),
}
REDIS = f"redis://fleet:{CANARIES['Redis password'].replace('/', '%2F')}@127.0.0.1:1"
WRONG = {
    "bad number": {"NVGATEWAY_MAX_TOKENS": CANARIES["header"]},
    "bad proxy": {"NVGATEWAY_PROXY": f"socks5://{CANARIES['header']}@x:1"},
    "bad Redis": {"NVGATEWAY_REDIS_URL": f"http://:{CANARIES['header']}@x"},
    "bad key": {"NVIDIA_NIM_API_KEY": f"{CANARIES['NIM key']} x"},
    "other secret": {"STARFLEET_SECRET": CANARIES["header"]},
}


def _shown(world: World, words: tuple[str, ...]) -> tuple[int, str]:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    shown = result.stdout + result.stderr
    assert world.found_in(shown) == []
    return result.exit_code, shown


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder without a `.env` file, and a terminal that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("command", COMMANDS)
def test_good_settings(command: str, world: World) -> None:
    """All there is to see, on both streams."""
    code, shown = _shown(world, COMMANDS[command])
    assert code == 0, shown
    assert shown


@pytest.mark.parametrize("command", ["doctor", "doctor --json", "chat"])
def test_services_that_echo(command: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all legs failing, and a Redis that is not there."""
    world.emu.starfleet.fail_always("echo_secret")
    world.emu.nim.fail_always("echo_secret", route="chat")
    world.vendors_fail()
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", REDIS)
    code, shown = _shown(world, COMMANDS[command])
    assert code == 1
    assert "answered 400" in shown or "Starfleet" in shown


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_settings(wrong: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is wrong."""
    for name, value in WRONG[wrong].items():
        monkeypatch.setenv(name, value)
    code, shown = _shown(world, ("doctor",))
    assert code in (1, 2)
    assert "Traceback" not in shown


def test_crash(world: World, tmp_path: Path) -> None:
    """Of a kind that nobody foresaw, with local variables asked for in every way that typer and rich have."""
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import langchain_nvgateway.manager as manager\n"
        "def explain(self, role): raise RuntimeError('crashed')\n"
        "manager.ModelManager.explain = explain\n"
    )
    path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"
    folder = tmp_path / "empty"
    folder.mkdir()
    done = run_piped(folder, "explain", env={**world.env, "PYTHONPATH": path, "TYPER_USE_RICH": "1"})
    assert done.code == 1
    assert "RuntimeError: crashed" in done.err
    assert world.found_in(done.out + done.err) == []


def test_children_of_the_demo(world: World) -> None:
    """The tests that a model's code takes part in see no variable, and nothing on their command line."""
    assert os.environ["STARFLEET_SECRET"] == CANARIES["client secret"]
    with Workspace.temporary() as workspace:
        look = (
            "import os, pathlib\n"
            "seen = [pathlib.Path(f'/proc/self/{name}').read_bytes() for name in ('cmdline', 'environ')]\n"
            "raise ValueError(seen, dict(os.environ))"
        )
        workspace.write_file("session.py", look)
        output = workspace.run_tests()
    assert "PATH" in output
    assert world.found_in(output) == []
