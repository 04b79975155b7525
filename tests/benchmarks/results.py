"""What a run has measured, as JSON, with what it was measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["LATEST", "STORED", "Result", "Results", "load", "machine", "save", "versions"]

STORED = Path(__file__).with_name("results.json")
"""The result that others are compared with."""

LATEST = Path(__file__).parents[2] / ".benchmarks" / "latest.json"
"""The result of the last run."""

_PACKAGES = (
    "openai",
    "langchain-core",
    "langchain-openai",
    "langchain-nvidia-ai-endpoints",
    "pydantic",
    "httpx",
    "httpx2",
)


@dataclass(frozen=True)
class Result:
    """What came of a row."""

    idle: float
    """The value on an idle machine."""

    busy: float | None = None
    """The value while each core has something else to do; `None` if that was not measured."""

    note: str = ""
    """What is behind the value."""


@dataclass(frozen=True)
class Results:
    """What came of all rows, by key."""

    machine: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, Result] = field(default_factory=dict)

    def updated(self, newer: Results, known: Collection[str]) -> Results:
        """Return these with what newer ones have, without rows that are no longer known."""
        rows = {**self.rows, **newer.rows}
        versions = {**self.versions, **newer.versions}
        return Results(newer.machine, versions, {key: rows[key] for key in known if key in rows})


def load(path: Path) -> Results:
    """Read a file; one that is not there has no rows."""
    if not path.exists():
        return Results()
    stored = json.loads(path.read_text(encoding="utf-8"))
    rows = {key: Result(**row) for key, row in stored["rows"].items()}
    return Results(stored["machine"], stored["versions"], rows)


def save(results: Results, path: Path) -> None:
    """Write a file, with the digits that mean something."""
    rows = {key: asdict(_rounded(row)) for key, row in results.rows.items()}
    content = {"machine": results.machine, "versions": dict(results.versions), "rows": rows}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(row: Result) -> Result:
    busy = None if row.busy is None else float(f"{row.busy:.3g}")
    return Result(float(f"{row.idle:.3g}"), busy, row.note)


def machine() -> str:
    """Say what this machine is; neither its name nor anything of its user."""
    return f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def versions(litellm: str | None = None) -> dict[str, str]:
    """Return the versions of what is compared."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, **({"litellm": litellm} if litellm else {})}
