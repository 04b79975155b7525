"""`nvgateway explain`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_nvgateway.cli.app import app
from langchain_nvgateway.emulator import Emulator

from .running import run_piped

ROLES = ["router", "planner", "programmer", "reviewer", "summarizer"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder without a `.env` file."""
    monkeypatch.chdir(tmp_path)


def explain(*words: str) -> Any:
    return CliRunner().invoke(app, ["explain", *words], catch_exceptions=False)


def test_a_role_is_explained_without_asking_anybody(emu: Emulator) -> None:
    """The legs in their order; nothing is sent, not even for a token."""
    result = explain("planner")
    assert (result.exit_code, result.stderr, emu.requests) == (0, "", [])
    lines = [line.split()[:2] for line in result.stdout.splitlines() if ":" in line.split()[0]]
    assert lines[:3] == [
        ["nvidia-nim:meta/llama-4-scout-17b-16e-instruct", "first"],
        ["nvidia-gateway:gpt-4o", "then"],
        ["openai:gpt-5", "skipped"],
    ]


def test_all_roles_are_explained_on_the_emulator(tmp_path: Path) -> None:
    """In an empty environment, in a pipe, as plain text of 80 columns."""
    ended = run_piped(tmp_path, "explain", "--emulator")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines if line and line[0] != " "] == ROLES
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


def test_json_is_all_there_is(emu: Emulator) -> None:
    """For scripts."""
    report = json.loads(explain("--json").stdout)
    assert [role["role"] for role in report["roles"]] == ROLES
    assert report["roles"][0]["legs"][0]["would_try"] is True


def test_a_role_that_nobody_would_answer_for_ends_with_1() -> None:
    """With what is missing, by name."""
    result = explain("planner")
    assert result.exit_code == 1
    assert "NVIDIA_NIM_API_KEY" in result.stdout
    assert "Nobody would answer." in result.stdout
    assert json.loads(explain("planner", "--json").stdout)["roles"][0]["can_answer"] is False


@pytest.mark.parametrize(
    ("words", "variables", "named"),
    [
        (["cook"], {}, "NVGATEWAY_COOK_MODELS"),
        (["planner"], {"NVGATEWAY_MAX_TOKENS": "many"}, "NVGATEWAY_MAX_TOKENS"),
        (["planner"], {"LLM_GATEWAY_BASE_URL": "http://example.com"}, "LLM_GATEWAY_BASE_URL"),
    ],
)
def test_misuse_is_one_line_that_names_it(
    words: list[str], variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong argument or setting ends with 2 and no traceback."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = explain(*words)
    assert result.exit_code == 2
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
