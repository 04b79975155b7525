"""What `AnswerReader` makes of bytes, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.sealed_http import TransportError
from langchain_nvgateway.sealed_http.answers import MAX_SILENT_BYTES, AnswerReader

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = (
    _OK + b"Transfer-Encoding: chunked\r\nX: 1\r\nx: 2\r\n\r\n4;a=b\r\nfine\r\n3\r\n ok\r\n0\r\nTrailer: 1\r\n\r\n"
)
_FINE = _OK + b"Content-Length: 4\r\n\r\nfine"
_WHOLE = [_CHUNKED, _FINE, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + _FINE]


def _read(reader: AnswerReader, *pieces: bytes) -> bytes:
    for piece in pieces:
        reader.feed(piece)
    body = b""
    while part := reader.body():
        body += part
    return body


@given(answer=st.sampled_from(_WHOLE), cuts=st.lists(st.integers(0, 160), max_size=8))
def test_answer_is_the_same_however_it_is_cut(answer: bytes, cuts: list[int]) -> None:
    """Servers and networks cut where they like."""
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [piece for start, end in pairwise(edges) if (piece := answer[start:end])]
    whole, cut = AnswerReader(), AnswerReader()

    assert _read(cut, *pieces) == _read(whole, answer)
    assert (cut.status, cut.headers, cut.is_complete, cut.may_reuse) == (200, whole.headers, True, True)


@given(data=st.binary(max_size=200), ok=st.booleans(), ends=st.booleans())
def test_no_bytes_do_more_than_fail(data: bytes, ok: bool, ends: bool) -> None:
    """Whatever a server sends is an answer, the beginning of one, or a `TransportError`."""
    reader = AnswerReader()
    try:
        _read(reader, *([_OK] if ok else []), *([data] if data else []), *([b""] if ends else []))
        reader.check()
    except TransportError:
        assert not reader.may_reuse


@pytest.mark.parametrize(
    ("head", "may_reuse"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", True),
    ],
)
def test_connection_is_reused_as_the_answer_says(head: bytes, may_reuse: bool) -> None:
    """RFC 9112 §9.3."""
    reader = AnswerReader()
    reader.feed(head)

    assert (reader.is_complete, reader.may_reuse) == (True, may_reuse)


@pytest.mark.parametrize("behind", [b"x", _FINE, b"\x00", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("together", [True, False])
def test_what_comes_behind_an_answer_ends_the_connection(behind: bytes, together: bool) -> None:
    """It would be taken for the answer to the next request; the answer before it stands."""
    reader = AnswerReader()

    body = _read(reader, _FINE + behind) if together else _read(reader, _FINE, behind)

    assert (body, reader.is_complete, reader.may_reuse) == (b"fine", True, False)


def test_body_that_ends_with_the_connection_needs_the_end() -> None:
    """RFC 9112 §6.3, rule 8."""
    reader = AnswerReader()
    assert _read(reader, _OK + b"\r\nfi", b"ne") == b"fine"
    assert not reader.is_complete

    reader.feed(b"")

    assert (reader.is_complete, reader.may_reuse) == (True, False)


@pytest.mark.parametrize(
    "answer",
    [
        _OK + b"Transfer-Encoding: gzip\r\n\r\nfine",
        _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        _OK + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        _OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nfine",
        b"HTTP/1.1 000 None\r\nContent-Length: 4\r\n\r\nfine",
        b"HTTP/1.1 099 None\r\nContent-Length: 4\r\n\r\nfine",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfine",
    ],
)
def test_framing_that_two_readers_would_understand_differently_is_refused(answer: bytes) -> None:
    """The other reader would take the rest for an answer of its own."""
    reader = AnswerReader()
    reader.feed(answer)
    with pytest.raises(TransportError, match="not valid HTTP"):
        reader.check() if not reader.has_head else reader.body()
    assert not reader.may_reuse


def test_what_came_before_the_trouble_has_arrived() -> None:
    """A stream that breaks shows what it brought."""
    reader = AnswerReader()
    reader.feed(_OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\nzz\r\n")

    assert reader.body() == b"fine"
    with pytest.raises(TransportError, match="not valid HTTP"):
        reader.body()


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (_OK, b"X-Flood: 1\r\n"),
        (_OK + b"X-Long: ", b"a"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n4;", b"a"),
        (_OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n"),
    ],
    ids=["headers", "header", "hints", "extension", "trailers"],
)
def test_what_brings_nothing_of_the_body_is_limited(start: bytes, more: bytes) -> None:
    """A flood takes no more memory than a long head."""
    reader = AnswerReader()
    reader.feed(start or more)

    def flood() -> None:
        for _ in range(3 * MAX_SILENT_BYTES // (100 * len(more))):
            reader.feed(more * 100)
            reader.check()
            reader.body()

    with pytest.raises(TransportError, match="not valid HTTP"):
        flood()


def test_body_has_no_limit_of_the_readers() -> None:
    """Whoever reads it has one."""
    reader = AnswerReader()
    reader.feed(_OK + b"Content-Length: 10000000\r\n\r\n")
    for _ in range(100):
        reader.feed(b"x" * 100_000)
        assert len(reader.body()) == 100_000
    assert reader.may_reuse


def test_answer_that_ends_with_its_connection_is_not_whole_once_it_is_closed() -> None:
    """A thread that waits for more is woken by the end that its own side has made."""
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    assert reader.body() == b"half"

    reader.close()
    reader.feed(b"")

    with pytest.raises(TransportError):
        reader.body()
