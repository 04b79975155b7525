"""Which URLs a client may ask for: the origin decides, and the client reads it alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.egress import Origins, checked_url, origin_of
from langchain_nvgateway.errors import ConfigurationError, EgressDeniedError
from langchain_nvgateway.sealed_http import TransportError
from langchain_nvgateway.sealed_http.requests import target_of

_GOOD = "https://good.example.com"
_PIECES = st.sampled_from(
    ["\t", "\n", "\r", "\x00", " ", "https:", "http:", "HTTPS:", "//", "/", "?", "#", ";"]
) | st.sampled_from(
    [
        "\\",
        "@",
        ":",
        "443",
        "80",
        "0",
        ".",
        "[",
        "]",
        "::1",
        "%",
        "%2e",
        "%40",
        "good.example.com",
        "GOOD.example.com",
        "evil",
    ]
)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://host", "https://host:443"),
        ("https://host:443/a", "https://host:443"),
        ("http://host", "http://host:80"),
        ("HTTPS://HoSt:8443/a?b#c", "https://host:8443"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]:443"),
        ("https://host:", "https://host:443"),
    ],
)
def test_origin_has_its_port(url: str, origin: str) -> None:
    """The same place has one spelling."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        _GOOD,
        f"{_GOOD}/",
        f"{_GOOD}:443/v1?x=https://evil.example",
        "HTTPS://GOOD.EXAMPLE.COM/v1",
        f"{_GOOD}/@evil.example",
        f"{_GOOD}?@evil.example",
        f"{_GOOD}#@evil.example",
    ],
)
def test_allowed_origin_passes(url: str) -> None:
    """Whatever the path, and in any case."""
    Origins([f"{_GOOD}/v1"]).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example.com",
        "http://good.example.com:443",
        "https://good.example.com:8443",
        "https://good.example.com:80",
        "https://good.example.com.",
        "https://evil.example",
        "https://example.com",
        "https://x.good.example.com",
        "https://good.example.com.evil.example",
        "https://good.example.com@evil.example",
        "https://good.example.com:443@evil.example",
        "https://good.example.com%40evil.example",
        "https://good.example.com\\@evil.example",
        "https://evil.example\\.good.example.com",
        "https://good.example.com\\.evil.example",
        "https://good.example.com%00.evil.example",
        "https://good.example.com\u3002",
        "https://g\u043e\u043ed.example.com",
        "https://good.example.co\u217f",
        "wss://good.example.com",
        "ftp://good.example.com",
        "//good.example.com",
        "good.example.com",
        "https:good.example.com",
        "https:///good.example.com",
        "https://good.example.com:99999",
        "https://good.example.com:x",
        "https://[good.example.com",
        "https://[good.example.com]",
        "",
        "\x00",
    ],
    ids=ascii,
)
def test_other_origin_is_denied(url: str) -> None:
    """Another scheme, port or host, and what only looks like the right one."""
    with pytest.raises(EgressDeniedError, match=r"^Nothing was sent to ") as caught:
        Origins([_GOOD]).check(url)

    assert caught.value.host


def test_letters_that_become_plain_when_lowered_are_denied() -> None:
    """The Kelvin sign is no k, also not for the letter's lower case."""
    with pytest.raises(EgressDeniedError):
        Origins(["https://kelvin.example"]).check("https://\u212aelvin.example")


def test_denial_shows_no_credentials() -> None:
    """A URL may carry a password before its host and a key behind it."""
    with pytest.raises(EgressDeniedError) as caught:
        Origins([_GOOD]).check("https://user:hunter2@evil.example/path?key=hunter3")

    assert "hunter" not in str(caught.value) + str(caught.value.host)
    assert caught.value.host == "evil.example:443"


def test_nothing_is_allowed_by_nothing() -> None:
    """No URLs, no way out."""
    with pytest.raises(EgressDeniedError):
        Origins([]).check(_GOOD)


@given(st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=20).map(lambda text: f"https://{text}"))
def test_checked_host_is_the_one_that_is_connected_to(url: str) -> None:
    """The check and the client read each URL alike: none passes for one host and goes to another."""
    origins = Origins(["https://good.example.com", "http://[::1]:80"])
    try:
        origins.check(url)
        target = target_of(url)
    except (EgressDeniedError, TransportError):
        return
    assert target.place in (("good.example.com", 443, True), ("::1", 80, False))
    assert target.host in ("good.example.com", "[::1]")
    assert target.path.startswith("/") or "?" in target.path
    assert " " not in target.path


@given(st.lists(_PIECES, max_size=9).map("".join) | st.text(max_size=30))
def test_any_text_is_a_usable_url_or_refused(url: str) -> None:
    """What is accepted has an origin, and still has it with a path behind it."""
    try:
        kept = checked_url(url, setting="BASE_URL")
    except ConfigurationError:
        return
    assert origin_of(f"{kept}/chat/completions") == origin_of(url)
    path = target_of(f"{kept}/chat/completions").path
    assert path.endswith("/chat/completions")
    assert "?" not in path
