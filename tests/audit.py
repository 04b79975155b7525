"""`python -m tests.audit FOLDER`: known vulnerabilities in what this package needs, as it is installed here.

Asks the service where `pip-audit` looks, PyPI's. Where that cannot be reached, nothing is installed, one line says so,
and the exit code is 0; a known vulnerability makes it 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SERVICE = "https://pypi.org/pypi/pip/25.1/json"
PIP_AUDIT = "pip-audit>=2.9,<3"
REACH_SECONDS, INSTALL_SECONDS, AUDIT_SECONDS = 10.0, 300.0, 300.0


def declared() -> list[Requirement]:
    """Return what `pyproject.toml` names, all extras included, but for the package itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != project["name"]]


def needed() -> dict[str, str]:
    """Return the versions of all distributions that the package needs, and that those need, as they are installed."""
    found: dict[str, str] = {}
    waiting = [(canonicalize_name(requirement.name), frozenset(requirement.extras)) for requirement in declared()]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        try:
            here = distribution(name)
        except PackageNotFoundError:  # An extra that is not installed.
            continue
        found[name] = here.version
        for requirement in map(Requirement, here.requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                step = canonicalize_name(requirement.name), frozenset(requirement.extras)
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
    return dict(sorted(found.items()))


def why_not(service: str = SERVICE, seconds: float = REACH_SECONDS) -> str | None:
    """Return why nobody can be asked for vulnerabilities; `None` if somebody can."""
    try:
        with urllib.request.urlopen(service, timeout=seconds) as answer:
            told = json.load(answer)
    except (OSError, ValueError) as error:
        return f"{service} cannot be had ({error})"
    return None if isinstance(told, dict) and "vulnerabilities" in told else f"{service} tells of no vulnerabilities"


def audit(folder: Path, versions: dict[str, str]) -> int:
    """Return the exit code of `pip-audit`, which is installed in an environment of its own."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_SECONDS)
    install = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", PIP_AUDIT]
    subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
    with tempfile.TemporaryDirectory() as place:
        pinned = Path(place, "pinned.txt")
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = [str(python), "-m", "pip_audit", "--disable-pip", "--no-deps", "--requirement", str(pinned)]
        return subprocess.run(command, check=False, timeout=AUDIT_SECONDS).returncode


def main(folder: Path, service: str = SERVICE) -> int:
    """Audit what is installed, or say why that is left out; return the exit code."""
    reason = why_not(service)
    if reason is None:
        versions = needed()
        print(f"audit of {len(versions)} distributions")
        try:
            return audit(folder, versions)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            reason = f"pip-audit could not be had or did not end ({error})"
    print(f"audit skipped: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
