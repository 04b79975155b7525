"""What SECURITY.md points to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TESTS, PACKAGE = ROOT / "tests" / "unit_tests", ROOT / "langchain_nvgateway"

NAMED = sorted(set(re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)`", SECURITY)))
ATTACKS = re.findall(r"^\| (.+)\|$", SECURITY.partition("## Who attacks")[2].partition("\n## ")[0], re.MULTILINE)[1:]


def place_of(name: str) -> Path:
    if name.startswith(("tests/", "langchain_nvgateway/")):
        return ROOT / name
    return (TESTS if Path(name).name.startswith("test_") else PACKAGE) / name


@pytest.mark.parametrize("name", NAMED)
def test_test_file_and_module_exist(name: str) -> None:
    """A claim whose test was moved or removed is noticed."""
    place = place_of(name)
    assert place.is_dir() if name.endswith("/") else place.is_file()


def test_every_attacker_who_is_stopped_is_stopped_by_a_test() -> None:
    """Only of who reads the memory nothing is promised."""
    assert len(ATTACKS) >= 12
    without = [row for row in ATTACKS if not re.search(r"`(?:\w+/)*test_\w+\.py`", row)]
    assert [row.partition(" | ")[0] for row in without] == ["who reads a core dump, or debugs"]


def test_every_file_is_named_in_full() -> None:
    """A name without quotes or folder would be checked by nobody."""
    mentioned = set(re.findall(r"[\w/]+\.py\b", SECURITY))
    assert mentioned == {name for name in NAMED if name.endswith(".py")}
