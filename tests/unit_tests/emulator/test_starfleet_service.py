"""The token endpoint issues tokens in every style, and refuses as RFC 6749 says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from langchain_nvgateway.emulator import OMIT, Emulator

FORM = {"grant_type": "client_credentials", "scope": "azureopenai-readwrite"}
CREDENTIALS = {"client_id": "fake-id", "client_secret": "fake-secret"}
BASIC = ("fake-id", "fake-secret")

STYLES: dict[str, dict[str, Any]] = {
    "basic and form": {"auth": BASIC, "data": FORM},
    "all in the form": {"data": FORM | CREDENTIALS},
    "json": {"json": FORM | CREDENTIALS},
    "basic and query": {"auth": BASIC, "params": FORM},
    "two scopes": {
        "auth": BASIC,
        "data": FORM | {"scope": "azureopenai-readwrite awsanthropic-readwrite"},
    },
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("path", ["/starfleet/token", "/oauth/api/v1/ssa/default/token"])
def test_each_request_style_gets_a_token(emu: Emulator, client: httpx.Client, style: str, path: str) -> None:
    """All five styles that work in the field work here, on both paths."""
    answer = client.post(emu.origin + path, **STYLES[style])
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert len(body["access_token"]) == 900
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)


def test_basic_credentials_are_form_decoded(emu: Emulator, client: httpx.Client) -> None:
    """RFC 6749 section 2.3.1: id and secret are form-encoded before base64."""
    emu.starfleet.client_id, emu.starfleet.client_secret = "fäke:id", "fake +%secret"
    packed = base64.b64encode(b"f%C3%A4ke%3Aid:fake+%2B%25secret").decode()
    headers = {"authorization": f"Basic {packed}"}
    answer = client.post(emu.env["STARFLEET_TOKEN_URL"], headers=headers, data=FORM)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [
        ({"auth": ("fake-id", "wrong"), "data": FORM}, 401, "invalid_client"),
        ({"data": FORM}, 401, "invalid_client"),
        ({"headers": {"authorization": "Basic !!!"}, "data": FORM}, 401, "invalid_client"),
        ({"headers": {"authorization": "Bearer x"}, "data": FORM}, 401, "invalid_client"),
        ({"auth": BASIC, "data": {"scope": FORM["scope"]}}, 400, "invalid_request"),
        ({"auth": BASIC, "data": FORM | CREDENTIALS}, 400, "invalid_request"),
        ({"auth": BASIC, "content": b"\xff\xfe"}, 400, "invalid_request"),
        ({"auth": BASIC, "data": FORM | {"grant_type": "password"}}, 400, "unsupported_grant_type"),
        ({"auth": BASIC, "data": FORM | {"scope": "other"}}, 400, "invalid_scope"),
        ({"auth": BASIC, "data": {"grant_type": "client_credentials"}}, 400, "invalid_scope"),
    ],
)
def test_a_bad_request_is_refused(
    emu: Emulator, client: httpx.Client, asked: dict[str, Any], status: int, error: str
) -> None:
    """Each mistake has the error of RFC 6749 section 5.2."""
    answer = client.post(emu.env["STARFLEET_TOKEN_URL"], **asked)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_only_post_on_the_token_path_is_served(emu: Emulator, client: httpx.Client) -> None:
    """Other methods and paths are refused."""
    assert client.get(emu.env["STARFLEET_TOKEN_URL"]).status_code == 405
    assert client.post(emu.origin + "/starfleet/other").status_code == 404


def test_tokens_are_unique_unless_told_to_repeat(emu: Emulator, get_token: Callable[[], httpx.Response]) -> None:
    """Each request gets a new token, or the newest one again."""
    first, second = (get_token().json()["access_token"] for _ in range(2))
    assert first != second
    emu.starfleet.repeat_tokens = True
    assert get_token().json()["access_token"] == second
    assert emu.starfleet.tokens_issued[-2:] == [first, second]


@pytest.mark.parametrize("value", ["900", 900.0, -5, 0, None, True, "soon", [1]])
def test_any_lifetime_can_be_promised(emu: Emulator, get_token: Callable[[], httpx.Response], value: Any) -> None:
    """`expires_in` is sent as it was set."""
    emu.starfleet.expires_in = value
    assert repr(get_token().json()["expires_in"]) == repr(value)


def test_a_lifetime_can_be_nan_or_left_out(emu: Emulator, get_token: Callable[[], httpx.Response]) -> None:
    """Even what is no JSON can be sent, or nothing."""
    emu.starfleet.expires_in = float("nan")
    assert '"expires_in":NaN' in get_token().text
    emu.starfleet.expires_in = OMIT
    assert "expires_in" not in json.loads(get_token().text)


def test_a_revoked_token_is_refused_as_expired(
    emu: Emulator, client: httpx.Client, get_token: Callable[[], httpx.Response]
) -> None:
    """`revoke()` ends one token or all, and the Gateway says that it has expired."""
    first, second = (get_token().json()["access_token"] for _ in range(2))

    def status(token: str) -> tuple[int, bool]:
        answer = client.get(emu.origin + "/llm/v1/models", headers={"api-key": token})
        return answer.status_code, "token has expired" in answer.text

    emu.starfleet.revoke(first)
    assert (status(first), status(second)) == ((401, True), (200, False))
    emu.starfleet.revoke()
    assert status(second) == (401, True)


def test_a_token_expires_by_the_emulators_clock(client: httpx.Client) -> None:
    """A token is good for as long as was promised, by the clock that was given."""
    now = [1000.0]
    with Emulator(clock=lambda: now[0]) as emulator:
        emulator.starfleet.expires_in = "60"
        token = client.post(emulator.env["STARFLEET_TOKEN_URL"], auth=BASIC, data=FORM).json()["access_token"]
        statuses = []
        for time in (1000.0, 1059.9, 1060.0):
            now[0] = time
            headers = {"authorization": f"Bearer {token}"}
            answer = client.get(emulator.origin + "/llm/v1/models", headers=headers)
            statuses.append(answer.status_code)
    assert statuses == [200, 200, 401]


def test_a_token_can_die_before_its_promised_end(
    emu: Emulator, client: httpx.Client, get_token: Callable[[], httpx.Response]
) -> None:
    """The real lifetime may differ from the promised one."""
    emu.starfleet.lifetime = 0.0
    body = get_token().json()
    answer = client.get(emu.origin + "/llm/v1/models", headers={"api-key": body["access_token"]})
    assert (body["expires_in"], answer.status_code) == (900, 401)
