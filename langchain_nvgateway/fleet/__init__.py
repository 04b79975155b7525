"""Breakers and tokens of many processes, shared through Redis or Valkey.

`schema` has the keys and times, `circuit_lua` the script by which processes agree on circuits, `steps` what goes in
and out of it, `merging` the rules by which a breaker follows; all pure. `member` is one breaker in the fleet, `fleet`
the thread that does the I/O, over the connection of `redis_link`; `seat` is what a manager has of it.
`token_lua` is the script by which processes share tokens, `sealed_token` how those are encrypted, `token_store` what a
`StarfleetTokenProvider` sees of them.
"""

from __future__ import annotations

from .check import check_redis, password_in_the_clear
from .fleet import Fleet, shared_fleet
from .schema import fingerprint
from .seat import Seat

__all__ = ["Fleet", "Seat", "check_redis", "fingerprint", "password_in_the_clear", "shared_fleet"]
