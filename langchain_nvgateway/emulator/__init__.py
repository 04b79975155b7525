"""Starfleet, the LLM Gateway and hosted NIM on loopback, for tests and for trying things out.

The emulator knows nothing of the client it judges: it imports only the standard library and itself.

Example:
    ```python
    from langchain_nvgateway.emulator import Emulator

    with Emulator() as emu:
        emu.nim.fail_next("degraded")
        ...  # point a client at `emu.env`
    ```
"""

from __future__ import annotations

from .corruptions import CORRUPTIONS
from .emulator import Emulator
from .faults import Fault
from .records import RecordedRequest
from .replies import OMIT, Reply

__all__ = ["CORRUPTIONS", "OMIT", "Emulator", "Fault", "RecordedRequest", "Reply"]
