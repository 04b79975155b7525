"""The Gateway lets in who holds a token and complains as Azure OpenAI does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_nvgateway.emulator import Emulator

from .conftest import WEATHER_TOOL, Ask
from .raw_client import parse_events

LONG_ID = "chatcmpl-tool-" + "0" * 32


def turn_with_calls(*ids: str) -> dict[str, Any]:
    """Write an assistant's turn that calls a tool once per id."""
    function = {"name": "get_weather", "arguments": "{}"}
    calls = [{"id": one, "type": "function", "function": function} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result_of(id: str) -> dict[str, Any]:
    """Write a tool's result."""
    return {"role": "tool", "tool_call_id": id, "content": "sunny"}


USER = {"role": "user", "content": "Weather?"}


@pytest.mark.parametrize("header", [("authorization", "Bearer {}"), ("api-key", "{}")])
def test_a_token_opens_both_routes(emu: Emulator, client: httpx.Client, token: str, header: tuple[str, str]) -> None:
    """A token is good as a bearer and as an API key, on both routes, with any slashes."""
    base = emu.env["LLM_GATEWAY_BASE_URL"]
    body = {"model": "gpt-4o", "messages": [USER]}
    for path in (
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-12-01-preview",
        "//openai/deployments/gpt-4o/chat/completions/?api-version=2023-03-15-preview",
        "/chat/completions",
        "/chat/completions?api-version=2025-04-01-preview",
    ):
        headers = {header[0]: header[1].format(token)}
        answer = client.post(base + path, headers=headers, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"] == "gpt-4o-2024-11-20"
        assert answer.headers["x-ratelimit-remaining-requests"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer fake-other"}, {"api-key": "x"}])
def test_without_a_good_token_nothing_is_served(emu: Emulator, client: httpx.Client, headers: dict[str, str]) -> None:
    """A missing or unknown token is 401."""
    answer = client.get(emu.origin + "/llm/v1/models", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "401")


def test_a_token_for_another_scope_is_forbidden(emu: Emulator, client: httpx.Client) -> None:
    """Scopes are per route."""
    form = {"grant_type": "client_credentials", "scope": "awsanthropic-readwrite"}
    url = emu.env["STARFLEET_TOKEN_URL"]
    token = client.post(url, auth=("fake-id", "fake-secret"), data=form).json()["access_token"]
    answer = client.get(emu.origin + "/llm/v1/models", headers={"api-key": token})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 404), ("?api-version=latest", 400), ("?api-version=2019-01-01", 400)],
)
def test_the_deployment_route_needs_a_known_version(
    emu: Emulator, client: httpx.Client, token: str, query: str, status: int
) -> None:
    """Without `api-version` there is no such resource, with a bad one it is a bad request."""
    url = emu.env["LLM_GATEWAY_BASE_URL"] + "/openai/deployments/gpt-4o/chat/completions" + query
    answer = client.post(url, headers={"api-key": token}, json={"messages": [USER]})
    assert answer.status_code == status


def test_an_unknown_deployment_is_not_found(ask_gateway: Ask) -> None:
    """Azure's words for a deployment that does not exist."""
    answer = ask_gateway(model="gpt-9")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DeploymentNotFound")


def test_a_client_may_use_what_it_is_entitled_to(emu: Emulator, ask_gateway: Ask, client: httpx.Client) -> None:
    """Other deployments are forbidden and not listed."""
    emu.gateway.entitled = {"gpt-4o-mini"}
    assert ask_gateway(model="gpt-4o-mini").status_code == 200
    assert ask_gateway(model="gpt-4o").status_code == 403
    listed = client.get(emu.origin + "/llm/v1/models", headers={"api-key": "fake-static"}).json()
    assert [model["id"] for model in listed["data"]] == ["gpt-4o-mini"]


def test_a_correlation_id_is_echoed_when_wanted(emu: Emulator, client: httpx.Client, ask_gateway: Ask) -> None:
    """Whether the real service echoes it is not known, so it can be chosen."""
    url = emu.origin + "/llm/v1/models"
    headers = {"api-key": "fake-static", "correlationId": "abc"}
    assert "correlationid" not in client.get(url, headers=headers).headers
    emu.gateway.echo_correlation_id = True
    assert client.get(url, headers=headers).headers["correlationid"] == "abc"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([USER, turn_with_calls(LONG_ID), result_of(LONG_ID)], "string with maximum length 40"),
        ([USER, turn_with_calls("a")], "did not have response messages: a"),
        ([USER, turn_with_calls("a", "b"), result_of("a"), USER], "response messages: b"),
        ([USER, result_of("a")], "must be a response to a preceeding message"),
        ([USER, turn_with_calls("a"), USER, result_of("a")], "did not have response messages: a"),
        ([USER, turn_with_calls("a"), result_of("b")], "must be a response to"),
        ([USER, {"role": "assistant", "content": None}], "expected a string, got null"),
        (
            [{"role": "user", "content": [{"type": "thinking", "thinking": "hm"}]}],
            "Invalid value: 'thinking'",
        ),
        ([], "empty array"),
    ],
)
def test_a_conversation_that_openai_refuses_is_refused(
    ask_gateway: Ask, messages: list[dict[str, Any]], words: str
) -> None:
    """Ids, pairs and contents are checked, in OpenAI's words."""
    answer = ask_gateway(messages)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_an_id_that_is_too_long_has_its_code(ask_gateway: Ask) -> None:
    """The code is what clients look for."""
    answer = ask_gateway([USER, turn_with_calls(LONG_ID), result_of(LONG_ID)])
    error = answer.json()["error"]
    assert error["code"] == "string_above_max_length"
    assert error["param"] == "messages[1].tool_calls[0].id"


def test_a_good_tool_conversation_is_accepted(ask_gateway: Ask) -> None:
    """Calls with their results pass, list contents too."""
    result = result_of("b") | {"content": [{"type": "text", "text": "rain"}]}
    answer = ask_gateway([USER, turn_with_calls("a", "b"), result_of("a"), result])
    assert "rain" in answer.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"max_tokens": 5}, "unsupported_parameter"),
        ({"temperature": 0.2}, "unsupported_value"),
        ({"temperature": 1, "max_completion_tokens": 50}, None),
    ],
)
@pytest.mark.parametrize("model", ["o3-mini", "o4-mini", "gpt-5", "gpt-5-nano"])
def test_reasoning_models_take_fewer_parameters(
    ask_gateway: Ask, model: str, parameters: dict[str, Any], code: str | None
) -> None:
    """The o-series and gpt-5 refuse `max_tokens` and a temperature."""
    answer = ask_gateway(model=model, **parameters)
    assert answer.json().get("error", {}).get("code") == code


@pytest.mark.parametrize(
    "parameters",
    [
        {"stream_options": {"include_usage": True}},
        {"tools": []},
        {"tool_choice": "auto"},
        {"parallel_tool_calls": False},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_parameters_that_openai_refuses_are_refused(ask_gateway: Ask, parameters: dict[str, Any]) -> None:
    """Parameters that make no sense together are a bad request."""
    assert ask_gateway(**parameters).status_code == 400


def test_a_stream_has_the_form_of_azure(ask_gateway: Ask) -> None:
    """First no choices but filter results, then role, text, finish, usage and the end."""
    answer = ask_gateway(stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    first, role, *texts, finish, usage, done = parse_events(answer.text)
    assert (first["choices"], first["id"], first["model"]) == ([], "", "")
    assert first["prompt_filter_results"]
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "Hello" in "".join(event["choices"][0]["delta"]["content"] for event in texts)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] > 0
    assert done == "[DONE]"
    assert len({event["id"] for event in (role, *texts, finish, usage)}) == 1


def test_a_stream_without_the_wish_has_no_usage(ask_gateway: Ask) -> None:
    """Usage comes only when asked for."""
    assert "usage" not in ask_gateway(stream=True).text


def test_a_streamed_call_comes_in_pieces(ask_gateway: Ask) -> None:
    """Id and name come first, arguments in pieces that cut JSON escapes in two."""
    answer = ask_gateway('Weather in "a\tb"?', tools=[WEATHER_TOOL], stream=True)
    events = parse_events(answer.text)
    deltas = [d for e in events[1:-1] for c in e["choices"] for d in c["delta"].get("tool_calls", ())]
    assert deltas[0]["id"].startswith("call_")
    assert deltas[0]["function"] == {"name": "get_weather", "arguments": ""}
    pieces = [delta["function"]["arguments"] for delta in deltas[1:]]
    assert any(piece.endswith("\\") for piece in pieces)
    assert r'"location":"a\tb"' in "".join(pieces)


def test_embeddings_are_the_same_for_the_same_text(
    emu: Emulator, client: httpx.Client, get_token: Callable[[], httpx.Response]
) -> None:
    """Vectors are deterministic, of unit length, and can come packed."""
    token = get_token().json()["access_token"]
    url = emu.env["LLM_GATEWAY_BASE_URL"] + "/openai/deployments/text-embedding-3-small/embeddings"

    def embed(**body: Any) -> list[Any]:
        answer = client.post(url, params={"api-version": "2024-10-21"}, headers={"api-key": token}, json=body)
        return [item["embedding"] for item in answer.json()["data"]]

    cat, dog = embed(input=["cat", "dog"], dimensions=8)
    assert (embed(input="cat", dimensions=8), len(cat)) == ([cat], 8)
    assert cat != dog
    assert abs(sum(x * x for x in cat) - 1) < 1e-9
    assert isinstance(embed(input="cat", encoding_format="base64")[0], str)
