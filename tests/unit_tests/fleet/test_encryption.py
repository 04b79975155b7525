"""`rediss://`: TLS, with the name and the authority of the server checked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from langchain_nvgateway.fleet import check_redis

from .valkey import PATIENCE, Valkey


class TLSFront:
    """Takes TLS in front of a server that has none.

    Args:
        valkey: The server.
        name: What the certificate is for.
        folder: Where the authority's certificate is put.
    """

    def __init__(self, valkey: Valkey, name: str, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._behind = ("127.0.0.1", int(valkey.url.rpartition(":")[2]))
        self.url = f"rediss://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                with suppress(OSError), taken, self._context.wrap_socket(taken, server_side=True) as front:
                    self._pass_on(front)

    def _pass_on(self, front: ssl.SSLSocket) -> None:
        """Pass a question on and its answer back, in turn, as one client has them."""
        with socket.create_connection(self._behind) as back:
            while question := front.recv(65536):
                back.sendall(question)
                front.sendall(back.recv(65536))


@pytest.fixture(params=["127.0.0.1", "elsewhere.test"])
def front(request: pytest.FixtureRequest, valkey: Valkey, tmp_path: Path) -> Iterator[TLSFront]:
    """One with a certificate for its own name, and one with that of somebody else."""
    running = TLSFront(valkey, request.param, tmp_path)
    yield running
    running.stop()


@pytest.mark.parametrize("front", ["127.0.0.1"], indirect=True)
def test_server_of_a_known_authority_is_used(front: TLSFront) -> None:
    """One of the company's own is named in the URL."""
    host, seconds = check_redis(SecretStr(f"{front.url}?ssl_ca_certs={front.authority}"))

    assert host == front.url.removeprefix("rediss://")
    assert seconds is not None


def test_server_of_an_unknown_authority_is_not_used(front: TLSFront) -> None:
    """Nobody vouches for it."""
    assert check_redis(SecretStr(front.url))[1] is None


@pytest.mark.parametrize("front", ["elsewhere.test"], indirect=True)
def test_server_of_another_name_is_not_used(front: TLSFront) -> None:
    """Its authority is known, but it vouches for another one."""
    assert check_redis(SecretStr(f"{front.url}?ssl_ca_certs={front.authority}"))[1] is None
