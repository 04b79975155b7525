"""A proxy, hosts without it and a company's authorities, as they are written down."""

from __future__ import annotations

import copy
import pickle
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from langchain_nvgateway import ChatNIM, ChatNVGateway, ConfigurationError, StarfleetTokenProvider
from langchain_nvgateway.sealed_http import Outlet, outlet_from
from langchain_nvgateway.sealed_http.outlet import DirectHost, Proxy
from langchain_nvgateway.sealed_http.outlet_settings import parsed_hosts, parsed_proxy
from langchain_nvgateway.sealed_http.requests import Place

from .company import BASIC, PASSWORD, QUOTED, USER, written

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PORTS = st.integers(1, 65535)
TEXTS = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=12)

BUILDS: dict[str, Any] = {
    "nim": lambda **way: ChatNIM(api_key="fake-key", **way),
    "gateway": lambda **way: ChatNVGateway(token_provider=lambda: "fake-bearer", **way),
    "tokens": lambda **way: StarfleetTokenProvider("https://starfleet.example/token", "fake-id", "fake-secret", **way),
}


@given(NAMES, PORTS, TEXTS.filter(lambda user: user and ":" not in user), TEXTS)
def test_any_user_and_password_arrive_as_they_are(host: str, port: int, user: str, password: str) -> None:
    """Percent-encoded in the setting, they are sent as RFC 7617 has it."""
    found = parsed_proxy(SecretStr(f"http://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}"))

    assert (found.host, found.port) == (host, port)
    assert found.authorization is not None
    scheme, _, value = found.authorization.get_secret_value().partition(" ")
    assert (scheme, b64decode(value).decode()) == ("Basic", f"{user}:{password}")


@given(st.text(max_size=40) | st.text(st.sampled_from("htps:/@[]%.:a1 "), max_size=40).map("http://".__add__))
def test_any_text_is_a_proxy_or_a_named_error(text: str) -> None:
    """Whatever is wrong, the message shows nothing of the setting."""
    found: Proxy | ConfigurationError
    try:
        found = parsed_proxy(SecretStr(text))
    except ConfigurationError as error:
        found = error
    if isinstance(found, Proxy):
        assert 0 < found.port < 65536
        assert text.lower().startswith("http://")
        return
    assert found.setting == "NVGATEWAY_PROXY"
    assert found.__context__ is None
    assert str(found).partition(":")[0] == "NVGATEWAY_PROXY (proxy) is not a usable proxy"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://proxy.example:3128", "https are not supported"),
        ("socks5://proxy.example:1080", "SOCKS proxies are not supported"),
        ("socks5h://u:canary@proxy.example:1080", "SOCKS proxies are not supported"),
        ("ftp://proxy.example:21", "a kind that is not supported"),
        ("proxy.example:3128", "does not begin with http://"),
        ("http://proxy.example", "the port is needed"),
        ("http://proxy.example:0", "the port is needed"),
        ("http://proxy.example:65536", "the port is needed"),
        ("http://:3128", "no usable host"),
        ("http://a..b:3128", "no usable host"),
        ("http://[::g]:3128", "no usable host"),
        ("http://proxy.example:3128/path", "a path"),
        ("http://u:canary/x@proxy.example:3128", "in user or password"),
        ("http://u:canary#x@proxy.example:3128", "in user or password"),
        ("http://u:canary%@proxy.example:3128", "a stray %"),
        ("http://u:canary x@proxy.example:3128", "a blank"),
        ("http://u:canäry@proxy.example:3128", "a character that no URL may carry"),
        ("http://u:canary%0d%0aX:1@proxy.example:3128", "a control character"),
        ("http://:canary@proxy.example:3128", "its user is empty"),
        ("http://a%3Ab:canary@proxy.example:3128", "has a colon"),
        ("http://proxy.example:3128\n", "a blank"),
    ],
)
@pytest.mark.parametrize("kind", BUILDS)
def test_a_proxy_that_is_none_is_refused_when_something_is_built(
    kind: str, url: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable, says what to write and shows no password; so it is with the variable."""
    with pytest.raises(ConfigurationError, match=r"NVGATEWAY_PROXY \(proxy\).*http://user:password@") as caught:
        BUILDS[kind](proxy=url)
    assert told in str(caught.value)
    assert "canary" not in f"{caught.value!r} {caught.value.__dict__}"

    monkeypatch.setenv("NVGATEWAY_PROXY", url)
    with pytest.raises(ConfigurationError, match="NVGATEWAY_PROXY"):
        BUILDS[kind]()
    assert BUILDS[kind](proxy="")


def test_a_proxy_shows_no_password() -> None:
    """Neither itself nor its way out; it can be copied but not pickled."""
    outlet = outlet_from(f"http://{USER}:{QUOTED}@proxy.example:3128/")
    assert outlet.proxy is not None
    for text in (repr(outlet), str(outlet.proxy), repr(outlet.proxy), f"{vars(type(outlet))}"):
        assert "canary" not in text
        assert BASIC not in text
    assert str(outlet.proxy) == "proxy.example:3128"
    assert copy.deepcopy(outlet) == copy.copy(outlet) == outlet
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(outlet)


def test_equal_settings_are_equal_and_others_are_not(ca_bundle: str) -> None:
    """However they are written."""
    way = ("http://u:p@Proxy.example:1", "a.example, .B.example:443", ca_bundle)
    same = (SecretStr("http://u:p@proxy.EXAMPLE:1/"), "b.example:443,a.example.,", Path(ca_bundle))
    assert outlet_from(*way) == outlet_from(*same)
    assert hash(outlet_from(*way)) == hash(outlet_from(*same))
    others = [("http://u:q@proxy.example:1", *way[1:]), (way[0], "a.example", ca_bundle), (*way[:2], "")]
    assert len({outlet_from(*way), *(outlet_from(*other) for other in others)}) == 4


@given(NAMES, NAMES, PORTS, PORTS)
def test_a_host_covers_itself_and_what_is_below_it(host: str, below: str, port: int, other: int) -> None:
    """On all ports, or on the one that is given; and no host whose name just ends alike."""
    for entry in (host, f".{host}", f" {host.upper()}. "):
        (direct,) = parsed_hosts(f"{entry},,")
        assert direct.covers(Place(host, port, is_encrypted=True))
        assert direct.covers(Place(f"{host}.", port, is_encrypted=True))
        assert not direct.covers(Place(f"x{host}", port, is_encrypted=True))
        if not host.replace(".", "").isdigit():
            assert direct.covers(Place(f"{below}.{host}", port, is_encrypted=True))
    (direct,) = parsed_hosts(f"{host}:{port}")
    assert direct.covers(Place(host, other, is_encrypted=True)) is (port == other)


@pytest.mark.parametrize(
    ("entry", "host", "is_covered"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("0.0.1", "10.0.0.1", False),
        ("::1:2", "::1:2", True),
        ("[2001:DB8::1]", "2001:db8:0:0::1", True),
        ("[2001:db8::1]:443", "2001:db8::1", True),
        ("[2001:db8::1]:80", "2001:db8::1", False),
    ],
)
def test_addresses_are_compared_as_addresses(entry: str, host: str, *, is_covered: bool) -> None:
    """An address has no subdomains, and one of IPv6 may be written in several ways."""
    (direct,) = parsed_hosts(entry)
    assert direct.covers(Place(host, 443, is_encrypted=True)) is is_covered


@pytest.mark.parametrize(
    "entry", ["*", "*.example.com", "10.0.0.0/8", "http://a.example", "a b", "a:0", "a:x", "..", "ä"]
)
@pytest.mark.parametrize("kind", BUILDS)
def test_an_entry_that_is_no_host_is_refused(kind: str, entry: str) -> None:
    """It would silently cover nothing."""
    with pytest.raises(ConfigurationError, match=r"NVGATEWAY_NO_PROXY \(no_proxy\) has .*no host") as caught:
        BUILDS[kind](no_proxy=f"good.example,{entry}")
    assert caught.value.setting == "NVGATEWAY_NO_PROXY"


def test_a_proxy_among_the_hosts_is_not_shown() -> None:
    """Somebody has mixed up the variables."""
    with pytest.raises(ConfigurationError, match="an entry with credentials") as caught:
        outlet_from(no_proxy="http://u:canary@proxy.example:1")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "localhost."])
def test_this_machine_is_never_reached_through_a_proxy(host: str) -> None:
    """A proxy would reach another one."""
    outlet = Outlet(proxy=Proxy("proxy.example", 3128))
    assert outlet.proxy_to(Place(host, 443, is_encrypted=True)) is None
    assert outlet.proxy_to(Place("localhost.example", 443, is_encrypted=True)) is outlet.proxy


def test_direct_hosts_are_told_as_they_are_written() -> None:
    """For those who ask what is in use."""
    assert str(DirectHost("a.example")) == "a.example"
    assert str(DirectHost("::1", 443)) == "[::1]:443"


@pytest.mark.parametrize(
    "content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("kind", BUILDS)
def test_a_file_without_certificates_is_refused_when_something_is_built(
    kind: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, empty or something else; so it is with the variable."""
    path = tmp_path / "company.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"NVGATEWAY_CA_BUNDLE \(ca_bundle\).*company\.pem.*PEM file"):
        BUILDS[kind](ca_bundle=path)

    monkeypatch.setenv("NVGATEWAY_CA_BUNDLE", str(path))
    with pytest.raises(ConfigurationError, match="NVGATEWAY_CA_BUNDLE") as caught:
        BUILDS[kind]()
    assert caught.value.setting == "NVGATEWAY_CA_BUNDLE"
    assert BUILDS[kind](ca_bundle="")


def test_a_folder_and_a_broken_second_certificate_are_refused(authority: trustme.CA, tmp_path: Path) -> None:
    """Half of a file is not silently trusted."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        outlet_from(ca_bundle=tmp_path)
    path = written(authority, tmp_path)
    with Path(path).open("ab") as file:
        file.write(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigurationError, match="a broken one"):
        outlet_from(ca_bundle=path)


@pytest.mark.parametrize("wrong", [{"proxy": 5}, {"no_proxy": ["a.example"]}, {"ca_bundle": b"x"}], ids=str)
def test_what_is_no_text_is_refused(wrong: dict[str, Any]) -> None:
    """By its type, which shows nothing."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        outlet_from(**wrong)


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself; blank variables say nothing."""
    monkeypatch.setenv("NVGATEWAY_PROXY", "http://environment.example:1")
    monkeypatch.setenv("NVGATEWAY_NO_PROXY", "environment.example")
    monkeypatch.setenv("NVGATEWAY_CA_BUNDLE", " ")
    assert outlet_from() == outlet_from("http://environment.example:1", "environment.example", "")
    assert outlet_from("http://argument.example:1") == outlet_from(
        "http://argument.example:1", "environment.example", ""
    )
    assert outlet_from("", "", "") == Outlet()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "OPENAI_PROXY"])
def test_variables_of_others_are_no_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a host without one."""
    monkeypatch.setenv(name, "http://other.example:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    assert outlet_from() == Outlet()
    assert ChatNIM(api_key="fake-key")._path.http.outlet == Outlet()


def test_the_password_is_that_of_the_tests() -> None:
    """The constants say the same thing thrice."""
    assert b64decode(BASIC).decode() == f"{USER}:{PASSWORD}"
