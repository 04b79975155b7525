"""The ways to call a role."""

from __future__ import annotations

from ..chat_models.conftest import call

__all__ = ["call"]
"""A fixture of the chat models' tests that these use as well."""
