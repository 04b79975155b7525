"""What kind of failure an exception is, how long to wait, and whether another model may be asked.

Exceptions come from half a dozen vendors' packages, none of which is imported here: they are known by
LangChain's `ModelError` classes, by what they carry (a status, codes, headers, a body), and by name.
"""

from __future__ import annotations

from .judgement import failure_of, is_content_filter, is_control_flow
from .kinds import Failure, FailureKind
from .retry_after import retry_after_seconds

__all__ = ["Failure", "FailureKind", "failure_of", "is_content_filter", "is_control_flow", "retry_after_seconds"]
