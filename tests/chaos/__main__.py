"""`make soak`: ten thousand calls of roles while everything around them goes wrong."""

from __future__ import annotations

import argparse
import random
import sys

from ..benchmarks.environment import clear_environment


def main() -> int:
    """Run, print the seed and the figures; the value is the exit code."""
    options = _options()
    clear_environment()
    # What is imported may read the environment, so it has to be clean by now.
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from .figures import figures, markdown
    from .plan import Plan
    from .run import run

    console = Console(highlight=False)
    console.print(f"seed {options.seed}, {options.calls:,} calls; again with SEED={options.seed}")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("calls", total=options.calls)
        verdict = run(Plan(options.seed, options.calls), tell=lambda begun: progress.update(task, completed=begun))
    table = Table(show_header=False)
    for name, value in figures(verdict):
        table.add_row(name, value)
    console.print(table)
    if options.markdown:
        console.print(markdown(verdict), markup=False, soft_wrap=True)
    if missing := sorted(verdict.known_faults - verdict.faults.keys()):
        console.print(f"Faults that nothing met: {', '.join(missing)}", style="yellow", markup=False)
    for problem in verdict.problems:
        console.print(problem, style="bold red", markup=False)
    return int(bool(verdict.problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="where chance begins"
    )
    parser.add_argument("--calls", type=int, default=10_000, help="how many calls")
    parser.add_argument("--markdown", action="store_true", help="print the figures for the README as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
