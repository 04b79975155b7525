"""Hosted NIM: vLLM behind NVIDIA's cloud functions (wire facts, section 3)."""

from __future__ import annotations

import json
import math
import re
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from .chat import ChatService
from .conversation import calls_of, messages_of
from .dialects import VLLM, now
from .faults import Exchange, Fault
from .nim_faults import NIM_FAULTS, problem, vllm_error
from .records import RecordedRequest, RequestLog
from .responses import Response, json_response
from .services import Place

MODELS = (
    "meta/llama-4-scout-17b-16e-instruct",
    "meta/llama-4-maverick-17b-128e-instruct",
    "meta/llama-3.3-70b-instruct",
    "meta/llama-3.1-8b-instruct",
    "nvidia/llama-3.3-nemotron-super-49b-v1",
    "qwen/qwen3-coder-480b-a35b-instruct",
)
"""The models that are served; the first is the default."""

_STATUS_PATH = re.compile(r"/(?:nim/status|v2/nvcf/pexec/status)/(?P<id>[^/]+)")
_ROUTES = {"/nim/v1/chat/completions": "chat", "/nim/v1/models": "models"}


@dataclass(slots=True)
class _PendingCall:
    response: Response
    polls_left: float


class Nim(ChatService):
    """Completes chats for those who hold the key.

    Args:
        log: The log of all requests.
    """

    name = "nim"
    dialect = VLLM

    def __init__(self, log: RequestLog) -> None:
        super().__init__(log)
        # These two faults need the memory of what is still running.
        self.own_faults = NIM_FAULTS | {
            "pending_202": self._pending,
            "pending_forever": self._pending_forever,
        }
        self._pending_calls: dict[str, _PendingCall] = {}
        self._lock = threading.Lock()
        self._set_defaults()

    def _set_defaults(self) -> None:
        self.api_key = "fake-nim-key"
        self.models = list(MODELS)
        """The models that are served; replace or change it at will."""
        self.single_tool_calls = False
        """Whether the model takes one tool call per turn only."""
        self.tools_supported = True
        self.check_history = True
        """Whether replayed turns are refused as vLLM refuses them."""

    def reset(self) -> None:
        """Forget everything that was scripted or set."""
        super().reset()
        self._set_defaults()
        with self._lock:
            self._pending_calls.clear()

    def locate(self, path: str) -> Place | None:
        """Own everything under `/nim/`, and the status path of NVIDIA's cloud functions."""
        route = _ROUTES.get(path)
        if route is not None:
            return Place(self.name, route)
        if _STATUS_PATH.fullmatch(path):
            return Place(self.name, "status")
        return Place(self.name, "") if path.startswith(("/nim/", "/v2/nvcf/")) else None

    def answer(self, request: RecordedRequest) -> Response:
        """Answer as a healthy NIM does, which includes refusals."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or key.strip() != self.api_key:
            return problem(403, "Forbidden", "Authorization failed")
        if not request.route:
            return Response(404, {"content-type": "text/plain"}, b"404 page not found")
        if request.route == "models":
            return self._list_models(request)
        if request.route == "status":
            return self._poll(request)
        if request.method != "POST":
            return problem(405, "Method Not Allowed", "")
        if not isinstance(request.json, dict):
            return vllm_error(400, "There was an error parsing the body")
        return self._refusal(request) or self.complete(request, model=request.model or "")

    def headers(self, request: RecordedRequest) -> dict[str, str]:
        """Return the two headers of NVIDIA's cloud functions."""
        return {"nvcf-reqid": str(uuid.uuid4()), "nvcf-status": "fulfilled"}

    def _list_models(self, request: RecordedRequest) -> Response:
        data: list[dict[str, Any]] = [
            {
                "id": name,
                "object": "model",
                "created": now(),
                "owned_by": name.split("/")[0],
            }
            for name in self.models
        ]
        return json_response(200, {"object": "list", "data": data})

    def _refusal(self, request: RecordedRequest) -> Response | None:
        body = request.json
        if request.model not in self.models:
            function_id = uuid.uuid5(uuid.NAMESPACE_URL, str(request.model))
            detail = f"Function '{function_id}': Not found for account 'fake-account'"
            return problem(404, "Not Found", detail)
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            missing = {
                "type": "missing",
                "loc": ["body", "messages"],
                "msg": "Field required",
            }
            return json_response(422, {"detail": [missing]})
        if body.get("tools") and not self.tools_supported:
            text = f"Tool use has not been enabled, because it is unsupported by {request.model}."
            return json_response(400, {"error": text})
        for message in messages_of(body) if self.check_history else ():
            refusal = self._check_message(message)
            if refusal is not None:
                return refusal
        return None

    def _check_message(self, message: dict[str, Any]) -> Response | None:
        calls = calls_of(message)
        content = message.get("content")
        if isinstance(content, list) and message.get("role") != "user":
            return vllm_error(400, "Input should be a valid string: content must be a string")
        if calls and content == "":
            return vllm_error(400, "content must not be empty when tool_calls is present")
        if self.single_tool_calls and len(calls) > 1:
            return vllm_error(500, "This model only supports single tool-calls at once!")
        for call in calls:
            function = call.get("function") or {}
            try:
                json.loads(function.get("arguments") or "")
            except (TypeError, ValueError) as error:
                return vllm_error(400, str(error))
        return None

    def _pending(self, exchange: Exchange, fault: Fault) -> Response:
        polls = 1 if fault.polls is None else fault.polls
        return self._start_pending(exchange, polls)

    def _pending_forever(self, exchange: Exchange, fault: Fault) -> Response:
        return self._start_pending(exchange, math.inf)

    def _start_pending(self, exchange: Exchange, polls: float) -> Response:
        response = exchange.normal
        if response.status != 200 or exchange.request.route == "status":
            return response
        request_id = response.headers.get("nvcf-reqid") or str(uuid.uuid4())
        with self._lock:
            self._pending_calls[request_id] = _PendingCall(response, polls)
        return _still_running(request_id)

    def _poll(self, request: RecordedRequest) -> Response:
        request_id = request.path.rstrip("/").rpartition("/")[2]
        with self._lock:
            pending = self._pending_calls.get(request_id)
            if pending is None:
                return problem(404, "Not Found", f"Request '{request_id}' not found")
            if pending.polls_left > 0:
                pending.polls_left -= 1
                return _still_running(request_id)
            del self._pending_calls[request_id]
            return pending.response


def _still_running(request_id: str) -> Response:
    return Response(202, {"NVCF-REQID": request_id, "NVCF-STATUS": "pending-evaluation"})
