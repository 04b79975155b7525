"""What a role's model costs, against the model that answers and against other ways to have a second one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_nvgateway import ModelManager

from .answers import MODEL
from .calls import calls, invoke_turns
from .history import EDIT, conversation
from .measuring import compare, cpu_of, wall_of
from .models import Bench
from .row import Measurement, Row
from .streams import chunks, stream_turns

__all__ = ["ROWS"]

_ROLE = "planner"


def _healthy_invoke(bench: Bench) -> Measurement:
    return calls(invoke_turns(bench.manager().model(_ROLE), bench.nim()))


def _healthy_stream(bench: Bench) -> Measurement:
    return chunks(stream_turns(bench.manager().model(_ROLE), bench.nim()))


def _open_manager(bench: Bench) -> ModelManager:
    manager = bench.manager()
    manager.breakers[f"nvidia-nim:{MODEL}"].force_open()
    return manager


def _open_invoke(bench: Bench) -> Measurement:
    return calls(invoke_turns(_open_manager(bench).model(_ROLE), bench.gateway()))


def _open_stream(bench: Bench) -> Measurement:
    return chunks(stream_turns(_open_manager(bench).model(_ROLE), bench.gateway()))


def _fallbacks_invoke(bench: Bench) -> Measurement:
    return calls(invoke_turns(bench.manager().model(_ROLE), bench.fallbacks()))


def _fallbacks_stream(bench: Bench) -> Measurement:
    return chunks(stream_turns(bench.manager().model(_ROLE), bench.fallbacks()))


def _failing_over(manager: ModelManager) -> Callable[[], object]:
    """Return a call that asks both models, each time, which takes circuits that forget."""
    model = manager.model(_ROLE)

    def call() -> None:
        manager.reset()
        model.invoke("Hi")

    return call


def _failover_cpu(bench: Bench) -> Measurement:
    fallbacks = bench.fallbacks("503")
    return calls(compare(cpu_of(_failing_over(bench.manager("503"))), cpu_of(lambda: fallbacks.invoke("Hi"))))


def _failover_time(bench: Bench) -> Measurement:
    fallbacks = bench.fallbacks("503")
    return calls(compare(wall_of(_failing_over(bench.manager("503"))), wall_of(lambda: fallbacks.invoke("Hi"))))


def _refused_time(bench: Bench) -> Measurement:
    manager, fallbacks = bench.manager(nim_url=bench.refusing_url), bench.fallbacks(url=bench.refusing_url)
    return calls(compare(wall_of(_failing_over(manager)), wall_of(lambda: fallbacks.invoke("Hi"))))


def _litellm_healthy(bench: Bench) -> Measurement:
    model = bench.manager().model(_ROLE)
    return calls(compare(cpu_of(lambda: model.invoke("Hi")), bench.litellm.turn("healthy")))


def _litellm_history(bench: Bench) -> Measurement:
    model: Any = bench.manager().model(_ROLE).bind_tools([EDIT])
    messages = conversation()
    return calls(compare(cpu_of(lambda: model.invoke(messages)), bench.litellm.turn("history")))


def _litellm_failover_cpu(bench: Bench) -> Measurement:
    return calls(compare(cpu_of(_failing_over(bench.manager("503"))), bench.litellm.turn("failover")))


def _litellm_failover_time(bench: Bench) -> Measurement:
    return calls(compare(wall_of(_failing_over(bench.manager("503"))), bench.litellm.turn("failover", "wall")))


_FALLBACKS = "ChatOpenAI with_fallbacks"
_ROUTER = "LiteLLM's Router"

ROWS = (
    Row("role-invoke", "a healthy role, `invoke`", "its first model", _healthy_invoke, 1.25, 1.1, is_main=True),
    Row("role-stream", "a healthy role, `stream`", "its first model", _healthy_stream, 1.25, 1.1, is_main=True),
    Row(
        "role-open-invoke",
        "a role whose first circuit is open, `invoke`",
        "its second model",
        _open_invoke,
        1.25,
        1.1,
        is_main=True,
    ),
    Row(
        "role-open-stream",
        "a role whose first circuit is open, `stream`",
        "its second model",
        _open_stream,
        1.25,
        1.1,
        is_main=True,
    ),
    Row("fallbacks-invoke", "a healthy role, `invoke`", _FALLBACKS, _fallbacks_invoke, 1.0),
    Row("fallbacks-stream", "a healthy role, `stream`", _FALLBACKS, _fallbacks_stream, 1.0),
    Row("failover-cpu", "a role whose first model says 503: CPU", _FALLBACKS, _failover_cpu, 1.0, is_main=True),
    Row("failover-time", "the same: time until the answer", _FALLBACKS, _failover_time, 1.0, slack=0.1),
    Row("refused-time", "the same, connection refused: time", _FALLBACKS, _refused_time, 1.0, slack=0.1),
    Row("litellm-invoke", "a healthy role, `invoke`", _ROUTER, _litellm_healthy, 1.0, slack=0.05, is_main=True),
    Row("litellm-history", "the same with 50 messages and a tool", _ROUTER, _litellm_history, 1.0, slack=0.05),
    Row(
        "litellm-failover-cpu",
        "a role whose first model says 503: CPU",
        _ROUTER,
        _litellm_failover_cpu,
        1.0,
        slack=0.05,
    ),
    Row("litellm-failover-time", "the same: time until the answer", _ROUTER, _litellm_failover_time, 1.0, slack=0.1),
)
