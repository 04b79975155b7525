"""The notebooks run from top to bottom, and what they hold is what a run gives."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from langchain_nvgateway.emulator import Emulator

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

# Jupyter's libraries are not ours to be free of warnings, so they stay out of this process.
RUNNER = """
import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True, coalesce_streams=True).execute()
nbformat.write(notebook, sys.argv[1])
"""

# What says something to models, to Python or to matplotlib where the tests run.
LEFT_OUT = re.compile(
    r"(STARFLEET|LLM_GATEWAY|NVGATEWAY|NVIDIA|OPENAI|AZURE|ANTHROPIC|GEMINI|GOOGLE|LANGSMITH|LANGCHAIN)_"
    r"|.*_PROXY$|PYTHONWARNINGS$|MPLBACKEND$",
    re.IGNORECASE,
)

Cell: TypeAlias = "dict[str, Any]"

CREDENTIALS = {
    "a Starfleet id or secret": r"\bnvssa-[\w-]{43}|\bssap-[\w-]{16,}",
    "a NIM key": r"\bnvapi-[\w-]{60}",
    "a token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}",
}


def run(path: Path, folder: Path, **variables: str) -> list[Cell]:
    """Run a copy of a notebook where nothing is said of models but by `variables`, and return its code cells."""
    # On a fresh machine matplotlib looks through all fonts first, and says so on stderr: not in a reader's cell.
    importlib.import_module("matplotlib.font_manager")
    copy = Path(shutil.copy(path, folder))
    environment = {name: value for name, value in os.environ.items() if not LEFT_OUT.match(name)}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this Python, whatever the user has installed
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(copy)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return code_cells(copy)


def code_cells(path: Path) -> list[Cell]:
    """Return the code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def kinds(cell: Cell) -> list[tuple[str, ...]]:
    """Return the kinds of a cell's outputs, such as text on stdout, a table and a picture."""
    return [
        (output["output_type"], output.get("name", ""), *sorted(output.get("data", ()))) for output in cell["outputs"]
    ]


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a notebook but its pictures, which are no text."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "image/png":
                yield from texts(item)
    elif isinstance(value, list):
        yield "".join(item for item in value if isinstance(item, str))
        for item in value:
            yield from () if isinstance(item, str) else texts(item)
    elif isinstance(value, str):
        yield value


def assert_flawless(cells: Sequence[Cell]) -> None:
    """No cell fails, and none prints a traceback or a warning."""
    for cell in cells:
        for output in cell["outputs"]:
            said = "".join(output.get("text", output.get("traceback", ())))
            assert output["output_type"] != "error", said
            assert output.get("name") != "stderr", said
            assert "Traceback" not in said
            assert not re.search(r"\w+Warning\b", said)


def test_it_runs_without_an_account_and_gives_what_is_stored(path: Path, tmp_path: Path) -> None:
    """Without credentials each cell runs, and has the same kinds of output as for a reader who does not run it."""
    stored, done = code_cells(path), run(path, tmp_path)
    assert_flawless(done)
    assert [kinds(cell) for cell in stored] == [kinds(cell) for cell in done]
    assert [cell["execution_count"] for cell in stored] == list(range(1, len(stored) + 1))
    assert sum(bool(cell["outputs"]) for cell in stored) > len(stored) / 2


def test_with_credentials_it_asks_the_services_and_breaks_nothing(path: Path, emu: Emulator, tmp_path: Path) -> None:
    """On services that the environment names each cell runs too, even with one of them; no fault is injected."""
    account = {name: value for name, value in emu.env.items() if name.startswith("NVIDIA_NIM_")}
    assert_flawless(run(path, tmp_path, **account))
    assert {(request.service, request.status) for request in emu.requests} == {("nim", 200)}


@pytest.mark.parametrize("variable", ["NVIDIA_NIM_API_KEY", "NVIDIA_API_KEY", "STARFLEET_ID"])
def test_one_credential_is_enough_to_leave_the_emulator_out(
    variable: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first cell starts no emulator for somebody who has an account; it sends nothing either."""
    monkeypatch.setenv(variable, "fake")
    monkeypatch.setattr(Emulator, "start", lambda _: pytest.fail("the emulator was started"))
    first: dict[str, Any] = {}
    exec("".join(code_cells(path)[0]["source"]), first)
    assert first["emu"] is None


def test_it_holds_no_credential_and_no_path_of_a_machine(path: Path) -> None:
    """What is stored may be published."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for text in texts(notebook):
        for what, form in CREDENTIALS.items():
            assert not re.search(form, text), what
        assert not re.search(r"(?<![\w.:/])/(home|root|tmp|usr|var|work|Users|private|opt|mnt)/", text), text
        assert str(ROOT) not in text
        assert sys.prefix not in text


def test_it_holds_nothing_that_changes_with_the_machine_or_the_hour(path: Path) -> None:
    """A kernel of any name, no times of execution, and cells with ids that stay."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "version" not in notebook["metadata"]["language_info"]
    assert [cell["metadata"] for cell in notebook["cells"]] == [{}] * len(notebook["cells"])
    assert [cell["id"] for cell in notebook["cells"]] == [f"cell-{n:02}" for n in range(1, len(notebook["cells"]) + 1)]
