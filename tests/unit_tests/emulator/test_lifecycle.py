"""The emulator starts, serves, stops and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from langchain_nvgateway.emulator import Emulator, Fault

from .raw_client import send_raw


def connect(emulator: Emulator) -> socket.socket:
    """Open a connection and send a request for models."""
    parts = urlsplit(emulator.origin)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5)
    head = "GET /nim/v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer fake-nim-key\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def test_the_environment_points_at_running_services() -> None:
    """What `env` says is served, and no longer after `stop()`."""
    with Emulator() as emulator, httpx.Client(trust_env=False) as client:
        url = emulator.env["NVIDIA_NIM_BASE_URL"] + "/models"
        headers = {"authorization": f"Bearer {emulator.env['NVIDIA_NIM_API_KEY']}"}
        assert client.get(url, headers=headers).status_code == 200
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(url, headers=headers)


@pytest.mark.parametrize("fault", ["hang", "hang_mid_stream", "drip_headers", "huge"])
def test_stop_ends_connections_that_are_stuck(fault: str) -> None:
    """Stopping does not wait for a client, whatever its connection is in the middle of."""
    threads = threading.active_count()
    emulator = Emulator().start()
    emulator.nim.fail_next(fault)
    with connect(emulator) as connection:
        emulator.nim.wait_for_requests(1)
        emulator.stop()
        while connection.recv(65_536):
            pass
    assert threading.active_count() == threads
    gc.collect()


def test_stop_closes_idle_connections() -> None:
    """A client that keeps its connection open does not keep the emulator alive."""
    emulator = Emulator().start()
    with connect(emulator) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        emulator.stop()
        assert connection.recv(65_536) == b""


def test_stop_lets_held_requests_go() -> None:
    """A request that waits for `release()` does not keep the emulator alive."""
    emulator = Emulator().start()
    emulator.nim.hold()
    with connect(emulator) as connection:
        emulator.nim.wait_for_requests(1)
        emulator.stop()
        assert connection.recv(65_536) == b""


def test_stopping_twice_is_fine_and_starting_twice_is_not() -> None:
    """`stop()` may be called at any time, `start()` only when stopped."""
    emulator = Emulator()
    emulator.stop()
    with emulator:
        with pytest.raises(RuntimeError, match="already running"):
            emulator.start()
        emulator.stop()


def test_it_can_be_started_again() -> None:
    """A stopped emulator serves again after `start()`."""
    emulator = Emulator()
    for _ in range(2):
        with emulator, connect(emulator) as connection:
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_taken_port_is_reported_by_start() -> None:
    """`start()` raises what kept the server from listening."""
    with Emulator() as first, pytest.raises(OSError, match="in use"):
        Emulator(port=urlsplit(first.origin).port or 0).start()


def test_each_service_can_have_its_own_origin(client: httpx.Client) -> None:
    """With separate hosts a path is served only where its service lives."""
    with Emulator(separate_hosts=True) as emulator:
        origins = {service.origin for service in emulator.services}
        assert len(origins) == 3
        url = emulator.env["NVIDIA_NIM_BASE_URL"] + "/models"
        headers = {"authorization": "Bearer fake-nim-key"}
        assert client.get(url, headers=headers).status_code == 200
        elsewhere = url.replace(emulator.nim.origin, emulator.gateway.origin)
        assert client.get(elsewhere, headers=headers).status_code == 404
        assert [r.service for r in emulator.requests] == ["nim", "unknown"]


def test_the_command_prints_the_environment_and_ends_on_interrupt(client: httpx.Client) -> None:
    """`python -m langchain_nvgateway.emulator` serves until Ctrl-C and exits cleanly."""
    command = [sys.executable, "-m", "langchain_nvgateway.emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline().strip() for _ in range(7)]
        env = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        url = env["NVIDIA_NIM_BASE_URL"] + "/models"
        answer = client.get(url, headers={"authorization": f"Bearer {env['NVIDIA_NIM_API_KEY']}"})
        assert answer.status_code == 200
        process.send_signal(2)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_the_package_does_not_import_the_emulator() -> None:
    """Who uses the package does not pay for its test server, nor the other way round."""
    code = (
        "import sys, langchain_nvgateway\n"
        "assert 'langchain_nvgateway.emulator' not in sys.modules\n"
        "before = set(sys.modules)\n"
        "import langchain_nvgateway.emulator\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names - {'langchain_nvgateway'}))\n"
        "mine = [n for n in set(sys.modules) - before if n.startswith('langchain_nvgateway.')]\n"
        "print([n for n in mine if not n.startswith('langchain_nvgateway.emulator')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_two_hundred_connections_are_served_at_once(emu: Emulator) -> None:
    """Many clients that all wait are all answered."""
    emu.nim.hold()

    async def ask_all() -> list[int]:
        headers = {"authorization": "Bearer fake-nim-key"}
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=30) as client:
            url = emu.env["NVIDIA_NIM_BASE_URL"] + "/models"
            calls = [asyncio.create_task(client.get(url, headers=headers)) for _ in range(200)]
            await asyncio.to_thread(emu.nim.wait_for_requests, 200, timeout=30)
            emu.nim.release()
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert asyncio.run(ask_all()) == [200] * 200


def test_latency_comes_before_the_first_byte(emu: Emulator) -> None:
    """A slow service says nothing until its latency is over."""
    emu.nim.latency = 60.0
    with connect(emu) as connection:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_client_that_leaves_is_noticed(emu: Emulator) -> None:
    """The log says when a client gave up before its answer was complete."""
    emu.nim.fail_next("hang")
    with connect(emu):
        emu.nim.wait_for_requests(1)
    emu.wait_until(lambda: emu.nim.requests[0].finished)
    assert emu.nim.requests[0].aborted
    assert emu.nim.requests[0].status is None


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused(emu: Emulator, request_bytes: bytes, status: int) -> None:
    """Malformed and oversized requests are answered and the connection is closed."""
    parts = urlsplit(emu.origin)
    seen = send_raw(parts.hostname or "", parts.port or 0, request_bytes)
    assert seen.status == status or seen.end == "reset"


def test_a_chunked_request_is_understood(emu: Emulator, client: httpx.Client) -> None:
    """A body without a length is read."""
    pieces = (piece for piece in [b'{"model": ', b'"m"}'])
    url = emu.env["NVIDIA_NIM_BASE_URL"] + "/chat/completions"
    client.post(url, content=pieces, headers={"expect": "100-continue"})
    assert emu.requests[0].json == {"model": "m"}


def test_a_request_is_recorded_with_all_its_parts(emu: Emulator, client: httpx.Client) -> None:
    """The log shows method, path, query, headers, body and status."""
    url = emu.env["LLM_GATEWAY_BASE_URL"] + "/openai/deployments/gpt-4o/chat/completions?api-version=x&a="
    client.post(url, json={"a": 1}, headers={"X-Test": "yes"})
    [request] = emu.gateway.requests
    assert (request.service, request.route, request.method) == ("gateway", "chat", "POST")
    assert request.path == "/llm/v1/azure/openai/deployments/gpt-4o/chat/completions"
    assert request.query == {"api-version": "x", "a": ""}
    assert request.headers["x-test"] == "yes"
    assert (request.json, request.model, request.status) == ({"a": 1}, "gpt-4o", 400)


def test_reset_forgets_everything(emu: Emulator, client: httpx.Client) -> None:
    """After `reset()` faults, settings and the log are as at the start."""
    emu.nim.fail_always("internal_error")
    emu.nim.api_key = "fake-other"
    client.get(emu.origin)
    emu.reset()
    assert emu.requests == []
    assert emu.nim.pending_faults == 0
    url = emu.env["NVIDIA_NIM_BASE_URL"] + "/models"
    assert client.get(url, headers={"authorization": "Bearer fake-nim-key"}).status_code == 200


def test_waiting_in_vain_is_an_error(emu: Emulator) -> None:
    """Who waits for requests that do not come is told so."""
    with pytest.raises(TimeoutError, match="0 of 1"):
        emu.nim.wait_for_requests(1, timeout=0.01)
    with pytest.raises(TimeoutError):
        emu.wait_until(lambda: False, timeout=0.01)


def test_a_predicate_that_raises_shows_in_the_answer(emu: Emulator, client: httpx.Client) -> None:
    """A mistake in a test's own predicate is not taken for a fault of the service."""
    emu.nim.fail_when(lambda request: request.json["missing"] == 1, Fault(status=503))
    answer = client.get(emu.env["NVIDIA_NIM_BASE_URL"] + "/models")
    assert answer.status_code == 500
    assert "TypeError" in answer.text
