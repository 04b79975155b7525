"""A server on loopback that takes what is sent to LangSmith, and remembers every byte."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import zstandard

__all__ = ["Collector", "collecting"]

# All of its fields are needed: without one, the library's thread ends and its `flush` waits for ever.
INFO = json.dumps(
    {
        "version": "0.12.0",
        "batch_ingest_config": {
            "scale_up_qsize_trigger": 1000,
            "scale_up_nthreads_limit": 4,
            "scale_down_nempty_trigger": 4,
            "size_limit": 100,
            "size_limit_bytes": 20_000_000,
            "use_multipart_endpoint": True,
        },
    }
).encode()


class Collector:
    """What came in: heads and unpacked bodies."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self._parts: list[bytes] = []
        self._lock = threading.Lock()

    @property
    def everything(self) -> bytes:
        """All of it."""
        with self._lock:
            return b"\n".join(self._parts)

    def take(self, path: str, head: bytes, body: bytes, encoding: str) -> None:
        """Remember a request."""
        if encoding == "zstd":
            body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
        elif encoding == "gzip":
            body = gzip.decompress(body)
        with self._lock:
            self.paths.append(path)
            self._parts += [path.encode(), head, body]


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """Run a collector for the length of the block; gives it and its URL."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(INFO)

        def do_POST(self) -> None:
            body = self._body()
            collector.take(self.path, bytes(self.headers), body, self.headers.get("Content-Encoding", ""))
            self._answer(b"{}")

        do_PATCH = do_POST  # noqa: N815 - the library's way to name methods

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
