"""What goes over the wire, and what each answer means; pure functions, no server."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from langchain_nvgateway.starfleet.outcomes import Failure, Grant
from langchain_nvgateway.starfleet.token_answer import DEFAULT_LIFE, Answer, judge
from langchain_nvgateway.starfleet.token_request import AuthMethod, TokenRequest

OMIT = object()


def request(client_id: str = "fake-id", scope: str = "read write", auth_method: AuthMethod = "basic") -> TokenRequest:
    """A request for a token."""
    return TokenRequest("https://starfleet.test/token", client_id, scope, auth_method)


def judged(status: int, body: bytes | str, secrets: tuple[str, ...] = (), **headers: str) -> Grant | Failure:
    """The verdict on an answer."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(Answer(status, named, data), secrets=secrets, wall_now=1_000_000_000.0)


def judged_grant(**fields: Any) -> Grant | Failure:
    """The verdict on a granted token with some fields replaced."""
    body = {"access_token": "fake-token-1", "token_type": "Bearer", "expires_in": 900} | fields
    return judged(200, json.dumps({name: value for name, value in body.items() if value is not OMIT}))


def test_basic_credentials_are_form_encoded_before_base64() -> None:
    """A colon or a blank in the id does not end it (RFC 6749 §2.3.1)."""
    sent = request("fake:id").with_secret("fake secret+ü")

    packed = sent.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(packed) == b"fake%3Aid:fake+secret%2B%C3%BC"


def test_basic_request_has_no_credentials_in_its_body() -> None:
    """The form says what is asked for, the header who asks."""
    assert parse_qs(request().with_secret("fake-secret").body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["read write"],
    }


def test_post_request_has_credentials_in_its_body_only() -> None:
    """Not more than one way at once (RFC 6749 §2.3)."""
    sent = request(auth_method="post").with_secret("fake-secret&x=1")

    assert "Authorization" not in sent.headers
    assert parse_qs(sent.body.decode())["client_secret"] == ["fake-secret&x=1"]
    assert parse_qs(sent.body.decode())["client_id"] == ["fake-id"]


def test_empty_scope_is_left_out() -> None:
    """An empty `scope` would be malformed (RFC 6749 §3.3)."""
    assert b"scope" not in request(scope="").with_secret("fake-secret").body


@pytest.mark.parametrize("status", [200, 201])
def test_good_answer_is_a_grant(status: int) -> None:
    """A token with a life is all it takes."""
    body = json.dumps({"access_token": "fake-token-1", "expires_in": 900})

    assert judged(status, body) == Grant("fake-token-1", 900.0)


@pytest.mark.parametrize(
    ("value", "life"),
    [(900, 900), (900.0, 900), ("900", 900), ("900.5", 900.5), (0.5, 0.5), (None, DEFAULT_LIFE), (OMIT, DEFAULT_LIFE)],
)
def test_life_is_understood(value: Any, life: float) -> None:
    """Numbers, digits as text, and nothing at all, which means 300 s."""
    assert judged_grant(expires_in=value) == Grant("fake-token-1", life)


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        -0.0,
        "0",
        "-5",
        True,
        False,
        "soon",
        "",
        " 900",
        "9_00",
        "nan",
        "inf",
        "1e3",
        "٩",
        [900],
        {},
        10**400,
        float("nan"),
        float("inf"),
        float("-inf"),
    ],
)
def test_life_that_is_no_positive_number_is_broken(value: Any) -> None:
    """No guess is made about a life that makes no sense."""
    failure = judged_grant(expires_in=value)

    assert isinstance(failure, Failure)
    assert "expires_in" in failure.what
    assert not failure.is_refusal


@pytest.mark.parametrize(
    "token", [OMIT, None, "", 5, ["x"], "fake token", "fake\r\ntoken", "fake\x00", "tökén", " fake"]
)
def test_token_that_no_header_can_carry_is_broken(token: Any) -> None:
    """A token with a line break would be a header of its own."""
    failure = judged_grant(access_token=token)

    assert isinstance(failure, Failure)
    assert "access_token" in failure.what


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER", None, OMIT])
def test_bearer_in_any_spelling_is_fine(kind: Any) -> None:
    """The type is case-insensitive (RFC 6749 §5.1) and may be missing."""
    assert isinstance(judged_grant(token_type=kind), Grant)


@pytest.mark.parametrize("kind", ["mac", "", 1, ["bearer"]])
def test_other_token_types_are_broken(kind: Any) -> None:
    """A token that is not a bearer token cannot be used as one."""
    assert isinstance(judged_grant(token_type=kind), Failure)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>Welcome</html>",
        b"null",
        b"[]",
        b'"fake-token-1"',
        b"{",
        b"\xff\xfe\x00",
        b"[" * 50_000,
        b"9" * 9999,
    ],
)
def test_success_without_a_json_object_is_broken(body: bytes) -> None:
    """HTML, nothing, other JSON, half of it, no text at all, and brackets without end."""
    failure = judged(200, body)

    assert isinstance(failure, Failure)
    assert not failure.is_refusal
    assert failure.status_code == 200


def test_body_of_a_success_is_never_quoted() -> None:
    """It may hold a token in a field that nobody knows."""
    failure = judged(200, '{"accessToken": "fake-token-1"}')

    assert isinstance(failure, Failure)
    assert "fake-token-1" not in failure.what


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 415, 422, 451, 499])
def test_client_errors_are_refusals(status: int) -> None:
    """The same request would be refused again."""
    failure = judged(status, '{"error": "invalid_client", "error_description": "no such client"}')

    assert isinstance(failure, Failure)
    assert failure.is_refusal
    assert failure.status_code == status
    assert '"invalid_client: no such client"' in failure.what


@pytest.mark.parametrize("status", [202, 204, 301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 529, 599])
def test_other_statuses_are_transient(status: int) -> None:
    """A later try may help."""
    failure = judged(status, "")

    assert isinstance(failure, Failure)
    assert not failure.is_refusal
    assert failure.status_code == status


def test_redirect_is_named_without_its_target() -> None:
    """Its target may repeat what was sent."""
    failure = judged(302, "", location="https://elsewhere.test/?secret=fake-secret")

    assert isinstance(failure, Failure)
    assert "redirect" in failure.what
    assert "elsewhere" not in failure.what


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("Sun, 09 Sep 2001 01:46:55 GMT", 15.0), ("Sun, 09 Sep 2001 01:46:00 GMT", 0.0)],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float) -> None:
    """Seconds, or a date on the wall clock (RFC 9110 §10.2.3)."""
    failure = judged(503, "", retry_after=header)

    assert isinstance(failure, Failure)
    assert failure.retry_after == seconds


@pytest.mark.parametrize("header", ["", "soon", "nan", "inf", "9" * 400, "Sun, 99 Sep 2001 01:46:55 GMT"])
def test_retry_after_that_makes_no_sense_is_ignored(header: str) -> None:
    """Rubbish in a header breaks nothing."""
    failure = judged(503, "", retry_after=header)

    assert isinstance(failure, Failure)
    assert failure.retry_after is None


@pytest.mark.parametrize(
    ("error", "setting"), [("invalid_scope", "STARFLEET_SCOPE"), ("invalid_client", "STARFLEET_ID")]
)
def test_advice_names_the_setting(error: str, setting: str) -> None:
    """What to check depends on what the server complains about."""
    failure = judged(400, json.dumps({"error": error}))

    assert isinstance(failure, Failure)
    assert setting in failure.advice


@pytest.mark.parametrize(
    "body",
    [
        "you sent fake-se/cret",
        "you sent fake-se%2Fcret",
        '{"error": "x", "error_description": "fake-se\\u002fcret"}',
        '{"message": "fake-se\\/cret"}',
        "<b>fake-se/cret</b>" * 1000,
    ],
)
def test_words_of_the_server_are_shown_without_secrets(body: str) -> None:
    """However the server encodes an echo."""
    failure = judged(400, body, secrets=("fake-se/cret",))

    assert isinstance(failure, Failure)
    assert "fake-se" not in failure.what
    assert len(failure.what) < 700
