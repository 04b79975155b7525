"""The command shows no secret: not when all is well, not when a setting is wrong, and not when it crashes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


def _shown(world: World, folder: Path, words: tuple[str, ...], **more: str) -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    done = run_piped(folder, *words, env={**world.env, "COLUMNS": "200", **more})
    shown = done.out + done.err
    assert world.found_in(shown) == []
    return done.code, shown


@pytest.mark.parametrize("command", COMMANDS)
def test_good_settings(command: str, world: World, tmp_path: Path) -> None:
    """All there is to see, on both streams."""
    code, shown = _shown(world, tmp_path, COMMANDS[command])
    assert code == 0, shown
    assert shown


@pytest.mark.parametrize("command", ["doctor", "doctor --json", "chat"])
def test_services_that_echo(command: str, world: World, tmp_path: Path) -> None:
    """With all legs failing, and a Redis that is not there."""
    world.emu.starfleet.fail_always("echo_secret")
    world.emu.nim.fail_always("echo_secret", route="chat")
    world.vendors_fail()
    code, shown = _shown(world, tmp_path, COMMANDS[command], NVGATEWAY_REDIS_URL=REDIS)
    assert code == 1
    assert "answered 400" in shown or "Starfleet" in shown


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_settings(wrong: str, world: World, tmp_path: Path) -> None:
    """The message names what is wrong."""
    code, shown = _shown(world, tmp_path, ("doctor",), **WRONG[wrong])
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
    code, shown = _shown(
        world, tmp_path / "empty", ("explain",), PYTHONPATH=path, TYPER_USE_RICH="1", _TYPER_FORCE_DISABLE_TERMINAL="0"
    )
    assert code == 1
    assert "RuntimeError: crashed" in shown


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
