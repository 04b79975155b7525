"""Where a `SealedHTTP` goes: to the given origins, by no detour, over connections that are kept."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

import pytest

from langchain_nvgateway.errors import EgressDeniedError
from langchain_nvgateway.sealed_http import TransportError

from .conftest import Client
from .raw_server import PATIENCE, Peer, RawServer, always, once, one_then_wait, reply

Serve = Callable[..., RawServer]


def test_connection_is_kept_for_the_next_request(client: Client, serve: Serve) -> None:
    """Ten requests, one connection."""
    server = serve(always(reply()))
    http = client.http(server.url)

    assert [client.get(http, server.url).body for _ in range(10)] == [b"ok"] * 10
    assert len(server.peers) == 1


def test_connection_that_the_server_closed_while_idle_is_replaced(client: Client, serve: Serve) -> None:
    """The next request opens a new one and fails for nobody."""
    server = serve(once(reply()), always(reply(b"again")))
    http = client.http(server.url)

    client.get(http, server.url)
    server.threads[1].join(PATIENCE)
    assert client.get(http, server.url).body == b"again"


def test_connection_that_the_server_will_close_is_not_kept(client: Client, serve: Serve) -> None:
    """`Connection: close` with a body that ends with the connection."""
    server = serve(once(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"))
    http = client.http(server.url)

    assert [client.get(http, server.url).body for _ in range(2)] == [b"until the end"] * 2
    assert len(server.peers) == 2


def test_rest_behind_an_answer_is_not_the_next_answer(client: Client, serve: Serve) -> None:
    """A server that sends more than it announced must not answer somebody else's request with the rest."""
    server = serve(one_then_wait(reply(b"mine") + reply(b"somebody else's")), always(reply(b"mine")))
    http = client.http(server.url)

    assert client.get(http, server.url).body == b"mine"
    with contextlib.suppress(TransportError):
        assert client.get(http, server.url).body == b"mine"


def test_refused_connection_is_a_transport_error(client: Client) -> None:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    with pytest.raises(TransportError, match="ConnectError") as caught:
        client.get(client.http(url), url)

    assert caught.value.timed_out is False


def test_host_that_is_no_name_is_a_transport_error(client: Client) -> None:
    """An empty label cannot be looked up; that is no reason for a bare `UnicodeError`."""
    with pytest.raises(TransportError):
        client.get(client.http("http://a..b"), "http://a..b/")


def test_denied_request_opens_no_connection(client: Client, serve: Serve) -> None:
    """Another port of the same machine is another place."""
    allowed, other = serve(always(reply())), serve(always(reply()))

    with pytest.raises(EgressDeniedError):
        client.get(client.http(allowed.url), other.url)

    assert other.peers == []


def test_redirects_are_not_followed(client: Client, serve: Serve) -> None:
    """They are answers like others."""
    other = serve(always(reply()))
    server = serve(always(reply(status="307 Temporary Redirect", headers=f"Location: {other.url}")))

    assert client.get(client.http(server.url, other.url), server.url).status == 307
    assert other.peers == []


def test_cookies_are_not_kept(client: Client, serve: Serve) -> None:
    """A second request is like the first."""
    seen: list[bytes] = []

    def script(peer: Peer) -> None:
        while request := peer.request():
            seen.append(request)
            peer.send(reply(headers="Set-Cookie: a=b"))

    server = serve(script)
    http = client.http(server.url)
    client.get(http, server.url)
    client.get(http, server.url)

    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_not_used(
    name: str, client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy is a setting of ours."""
    proxy, server = serve(always(reply(b"proxy"))), serve(always(reply(b"server")))
    monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert client.get(client.http(server.url), server.url).body == b"server"
    assert proxy.peers == []


def test_threads_share_the_pool(serve: Serve) -> None:
    """Eight at a time, each with its own answer, over no more connections than that."""

    def script(peer: Peer) -> None:
        while request := peer.request():
            peer.send(reply(request.split()[1]))

    server = serve(script)
    client = Client(None)
    http = client.http(server.url)
    wrong = []

    def work(number: int) -> None:
        for turn in range(25):
            path = f"/{number}/{turn}"
            if client.get(http, server.url + path).body != path.encode():
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 3)
    client.close_all()

    assert wrong == []
    assert len(server.peers) <= 8
