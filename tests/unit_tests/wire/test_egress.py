"""Which URLs may be set."""

from __future__ import annotations

import pytest

from langchain_nvgateway.egress import checked_url, is_loopback
from langchain_nvgateway.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host///", "https://host"),
        ("HTTPS://HOST/Path", "HTTPS://HOST/Path"),
        ("https://host:8443", "https://host:8443"),
        ("https://10.0.0.1/v1", "https://10.0.0.1/v1"),
        ("https://[2001:db8::1]:8443/v1", "https://[2001:db8::1]:8443/v1"),
        ("https://host/a%20b", "https://host/a%20b"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://LOCALHOST:8000", "http://LOCALHOST:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.2", "http://127.0.0.2"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example/v1"),
    ],
)
def test_usable_url_is_kept(url: str, kept: str) -> None:
    """Only slashes at the end go."""
    assert checked_url(url, setting="BASE_URL") == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "host",
        "host/v1",
        "/v1",
        "//host/v1",
        "https:",
        "https://",
        "https:///v1",
        "https:/host",
        "ftp://host",
        "file:///etc/passwd",
        "javascript://host",
        "http://host",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://128.0.0.1",
        "http://[::2]",
        " https://host",
        "https://host ",
        "https://ho st",
        "https://host/a b",
        "https://host\n",
        "https://ho\nst",
        "https://host/\t",
        "https://host\x00",
        "https://host\x7f",
        "https://host\u00a0",
        "https://host%",
        "https://host/%",
        "https://host/%2",
        "https://host/%zz",
        "https://host\\@evil",
        "https:\\\\host",
        "https://user@host",
        "https://user:password@host",
        "https://@host",
        "https://:@host",
        "https://host?a=1",
        "https://host/v1#top",
        "https://host:0",
        "https://host:65536",
        "https://host:99999",
        "https://host:port",
        "https://host:-1",
        "https://host:+443",
        "https://host:4 43",
        "https://[::1",
        "https://::1]",
    ],
    ids=ascii,
)
def test_unusable_url_is_refused(url: str) -> None:
    """The error names the setting, and no part of the URL, which may hold a secret."""
    with pytest.raises(ConfigurationError, match=r"^BASE_URL is not a usable URL: ") as caught:
        checked_url(url, setting="BASE_URL")

    assert caught.value.setting == "BASE_URL"
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://host?", "https://host/v1?", "https://host/v1#", "https://host/v1?#"])
def test_url_that_ends_in_a_separator_is_refused(url: str) -> None:
    """A path put behind it would become a query or vanish."""
    with pytest.raises(ConfigurationError):
        checked_url(url, setting="BASE_URL")


@pytest.mark.parametrize(
    "url",
    ["https://b\u00fccher.example/v1", "https://host\u200b/v1", "https://host/v1/\u2026", "https://\uff48ost/v1"],
    ids=ascii,
)
def test_url_with_other_letters_is_refused_or_made_plain(url: str) -> None:
    """Requests take ASCII only; that is said when the URL is set, not at the first request."""
    try:
        kept = checked_url(url, setting="BASE_URL")
    except ConfigurationError:
        return
    assert kept.isascii()


@pytest.mark.parametrize("url", ["https://a..b/v1", "https://.host", "https://" + "a" * 64 + ".example"])
def test_host_that_cannot_be_looked_up_is_refused(url: str) -> None:
    """An empty label or one of more than 63 characters (RFC 1035 §2.3.4) is no name."""
    with pytest.raises(ConfigurationError):
        checked_url(url, setting="BASE_URL")


@pytest.mark.parametrize("url", ["http://[::1].example.com", "https://[::1]x:80", "https://x[::1]"])
def test_text_beside_brackets_is_refused(url: str) -> None:
    """A reader takes it for another host than the one that requests go to."""
    with pytest.raises(ConfigurationError):
        checked_url(url, setting="BASE_URL")


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("localhost.", False),
        ("localhost.localdomain", False),
        ("127.1", False),
        ("0x7f000001", False),
        ("2130706433", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_else(host: str, is_here: bool) -> None:
    """Names and short forms that a resolver could send elsewhere are not."""
    assert is_loopback(host) is is_here
