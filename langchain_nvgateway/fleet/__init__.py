"""Breakers and tokens of many processes, shared through Redis or Valkey.

`schema` has the keys and times, `circuit_lua` the script by which processes agree on circuits, `steps` what goes in
and out of it, `merging` the rules by which a breaker follows; all pure. `member` is one breaker in the fleet, `fleet`
the thread that does the I/O, over the connection of `redis_link`; `seat` is what a manager has of it.
"""

from __future__ import annotations

from .fleet import Fleet, shared_fleet
from .schema import fingerprint
from .seat import Seat

__all__ = ["Fleet", "Seat", "fingerprint", "shared_fleet"]
