"""Variables that look like settings and are none: each is told once, since a misspelt one has no effect."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["forget_misspelt", "warn_of_misspelt"]

_PREFIX = "NVGATEWAY_"

_logger = logging.getLogger("langchain_nvgateway")
_lock = threading.Lock()
_told: set[str] = set()


def warn_of_misspelt(variables: Iterable[str], known: Iterable[str]) -> None:
    """Log a WARNING for each variable of ours that nothing reads, once in a process; it never shows a value.

    Args:
        variables: Names that are set, in any case.
        known: Names of settings, in upper case.
    """
    known = set(known)
    ours = {name.upper() for name in variables if name.upper().startswith(_PREFIX)}
    strange = {name for name in ours - known if not _is_of_a_role(name)}
    if not strange:
        return
    with _lock:
        new = sorted(strange - _told)
        _told.update(new)
    for name in new:
        _logger.warning("%r is no setting and has no effect; the nearest one is %s", name, _nearest(name, known))


def forget_misspelt() -> None:
    """Forget what was told, as if the process had just begun."""
    with _lock:
        _told.clear()


def _is_of_a_role(name: str) -> bool:
    return name.endswith("_MODELS") and len(name) > len(f"{_PREFIX}_MODELS")


def _nearest(name: str, known: set[str]) -> str:
    if _is_of_a_role(f"{name}S"):
        return f"{name}S"
    # Without the prefix, which is half of a name, and which some settings do not have.
    candidates = {candidate.removeprefix(_PREFIX): candidate for candidate in known}
    return candidates[get_close_matches(name.removeprefix(_PREFIX), sorted(candidates), n=1, cutoff=0)[0]]
