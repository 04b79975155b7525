"""Checks of the services, one after the other, with what came out and how long it took."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ..errors import NVGatewayError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from pydantic import SecretStr

    from ..settings import NVGatewaySettings
    from ..starfleet import StarfleetTokenProvider

__all__ = ["CHECKS", "CheckResult", "names_of_checks", "outlet_notes", "redis_notes", "run_checks"]

CHECKS = ("token", "chat", "tool call", "concurrent calls", "NIM")
"""Names of the checks that are always made, in their order."""

_PROXIES_OF_OTHERS = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

Status = Literal["ok", "failed", "not run"]

ROUTE_MESSAGE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "route_message",
        "description": "Answer the user, or hand the message on to the right agent.",
        "parameters": {
            "type": "object",
            "properties": {
                "internal_reasoning": {"type": "string", "description": "Why this route is the right one."},
                "response": {"type": "string", "description": "What the user is told."},
                "route": {"type": "string", "enum": ["planner", "programmer", "reviewer", "no_op"]},
            },
            "required": ["internal_reasoning", "response", "route"],
        },
    },
}
"""The tool that the router of an agent graph calls."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found."""

    name: str
    status: Status
    seconds: float
    detail: str


class _NotRunError(Exception):
    """A check that another one stands in the way of."""


class _FailedError(Exception):
    """A check whose answer is not what it has to be."""


def names_of_checks(settings: NVGatewaySettings) -> tuple[str, ...]:
    """Return the names of the checks that `run_checks` makes, in their order."""
    return (*CHECKS, "Redis") if settings.redis_url else CHECKS


def run_checks(settings: NVGatewaySettings) -> Iterator[CheckResult]:
    """Yield the result of each check as soon as it is there; a failed one does not stop the others."""
    from .. import chat_models  # noqa: F401 - loaded before the clock starts: it takes longer than a check

    gateway = _GatewayChecks(settings)
    checks: tuple[Callable[[], str], ...] = (
        gateway.token,
        gateway.chat,
        gateway.tool_call,
        gateway.concurrent_calls,
        lambda: _nim(settings),
        *((partial(_redis, settings.redis_url),) if settings.redis_url else ()),
    )
    for name, check in zip(names_of_checks(settings), checks, strict=True):
        yield _run(name, check)


def outlet_notes(settings: NVGatewaySettings) -> list[str]:
    """Say how requests leave this machine, without credentials; nothing if they just do.

    Raises:
        ConfigurationError: A setting is malformed.
    """
    from ..sealed_http import outlet_from

    outlet = outlet_from(**settings.outlet)
    notes = []
    if outlet.proxy:
        user = "with" if outlet.proxy.authorization else "without"
        but = ", ".join(sorted(map(str, outlet.direct)))
        notes.append(
            f"requests leave through the proxy {outlet.proxy} ({user} user and password, NVGATEWAY_PROXY)"
            f"{but and f', but not those to {but} (NVGATEWAY_NO_PROXY)'}"
        )
    elif ignored := [name for name in _PROXIES_OF_OTHERS if os.environ.get(name)]:
        notes.append(f"{', '.join(ignored)} is set and has no effect; a proxy for these models is NVGATEWAY_PROXY")
    if outlet.ca_bundle:
        notes.append(f"the authorities in {outlet.ca_bundle} are trusted as well (NVGATEWAY_CA_BUNDLE)")
    return notes


def redis_notes(settings: NVGatewaySettings) -> list[str]:
    """Say if the password for Redis leaves this machine without TLS."""
    if not settings.redis_url:
        return []
    from ..fleet import password_in_the_clear

    note = password_in_the_clear(settings.redis_url)
    return [note] if note else []


def _run(name: str, check: Callable[[], str]) -> CheckResult:
    start = time.perf_counter()
    status: Status = "ok"
    try:
        detail = check()
    except _NotRunError as why:
        status, detail = "not run", str(why)
    except (NVGatewayError, _FailedError) as error:
        status, detail = "failed", str(error)
    return CheckResult(name, status, time.perf_counter() - start, detail)


class _GatewayChecks:
    """The four checks of the Gateway; the later ones use the token of the first."""

    def __init__(self, settings: NVGatewaySettings) -> None:
        self._settings = settings
        self._provider: StarfleetTokenProvider | None = None
        self._sent: set[str] = set()

    def token(self) -> str:
        from ..starfleet import DEFAULT_SCOPE, StarfleetTokenProvider

        settings = self._settings
        if not settings.nvidia_llm_gateway_enabled:
            msg = "NVIDIA_LLM_GATEWAY_ENABLED is false"
            raise _NotRunError(msg)
        values = {
            "STARFLEET_ID": settings.starfleet_id,
            "STARFLEET_SECRET": settings.starfleet_secret,
            "STARFLEET_TOKEN_URL": settings.starfleet_token_url,
        }
        missing = [name for name, value in values.items() if not value]
        if missing:
            msg = f"Missing {', '.join(missing)}: set in the environment or in .env."
            raise _FailedError(msg)
        provider = StarfleetTokenProvider(
            settings.starfleet_token_url or "",
            settings.starfleet_id or "",
            settings.starfleet_secret or "",
            scope=settings.starfleet_scope or DEFAULT_SCOPE,
            **settings.outlet,
        )
        provider.get_token()
        self._provider = provider
        return f"good for {provider.expires_in or 0:.0f} s"

    def chat(self) -> str:
        answer = self._model().invoke("Answer with the single word: ready")
        return f"{answer.response_metadata.get('model_name')}: {_short(answer.text)}"

    def tool_call(self) -> str:
        model = self._model().bind_tools([ROUTE_MESSAGE], tool_choice="route_message")
        return _routed(model.invoke("Please plan how to fix the failing login test."))

    def concurrent_calls(self) -> str:
        model = self._model()
        self._sent.clear()
        with ThreadPoolExecutor(3) as threads:
            answers = list(threads.map(lambda number: model.invoke(f"Say the number {number}"), (1, 2, 3)))
        if len(self._sent) != 1:
            msg = f"three calls used {len(self._sent)} tokens instead of one"
            raise _FailedError(msg)
        return f"{len(answers)} answers with one token"

    def _model(self) -> BaseChatModel:
        from ..chat_models import ChatNVGateway

        if self._provider is None:
            msg = "needs a token"
            raise _NotRunError(msg)
        settings = self._settings
        return ChatNVGateway(
            model=settings.llm_gateway_model or "gpt-4o-mini",
            token_provider=self._token,
            base_url=settings.llm_gateway_base_url,
            api_version=settings.llm_gateway_api_version,
            timeout=settings.request_timeout,
            max_tokens=200,
            **settings.outlet,
        )

    def _token(self) -> str:
        assert self._provider is not None
        token = self._provider.get_token()
        self._sent.add(token)
        return token


def _nim(settings: NVGatewaySettings) -> str:
    from ..chat_models import ChatNIM

    if settings.nvidia_nim_api_key is None:
        msg = "Missing NVIDIA_NIM_API_KEY: set in the environment or in .env."
        raise _FailedError(msg)
    model = ChatNIM(
        api_key=settings.nvidia_nim_api_key,
        base_url=settings.nvidia_nim_base_url,
        status_url=settings.nvidia_nim_status_url,
        timeout=settings.request_timeout,
        max_tokens=200,
        **settings.outlet,
    )
    answer = model.invoke("Answer with the single word: ready")
    tools = model.bind_tools([ROUTE_MESSAGE], tool_choice="route_message")
    called = _routed(tools.invoke("Please plan how to fix the failing login test."))
    return f"{answer.response_metadata.get('model_name')}: {_short(answer.text)}; {called}"


def _redis(url: SecretStr) -> str:
    from ..fleet import check_redis

    found, seconds = check_redis(url)
    if seconds is None:
        msg = f"cannot be used ({found}); check NVGATEWAY_REDIS_URL, and what its user may do (see the README)."
        raise _FailedError(msg)
    return f"{found} answered in {seconds * 1000:.0f} ms"


def _routed(answer: Any) -> str:
    wanted = ROUTE_MESSAGE["function"]["parameters"]["required"]
    for call in answer.tool_calls:
        if call["name"] == "route_message" and set(wanted) <= call["args"].keys():
            return f"route_message(route={call['args']['route']!r}, …)"
    msg = f"no valid call of route_message with {', '.join(wanted)}"
    raise _FailedError(msg)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
