"""HTTP for the services of this package, sealed against everything that could send it elsewhere.

A request leaves only for an allowed origin. No variable of other libraries, proxy setting of the machine, cookie,
`.netrc` or redirect is ever followed; a proxy and a company's authorities are settings of our own (`outlet_from`).
One `SealedHTTP` serves all threads of a process and any number of event loops, at once or one after the other; a
fork gets connections of its own.

HTTP/1.1 is spoken here and not by an HTTP library, whose pools grow slower with each connection: at 64 calls at
once that costs more than the calls. `httptools` (llhttp, the parser of Node.js) reads the answers.
"""

from __future__ import annotations

from .client import SealedHTTP
from .outlet import Outlet
from .outlet_settings import FilePath, outlet_from, sealed
from .requests import HTTPRequest
from .responses import HTTPResponse
from .transport_error import TransportError

__all__ = ["FilePath", "HTTPRequest", "HTTPResponse", "Outlet", "SealedHTTP", "TransportError", "outlet_from", "sealed"]
