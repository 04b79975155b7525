"""What the package needs is declared, with bounds, and fits together; and the audit says when it cannot be made."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .. import audit

ROOT = Path(__file__).parents[2]

WITHOUT_CEILING = {"certifi", "cryptography"}
"""Newer ones are safer ones: authorities, and ciphers; what is used of them is old."""

COMES_ALONG = {
    # Of what is declared, and so close to it that it has to be the same one.
    "httpx2": "openai",
    "anthropic": "langchain-anthropic",
    "google-genai": "langchain-google-genai",
    "click": "typer",
    "pytest": "whoever uses the plugin",
    "pydantic-core": "pydantic",
    "referencing": "jsonschema",
    "ipython": "the notebook that shows a table",
}


def imported() -> dict[str, set[str]]:
    """Return the distributions that the package imports, and the modules that do."""
    found: dict[str, set[str]] = {}
    owners = packages_distributions()
    for path in sorted((ROOT / "langchain_nvgateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.append(node.module)
            for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"langchain_nvgateway"}:
                candidates = {canonicalize_name(owner) for owner in owners.get(name, [name])}
                found.setdefault("/".join(sorted(candidates)), set()).add(path.name)
    return found


@pytest.mark.parametrize("requirement", audit.declared(), ids=str)
def test_each_dependency_has_bounds(requirement: Requirement) -> None:
    """A floor, and a ceiling at the next version that may break something."""
    operators = {specifier.operator for specifier in requirement.specifier}
    assert ">=" in operators
    assert ("<" in operators) != (requirement.name in WITHOUT_CEILING)


def test_everything_that_is_imported_is_declared() -> None:
    """Or comes along with what is."""
    names = {canonicalize_name(requirement.name) for requirement in audit.declared()} | COMES_ALONG.keys()
    found = imported()
    assert {"httptools", "langchain-core", "openai", "pydantic"} <= found.keys()
    undeclared = {name: modules for name, modules in found.items() if names.isdisjoint(name.split("/"))}
    assert undeclared == {}


def test_what_is_installed_fits_together() -> None:
    """Of this package and all that it needs."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120, check=False
    )
    ours = {"langchain-nvgateway", *audit.needed()}
    problems = [line for line in done.stdout.splitlines() if canonicalize_name(line.partition(" ")[0]) in ours]
    assert problems == []


def test_audit_covers_what_dependencies_need() -> None:
    """Those of all extras, and what they need themselves; not what only tests need."""
    versions = audit.needed()
    assert {
        "langchain-core",
        "httptools",
        "redis",
        "cryptography",
        "anthropic",
        "matplotlib",
        "idna",
    } <= versions.keys()
    assert not {"pytest", "hypothesis", "langchain-nvgateway"} & versions.keys()


class _Service(BaseHTTPRequestHandler):
    told: Any = None

    def do_GET(self) -> None:
        body = json.dumps(self.told).encode()
        self.send_response(200 if self.told is not None else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[str]:
    """A registry that says what a test wants."""
    handler = type("Handler", (_Service,), {"told": request.param})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/pypi/pip/json"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("service", [{"vulnerabilities": []}], indirect=True)
def test_service_that_tells_of_vulnerabilities_is_asked(service: str) -> None:
    """There is no reason to leave the audit out."""
    assert audit.why_not(service) is None


@pytest.mark.parametrize("service", [None, {}, ["vulnerabilities"]], indirect=True)
def test_audit_is_left_out_with_a_reason(service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, without an error, and without installing anything."""
    assert audit.main(tmp_path / "none", service) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"audit skipped: {service} ")
    assert list(tmp_path.iterdir()) == []


def test_service_that_is_not_there_is_noticed() -> None:
    """Nobody listens on port 1."""
    assert "cannot be had" in (audit.why_not("http://127.0.0.1:1/") or "")
