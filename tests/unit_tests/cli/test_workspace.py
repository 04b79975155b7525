"""The folder that the demo's roles work in: what they can do there, and what they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_nvgateway.cli.demo.project import FILES, TESTS
from langchain_nvgateway.cli.demo.workspace import RefusedError, Workspace

FIXED = FILES["session.py"].replace("TOKEN_MINUTES", "SESSION_MINUTES")


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A fresh project."""
    with Workspace.temporary() as workspace:
        yield workspace


def test_project_has_a_bug_that_can_be_fixed(workspace: Workspace) -> None:
    """Two of three tests fail, and none once the right constant is used."""
    before = workspace.test_run()
    assert (before.ran, before.failed, before.passed) == (3, 2, False)
    workspace.write_file("session.py", FIXED)
    after = workspace.verdict()
    assert (after.ran, after.failed, after.passed) == (3, 0, True)


def test_files_can_be_listed_read_and_written(workspace: Workspace) -> None:
    """New folders are made on the way, and paths are the project's own."""
    workspace.write_file("notes/today.md", "grün")
    assert workspace.list_files().splitlines() == ["notes/today.md", *FILES]
    assert workspace.read_file("notes/../notes/today.md") == "grün"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "notes/../../x", "link/x", "x\0y", "", ".", "x" * 5000])
def test_path_that_leads_elsewhere_is_refused(workspace: Workspace, tmp_path: Path, path: str) -> None:
    """Nothing outside of the folder is read or written, whichever way the path goes."""
    (workspace.root / "link").symlink_to(tmp_path)
    (tmp_path / "x").write_text("outside")
    with pytest.raises(RefusedError):
        workspace.read_file(path)
    with pytest.raises(RefusedError):
        workspace.write_file(path, "inside")
    assert (tmp_path / "x").read_text() == "outside"


@pytest.mark.parametrize("path", [TESTS, "test_more.py", "./TEST_session.py", "tests/__init__.py"])
def test_tests_cannot_be_changed(workspace: Workspace, path: str) -> None:
    """Who fixes the code cannot fix the tests instead."""
    with pytest.raises(RefusedError, match="cannot be changed"):
        workspace.write_file(path, "")


@pytest.mark.parametrize(
    "code",
    ["import os\nos._exit(0)", "raise SystemExit(0)", "import unittest\nraise unittest.SkipTest", "syntax error"],
)
def test_code_that_evades_the_tests_does_not_pass(workspace: Workspace, code: str) -> None:
    """An end without an error is not enough: every test has to have run."""
    workspace.write_file("session.py", code)
    assert not workspace.verdict().passed


def test_verdict_is_by_the_first_tests(workspace: Workspace) -> None:
    """Whatever code has made of the tests, those of the beginning count."""
    (workspace.root / TESTS).unlink()
    (workspace.root / TESTS).symlink_to("settings.py")
    assert workspace.verdict().failed == 2
    assert workspace.read_file("settings.py") == FILES["settings.py"]


def test_tests_that_never_end_are_stopped(tmp_path: Path) -> None:
    """They are stopped after their time, with all that they have started."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    endless = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'while True: pass'])"
    (tmp_path / "session.py").write_text(endless)
    run = Workspace(tmp_path, test_seconds=0.5).test_run()
    assert not run.passed
    assert "stopped after 0.5 s" in run.output


def test_tests_see_no_credentials(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that a model wrote does not get to see the environment."""
    monkeypatch.setenv("STARFLEET_SECRET", "canary")
    workspace.write_file("session.py", "import os\nraise ValueError(sorted(os.environ))")
    output = workspace.run_tests()
    assert "ValueError" in output
    assert "STARFLEET" not in output
    assert str(workspace.root) not in output


def test_folder_goes_with_the_block() -> None:
    """The project is removed, also after an error."""
    with pytest.raises(KeyError), Workspace.temporary() as workspace:
        raise KeyError
    assert not workspace.root.exists()
