"""A password that leaves the machine without TLS is said to do so, and is not shown."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from langchain_nvgateway import ModelManager
from langchain_nvgateway.cli.app import app
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.fleet import Fleet

PASSWORD = "fake-redis-password"
OPEN = f"redis://fleet:{PASSWORD}@redis.invalid:6390/0"
"""On a machine that does not exist (RFC 6761)."""

FINE = [
    f"rediss://fleet:{PASSWORD}@redis.invalid:6390/0",
    f"redis://:{PASSWORD}@127.0.0.1:1/0",
    f"redis://:{PASSWORD}@[::1]:1/0",
    f"redis://:{PASSWORD}@localhost:1/0",
    "redis://redis.invalid:6390/0",
]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what our logger warns of passwords."""
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [line for line in lines if "in the clear" in line]


def test_fleet_warns_once(emu: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many managers and calls it has; and the models answer."""
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", OPEN)
    with ModelManager.from_env() as manager, ModelManager.from_env() as another:
        manager.model("planner").invoke("Hello")
        another.model("planner").invoke("Hello")

    (warning,) = warnings_in(caplog)
    assert "NVGATEWAY_REDIS_URL" in warning
    assert "redis.invalid:6390" in warning
    assert "rediss://" in warning
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("url", FINE)
def test_nothing_is_said_where_nothing_shows(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With TLS, on this machine, or without a password."""
    Fleet(SecretStr(url))
    assert warnings_in(caplog) == []


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["text", "json"])
def test_doctor_says_so(words: tuple[str, ...], emu: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a note, beside what else it finds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NVGATEWAY_REDIS_URL", OPEN)
    shown = CliRunner().invoke(app, ["doctor", *words], catch_exceptions=False).stdout

    notes = json.loads(shown)["notes"] if words else [line for line in shown.splitlines() if line.startswith("note: ")]
    assert [note for note in notes if "sends its password to redis.invalid:6390 in the clear" in note]
    assert PASSWORD not in shown
