"""Test runs of users: pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeAlias

__all__ = ["PLUGIN", "Done", "run_pytest"]

PLUGIN = "langchain_nvgateway.testing.plugin"
ROOT = Path(__file__).parents[3]

Done: TypeAlias = "subprocess.CompletedProcess[str]"


def run_pytest(
    folder: Path, code: str, *arguments: str, is_installed: bool = False, used: Sequence[str] = (), **variables: str
) -> Done:
    """Run pytest on a test file, with warnings as errors.

    Args:
        folder: Where; a `conftest.py` may be there already.
        code: The test file.
        arguments: For pytest.
        is_installed: Whether our plugin has to be found as an installed one.
        used: Other plugins that are needed.
        variables: For the environment.
    """
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (folder / "test_user.py").write_text(code, encoding="utf-8")
    paths = [str(ROOT), *([str(_installed(folder / "site"))] if is_installed else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **variables}
    # The other plugins that are installed here need settings of their own, and load LangChain.
    others = {each.name for each in entry_points(group="pytest11")} - {PLUGIN, "xdist", *used}
    without = [word for name in sorted({"cacheprovider", *others}) for word in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", "-q", *without, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _installed(site: Path) -> Path:
    """Write what an installer writes of the package's entry points, and return where."""
    folder = site / "langchain_nvgateway-0.1.0.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"{name} = {target}" for name, target in project["entry-points"]["pytest11"].items()]
    (folder / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]), encoding="utf-8")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: langchain-nvgateway\nVersion: 0.1.0\n")
    (folder / "RECORD").write_text("langchain_nvgateway/__init__.py,,\nlangchain_nvgateway/testing/plugin.py,,\n")
    return site
