"""The NVIDIA LLM Gateway: Azure OpenAI behind Starfleet tokens (wire facts, section 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from .chat import ChatService
from .dialects import AZURE, now
from .embeddings import embed
from .gateway_faults import GATEWAY_FAULTS
from .history_checks import check_messages, check_parameters, openai_error
from .records import RecordedRequest, RequestLog
from .responses import Response, json_response
from .services import Place
from .tokens import TokenBook

DEPLOYMENTS = {
    "gpt-4o": "gpt-4o-2024-11-20",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "text-embedding-3-small": "text-embedding-3-small",
    "text-embedding-3-large": "text-embedding-3-large",
}
"""Deployment to the dated name in its answers."""

OLDEST_VERSION = "2023-03-15"
NEWEST_VERSION = "2025-04-01"

_DEPLOYMENT_PATH = re.compile(
    r"/llm/v1/azure/openai/deployments/(?P<model>[^/]+)/(?P<rest>chat/completions|embeddings)"
)
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_REASONING = re.compile(r"o\d|gpt-5(?!-chat)")
_ROUTES = {
    "/llm/v1/azure/chat/completions": "chat",
    "/llm/v1/azure/embeddings": "embeddings",
    "/llm/v1/models": "models",
    "/llm/v1/azure/models": "models",
}


def azure_error(status: int, code: str, message: str) -> Response:
    """Build an error as Azure words it."""
    return json_response(status, {"error": {"code": code, "message": message}})


class Gateway(ChatService):
    """Completes chats and embeds texts for those who hold a good token.

    Args:
        log: The log of all requests.
        tokens: The tokens that Starfleet has issued.
    """

    name = "gateway"
    own_faults = GATEWAY_FAULTS
    dialect = AZURE

    def __init__(self, log: RequestLog, tokens: TokenBook) -> None:
        super().__init__(log)
        self._tokens = tokens
        self._set_defaults()

    def _set_defaults(self) -> None:
        self.deployments = dict(DEPLOYMENTS)
        """Deployment to the dated name in its answers; replace or change it at will."""
        self.entitled: set[str] | None = None
        """The deployments that this client may use; `None` for all."""
        self.static_tokens: set[str] = set()
        """Bearers that are good without Starfleet."""
        self.required_scope: str | None = "azureopenai-readwrite"
        """What a token must be good for; `None` for anything."""
        self.echo_correlation_id = False
        """Whether answers repeat the request's `correlationId` header."""
        self.rate_headers = {
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-remaining-tokens": "99000",
        }

    def reset(self) -> None:
        """Forget everything that was scripted or set."""
        super().reset()
        self._set_defaults()

    def locate(self, path: str) -> Place | None:
        """Own everything under `/llm/`."""
        route = _ROUTES.get(path)
        if route is not None:
            return Place(self.name, route)
        match = _DEPLOYMENT_PATH.fullmatch(path)
        if match is not None:
            route = "embeddings" if match["rest"] == "embeddings" else "chat"
            return Place(self.name, route, unquote(match["model"]))
        return Place(self.name, "") if path.startswith("/llm/") else None

    def answer(self, request: RecordedRequest) -> Response:
        """Answer as the healthy Gateway does, which includes refusals."""
        response = self._refusal(request) or self._route(request)
        if self.echo_correlation_id and "correlationid" in request.headers:
            response.headers["correlationid"] = request.headers["correlationid"]
        return response

    def headers(self, request: RecordedRequest) -> dict[str, str]:
        """Return the rate-limit headers."""
        return {"x-request-id": self.dialect.completion_id(), **self.rate_headers}

    def _route(self, request: RecordedRequest) -> Response:
        if request.route == "models":
            return self._models(request)
        if request.method != "POST":
            return azure_error(405, "405", "Method not allowed")
        if not isinstance(request.json, dict):
            return openai_error(400, "We could not parse the JSON body of your request.")
        model = request.model
        if not model:
            return openai_error(400, "you must provide a model parameter")
        dated = self.deployments.get(model)
        if dated is None:
            text = (
                "The API deployment for this resource does not exist. If you created the "
                "deployment within the last 5 minutes, please wait a moment and try again."
            )
            return azure_error(404, "DeploymentNotFound", text)
        if self.entitled is not None and model not in self.entitled:
            return azure_error(403, "403", f"The client is not entitled to the model {model}.")
        if request.route == "embeddings":
            return json_response(200, embed(request.json, dated), self.headers(request))
        refusal = check_parameters(request.json, reasons=bool(_REASONING.match(model)))
        refusal = refusal or check_messages(request.json)
        return refusal or self.complete(request, model=dated)

    def _models(self, request: RecordedRequest) -> Response:
        names = [name for name in self.deployments if self._may_use(name)]
        data: list[dict[str, Any]] = [
            {"id": name, "object": "model", "created": now(), "owned_by": "azure"} for name in names
        ]
        return json_response(200, {"object": "list", "data": data}, self.headers(request))

    def _may_use(self, model: str) -> bool:
        return self.entitled is None or model in self.entitled

    def _refusal(self, request: RecordedRequest) -> Response | None:
        checks: tuple[Callable[[RecordedRequest], Response | None], ...] = (
            self._check_path,
            self._check_token,
        )
        for check in checks:
            refusal = check(request)
            if refusal is not None:
                return refusal
        return None

    def _check_path(self, request: RecordedRequest) -> Response | None:
        if not request.route:
            return azure_error(404, "404", "Resource not found")
        version = request.query.get("api-version")
        if version is None:
            if "/deployments/" in request.path:
                return azure_error(404, "404", "Resource not found")
            return None
        day = version[:10]
        if not _VERSION.fullmatch(version) or not OLDEST_VERSION <= day <= NEWEST_VERSION:
            return azure_error(400, "BadRequest", "API version not supported")
        return None

    def _check_token(self, request: RecordedRequest) -> Response | None:
        token = _token_of(request)
        if not token:
            return azure_error(401, "401", "Unauthorized: the access token is missing.")
        if token in self.static_tokens:
            return None
        verdict = self._tokens.judge(token)
        if verdict == "expired":
            return azure_error(401, "401", "Unauthorized: the token has expired.")
        if verdict == "unknown":
            return azure_error(401, "401", "Unauthorized: the access token is not valid.")
        if self.required_scope and self.required_scope not in self._tokens.scopes_of(token):
            text = f"Forbidden: the token lacks the scope {self.required_scope}."
            return azure_error(403, "403", text)
        return None


def _token_of(request: RecordedRequest) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return request.headers.get("api-key", "")
