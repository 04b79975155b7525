"""What the README says is true: its code runs, its commands exist, its settings are all there are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_nvgateway import NVGatewaySettings

from .testing.running import PLUGIN, run_pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def is_test_file(code: str) -> bool:
    return re.search(r"^(async )?def test_", code, re.MULTILINE) is not None


TEST_FILES = [code for code in blocks("python") if is_test_file(code)]
SCRIPTS = [code for code in blocks("python") if not is_test_file(code)]


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("bash")).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line]


@pytest.mark.parametrize("code", SCRIPTS)
def test_code_block_runs_as_it_stands(code: str, tmp_path: Path) -> None:
    """Each Python block runs in a process of its own, warnings being errors."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=60)


@pytest.mark.parametrize("code", TEST_FILES)
def test_test_file_passes_as_it_stands(code: str, tmp_path: Path) -> None:
    """Each Python block with tests in it is run by pytest, with our plugin and nothing else in its folder."""
    done = run_pytest(tmp_path, code, "-p", PLUGIN)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("poorer", ['ModelManager(models={"nvidia-nim": nim}).model("programmer")', "nim"])
def test_test_of_an_agent_is_red_without_the_fallback(poorer: str, tmp_path: Path) -> None:
    """It is short, and what it shows is the package's doing and not the test's."""
    (code,) = [code for code in TEST_FILES if "create_agent" in code]
    assert len([line for line in code.splitlines() if line]) <= 15
    without = re.sub(r"ModelManager\(.*\)$", poorer, code, count=1, flags=re.MULTILINE)
    assert without != code
    assert "1 failed" in run_pytest(tmp_path, without, "-p", PLUGIN).stdout


@pytest.mark.parametrize("command", [words for words in commands() if "--emulator" in words], ids=" ".join)
def test_command_on_the_emulator_succeeds(command: list[str], tmp_path: Path) -> None:
    """Each command that needs no account runs and ends with 0."""
    program = str(Path(sys.executable).parent / command[0])
    subprocess.run([program, *command[1:]], check=True, cwd=tmp_path, timeout=60)


@pytest.mark.parametrize("target", [words[1] for words in commands() if words[0] == "make"])
def test_make_target_exists(target: str) -> None:
    """Each `make` command of the README is a target of the Makefile."""
    subprocess.run(["make", "--dry-run", target], check=True, cwd=ROOT, timeout=60, capture_output=True)


def test_two_commands_stand_on_the_first_screen() -> None:
    """`make demo` and `make test` are among the first 20 lines."""
    top = "\n".join(README.splitlines()[:20])
    assert "make demo" in top
    assert "make test" in top


def test_settings_table_and_example_file_list_every_setting() -> None:
    """Neither the README nor `.env.example` misses a variable that the settings read."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = set()
    for name, field in NVGatewaySettings.model_fields.items():
        alias = field.validation_alias
        names.add((alias if isinstance(alias, str) else name).upper())
    names.discard("MODELS OF ROLES")
    names.add("NVGATEWAY_PLANNER_MODELS")
    for name in names:
        assert name in example
        assert name.replace("PLANNER", "<ROLE>") in README


def test_example_file_holds_no_value_that_could_be_a_credential() -> None:
    """Every setting in `.env.example` without a public default is empty."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert [line for line in example.splitlines() if re.match(r"[A-Z_]+=.", line)] == []
