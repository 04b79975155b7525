"""Requests through a proxy, in threads and in both event loops."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme
import uvloop

from langchain_nvgateway import EgressDeniedError
from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.sealed_http import HTTPRequest, SealedHTTP, TransportError, outlet_from

from ..sealed_http.conftest import Client
from ..sealed_http.raw_server import PATIENCE, Peer, RawServer, Script, always, once, reply
from .company import BASIC, ESTABLISHED, PASSWORD, QUOTED, USER, ConnectProxy, TLSFront, join

URL = "https://service.example/path?query=1"
CREDENTIALS = f"{USER}:{QUOTED}"
PROMPT = 4.0
"""Seconds by which a call is over that is allowed a fraction of one, also on a busy machine."""

Serve = Callable[..., RawServer]


def test_one_tunnel_carries_all_requests(
    client: Client, proxy: ConnectProxy, service: TLSFront, ca_bundle: str
) -> None:
    """The proxy hears one CONNECT, and nothing else in the clear."""
    http = client.http(URL, outlet=outlet_from(proxy.url(CREDENTIALS), "", ca_bundle))
    assert [client.get(http, URL).body for _ in range(3)] == [b"ok"] * 3
    (head,) = proxy.heads
    assert head.splitlines() == [
        "CONNECT service.example:443 HTTP/1.1",
        "Host: service.example:443",
        "User-Agent: langchain-nvgateway",
        f"Proxy-Authorization: Basic {BASIC}",
        "",
    ]
    assert service.connections == 1


def test_the_request_in_the_tunnel_knows_nothing_of_the_proxy(
    client: Client, serve: Serve, certificate: trustme.LeafCert, ca_bundle: str
) -> None:
    """Its credentials are the proxy's alone."""
    seen = []

    def note(peer: Peer) -> None:
        seen.append(peer.request())
        peer.send(reply())

    front = TLSFront(certificate, serve(note).port)
    proxy = ConnectProxy({"service.example:8443": front.port}, BASIC)
    url = "https://service.example:8443/path"
    http = client.http(url, outlet=outlet_from(proxy.url(CREDENTIALS), "", ca_bundle))
    assert client.get(http, url).status == 200
    assert proxy.targets == ["service.example:8443"]
    assert b"Host: service.example:8443\r\n" in seen[0]
    assert b"roxy" not in seen[0]
    proxy.stop()
    front.stop()


def test_a_long_answer_comes_through(
    client: Client, serve: Serve, certificate: trustme.LeafCert, ca_bundle: str
) -> None:
    """And a long request, both whole."""
    front = TLSFront(certificate, serve(always(reply(b"x" * 3_000_000))).port)
    proxy = ConnectProxy({"service.example:443": front.port})
    http = client.http(URL, outlet=outlet_from(proxy.url(), "", ca_bundle))
    request = HTTPRequest("POST", URL, body=b"y" * 3_000_000)
    assert len(client.send(http, request, Deadline(PATIENCE)).body) == 3_000_000
    proxy.stop()
    front.stop()


def test_many_at_once_each_have_a_tunnel(proxy: ConnectProxy, ca_bundle: str) -> None:
    """Threads do not get into each other's way."""
    http = SealedHTTP([URL], outlet=outlet_from(proxy.url(CREDENTIALS), "", ca_bundle))
    client = Client(None)
    with ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda _: client.get(http, URL).body, range(40)))
    http.close()
    assert bodies == [b"ok"] * 40
    assert 1 <= len(proxy.heads) <= 8


def test_the_certificate_is_that_of_the_service_or_nothing_is_sent(
    client: Client, serve: Serve, authority: trustme.CA, ca_bundle: str
) -> None:
    """A proxy that leads to somebody else is found out; the message names the setting for a company's authority."""
    server = serve(always(reply()))
    front = TLSFront(authority.issue_cert("other.example"), server.port)
    proxy = ConnectProxy({"service.example:443": front.port})
    with pytest.raises(TransportError, match=r"through the proxy .*certificate.*NVGATEWAY_CA_BUNDLE"):
        client.get(client.http(URL, outlet=outlet_from(proxy.url(), "", ca_bundle)), URL)
    assert server.peers == []
    proxy.stop()
    front.stop()


def test_without_the_file_the_companys_authority_is_unknown(client: Client, proxy: ConnectProxy) -> None:
    """What one client trusts is trusted by no other."""
    with pytest.raises(TransportError, match="certificate verify failed"):
        client.get(client.http(URL, outlet=outlet_from(proxy.url(CREDENTIALS), "", "")), URL)


def test_a_companys_authority_is_trusted_without_a_proxy(
    client: Client, serve: Serve, authority: trustme.CA, ca_bundle: str
) -> None:
    """The two settings have nothing to do with each other."""
    front = TLSFront(authority.issue_cert("localhost"), serve(always(reply())).port)
    url = f"https://localhost:{front.port}"
    assert client.get(client.http(url, outlet=outlet_from("", "", ca_bundle)), url).body == b"ok"
    front.stop()


def test_this_machine_is_reached_directly(client: Client, serve: Serve, proxy: ConnectProxy) -> None:
    """Nothing in the clear leaves for the proxy."""
    server = serve(always(reply()))
    http = client.http(server.url, outlet=outlet_from(proxy.url(CREDENTIALS), "", ""))
    assert client.get(http, server.url).body == b"ok"
    assert proxy.heads == []


def test_a_host_without_proxy_is_not_told_to_it(client: Client, proxy: ConnectProxy) -> None:
    """It is looked up and reached from here, where it is unknown."""
    http = client.http(URL, outlet=outlet_from(proxy.url(CREDENTIALS), "other.example, .example:443", ""))
    with pytest.raises(TransportError, match=r"^(?!.*NVGATEWAY_PROXY)"):
        client.get(http, URL)
    assert proxy.heads == []


def test_a_proxy_opens_no_other_host(client: Client, proxy: ConnectProxy) -> None:
    """The seal is about where a request goes in the end."""
    http = client.http(URL, outlet=outlet_from(proxy.url(CREDENTIALS), "", ""))
    for url in ("https://other.example/", proxy.url(), "http://service.example/"):
        with pytest.raises(EgressDeniedError):
            client.get(http, url)
    assert proxy.heads == []


REFUSALS = {
    "wrong password": (407, "check its user and password"),
    "forbidden": (403, "refused a connection to service.example:443"),
    "unreachable": (502, "refused a connection to service.example:443"),
    "redirect": (302, "refused a connection to service.example:443"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_told_without_the_password(kind: str, client: Client, serve: Serve) -> None:
    """Nor anything that the proxy says, which may repeat it."""
    status, told = REFUSALS[kind]
    echo = f"{PASSWORD} {BASIC}".encode()
    server = serve(once(reply(echo, status=f"{status} {BASIC}", headers=f"Location: http://{BASIC}.example/")))
    way = outlet_from(f"http://{CREDENTIALS}@127.0.0.1:{server.port}", "", "")
    with pytest.raises(TransportError, match=f"{status}") as caught:
        client.get(client.http(URL, outlet=way), URL)
    text = str(caught.value)
    assert told in text
    assert f"127.0.0.1:{server.port} (NVGATEWAY_PROXY)" in text
    assert caught.value.timed_out is False
    assert BASIC not in text
    assert "canary" not in text


GARBAGE: dict[str, tuple[Script, str]] = {
    "no HTTP": (once(b"SSH-2.0-canary\r\n\r\n"), "the exchange is not valid HTTP"),
    "TLS": (once(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "the exchange is not valid HTTP"),
    "nothing": (once(b""), "without sending a response"),
    "half a head": (once(b"HTTP/1.1 200 OK\r\nX: "), "without sending a response"),
    "endless head": (once(b"HTTP/1.1 200 OK\r\nX: " + b"canary" * 50_000), "the exchange is not valid HTTP"),
    "endless hints": (once(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000), "the exchange is not valid HTTP"),
    "switches protocols": (
        once(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        "the exchange is not valid HTTP",
    ),
    "bytes behind the head": (once(ESTABLISHED + b"\x16"), "bytes of its own"),
    "a body": (once(reply(b"canary")), "bytes of its own"),
    "chunks": (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "bytes of its own"),
    "two answers": (once(ESTABLISHED * 2), "bytes of its own"),
    "bytes later": (lambda peer: _late(peer), "ConnectError"),
}


def _late(peer: Peer) -> None:
    peer.request()
    peer.send(ESTABLISHED)
    peer.drain(1)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_proxy_that_is_none_is_a_transport_error(kind: str, client: Client, serve: Serve) -> None:
    """Whatever answers there; nothing of the request is sent."""
    script, told = GARBAGE[kind]
    way = outlet_from(f"http://{CREDENTIALS}@127.0.0.1:{serve(script).port}", "", "")
    with pytest.raises(TransportError, match=told) as caught:
        client.get(client.http(URL, outlet=way), URL)
    assert "canary" not in str(caught.value)
    assert caught.value.timed_out is False
    assert "NVGATEWAY_PROXY" in str(caught.value)


WORDY = {
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a length that has to be ignored": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "an old version": b"HTTP/1.0 200 Connection established\r\nProxy-Agent: old\r\n\r\n",
    "a hint before it": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "another good status": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("in_drops", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("kind", WORDY)
def test_a_good_answer_may_say_more(
    kind: str, in_drops: bool, client: Client, serve: Serve, service: TLSFront, ca_bundle: str
) -> None:
    """RFC 9110 §9.3.6: lengths in it are ignored; it may come in pieces."""

    def script(peer: Peer) -> None:
        peer.request()
        for piece in [WORDY[kind]] if not in_drops else [bytes([byte]) for byte in WORDY[kind]]:
            peer.send(piece)
        with socket.create_connection(("127.0.0.1", service.port)) as other:
            join(peer._sock, other)

    way = outlet_from(f"http://127.0.0.1:{serve(script).port}", "", ca_bundle)
    assert client.get(client.http(URL, outlet=way), URL).body == b"ok"


def _drops(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nX: ")
    while not peer.gone.wait(0.05):
        peer.send(b"a")


def _nowhere(peer: Peer) -> None:
    peer.request()
    peer.send(ESTABLISHED)
    peer.wait_until_gone()


SLOW: dict[str, Script] = {
    "silent": lambda peer: peer.wait_until_gone(),
    "in drops": _drops,
    "a tunnel to nowhere": _nowhere,
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_slow_proxy_ends_with_the_deadline(kind: str, client: Client, serve: Serve) -> None:
    """Each byte does not start the time anew; the message names the proxy."""
    server = serve(SLOW[kind])
    way = outlet_from(f"http://{CREDENTIALS}@127.0.0.1:{server.port}", "", "")
    start = time.monotonic()
    with pytest.raises(TransportError, match=rf"in time.*127\.0\.0\.1:{server.port} \(NVGATEWAY_PROXY\)") as caught:
        client.get(client.http(URL, outlet=way), URL, seconds=0.4)
    assert caught.value.timed_out is True
    assert time.monotonic() - start < PROMPT
    assert server.peers[0].gone.wait(PATIENCE)


def test_a_proxy_that_is_down_is_named(client: Client, serve: Serve) -> None:
    """With its host and the variable."""
    server = serve(always(b""))
    server.stop()
    way = outlet_from(f"http://{CREDENTIALS}@127.0.0.1:{server.port}", "", "")
    told = rf"the proxy 127\.0\.0\.1:{server.port} \(NVGATEWAY_PROXY\) cannot be reached"
    with pytest.raises(TransportError, match=told):
        client.get(client.http(URL, outlet=way), URL)


def test_a_proxy_that_is_unknown_is_named(client: Client) -> None:
    """Its name cannot be looked up."""
    way = outlet_from(f"http://{CREDENTIALS}@proxy.invalid:3128", "", "")
    with pytest.raises(TransportError, match=r"proxy\.invalid:3128 \(NVGATEWAY_PROXY\) cannot be reached") as caught:
        client.get(client.http(URL, outlet=way), URL)
    assert "canary" not in str(caught.value)


def _sockets() -> int:
    gc.collect()
    numbers = [number for number in Path("/proc/self/fd").iterdir() if number.exists()]
    return sum(os.readlink(number).startswith("socket:") for number in numbers)


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    while not is_so():  # noqa: ASYNC110 - as it says
        await asyncio.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets are counted as Linux shows them")
@pytest.mark.parametrize("kind", ["silent", "a tunnel to nowhere"])
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_cancellation_leaves_no_socket_open(
    kind: str, loop: Callable[[], asyncio.AbstractEventLoop], serve: Serve
) -> None:
    """Neither while the proxy is asked nor while TLS begins in the tunnel."""
    server = serve(SLOW[kind])
    http = SealedHTTP([URL], outlet=outlet_from(f"http://127.0.0.1:{server.port}", "", ""))

    async def main() -> None:
        await http._loop_connections()
        before = _sockets()
        tasks = [asyncio.create_task(http.aopen(HTTPRequest("GET", URL), Deadline(PATIENCE))) for _ in range(5)]
        await _until(lambda: len(server.peers) == 5 and all(peer._buffer for peer in server.peers))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        for peer in server.peers:
            assert await asyncio.to_thread(peer.gone.wait, PATIENCE)
        await http.aclose()
        await _until(lambda: _sockets() <= before)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(main(), PATIENCE))


def test_event_loops_and_threads_have_tunnels_of_their_own(proxy: ConnectProxy, ca_bundle: str) -> None:
    """One client serves both, one after the other."""
    http = SealedHTTP([URL], outlet=outlet_from(proxy.url(CREDENTIALS), "", ca_bundle))
    for _ in range(2):
        assert asyncio.run(Client.asend(http, HTTPRequest("GET", URL), Deadline(PATIENCE))).body == b"ok"
    assert [Client(None).get(http, URL).body for _ in range(2)] == [b"ok"] * 2
    http.close()
    assert len(proxy.heads) == 3
