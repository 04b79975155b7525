"""`make bench`: what things cost, as a table, and what got worse."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from .environment import clear_environment

if TYPE_CHECKING:
    from .comparison import Finding
    from .results import Results


def main() -> int:
    """Measure, print, and compare with the stored result; the value is the exit code."""
    options = _options()
    clear_environment()
    # What is imported may read the environment, so it has to be clean by now.
    from rich.console import Console

    from .catalogue import ROWS, chosen
    from .comparison import compared
    from .results import STORED, load, save
    from .running import run
    from .table import terminal_table

    rows = chosen(options.rows)
    console, progress = Console(highlight=False), Console(stderr=True)
    if options.list or not rows:
        console.print(*(row.key for row in ROWS), sep="\n")
        return 0 if options.list else 2
    load_average = os.getloadavg()[0]
    stored = load(STORED)
    with progress.status("") as status:
        results, done = run(
            rows, stored, has_busy=not options.idle, tell=lambda what: status.update(f"measuring {what}")
        )
    console.print(f"[bold]What things cost[/], as ratios of turns that alternate; on {results.machine}")
    console.print(terminal_table(rows, results, width=console.width))
    if load_average > 0.5:
        console.print(f"The machine was not idle before: its load was {load_average:.1f}.", style="yellow")
    if others := _other_versions(stored, results):
        console.print(f"Other versions than stored: {others}.", style="yellow")
    for key, error in done.errors.items():
        console.print(f"{key}: {type(error).__name__}: {error}", style="bold red", markup=False)
    findings = compared(rows, results, stored, absent=done.absent, is_complete=len(rows) == len(ROWS))
    _tell(findings, lambda line, style: console.print(line, style=style, markup=False))
    has_failed = bool(done.errors) or any(finding.is_bad for finding in findings)
    if not has_failed:
        console.print("No bar is missed, and nothing got worse by a fifth.", style="green")
    save(results, options.json)
    if options.store:
        _store(stored.updated(results, [row.key for row in ROWS]))
        console.print("Stored, and quoted in the README.")
        # What is stored is from now on what is to be expected, but a row that is missing from it is not.
        return int(bool(done.errors))
    return int(has_failed)


def _other_versions(stored: Results, results: Results) -> str:
    before = stored.versions
    changed = [(name, now) for name, now in results.versions.items() if before.get(name, now) != now]
    return ", ".join(f"{name} {now} after {before[name]}" for name, now in changed)


def _tell(findings: list[Finding], say: Callable[[str, str], None]) -> None:
    """Say each kind of finding in one line, the bad ones last, where they are read first."""
    findings = sorted(findings, key=lambda finding: (finding.is_bad, finding.kind))
    for kind, alike in groupby(findings, key=lambda finding: finding.kind):
        of_kind = list(alike)
        told = [f"{found.key} ({found.details})" if found.details else found.key for found in of_kind]
        say(f"{kind[0].upper()}{kind[1:]}: {', '.join(told)}", "bold red" if of_kind[0].is_bad else "yellow")


def _store(results: Results) -> None:
    from .readme import README, renewed
    from .results import STORED, load, save

    save(results, STORED)
    # From the file, so that the README has the digits that the file has.
    README.write_text(renewed(README.read_text(encoding="utf-8"), load(STORED)), encoding="utf-8")


def _options() -> argparse.Namespace:
    from .results import LATEST

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", help="only rows whose key holds one of these words")
    parser.add_argument("--list", action="store_true", help="print the keys of the rows")
    parser.add_argument("--idle", action="store_true", help="leave out the busy machine")
    parser.add_argument("--store", action="store_true", help="make this the result that others are compared with")
    parser.add_argument("--json", metavar="FILE", type=Path, default=LATEST, help="where to write the result")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
