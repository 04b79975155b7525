"""The demo: five roles fix a bug in a small project, while NIM breaks down and recovers; needs the extra `demo`."""

from __future__ import annotations

from .command import run_demo

__all__ = ["run_demo"]
