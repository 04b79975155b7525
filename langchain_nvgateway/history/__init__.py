"""Conversations made acceptable to the service that they are sent to, without changing the caller's messages.

dialects   what each service takes
vendors    whose model said a turn, and what it left behind
content    what a message says, in parts that the service takes
calls      the tool calls of a turn, malformed ones replaced
call_ids   the ids that calls are sent with
results    what the tools answered
pairing    each call with its result, each result with its call
cleaning   all of it, over a whole conversation
"""

from .cleaning import clean_history
from .dialects import Dialect, dialect_of

__all__ = ["Dialect", "clean_history", "dialect_of"]
