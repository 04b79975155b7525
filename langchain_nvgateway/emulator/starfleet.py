"""The Starfleet token endpoint (wire facts, section 1)."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from .records import RecordedRequest, RequestLog
from .replies import OMIT, Omit
from .responses import Response, json_response
from .services import Place, Service
from .starfleet_faults import STARFLEET_FAULTS
from .tokens import TokenBook

TOKEN_PATHS = frozenset({"/starfleet/token", "/oauth/api/v1/ssa/default/token"})
DEFAULT_LIFETIME = 900.0
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class _RefusedError(Exception):
    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass(slots=True)
class _TokenRequest:
    client_id: str
    client_secret: str
    fields: dict[str, str]


class Starfleet(Service):
    """Issues tokens for client credentials in each request style that works in the field.

    Args:
        log: The log of all requests.
        clock: Monotonic time in seconds, by which tokens expire.
    """

    name = "starfleet"
    own_faults = STARFLEET_FAULTS

    def __init__(self, log: RequestLog, clock: Callable[[], float]) -> None:
        super().__init__(log)
        self.tokens = TokenBook(clock)
        """The tokens that the Gateway accepts."""
        self._set_defaults()

    def _set_defaults(self) -> None:
        self.client_id = "fake-id"
        self.client_secret = "fake-secret"
        self.accepted_scopes = {"azureopenai-readwrite", "awsanthropic-readwrite"}
        self.expires_in: Any = 900
        """Any JSON value; `OMIT` leaves the field out."""
        self.lifetime: float | None = None
        """Seconds that tokens really live; `None` keeps the promise of `expires_in`."""
        self.token_type: str | Omit | None = "Bearer"
        self.repeat_tokens = False
        """Hand out the same token again until it has expired."""

    def reset(self) -> None:
        """Forget everything that was scripted; issued tokens stay good."""
        super().reset()
        self._set_defaults()

    @property
    def tokens_issued(self) -> list[str]:
        """All tokens that were handed out, oldest first."""
        return self.tokens.texts()

    def revoke(self, token: str | None = None) -> None:
        """Let the Gateway refuse one token, or all issued so far, as expired."""
        self.tokens.revoke(token)

    def locate(self, path: str) -> Place | None:
        """Own the two token paths."""
        if path in TOKEN_PATHS:
            return Place(self.name, "token")
        return Place(self.name, "") if path.startswith(("/starfleet", "/oauth")) else None

    def answer(self, request: RecordedRequest) -> Response:
        """Issue a token, or refuse as RFC 6749 section 5.2 says."""
        if request.route != "token":
            return json_response(404, {"error": "not_found"})
        if request.method != "POST":
            return json_response(405, {"error": "invalid_request"}, {"allow": "POST"})
        try:
            asked = _read_token_request(request)
            scopes = self._check(asked)
        except _RefusedError as refusal:
            headers = dict(NO_STORE)
            if refusal.status == 401:
                headers["www-authenticate"] = 'Basic realm="starfleet"'
            return json_response(refusal.status, refusal.body, headers)
        return self.grant(scopes)

    def _check(self, asked: _TokenRequest) -> frozenset[str]:
        known = (self.client_id, self.client_secret)
        if (asked.client_id, asked.client_secret) != known:
            raise _RefusedError(401, "invalid_client", "Client authentication failed")
        grant = asked.fields.get("grant_type")
        if grant is None:
            raise _RefusedError(400, "invalid_request", "Missing parameter: grant_type")
        if grant != "client_credentials":
            raise _RefusedError(400, "unsupported_grant_type", f"Unsupported grant: {grant}")
        scopes = frozenset(asked.fields.get("scope", "").split())
        if not scopes or not scopes <= self.accepted_scopes:
            raise _RefusedError(400, "invalid_scope", "A requested scope is unknown or not granted")
        return scopes

    def grant(self, scopes: frozenset[str]) -> Response:
        """Issue a token for these scopes."""
        token = self.tokens.issue(scopes, self._lifetime(), repeat=self.repeat_tokens)
        body = {
            "access_token": token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "scope": " ".join(sorted(scopes)),
        }
        kept = {name: value for name, value in body.items() if value is not OMIT}
        return json_response(200, kept, NO_STORE)

    def _lifetime(self) -> float:
        if self.lifetime is not None:
            return self.lifetime
        try:
            promised = float(self.expires_in)
        except (TypeError, ValueError):
            return DEFAULT_LIFETIME
        return promised if math.isfinite(promised) and promised > 0 else DEFAULT_LIFETIME


def _read_token_request(request: RecordedRequest) -> _TokenRequest:
    fields = {**request.query, **_body_fields(request)}
    in_fields = fields.get("client_id") is not None or fields.get("client_secret") is not None
    header = request.headers.get("authorization")
    if header is None:
        return _TokenRequest(fields.get("client_id", ""), fields.get("client_secret", ""), fields)
    if in_fields and fields.get("client_secret") is not None:
        # RFC 6749 section 2.3: not more than one method per request.
        raise _RefusedError(400, "invalid_request", "More than one authentication method")
    client_id, client_secret = _decode_basic(header)
    return _TokenRequest(client_id, client_secret, fields)


def _body_fields(request: RecordedRequest) -> dict[str, str]:
    if not request.body:
        return {}
    if isinstance(request.json, dict):
        return {name: str(value) for name, value in request.json.items()}
    try:
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        raise _RefusedError(400, "invalid_request", "The body is not a form") from None


def _decode_basic(header: str) -> tuple[str, str]:
    kind, _, packed = header.partition(" ")
    try:
        text = base64.b64decode(packed.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        kind = ""
        text = ""
    client_id, colon, client_secret = text.partition(":")
    if kind.lower() != "basic" or not colon:
        raise _RefusedError(401, "invalid_client", "Malformed Authorization header")
    # RFC 6749 section 2.3.1: both halves are form-encoded before base64.
    return unquote_plus(client_id), unquote_plus(client_secret)
