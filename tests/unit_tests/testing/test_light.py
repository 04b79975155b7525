"""What the kit loads, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

import langchain_nvgateway.testing as kit

NAMES = ["Request", "ScriptOverError", "ScriptedChatModel", "broken_call", "calls", "dies_after", "slow"]


def run(script: str) -> str:
    """Run a script in a new interpreter; its warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_public_names_are_exactly_these() -> None:
    """A new name is a decision."""
    assert kit.__all__ == NAMES
    assert set(NAMES) <= set(dir(kit))


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_importable(name: str) -> None:
    """In a new interpreter, whichever comes first."""
    assert run(f"from langchain_nvgateway.testing import {name} as thing; print(thing.__name__)").strip() == name


def test_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'FakeChatModel'"):
        _ = kit.FakeChatModel


def test_scripted_models_need_no_pytest() -> None:
    """A notebook or a demo may use them."""
    script = "import sys; sys.modules['pytest'] = None\n"
    script += (
        "from langchain_nvgateway.testing import ScriptedChatModel; print(ScriptedChatModel('fine').invoke('').text)"
    )
    assert run(script).strip() == "fine"


@pytest.mark.parametrize("module", ["testing", "testing.plugin"])
def test_importing_the_kit_loads_no_langchain(module: str) -> None:
    """The plugin is imported by pytest in every run, wherever the package is installed."""
    heavy = {"langchain_core", "openai", "pydantic", "httpx", "httpx2", "asyncio", "langchain_nvgateway.emulator"}
    script = f"import pytest, sys; before = set(sys.modules); import langchain_nvgateway.{module}\n"
    script += "print(*set(sys.modules) - before)"
    loaded = set(run(script).split())
    assert f"langchain_nvgateway.{module}" in loaded
    assert not heavy & loaded
    assert len(loaded) < 10
