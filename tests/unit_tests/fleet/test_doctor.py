"""`nvgateway doctor` looks at Redis if it is set."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from langchain_nvgateway.cli.app import app
from langchain_nvgateway.emulator import Emulator

from .valkey import Valkey


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder without a `.env` file, and a terminal that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def last_check(*words: str) -> tuple[int, str]:
    """Run the doctor; return its exit code and the line of its last check."""
    result = CliRunner().invoke(app, ["doctor", *words], catch_exceptions=False)
    return result.exit_code, result.stdout.splitlines()[-2]


def test_redis_that_answers_is_well(emu: Emulator, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line has the host and the time."""
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", valkey.url)
    code, line = last_check()

    assert code == 0
    assert line.startswith("ok ")
    assert valkey.url.removeprefix("redis://") in line


def test_redis_that_refuses_fails_without_showing_the_password(
    emu: Emulator, own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line says how, and the exit code is 1."""
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", own_valkey.url.replace("://", "://nobody:fake-secret@"))
    code, line = last_check()

    assert code == 1
    assert line.startswith("FAILED ")
    assert "AuthenticationError" in line
    assert "fake-secret" not in line


def test_redis_of_the_environment_is_left_alone_on_the_emulator(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--emulator` sends nothing to what the environment names."""
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", valkey.url)
    code, line = last_check("--emulator")

    assert code == 0
    assert "Redis" not in line
    assert valkey.client.keys() == []
