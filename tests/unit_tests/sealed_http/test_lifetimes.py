"""One `SealedHTTP` in threads, event loops and forks, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable

import pytest

from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.sealed_http import HTTPRequest, SealedHTTP, TransportError
from langchain_nvgateway.sealed_http.idle import IdleConnections
from langchain_nvgateway.sealed_http.outlet import DIRECT
from langchain_nvgateway.sealed_http.requests import Place
from langchain_nvgateway.sealed_http.thread_connections import ThreadConnections

from .conftest import Client, read_all
from .raw_server import PATIENCE, RawServer, always, one_then_wait, reply

Serve = Callable[..., RawServer]

_GET = memoryview(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

_PREAMBLE = """
import asyncio, gc, logging, os, sys, threading, warnings
from langchain_nvgateway.deadlines import Deadline
from langchain_nvgateway.sealed_http import HTTPRequest, SealedHTTP, TransportError

# Development mode complains of slow steps, which a busy machine has.
logging.getLogger("asyncio").setLevel(logging.ERROR)

url = sys.argv[1]
http = SealedHTTP([url])

def get(client):
    with client.stream(HTTPRequest("GET", url), Deadline(20)) as response:
        return b"".join(response.chunks())

async def aget(client):
    async with client.astream(HTTPRequest("GET", url), Deadline(20)) as response:
        return b"".join([piece async for piece in response.achunks()])
"""


def _run(script: str, url: str, *, warnings: str = "error") -> None:
    """Run a script in a new interpreter in development mode; anything it says is a complaint."""
    # Python 3.12 warns of each fork beside threads; that is what these tests are about.
    options = ["-X", "dev", "-W", warnings, "-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *options, "-c", _PREAMBLE + textwrap.dedent(script), url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def _aget(http: SealedHTTP, url: str) -> bytes:
    return await read_all(await http.aopen(HTTPRequest("GET", url), Deadline(PATIENCE)))


def test_event_loops_one_after_the_other(serve: Serve) -> None:
    """Two `asyncio.run` in a row; `ChatOpenAI` fails there with "Event loop is closed"."""
    server = serve(always(reply()))
    http = SealedHTTP([server.url])

    assert [asyncio.run(_aget(http, server.url)) for _ in range(3)] == [b"ok"] * 3
    assert http._loop_pools == {}
    for peer in server.peers:
        assert peer.gone.wait(PATIENCE)


def test_event_loops_at_once_and_a_thread(serve: Serve) -> None:
    """Each loop has its connections, and threads beside them have theirs."""
    server = serve(always(reply()))
    http = SealedHTTP([server.url])
    results: list[bytes] = []
    barrier = threading.Barrier(4)

    async def several() -> None:
        await asyncio.to_thread(barrier.wait, PATIENCE)
        for _ in range(10):
            results.extend(await asyncio.gather(*(_aget(http, server.url) for _ in range(3))))

    def plain() -> None:
        barrier.wait(PATIENCE)
        client = Client(None)
        results.extend(client.get(http, server.url).body for _ in range(10))

    threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(3)]
    threads.append(threading.Thread(target=plain))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 2)
    http.close()

    assert results == [b"ok"] * 100


def test_loop_that_was_closed_without_its_generators_is_forgotten(serve: Serve) -> None:
    """`loop.close()` alone leaves the connections to the garbage collector; the next loop works all the same."""
    server = serve(always(reply()))
    _run(
        """
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(3):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(aget(http)) == b"ok"
            loop.close()
        assert asyncio.run(aget(http)) == b"ok"
        assert get(http) == b"ok"
        assert not http._loop_pools
        http.close()
        """,
        server.url,
        warnings="default",
    )


def test_loop_that_stays_open_keeps_its_connections(serve: Serve) -> None:
    """Another loop that comes and goes does not touch them."""
    server = serve(always(reply()))
    http = SealedHTTP([server.url])
    with asyncio.Runner() as outer:
        outer.run(_aget(http, server.url))
        thread = threading.Thread(target=lambda: asyncio.run(_aget(http, server.url)))
        thread.start()
        thread.join(PATIENCE)
        outer.run(_aget(http, server.url))

    assert len(server.peers) == 2


@pytest.mark.parametrize("times", [1, 2, 3])
def test_closing_is_idempotent(times: int, client: Client, serve: Serve) -> None:
    """Closed, closed again, and used again."""
    server = serve(always(reply()))
    http = client.http(server.url)
    client.close(http)
    assert client.get(http, server.url).body == b"ok"

    for _ in range(times):
        client.close(http)

    assert server.peers[0].gone.wait(PATIENCE)
    assert client.get(http, server.url).body == b"ok"


async def test_closing_at_once_in_many_tasks(serve: Serve) -> None:
    """Nobody meets a generator that is already running."""
    server = serve(always(reply()))
    http = SealedHTTP([server.url])
    await asyncio.gather(*(_aget(http, server.url) for _ in range(5)))

    await asyncio.gather(*(http.aclose() for _ in range(5)))

    assert http._loop_pools == {}


async def test_closing_ends_requests_under_way(serve: Serve) -> None:
    """A caller that still reads gets an error of ours."""
    server = serve(one_then_wait(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))
    http = SealedHTTP([server.url])
    response = await http.aopen(HTTPRequest("GET", server.url), Deadline(PATIENCE))
    reading = asyncio.create_task(read_all(response))
    await asyncio.sleep(0)

    await http.aclose()

    with pytest.raises(TransportError):
        await reading


@pytest.mark.parametrize("body", [reply(), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["whole", "half"])
def test_closed_response_can_be_closed_again(body: bytes, client: Client, serve: Serve) -> None:
    """Also when its body was not read; what has not come yet ends the connection, since it would be in the way."""
    server = serve(one_then_wait(body), always(reply()))
    http = client.http(server.url)

    async def both() -> None:
        response = await http.aopen(HTTPRequest("GET", server.url), Deadline(PATIENCE))
        await response.aclose()
        await response.aclose()

    if client.runner:
        client.runner.run(both())
    else:
        response = http.open(HTTPRequest("GET", server.url), Deadline(PATIENCE))
        response.close()
        response.close()

    if body != reply():
        assert server.peers[0].gone.wait(PATIENCE)


def test_answer_cannot_be_read_once_it_is_closed(client: Client, serve: Serve) -> None:
    """Its connection may bring somebody else's answer by then."""
    server = serve(always(reply(b"mine")))
    http = client.http(server.url)
    request = HTTPRequest("GET", server.url)

    async def asynchronously() -> None:
        response = await http.aopen(request, Deadline(PATIENCE))
        pieces = response.achunks()
        await response.aclose()
        other = await http.aopen(request, Deadline(PATIENCE))
        with pytest.raises(TransportError, match="closed already"):
            await anext(pieces)
        assert await read_all(other) == b"mine"

    if client.runner:
        client.runner.run(asynchronously())
        return
    response = http.open(request, Deadline(PATIENCE))
    pieces = response.chunks()
    response.close()
    with http.stream(request, Deadline(PATIENCE)) as other:
        with pytest.raises(TransportError, match="closed already"):
            next(pieces)
        assert b"".join(other.chunks()) == b"mine"


@pytest.mark.parametrize("use", ["get(http)", "asyncio.run(aget(http))"])
def test_collected_client_leaves_no_warning(use: str, serve: Serve) -> None:
    """Nobody has to close a model."""
    _run(f"{use}\ndel http\ngc.collect()", serve(always(reply())).url)


@pytest.mark.parametrize("use", ["get(http)", "asyncio.run(aget(http))"])
def test_client_that_lives_to_the_end_leaves_no_warning(use: str, serve: Serve) -> None:
    """Nor a model in a global variable."""
    _run(use, serve(always(reply())).url)


def test_client_collected_in_a_running_loop_closes_its_connections(serve: Serve) -> None:
    """A long-lived loop does not gather the connections of models that are gone."""
    server = serve(always(reply()))
    _run(
        """
        async def main():
            for _ in range(5):
                await aget(SealedHTTP([url]))
            gc.collect()
            for _ in range(20):
                await asyncio.sleep(0)
            transports = [thing for thing in gc.get_objects() if type(thing).__name__ == "_SelectorSocketTransport"]
            assert all(transport.is_closing() for transport in transports), transports
        asyncio.run(main())
        """,
        server.url,
    )


_CHILD = """
def in_child(work):
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_fork_gets_connections_of_its_own(serve: Serve) -> None:
    """The child neither uses nor closes those of its parent, in either way of asking."""
    server = serve(always(reply()))
    _run(
        _CHILD
        + textwrap.dedent("""
        async def main():
            assert await aget(http) == get(http) == b"ok"
            in_child(lambda: get(http))
            assert await aget(http) == get(http) == b"ok"
        asyncio.run(main())
        get(http)
        in_child(lambda: (get(http), asyncio.run(aget(http)), http.close(), get(http)))
        assert get(http) == b"ok"
        """),
        server.url,
    )
    # Two of the parent, one of the first child, three of the second.
    assert len(server.peers) == 2 + 1 + 3


def test_fork_beside_a_thread_that_holds_the_lock(serve: Serve) -> None:
    """A lock that no thread of the child can ever release."""
    _run(
        _CHILD
        + textwrap.dedent("""
        get(http)
        held, done = threading.Event(), threading.Event()
        def hold():
            with http._lock:
                held.set()
                done.wait(20)
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(20)
        in_child(lambda: (get(http), http.close()))
        done.set()
        thread.join()
        assert get(http) == b"ok"
        """),
        serve(always(reply())).url,
    )


@pytest.mark.parametrize("ending", ["gc.collect()", "http = None; gc.collect()", "sys.exit(0)"])
def test_fork_leaves_no_warning_behind(ending: str, serve: Serve) -> None:
    """When the child drops the client, and when it ends as any program ends."""
    _run(
        f"""
        get(http)
        asyncio.run(aget(http))
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
        else:
            get(http)
            {ending}
        """,
        serve(always(reply())).url,
    )


def test_request_does_not_show_its_secrets() -> None:
    """Headers and body are kept out of `repr`; a URL of ours holds none."""
    shown = repr(HTTPRequest("POST", "https://host/token", {"Authorization": "hunter2"}, b"hunter3"))

    assert "hunter" not in shown


async def test_answer_that_ends_with_its_connection_is_cut_by_closing(serve: Serve) -> None:
    """The client's own end is not the server's, so what came by then is not taken for the whole."""
    server = serve(one_then_wait(b"HTTP/1.1 200 OK\r\n\r\nhalf"))
    http = SealedHTTP([server.url])
    response = await http.aopen(HTTPRequest("GET", server.url), Deadline(PATIENCE))
    reading = asyncio.create_task(read_all(response))
    await asyncio.sleep(0)

    await http.aclose()

    with pytest.raises(TransportError, match="without sending complete message body"):
        await reading


async def test_cancelled_closing_leaves_no_connection_open(serve: Serve) -> None:
    """Who waits for the end may be cancelled; the connections are closed by then."""
    server = serve(always(reply()))
    http = SealedHTTP([server.url])
    await asyncio.gather(*(_aget(http, server.url) for _ in range(3)))
    closing = asyncio.create_task(http.aclose())
    await asyncio.sleep(0)

    closing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await closing
    for peer in server.peers:
        assert await asyncio.to_thread(peer.gone.wait, PATIENCE)


def test_connection_given_back_while_another_thread_closes_is_closed(serve: Serve) -> None:
    """It is on its way from those in use to those that wait when the other thread looks at both."""
    server = serve(always(reply()))
    connections = ThreadConnections(None, DIRECT)

    def clock() -> float:
        connections.close()
        return 0.0

    connections._idle = IdleConnections(clock=clock)
    connection = connections.exchange(Place("127.0.0.1", server.port, is_encrypted=False), _GET, Deadline(PATIENCE))

    connections.release(connection)

    assert server.peers[0].gone.wait(PATIENCE)
