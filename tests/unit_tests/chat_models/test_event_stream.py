"""Events are the same however the network cuts the bytes, and as the WHATWG standard reads them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_nvgateway.chat_models.chunk_reader import ChunkReader
from langchain_nvgateway.chat_models.event_stream import MAX_EVENT_BYTES, EventDecoder, EventTooLargeError
from langchain_nvgateway.chat_models.service_errors import Call as FailedCall
from langchain_nvgateway.chat_models.wire_answers import text_in

CALL = FailedCall("service", "model", "http://127.0.0.1/", "id")


def events_of(pieces: Sequence[bytes]) -> list[bytes]:
    """Decode a body that arrives in these pieces."""
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


def by_the_standard(body: bytes) -> list[bytes]:
    """Decode a body as section 9.2.6 of the HTML standard says, plainly; an open event at the end counts too."""
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    events: list[bytes] = []
    data: list[bytes] = []
    for line in [*lines, b""]:
        if not line:
            if data:
                events.append(b"\n".join(data))
            data = []
            continue
        name, _, value = line.partition(b":")
        if name == b"data" and b":" in line:
            data.append(value.removeprefix(b" "))
    return events


lines = st.one_of(
    st.just(b""),
    st.just(b": a comment"),
    st.just(b"event: message"),
    st.just(b"id: 5"),
    st.just(b"retry: 100"),
    st.just(b"data:"),
    st.just(b"database: no"),
    st.text(max_size=6).map(
        lambda text: b"data: " + text.replace("\r", "").replace("\n", "").encode("utf-8", "replace")
    ),
    st.text(max_size=6).map(
        lambda text: b"data:" + text.replace("\r", "").replace("\n", "").encode("utf-8", "replace")
    ),
)
bodies = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12).map(
    lambda pairs: b"".join(line + end for line, end in pairs)
)


@st.composite
def cut(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A body, and the same in pieces that end anywhere."""
    body = draw(bodies)
    places = sorted(draw(st.sets(st.integers(0, len(body)), max_size=len(body))))
    bounds = [0, *places, len(body)]
    return body, [body[start:end] for start, end in itertools.pairwise(bounds)]


@settings(deadline=None, max_examples=1000)
@given(cut())
def test_events_are_read_as_the_standard_says_wherever_the_pieces_end(case: tuple[bytes, list[bytes]]) -> None:
    """Any mix of line ends, comments and fields, cut at any byte."""
    body, pieces = case
    assert events_of(pieces) == by_the_standard(body)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_single_bytes_make_the_same_events(end: bytes) -> None:
    """Also within a character of several bytes and between the two of a line end."""
    body = end.join(
        [b"data: " + "größe 🎉".encode(), b"", b": note", b"data: a", b"data: b", b"", b"data: [DONE]", b"", b""]
    )
    pieces = [body[place : place + 1] for place in range(len(body))]
    assert events_of(pieces) == ["größe 🎉".encode(), b"a\nb", b"[DONE]"]


def test_a_line_feed_after_a_carriage_return_and_line_feed_is_a_line_of_its_own() -> None:
    r"""`\\r\\n\\n` in three pieces ends the event at once."""
    decoder = EventDecoder()
    assert [decoder.feed(piece) for piece in (b"data: a\r", b"\n", b"\n")] == [[], [], [b"a"]]


def test_an_event_ends_with_its_blank_line_not_later() -> None:
    """Nobody waits for the next event to see this one."""
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\n") == [b"a"]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """The standard lets one pass at the start."""
    assert events_of([b"\xef\xbb\xbfdata: a\n\n"]) == [b"a"]


def _feed_without_end(decoder: EventDecoder, piece: bytes) -> None:
    for _ in range(MAX_EVENT_BYTES // len(piece) + 2):
        decoder.feed(piece)


@pytest.mark.parametrize("line", [b"data: ", b": comment ", b""])
def test_a_line_that_never_ends_is_given_up(line: bytes) -> None:
    """Memory is not what a mad server decides about."""
    decoder = EventDecoder()
    decoder.feed(line)
    with pytest.raises(EventTooLargeError):
        _feed_without_end(decoder, b"x" * 65536)


def test_an_event_of_many_lines_that_never_ends_is_given_up() -> None:
    """The limit is for the event, not for a line of it."""
    decoder = EventDecoder()
    with pytest.raises(EventTooLargeError):
        _feed_without_end(decoder, b"data: " + b"x" * 65536 + b"\n")


def test_comments_without_end_cost_no_memory() -> None:
    """A server may keep a connection alive with comments for hours."""
    decoder = EventDecoder()
    for _ in range(1000):
        assert decoder.feed(b": " + b"x" * 65536 + b"\n") == []


texts = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4)


@settings(deadline=None, max_examples=200)
@given(texts, st.integers(1, 7), st.booleans())
def test_chunks_are_the_same_in_pieces_of_any_size(texts: list[str], size: int, escape: bool) -> None:
    """What the reader passes on does not depend on the network."""
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    body = b"".join(
        b"data: " + json.dumps(one, ensure_ascii=escape).encode("utf-8", "replace") + b"\r\n\r\n" for one in chunks
    )
    reader = ChunkReader(CALL, {})
    found = [one for start in range(0, len(body), size) for one in reader.feed(body[start : start + size])]
    found += reader.end()
    assert reader.failure is None
    said = "".join(one if isinstance(one, str) else text_in(one["choices"][0]["delta"]) for one in found)
    assert said == "".join(texts).encode("utf-8", "replace").decode() or escape
