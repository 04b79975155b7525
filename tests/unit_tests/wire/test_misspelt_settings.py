"""A misspelt `NVGATEWAY_` variable has no effect, and the log says so."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from langchain_nvgateway import ModelManager
from langchain_nvgateway.emulator import Emulator
from langchain_nvgateway.settings import NVGatewaySettings, settings_from

_ROOT = Path(__file__).parents[3]
_IN_README = re.findall(
    r"`([A-Z_]+)`", "".join(re.findall(r"(?m)^\| `[A-Z_]+`.*?\|", (_ROOT / "README.md").read_text()))
)
_IN_EXAMPLE = re.findall(r"(?m)^#?([A-Z_]+)=", (_ROOT / ".env.example").read_text())
_OF_TESTS = ["HYPOTHESIS_PROFILE", "HYPOTHESIS_EXAMPLES", "NVGATEWAY", "NVGATEWAYS_PROXI", "OTHER_NVGATEWAY_PROXI"]
_OF_ROLES = ["NVGATEWAY_PLANNER_MODELS", "NVGATEWAY_TEST_WRITER_MODELS", "nvgateway_planer_models"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("NVGATEWAY_REQUEST_TIMEOUTS", "NVGATEWAY_REQUEST_TIMEOUT"),
        ("NVGATEWAY_FIRST_TOKEN_TIMOUT", "NVGATEWAY_FIRST_TOKEN_TIMEOUT"),
        ("NVGATEWAY_ALLOW_EXTERNALS", "NVGATEWAY_ALLOW_EXTERNAL"),
        ("nvgateway_redis", "NVGATEWAY_REDIS_URL"),
        ("NVGATEWAY_PLANNER_MODEL", "NVGATEWAY_PLANNER_MODELS"),
        ("NVGATEWAY_TEST_WRITER_MODEL", "NVGATEWAY_TEST_WRITER_MODELS"),
        ("NVGATEWAY_STARFLEET_SECRET", "STARFLEET_SECRET"),
    ],
)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_misspelt_variable_is_named_with_the_nearest_one(
    name: str,
    nearest: str,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In a WARNING on the package's logger, which does not show its value."""
    (tmp_path / "named.env").write_text(f"{name}=hunter2\n" if place == "file" else "")
    if place == "environment":
        monkeypatch.setenv(name, "hunter2")

    settings_from(tmp_path / "named.env")

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("langchain_nvgateway", "WARNING")
    assert record.getMessage() == f"{name.upper()!r} is no setting and has no effect; the nearest one is {nearest}"
    assert "hunter2" not in repr(record.__dict__)


@pytest.mark.parametrize("name", ["NVGATEWAY_MODELS", "NVGATEWAY__MODELS", "NVGATEWAY_QQQ"])
def test_name_that_resembles_nothing_is_named_as_well(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`_MODELS` without a role is no role's."""
    monkeypatch.setenv(name, "x")

    NVGatewaySettings()

    assert [name in message for message in caplog.messages] == [True]


def test_each_name_is_told_once_in_a_process(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """However many settings are read, and however many threads read them."""
    monkeypatch.setenv("NVGATEWAY_PROXI", "x")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: NVGatewaySettings(), range(64)))
    monkeypatch.setenv("NVGATEWAY_PROXIES", "x")
    NVGatewaySettings()

    assert [message.split()[0] for message in caplog.messages] == ["'NVGATEWAY_PROXI'", "'NVGATEWAY_PROXIES'"]


def test_name_cannot_forge_a_line_of_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Control characters are escaped."""
    monkeypatch.setenv("NVGATEWAY_X\nERROR", "x")

    NVGatewaySettings()

    assert [len(message.splitlines()) for message in caplog.messages] == [1]


@pytest.mark.parametrize("name", sorted({*_IN_README, *_IN_EXAMPLE, *_OF_TESTS, *_OF_ROLES}))
def test_known_name_is_not_told(name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Those of the README, of `.env.example`, of any role, and of others."""
    monkeypatch.setenv(name, _good_value(name))

    NVGatewaySettings()

    assert caplog.messages == []


def test_blank_variable_is_not_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It is as good as not set."""
    monkeypatch.setenv("NVGATEWAY_PROXI", " ")

    NVGatewaySettings()

    assert caplog.messages == []


def test_manager_tells(emu: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Not at the first call but when it is built, and nothing else changes."""
    monkeypatch.setenv("NVGATEWAY_MAX_TOKEN", "5")

    with ModelManager.from_env() as manager:
        assert manager.settings.max_tokens == 10_000
    assert ["NVGATEWAY_MAX_TOKENS" in message for message in caplog.messages] == [True]


def test_names_are_found_where_they_are_said_to_be() -> None:
    """Otherwise the tests above would test nothing."""
    assert len(_IN_README) >= 30
    assert len(_IN_EXAMPLE) > 25
    assert not [name for name in os.environ if name.startswith("NVGATEWAY_")]


def _good_value(name: str) -> str:
    if name.upper().endswith("_MODELS"):
        return "nvidia-nim:m"
    if name == "NVGATEWAY_FALLBACK_ORDER":
        return "nvidia-nim"
    if name == "NVGATEWAY_REDIS_URL":
        return "redis://127.0.0.1"
    return "1"
