"""A company's network: services behind a proxy, with certificates of the company's own authority."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from langchain_nvgateway.emulator import Emulator

from ..sealed_http.conftest import client, no_blocking_calls_in_event_loops, serve
from ..sealed_http.raw_server import RawServer, always, reply
from .company import BASIC, ConnectProxy, TLSFront, written

__all__ = ["client", "no_blocking_calls_in_event_loops", "serve"]

HOSTS = ("service.example", "nim.example", "gateway.example", "starfleet.example", "vendor.example")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The company's authority."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """A certificate of the company for all its services."""
    return authority.issue_cert(*HOSTS)


@pytest.fixture
def ca_bundle(authority: trustme.CA, tmp_path: Path) -> str:
    """The file with the company's authority."""
    return written(authority, tmp_path)


@pytest.fixture
def service(serve: Callable[..., RawServer], certificate: trustme.LeafCert) -> Iterator[TLSFront]:
    """A service that says ok, over TLS."""
    front = TLSFront(certificate, serve(always(reply())).port)
    yield front
    front.stop()


@pytest.fixture
def proxy(service: TLSFront) -> Iterator[ConnectProxy]:
    """The proxy, which knows `service.example` and wants a password."""
    running = ConnectProxy({"service.example:443": service.port, "service.example:8443": service.port}, BASIC)
    yield running
    running.stop()


@pytest.fixture
def company(emu: Emulator, certificate: trustme.LeafCert) -> Iterator[ConnectProxy]:
    """The proxy of a company in which the emulator's services have names of their own."""
    front = TLSFront(certificate, urlsplit(emu.env["NVIDIA_NIM_BASE_URL"]).port or 0)
    running = ConnectProxy({f"{host}:443": front.port for host in HOSTS}, BASIC)
    yield running
    running.stop()
    front.stop()
