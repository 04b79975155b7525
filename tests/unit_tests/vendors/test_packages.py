"""The vendors' packages are extras, and missed only by who asks for their models."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from langchain_nvgateway import ConfigurationError
from langchain_nvgateway.vendors import DEFAULT_BASE_URLS, missing_package, vendor_model

PACKAGES = {"anthropic": "langchain_anthropic", "google-genai": "langchain_google_genai"}


def test_nothing_is_missing_when_all_is_installed() -> None:
    """With all packages there, no provider lacks one."""
    assert [missing_package(provider) for provider in DEFAULT_BASE_URLS] == [None, None, None]


@pytest.mark.parametrize("provider", PACKAGES)
def test_a_missing_package_is_named(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks a package is told the command that installs it, before and instead of a model."""
    monkeypatch.setitem(sys.modules, PACKAGES[provider], None)
    command = f"pip install 'langchain-nvgateway[{provider}]'"
    assert missing_package(provider) == command
    with pytest.raises(ConfigurationError) as caught:
        vendor_model(provider, "any", api_key=SecretStr("fake-key"))
    assert command in str(caught.value)


def test_openai_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI is served by our own chat model."""
    for package in PACKAGES.values():
        monkeypatch.setitem(sys.modules, package, None)
    assert missing_package("openai") is None
    assert vendor_model("openai", "gpt-5", api_key=SecretStr("fake-openai-key"))


def test_an_unknown_vendor_is_refused() -> None:
    """A name that is no vendor's is answered with those that are."""
    with pytest.raises(ConfigurationError, match="anthropic, google-genai"):
        vendor_model("nobody", "any", api_key=SecretStr("fake-key"))


def test_looking_for_packages_imports_none() -> None:
    """Whether a package is there can be asked without paying for its import."""
    code = (
        "import sys; from langchain_nvgateway.vendors import missing_package;"
        "[missing_package(name) for name in ('openai', 'anthropic', 'google-genai')];"
        "print(sorted({'anthropic', 'google.genai', 'langchain_anthropic', 'langchain_google_genai'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
