"""NIM lets in who holds the key and complains as vLLM behind cloud functions does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from langchain_nvgateway.emulator import Emulator, Fault

from .conftest import NIM_MODEL, WEATHER_TOOL, Ask
from .raw_client import parse_events

USER = {"role": "user", "content": "Weather?"}
HEADERS = {"authorization": "Bearer fake-nim-key"}


def turn(*arguments: str, content: Any = None) -> dict[str, Any]:
    """Write an assistant's turn that calls a tool once per arguments."""
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": text}}
        for n, text in enumerate(arguments)
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


RESULT = {"role": "tool", "tool_call_id": "c0", "content": "sunny"}


def test_a_good_answer_has_the_headers_of_cloud_functions(ask_nim: Ask) -> None:
    """Request id and status are there, rate limits are not."""
    answer = ask_nim()
    assert answer.json()["model"] == NIM_MODEL
    assert answer.headers["nvcf-status"] == "fulfilled"
    assert len(answer.headers["nvcf-reqid"]) == 36
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_a_bad_key_is_forbidden(emu: Emulator, client: httpx.Client) -> None:
    """It is 403 with a problem body, not 401."""
    url = emu.env["NVIDIA_NIM_BASE_URL"] + "/models"
    answer = client.get(url, headers={"authorization": "Bearer fake-other"})
    problem = {"status": 403, "title": "Forbidden", "detail": "Authorization failed"}
    assert (answer.status_code, answer.json()) == (403, problem)


def test_an_unknown_model_is_not_found(ask_nim: Ask) -> None:
    """The function is not found for the account."""
    answer = ask_nim(model="meta/unknown")
    assert answer.status_code == 404
    assert "Not found for account" in answer.json()["detail"]


def test_the_models_are_listed(emu: Emulator, client: httpx.Client) -> None:
    """The default model comes first."""
    listed = client.get(emu.env["NVIDIA_NIM_BASE_URL"] + "/models", headers=HEADERS).json()
    assert listed["data"][0]["id"] == NIM_MODEL


def test_tool_call_ids_are_too_long_for_the_gateway(ask_nim: Ask) -> None:
    """An id is `chatcmpl-tool-` and 32 hex digits."""
    answer = ask_nim("Weather in Dublin?", tools=[WEATHER_TOOL])
    [call] = answer.json()["choices"][0]["message"]["tool_calls"]
    prefix, digits = call["id"][:14], call["id"][14:]
    assert (prefix, len(digits)) == ("chatcmpl-tool-", 32)
    assert int(digits, 16)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([USER, turn('{"a": 1 "b": 2}'), RESULT], "Expecting ',' delimiter: line 1 column 9 (char 8)"),
        ([USER, turn(""), RESULT], "Expecting value: line 1 column 1 (char 0)"),
        ([USER, turn("{}", content=""), RESULT], "content must not be empty"),
        ([USER, turn("{}", content=[{"type": "text", "text": "x"}]), RESULT], "valid string"),
        ([{"role": "system", "content": [{"type": "text", "text": "x"}]}, USER], "valid string"),
    ],
)
def test_a_history_that_vllm_cannot_take_is_refused(
    emu: Emulator, ask_nim: Ask, messages: list[dict[str, Any]], words: str
) -> None:
    """A malformed call poisons every later request, until checks are turned off."""
    answer = ask_nim(messages)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    emu.nim.check_history = False
    assert ask_nim(messages).status_code == 200


def test_a_good_history_is_accepted(ask_nim: Ask) -> None:
    """Null content beside calls is fine, and so are two calls."""
    assert ask_nim([USER, turn("{}", '{"a": 1}'), RESULT]).status_code == 200


def test_a_model_may_take_one_call_per_turn_only(emu: Emulator, ask_nim: Ask) -> None:
    """A replayed turn with two calls breaks such a model."""
    emu.nim.single_tool_calls = True
    assert ask_nim([USER, turn("{}"), RESULT]).status_code == 200
    answer = ask_nim([USER, turn("{}", "{}"), RESULT])
    assert answer.status_code == 500
    assert "only supports single tool-calls at once!" in answer.json()["error"]["message"]


def test_a_model_may_know_no_tools(emu: Emulator, ask_nim: Ask) -> None:
    """Its error is a flat string."""
    emu.nim.tools_supported = False
    answer = ask_nim(tools=[WEATHER_TOOL])
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Tool use has not been enabled")


def test_a_request_without_messages_fails_validation(ask_nim: Ask) -> None:
    """The error lists where it went wrong."""
    answer = ask_nim([])
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "messages"])


@pytest.mark.parametrize("status_path", ["/nim/status", "/v2/nvcf/pexec/status"])
def test_a_pending_answer_is_polled_until_it_is_there(
    emu: Emulator, client: httpx.Client, ask_nim: Ask, status_path: str
) -> None:
    """202 as often as was asked for, then the answer, then nothing is known of it."""
    emu.nim.fail_next(Fault("pending_202", polls=2))
    first = ask_nim("ping pong")
    assert (first.status_code, first.content) == (202, b"")
    url = f"{emu.nim.origin}{status_path}/{first.headers['nvcf-reqid']}"
    polls = [client.get(url, headers=HEADERS) for _ in range(4)]
    assert [poll.status_code for poll in polls] == [202, 202, 200, 404]
    assert "ping pong" in polls[2].text
    assert client.get(url).status_code == 403


def test_a_stream_begins_with_a_role_and_counts_only_if_it_can(emu: Emulator, ask_nim: Ask) -> None:
    """Usage comes when asked for, from models that report it."""
    wish = {"stream": True, "stream_options": {"include_usage": True}}
    events = parse_events(ask_nim(**wish).text)
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-2]["usage"]["completion_tokens"] > 0
    emu.nim.stream_usage = False
    assert '"usage"' not in ask_nim(**wish).text


def test_an_unknown_path_is_plain_text(emu: Emulator, client: httpx.Client) -> None:
    """The front door says so in plain text."""
    answer = client.get(emu.nim.origin + "/nim/v1/nothing", headers=HEADERS)
    assert (answer.status_code, answer.text) == (404, "404 page not found")
