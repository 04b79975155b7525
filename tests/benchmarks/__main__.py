"""`make bench`: ratios of CPU time, as a table."""

from __future__ import annotations

from . import checking


def main() -> None:
    """Measure, and print what came of it."""
    for name, value in checking.measure().items():
        print(f"{name:<50} {value:8.3g}")


if __name__ == "__main__":
    main()
