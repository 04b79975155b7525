"""Rule 7: secrets never show, wherever one looks, even when the server echoes them."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import logging
import pickle
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from langchain_nvgateway.errors import StarfleetError
from langchain_nvgateway.starfleet import StarfleetTokenProvider

from .conftest import Ask
from .token_server import Clocks, Handler, Reply, TokenServer, answer, answer_json, grant, raw, wait_for_refreshes

ID, SECRET, TOKEN = "canary-id", "canary/secret+ü'\"", "canary-token-1"
BASIC = b64encode(b"canary-id:canary%2Fsecret%2B%C3%BC%27%22").decode()
CANARIES = ("canary", SECRET, TOKEN, BASIC)

ECHOES: dict[str, Reply] = {
    "words": answer_json({"error": "invalid_client", "error_description": f"{ID}:{SECRET} is wrong"}, 401),
    "other fields": answer_json({"you_sent": SECRET, SECRET: [BASIC]}, 400),
    "message": answer_json({"message": f"bad header Basic {BASIC}"}, 403),
    "html": answer(500, f"<p>{SECRET} {BASIC} {ID}</p>".encode()),
    "escaped": answer(400, json.dumps({"detail": SECRET}).replace("a", "\\u0061")),
    "at the cut": answer(400, ("x" * 495 + SECRET).encode()),
    "success without token": answer_json({"accessToken": TOKEN, "error": SECRET}),
    "half a success": answer(200, f'{{"access_token": "{TOKEN}'),
    "odd type": answer_json({"access_token": TOKEN, "token_type": SECRET}),
    "odd life": answer_json({"access_token": TOKEN, "expires_in": SECRET}),
    "odd token": answer_json({"access_token": f"{TOKEN}\r\n{SECRET}"}),
    "redirect": answer(302, location=f"/?secret={BASIC}"),
    "status line": raw(f"HTTP/1.1 {SECRET} no\r\n\r\n".encode()),
    "encoding": answer(200, b"x", content_encoding=BASIC[:40]),
}


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """What all loggers say at DEBUG."""
    lines: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, recorder = logging.getLogger(), Recorder()
    recorder.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(recorder)
    root.setLevel(level)


@pytest.fixture
def canary(new_provider: Callable[..., StarfleetTokenProvider]) -> StarfleetTokenProvider:
    """A provider whose credentials are easy to find."""
    return new_provider(client_id=ID, client_secret=SECRET)


def frames_of(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of a traceback, with their local variables; those of the tests hold secrets by right."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return [frame for frame in report.stack if "/tests/" not in frame.filename]


def surfaces_of(error: BaseException) -> Iterator[str]:
    """Everywhere that an exception shows itself, but for the frames of the tests."""
    yield str(error)
    yield repr(error)
    yield repr(error.__dict__)
    yield repr(pickle.dumps(error))
    yield repr(copy.deepcopy(error))
    for frame in frames_of(error):
        yield f"{frame.name} {frame.locals}"
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_echoed_secret_shows_nowhere(
    canary: StarfleetTokenProvider, server: TokenServer, everything_logged: list[str], echo: Reply
) -> None:
    """In no surface of the error and in no log."""
    server.always(echo)

    with pytest.raises(StarfleetError) as caught:
        canary.get_token()

    for surface in (*surfaces_of(caught.value), *everything_logged):
        assert not [secret for secret in CANARIES if secret in surface]


def test_failure_of_a_task_shows_no_secret(canary: StarfleetTokenProvider, server: TokenServer) -> None:
    """The async path has surfaces of its own."""
    server.always(ECHOES["words"])

    with pytest.raises(StarfleetError) as caught:
        asyncio.run(canary.aget_token())

    for surface in surfaces_of(caught.value):
        assert not [secret for secret in CANARIES if secret in surface]


def test_failed_refresh_does_not_show_the_old_token(
    canary: StarfleetTokenProvider, server: TokenServer, clocks: Clocks, everything_logged: list[str]
) -> None:
    """A server that repeats the token it gave before is masked too."""
    server.then(grant(TOKEN), answer(400, f"you have {TOKEN} already"))
    canary.get_token()
    clocks.at(895.0)

    with pytest.raises(StarfleetError) as caught:
        canary.get_token()

    for surface in (*surfaces_of(caught.value), *everything_logged):
        assert not [secret for secret in CANARIES if secret in surface]


def test_good_refresh_logs_no_secret(
    ask: Ask, canary: StarfleetTokenProvider, server: TokenServer, everything_logged: list[str]
) -> None:
    """At DEBUG, whoever writes it."""
    server.then(grant(TOKEN))
    assert ask(canary) == TOKEN
    wait_for_refreshes()

    assert any(line.startswith("langchain_nvgateway DEBUG New token") for line in everything_logged)
    assert not [line for line in everything_logged for secret in CANARIES if secret in line]


def test_failed_background_refresh_is_a_warning(
    canary: StarfleetTokenProvider, server: TokenServer, clocks: Clocks, everything_logged: list[str]
) -> None:
    """Nobody gets its exception, so the log must tell; host, kind and status are all it tells."""
    canary.get_token()
    server.always(ECHOES["words"])
    clocks.at(700.0)
    canary.get_token()
    wait_for_refreshes()

    (warning,) = [line for line in everything_logged if "WARNING" in line]
    assert warning == (
        f"langchain_nvgateway WARNING No new token from Starfleet at 127.0.0.1:{server.server_port}: "
        "StarfleetAuthError, status 401"
    )


def test_provider_shows_host_scope_and_state(canary: StarfleetTokenProvider, server: TokenServer) -> None:
    """And nothing else."""
    server.then(grant(TOKEN))
    canary.get_token()

    host = f"127.0.0.1:{server.server_port}"
    assert repr(canary) == f"StarfleetTokenProvider(host='{host}', scope='azureopenai-readwrite', state=FRESH)"
    assert str(canary) == repr(canary)


def test_parts_of_a_provider_show_nothing(canary: StarfleetTokenProvider, server: TokenServer) -> None:
    """Debuggers and error trackers print attributes."""
    server.then(grant(TOKEN))
    canary.get_token()
    shown = {name: repr(value) for name, value in vars(canary).items()} | {"request": ""}
    shown["request"] = repr(canary._request.with_secret(SECRET))

    assert not [name for name, text in shown.items() for secret in CANARIES if secret in text]


def test_provider_cannot_be_pickled(canary: StarfleetTokenProvider) -> None:
    """It would take the secret along; the message says what to do instead."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="build one in each process"):
            pickle.dumps(canary, protocol)


def test_copies_are_the_provider_itself(canary: StarfleetTokenProvider) -> None:
    """So that copies of a model share its token and its one refresh."""
    assert copy.copy(canary) is canary
    assert copy.deepcopy({"model": [canary]})["model"][0] is canary


@pytest.mark.parametrize("family", ["httpx", "httpx2"])
def test_failure_inside_an_http_client_shows_no_token(
    canary: StarfleetTokenProvider, server: TokenServer, family: str
) -> None:
    """The token that was refused is in no frame of the flow that then cannot get another."""
    library: Any = importlib.import_module(family)
    gateway = TokenServer()
    gateway.always(answer(401))
    server.then(grant(TOKEN))
    server.always(ECHOES["words"])
    client = library.Client(auth=canary.as_httpx_auth(family), trust_env=False)
    try:
        with client, pytest.raises(StarfleetError) as caught:
            client.get(gateway.url)
    finally:
        gateway.stop()

    assert len(gateway.requests) == 1
    flow = [frame for frame in frames_of(caught.value) if frame.name == "sync_auth_flow"]
    assert flow
    assert not [secret for secret in CANARIES for frame in frames_of(caught.value) if secret in str(frame.locals)]


def test_errors_survive_pickle_with_their_data(canary: StarfleetTokenProvider, server: TokenServer) -> None:
    """A process pool brings them home whole."""
    server.always(ECHOES["words"])
    with pytest.raises(StarfleetError) as caught:
        canary.get_token()

    again = pickle.loads(pickle.dumps(caught.value))

    assert type(again) is type(caught.value)
    assert (str(again), again.status_code, again.retry_after) == (str(caught.value), 401, 30.0)


def test_server_words_are_there_without_the_secrets(canary: StarfleetTokenProvider, server: TokenServer) -> None:
    """Redaction leaves the rest readable."""
    server.always(ECHOES["words"])

    with pytest.raises(StarfleetError, match=r'"invalid_client: \[redacted\]:\[redacted\] is wrong"'):
        canary.get_token()


def echo_request(handler: Handler) -> None:
    """Answer 400 with the header that was sent."""
    answer(400, f"bad: {handler.headers['Authorization']}")(handler)


def test_header_that_is_echoed_as_sent_is_masked(canary: StarfleetTokenProvider, server: TokenServer) -> None:
    """Real echoes, not only those that this file spells itself."""
    server.always(echo_request)

    with pytest.raises(StarfleetError) as caught:
        canary.get_token()

    assert "bad: " in str(caught.value)
    assert BASIC not in str(caught.value)
