"""The small project with a bug that the roles work on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["DEFAULT_TASK", "FILES", "NUMBER_OF_TESTS", "TESTS"]

DEFAULT_TASK = (
    "Users are logged out after 15 minutes, although a session should last a day. "
    "Find the cause and fix it; all tests have to pass."
)

_SETTINGS = '''"""How long things last, in minutes."""

SESSION_MINUTES = 24 * 60
TOKEN_MINUTES = 15
'''

_SESSION = '''"""Sessions of users who have logged in."""

from settings import TOKEN_MINUTES


class Session:
    """A session that began at some minute."""

    def __init__(self, began):
        self.began = began

    def is_open(self, now):
        return now - self.began < TOKEN_MINUTES

    def minutes_left(self, now):
        return max(0, TOKEN_MINUTES - (now - self.began))
'''

_TEST_SESSION = '''"""What sessions promise."""

import unittest

from session import Session


class SessionTest(unittest.TestCase):
    def test_it_is_open_for_a_day(self):
        self.assertTrue(Session(began=0).is_open(now=24 * 60 - 1))

    def test_it_ends_after_a_day(self):
        self.assertFalse(Session(began=0).is_open(now=24 * 60))

    def test_its_minutes_count_down_from_a_day(self):
        self.assertEqual(Session(began=0).minutes_left(now=60), 23 * 60)
'''

FILES: Mapping[str, str] = MappingProxyType(
    {"session.py": _SESSION, "settings.py": _SETTINGS, "test_session.py": _TEST_SESSION}
)
"""The files by name."""

TESTS = "test_session.py"
"""The file that says what is right."""

NUMBER_OF_TESTS = _TEST_SESSION.count("def test_")
"""How many tests it has."""
