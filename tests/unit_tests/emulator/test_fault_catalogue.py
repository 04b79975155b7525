"""Every fault of every service does what its name says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from langchain_nvgateway.emulator import Emulator, Fault
from langchain_nvgateway.emulator.gateway_faults import GATEWAY_FAULTS
from langchain_nvgateway.emulator.nim_faults import NIM_FAULTS
from langchain_nvgateway.emulator.starfleet_faults import STARFLEET_FAULTS
from langchain_nvgateway.emulator.transport_faults import TRANSPORT_FAULTS

from .conftest import NIM_MODEL
from .raw_client import Seen, exchange

Check = Callable[[Seen], object]
SILENCE = 0.15
"""Seconds after which a server that says nothing counts as hanging."""


def finish_reasons(seen: Seen) -> list[Any]:
    """List the finish reasons that a stream has sent."""
    events = [e for e in seen.events if isinstance(e, dict) and e.get("choices")]
    return [r for e in events for c in e["choices"] if (r := c.get("finish_reason"))]


def is_json(seen: Seen) -> bool:
    """Say whether the body is JSON."""
    try:
        json.loads(seen.body)
    except ValueError:
        return False
    return True


def token_field(name: str) -> Check:
    """Make a check for a field of a token answer that a healthy one would not have so."""
    usual = {"expires_in": 900, "token_type": "Bearer"}
    return lambda seen: repr(seen.json.get(name, "absent")) != repr(usual.get(name, "usual"))


TRANSPORT: dict[str, Check] = {
    "hang": lambda s: (s.data, s.end) == (b"", "silence"),
    "disconnect": lambda s: (s.data, s.end) == (b"", "closed"),
    "reset": lambda s: (s.data, s.end) == (b"", "reset"),
    "garbage": lambda s: s.data and not s.data.startswith(b"HTTP"),
    "bad_chunk_framing": lambda s: s.data.partition(b"\r\n\r\n")[2].startswith(b"ZZ"),
    "content_length_too_long": lambda s: announced(s) > len(s.body) > 0,
    "content_length_too_short": lambda s: 0 < announced(s) < len(s.body),
    "slow_drip": lambda s: s.end == "silence" and len(s.body) == 1,
    "drip_headers": lambda s: s.end == "silence" and s.data == b"H",
    "connection_close": lambda s: s.status == 200 and "connection: close" in s.head,
    "redirect": lambda s: s.status == 302 and "location: https://elsewhere.invalid/" in s.head,
    "huge": lambda s: len(s.data) >= 1_000_000,
    "gzip_bomb": lambda s: "content-encoding: gzip" in s.head and announced(s) < 100_000,
    "malformed_json": lambda s: s.status == 200 and not is_json(s),
    "invalid_utf8": lambda s: s.status == 200 and b"\xff\xfe" in s.body,
    "echo_secret": lambda s: s.status == 400 and b"authorization" in s.data.lower(),
    "html_200": lambda s: s.status == 200 and s.body.startswith(b"<!DOCTYPE html>"),
    "empty_200": lambda s: (s.status, s.body) == (200, b""),
    "bad_gateway_html": lambda s: s.status == 502 and b"nginx" in s.body,
}


def announced(seen: Seen) -> int:
    """Return the announced length of the body."""
    return int(seen.head.partition("content-length: ")[2].split("\r\n")[0])


def status(code: int) -> Check:
    """Make a check for a status."""
    return lambda seen: seen.status == code


STARFLEET: dict[str, Check] = {
    "invalid_client_400": lambda s: (s.status, s.json["error"]) == (400, "invalid_client"),
    "invalid_client_401": lambda s: s.status == 401 and "www-authenticate: basic" in s.head,
    "invalid_client_403": lambda s: (s.status, s.json["error"]) == (403, "invalid_client"),
    "invalid_scope": lambda s: (s.status, s.json["error"]) == (400, "invalid_scope"),
    "invalid_request": lambda s: (s.status, s.json["error"]) == (400, "invalid_request"),
    "unsupported_grant_type": lambda s: s.json["error"] == "unsupported_grant_type",
    "unauthorized_client": lambda s: s.json["error"] == "unauthorized_client",
    "not_found": status(404),
    "request_timeout": status(408),
    "rate_limited": lambda s: s.status == 429 and "retry-after: 5" in s.head,
    "server_error": status(500),
    "unavailable": status(503),
    "html": TRANSPORT["html_200"],
    "empty": TRANSPORT["empty_200"],
    "no_access_token": lambda s: s.status == 200 and "access_token" not in s.json,
    "null_access_token": lambda s: s.json["access_token"] is None,
    "empty_access_token": lambda s: s.json["access_token"] == "",
    "blank_access_token": lambda s: "\r\n" in s.json["access_token"],
    "number_access_token": lambda s: s.json["access_token"] == 12345,
    "array_200": lambda s: isinstance(s.json, list),
    "error_with_200": lambda s: s.status == 200 and "error" in s.json,
    "no_token_type": token_field("token_type"),
    "odd_token_type": token_field("token_type"),
    **{
        f"{kind}_expires_in": token_field("expires_in")
        for kind in (
            *("no", "null", "text", "digits", "float", "zero", "negative", "nan"),
            *("infinite", "boolean", "huge", "list"),
        )
    },
}
WHOLE: dict[str, Check] = {
    "hang_mid_stream": lambda s: s.end == "silence" and 0 < len(s.body) < announced(s),
    "disconnect_mid_stream": lambda s: s.end == "closed" and 0 < len(s.body) < announced(s),
    "reset_mid_stream": lambda s: s.end == "reset",
    "cut_stream": lambda s: s.json["choices"][0]["finish_reason"] is None,
    "no_done": lambda s: s.json["choices"][0]["finish_reason"] == "stop",
    "done_only": lambda s: s.json["choices"][0]["finish_reason"] is None,
    "error_in_stream": lambda s: s.status == 200 and "error" in s.json,
    "malformed_event": lambda s: s.status == 200 and not is_json(s),
    "content_filter_finish": lambda s: s.json["choices"][0]["finish_reason"] == "content_filter",
    "length_finish": lambda s: s.json["choices"][0]["finish_reason"] == "length",
    "error_object_200": lambda s: s.status == 200 and "error" in s.json,
    "empty_choices": lambda s: s.json["choices"] == [],
    "null_choices": lambda s: s.json["choices"] is None,
    "missing_choices": lambda s: "choices" not in s.json,
    "missing_message": lambda s: "message" not in s.json["choices"][0],
    "null_message": lambda s: s.json["choices"][0]["message"] is None,
    "empty_content": lambda s: s.json["choices"][0]["message"]["content"] == "",
}
STREAMED: dict[str, Check] = {
    "hang_mid_stream": lambda s: s.end == "silence" and s.body and not finish_reasons(s),
    "disconnect_mid_stream": lambda s: s.end == "closed" and s.body and not s.data.endswith(b"0\r\n\r\n"),
    "reset_mid_stream": lambda s: s.end == "reset",
    "cut_stream": lambda s: s.data.endswith(b"0\r\n\r\n") and not finish_reasons(s) and "[DONE]" not in s.events,
    "no_done": lambda s: finish_reasons(s) == ["stop"] and "[DONE]" not in s.events,
    "done_only": lambda s: not finish_reasons(s) and s.events[-1] == "[DONE]",
    "error_in_stream": lambda s: "error" in s.events[-2] and not finish_reasons(s),
    "malformed_event": lambda s: isinstance(s.events[-2], str),
    "content_filter_finish": lambda s: finish_reasons(s) == ["content_filter"],
    "length_finish": lambda s: finish_reasons(s) == ["length"],
    "error_object_200": lambda s: "error" in s.events[-2],
    "empty_choices": lambda s: all(e == "[DONE]" or e["choices"] == [] for e in s.events),
    "null_choices": lambda s: all(e == "[DONE]" or e["choices"] is None for e in s.events),
    "missing_choices": lambda s: all(e == "[DONE]" or "choices" not in e for e in s.events),
    "missing_message": lambda s: b'"delta"' not in s.body,
    "null_message": lambda s: b'"delta":null' in s.body,
    "empty_content": lambda s: b'"content":"",' in s.body or b'"content":""}' in s.body,
}
GATEWAY: dict[str, Check] = {
    "token_expired": lambda s: s.status == 401 and b"token has expired" in s.body,
    "unauthorized": status(401),
    "forbidden": status(403),
    "deployment_not_found": lambda s: s.json["error"]["code"] == "DeploymentNotFound",
    "not_found": status(404),
    "timeout_408": status(408),
    "conflict": status(409),
    "gone": status(410),
    "payload_too_large": status(413),
    "validation_422": status(422),
    "rate_limited": lambda s: b"Please retry after 2 seconds" in s.body and "-after: 2" in s.head,
    "rate_limited_ms": lambda s: s.status == 429 and "retry-after-ms: 2000" in s.head,
    "rate_limited_in_body": lambda s: b"retry after 2" in s.body and "retry-after" not in s.head,
    "bad_request": status(400),
    "context_length_exceeded": lambda s: s.json["error"]["code"] == "context_length_exceeded",
    "content_filter": lambda s: s.json["error"]["innererror"]["code"] == "ResponsibleAIPolicyViolation",
    "content_filter_in_stream": lambda s: s.status == 200 and b"content_filter" in s.body,
    "internal_error": status(500),
    "unavailable": status(503),
    "gateway_timeout": status(504),
    "overloaded_529": status(529),
}
NIM: dict[str, Check] = {
    "tools_unsupported_flat": lambda s: (
        s.json["error"] == f"Tool use has not been enabled, because it is unsupported by {NIM_MODEL}."
    ),
    "auto_tool_choice_unsupported": lambda s: '"auto"' in s.json["error"]["message"],
    "degraded": lambda s: "DEGRADED function" in s.json["detail"],
    "malformed_history": lambda s: s.json["error"]["message"].startswith("Expecting ','"),
    "bad_request": status(400),
    "context_length_exceeded": lambda s: "maximum context" in s.json["error"]["message"],
    "unauthorized": status(401),
    "forbidden": lambda s: s.json["detail"] == "Authorization failed",
    "not_found": lambda s: "Not found for account" in s.json["detail"],
    "not_found_plain": lambda s: (s.status, s.body) == (404, b"404 page not found"),
    "timeout_408": status(408),
    "gone": lambda s: s.status == 410 and "reached its end of life on" in s.json["detail"],
    "payload_too_large": status(413),
    "validation_422": lambda s: s.status == 422 and s.json["detail"][0]["loc"],
    "rate_limited": lambda s: s.status == 429 and "retry-after" not in s.head,
    "internal_error": lambda s: s.json["error"]["type"] == "internal_server_error",
    "engine_core": lambda s: s.json["error"]["message"].startswith("EngineCore encountered"),
    "empty_500": lambda s: (s.status, s.body) == (500, b""),
    "single_tool_calls": lambda s: "single tool-calls" in s.json["error"]["message"],
    "unavailable": status(503),
    "gateway_timeout": status(504),
    "empty_202": lambda s: (s.status, s.body) == (202, b""),
    "pending_202": lambda s: (s.status, s.body) == (202, b"") and "nvcf-reqid: " in s.head,
    "pending_forever": lambda s: s.status == 202 and "nvcf-status: pending" in s.head,
}


def unhurried(name: str) -> Fault:
    """Make a fault whose drops, if it drips, are further apart than the client waits."""
    return Fault(name, interval=60.0)


def patience(name: str) -> float:
    """Return the seconds to wait for a fault: those that go silent need not be waited for."""
    return SILENCE if name in ("hang", "slow_drip", "drip_headers", "hang_mid_stream") else 5.0


def ask_chat(emu: Emulator, service: str, name: str, *, stream: bool) -> Seen:
    """Ask a chat service something, on a bare socket."""
    body: dict[str, Any] = {"model": NIM_MODEL, "stream": stream}
    body["messages"] = [{"role": "user", "content": "Say something of some length, please"}]
    url = emu.env["NVIDIA_NIM_BASE_URL"] + "/chat/completions"
    key = "fake-nim-key"
    if service == "gateway":
        emu.gateway.static_tokens.add(key)
        url = emu.env["LLM_GATEWAY_BASE_URL"] + "/chat/completions"
        body["model"] = "gpt-4o"
    return exchange(
        url,
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        body=json.dumps(body).encode(),
        timeout=patience(name),
    )


def test_the_tables_here_name_every_fault(emu: Emulator) -> None:
    """A fault without a check here would be a fault that nobody has seen work."""
    assert set(emu.starfleet.fault_names) == {*TRANSPORT, *STARFLEET}
    assert set(emu.gateway.fault_names) == {*TRANSPORT, *WHOLE, *GATEWAY}
    assert set(emu.nim.fault_names) == {*TRANSPORT, *WHOLE, *NIM}
    assert set(WHOLE) == set(STREAMED)
    assert TRANSPORT_FAULTS.keys() == TRANSPORT.keys()
    assert STARFLEET_FAULTS.keys() == STARFLEET.keys()
    assert GATEWAY_FAULTS.keys() == {*WHOLE, *GATEWAY}
    assert NIM_FAULTS.keys() == {*WHOLE, *NIM} - {"pending_202", "pending_forever"}


@pytest.mark.parametrize("name", [*TRANSPORT, *STARFLEET])
def test_a_starfleet_fault_does_what_it_says(emu: Emulator, name: str) -> None:
    """Each fault of the token endpoint looks on the wire as its name says."""
    emu.starfleet.fail_next(unhurried(name))
    seen = exchange(
        emu.env["STARFLEET_TOKEN_URL"],
        headers={
            "Authorization": "Basic " + base64.b64encode(b"fake-id:fake-secret").decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=b"grant_type=client_credentials&scope=azureopenai-readwrite",
        timeout=patience(name),
    )
    assert {**TRANSPORT, **STARFLEET}[name](seen), seen


@pytest.mark.parametrize("name", [*TRANSPORT, *WHOLE, *GATEWAY])
def test_a_gateway_fault_does_what_it_says(emu: Emulator, name: str) -> None:
    """Each fault of the Gateway looks on the wire as its name says."""
    emu.gateway.fail_next(unhurried(name))
    seen = ask_chat(emu, "gateway", name, stream=False)
    assert {**TRANSPORT, **WHOLE, **GATEWAY}[name](seen), seen


@pytest.mark.parametrize("name", [*TRANSPORT, *WHOLE, *NIM])
def test_a_nim_fault_does_what_it_says(emu: Emulator, name: str) -> None:
    """Each fault of NIM looks on the wire as its name says."""
    emu.nim.fail_next(unhurried(name))
    seen = ask_chat(emu, "nim", name, stream=False)
    assert {**TRANSPORT, **WHOLE, **NIM}[name](seen), seen


@pytest.mark.parametrize("service", ["gateway", "nim"])
@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_fault_does_what_it_says(emu: Emulator, service: str, name: str) -> None:
    """Each fault in the middle of a stream looks on the wire as its name says."""
    getattr(emu, service).fail_next(name)
    seen = ask_chat(emu, service, name, stream=True)
    assert STREAMED[name](seen), seen


def test_a_fault_can_be_adjusted(emu: Emulator) -> None:
    """The fields of a fault change the named one."""
    emu.gateway.fail_next(Fault("rate_limited", retry_after=17, headers={"X-Extra": "1"}))
    seen = ask_chat(emu, "gateway", "", stream=False)
    assert seen.status == 429
    assert "retry-after: 17" in seen.head
    assert "x-extra: 1" in seen.head


def test_a_redirect_points_where_it_is_told(emu: Emulator) -> None:
    """A redirect goes to the given address."""
    emu.gateway.fail_next(Fault("redirect", url="http://127.0.0.1:9/x"))
    assert "location: http://127.0.0.1:9/x" in ask_chat(emu, "gateway", "", stream=False).head


def test_a_stream_breaks_off_after_so_many_events(emu: Emulator) -> None:
    """The number of events before the trouble can be chosen."""
    emu.nim.fail_next(Fault("disconnect_mid_stream", after=2))
    assert len(ask_chat(emu, "nim", "", stream=True).events) == 2


def test_a_secret_is_echoed_in_body_and_headers(emu: Emulator) -> None:
    """A client can be tested against a server that repeats its credentials."""
    emu.nim.fail_next("echo_secret")
    seen = ask_chat(emu, "nim", "", stream=False)
    assert "x-debug-authorization: bearer fake-nim-key" in seen.head
    assert b"fake-nim-key" in seen.body
