"""What an instrumentation of LangChain makes of a role's calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from langchain_nvgateway import ModelManager, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.otel import instrument
from langchain_nvgateway.testing import ScriptedChatModel, dies_after

from ..chat_models.calling import STYLES
from ..manager.fakes import failing, saying
from .reading import Metrics, Spans, manager_of

DOWN = ModelAPIError("down")
WIRE_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

each_style = pytest.mark.parametrize("style", STYLES)


@pytest.fixture(autouse=True)
def _instrumented(spans: Spans) -> Iterator[None]:
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider)
    yield
    instrumentor.uninstrument()


def role_and_legs(spans: Spans) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The span of the role and those of its legs, of which it has to be the parent."""
    kinds: dict[Any, list[ReadableSpan]] = {}
    for span in spans.ended:
        kinds.setdefault((span.attributes or {}).get("openinference.span.kind"), []).append(span)
    (role,), legs = kinds["CHAIN"], kinds["LLM"]
    assert role.context
    assert all(leg.parent and leg.parent.span_id == role.context.span_id for leg in legs)
    return role, legs


def tokens(span: ReadableSpan) -> Any:
    return (span.attributes or {}).get("llm.token_count.total")


@each_style
def test_each_attempt_is_a_child_of_the_role(style: str, spans: Spans) -> None:
    """The one that failed has an error, and tokens are counted once, at the one that answered."""
    STYLES[style](manager_of(failing(DOWN), saying("three words here")).model("planner"))
    role, (failed, answered) = role_and_legs(spans)
    assert (role.name, role.status.status_code, tokens(role)) == ("planner model", StatusCode.OK, None)
    assert (failed.status.status_code, tokens(failed)) == (StatusCode.ERROR, None)
    assert (answered.status.status_code, tokens(answered)) == (StatusCode.OK, 4)


@each_style
def test_attempts_over_http_are_seen_alike(style: str, emu: Emulator, spans: Spans) -> None:
    """With the names of the models that were asked, and the tokens that the service counted."""
    emu.nim.fail_always("internal_error")
    emu.gateway.reply_next(Reply(text="fine", usage=WIRE_USAGE))
    STYLES[style](ModelManager.from_env().model("planner"))
    _, (failed, answered) = role_and_legs(spans)
    assert (failed.name, failed.status.status_code) == ("ChatNIM", StatusCode.ERROR)
    assert (answered.name, answered.status.status_code, tokens(answered)) == ("ChatNVGateway", StatusCode.OK, 18)
    assert str((answered.attributes or {})["llm.model_name"]).startswith("gpt-4o")


@pytest.mark.parametrize("style", ["stream", "astream"])
def test_an_interrupted_stream_is_an_error_of_the_role(style: str, spans: Spans) -> None:
    """And of the leg."""
    manager = manager_of(ScriptedChatModel(dies_after("some words", DOWN)), saying("never asked"))
    with pytest.raises(StreamInterruptedError):
        STYLES[style](manager.model("planner"))
    role, (leg,) = role_and_legs(spans)
    assert role.status.status_code == leg.status.status_code == StatusCode.ERROR


@each_style
def test_both_instrumentations_get_along(style: str, spans: Spans, metrics: Metrics) -> None:
    """Its spans are those of the application's trace, whose own span has our events."""
    manager = manager_of(failing(DOWN), saying("fine"))
    instrument(manager, meter_provider=metrics.provider)
    with spans.request() as request:
        STYLES[style](manager.model("planner"))
    role, _ = role_and_legs(spans)
    assert role.parent
    assert role.parent.span_id == request.get_span_context().span_id
    assert [name for name, _ in spans.events] == ["nvgateway.attempt_failed", "nvgateway.fallback"]
    assert metrics.values("nvgateway.attempts", "nvgateway.outcome") == {"failed": 1, "answered": 1}
