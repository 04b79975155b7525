"""The tools by which roles end their work."""

from __future__ import annotations

__all__ = ["GIVE_VERDICT", "HANDOVERS", "ROUTE_MESSAGE"]

ROUTE_MESSAGE = "route_message"
"""Name of the router's."""

GIVE_VERDICT = "give_verdict"
"""Name of the reviewer's."""

HANDOVERS = (ROUTE_MESSAGE, GIVE_VERDICT)
