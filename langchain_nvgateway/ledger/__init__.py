"""Every attempt of every call, counted: who answered, how fast, and at what cost.

Ledger      takes attempts and events down
Prices      what models cost
Report      what there is to say at one moment; prints, shows in notebooks, becomes data and pictures
"""

from __future__ import annotations

from .counts import token_counts
from .ledger import OTHER_MODELS, OTHER_ROLES, Ledger
from .prices import LIST_PRICES, Price, Prices
from .records import BreakerChange, RecordedAttempt
from .report import LegReport, Report, RoleReport, Sums

__all__ = [
    "LIST_PRICES",
    "OTHER_MODELS",
    "OTHER_ROLES",
    "BreakerChange",
    "Ledger",
    "LegReport",
    "Price",
    "Prices",
    "RecordedAttempt",
    "Report",
    "RoleReport",
    "Sums",
    "token_counts",
]
