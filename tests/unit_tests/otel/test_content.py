"""That nothing of what is said gets out by metrics and spans."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError

from langchain_nvgateway import AllProvidersFailedError, ModelManager, StreamInterruptedError
from langchain_nvgateway.emulator import Emulator, Reply
from langchain_nvgateway.otel import instrument
from langchain_nvgateway.testing import ScriptedChatModel, broken_call, dies_after

from ..chat_models.calling import STYLES
from ..manager.fakes import failing
from .reading import Metrics, Spans, manager_of

CANARY = "c4n4ry"

ALLOWED = {
    "error.type",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "nvgateway.circuit.kind",
    "nvgateway.next.gen_ai.provider.name",
    "nvgateway.next.gen_ai.request.model",
    "nvgateway.outcome",
    "nvgateway.reason",
    "nvgateway.role",
}

METRICS = (
    "nvgateway.attempts",
    "gen_ai.client.operation.duration",
    "nvgateway.fallbacks",
    "nvgateway.rejected_answers",
    "nvgateway.egress_denials",
    "nvgateway.token_refreshes",
    "nvgateway.circuit.state",
)


def run(command: str) -> str:
    """Run a command.

    Args:
        command: Which.
    """
    return command


def told(metrics: Metrics, spans: Spans) -> list[dict[str, Any]]:
    """All attributes of all points and events."""
    points = [dict(point.attributes) for metric in METRICS for point in metrics.points(metric)]
    return points + [attributes for _, attributes in spans.events]


@pytest.mark.parametrize("style", STYLES)
def test_messages_arguments_and_errors_stay_inside(style: str, metrics: Metrics, spans: Spans) -> None:
    """Whatever fails, and in whatever words."""
    nim = ScriptedChatModel(
        broken_call("run", f'{{"command": "{CANARY}'),
        broken_call(CANARY, "{}"),
        dies_after(f"{CANARY} words", ModelAPIError(CANARY)),
        f"{CANARY} at last",
    )
    manager = manager_of(nim, failing(ModelAPIError(f"{CANARY} is down")))
    instrument(manager, meter_provider=metrics.provider)
    with spans.request():
        for _ in range(4):
            manager.reset()
            try:
                STYLES[style](manager.model("planner").bind_tools([run]), f"{CANARY} of the user")
            except (AllProvidersFailedError, StreamInterruptedError):
                continue
    found = told(metrics, spans)
    assert len(found) > 10
    assert CANARY not in str(found) + str(spans.events)
    assert {name for attributes in found for name in attributes} <= ALLOWED


def test_secrets_and_addresses_stay_inside(emu: Emulator, metrics: Metrics, spans: Spans) -> None:
    """Tokens, keys, hosts and correlation ids."""
    emu.nim.reply_next(Reply(text=" "))
    emu.nim.fail_next("redirect")
    manager = ModelManager.from_env()
    instrument(manager, meter_provider=metrics.provider)
    with spans.request():
        answers = [manager.model("planner").invoke("hello") for _ in range(2)]
    emu.wait_until(lambda: metrics.total("nvgateway.token_refreshes") == 1)
    found = str(told(metrics, spans)) + str(spans.events)
    secrets = [value for name, value in emu.env.items() if name.endswith(("_ID", "_SECRET", "_KEY", "_URL"))]
    ids = [answer.response_metadata["correlation_id"] for answer in answers]
    assert len(secrets) > 3
    assert not [secret for secret in (*secrets, *ids, "127.0.0.1", "localhost") if secret in found]
