"""What can be imported from the package, and what importing it does not do."""

from __future__ import annotations

import subprocess
import sys

import pytest

import langchain_nvgateway

NAMES = [
    "AllProvidersFailedError",
    "BreakerSnapshot",
    "BreakerState",
    "ChatNIM",
    "ChatNVGateway",
    "CircuitBreaker",
    "CircuitOpenError",
    "ConfigurationError",
    "ContentFilteredError",
    "EgressDeniedError",
    "EgressPolicy",
    "EmptyResponseError",
    "InvalidResponseError",
    "ModelManager",
    "NVGatewayError",
    "NVGatewaySettings",
    "Role",
    "StarfleetAuthError",
    "StarfleetError",
    "StarfleetTokenProvider",
    "StarfleetUnavailableError",
    "StreamInterruptedError",
    "TokenState",
    "ToolCallCorruptedError",
    "TruncatedResponseError",
]


def _run(script: str) -> str:
    """Run a script in a new interpreter; its warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_public_names_are_exactly_these() -> None:
    """A new name is a decision."""
    assert langchain_nvgateway.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_importable(name: str) -> None:
    """By attribute and by import, in a new interpreter, whichever name comes first."""
    assert _run(f"from langchain_nvgateway import {name} as thing; print(thing.__name__)").strip() == name


def test_star_import_gives_all_names() -> None:
    """Nothing more, nothing less."""
    namespace: dict[str, object] = {}
    exec("from langchain_nvgateway import *", namespace)

    assert sorted(set(namespace) - {"__builtins__"}) == NAMES


def test_names_are_listed_before_they_are_loaded() -> None:
    """Completion in an editor or a notebook knows them."""
    listed = _run("import langchain_nvgateway; print(*dir(langchain_nvgateway))").split()

    assert set(NAMES) <= set(listed)
    assert "__doc__" in listed


@pytest.mark.parametrize("name", ["ChatOpenAI", "_nothing", "chat_nim", "__wrapped__"])
def test_unknown_name_is_an_attribute_error(name: str) -> None:
    """As for any module; `hasattr` and `inspect` rely on it."""
    with pytest.raises(AttributeError, match=f"module 'langchain_nvgateway' has no attribute '{name}'"):
        getattr(langchain_nvgateway, name)


def test_same_object_is_returned_each_time() -> None:
    """Classes that are compared by identity in `except` clauses."""
    assert langchain_nvgateway.NVGatewayError is langchain_nvgateway.NVGatewayError
    assert "NVGatewayError" in vars(langchain_nvgateway)


def test_importing_the_package_loads_no_provider_and_no_http() -> None:
    """It has to be cheap, and safe on a machine without a network."""
    heavy = ("openai", "langchain_openai", "langgraph", "httpx", "httpx2", "httpcore", "httpcore2", "pydantic", "ssl")

    loaded = _run("import sys, langchain_nvgateway; print(*sys.modules)").split()

    assert not set(heavy) & set(loaded)


@pytest.mark.parametrize("name", ["NVGatewayError", "NVGatewaySettings"])
def test_errors_and_settings_load_no_provider(name: str) -> None:
    """A handler or a configuration check needs no chat model."""
    loaded = _run(f"import sys; from langchain_nvgateway import {name}; print(*sys.modules)").split()

    assert not {"openai", "langchain_openai", "langgraph", "httpx2"} & set(loaded)
