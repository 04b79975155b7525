"""The decoder of event streams against a slow one that follows the standard letter by letter."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from langchain_nvgateway.chat_models import event_stream
from langchain_nvgateway.chat_models.event_stream import EventDecoder, EventTooLargeError

from .mutations import cuts_of, mutated

VALID = (
    b'\xef\xbb\xbf: hello\r\nevent: message\r\nid: 1\r\ndata: {"a": 1}\r\n\r\n'
    b"data: first\ndata:second\ndata\n\nretry: 10\ndata:  two blanks\r\rdata: [DONE]\n\n"
)
NOISE = st.binary(max_size=4) | st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\r",
        b":",
        b" ",
        b"data",
        b"data:",
        b"data: ",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\xff",
    ]
)
STREAMS = st.binary(max_size=80) | mutated(VALID, NOISE, most=6) | st.lists(NOISE, max_size=20).map(b"".join)


def by_the_standard(body: bytes) -> list[bytes]:
    """Read a whole stream byte by byte (WHATWG HTML, sections 9.2.5 and 9.2.6).

    Ours is other on purpose in two points. The data stays as bytes, since JSON is decoded later and stricter than
    the standard's "UTF-8 decode". And what the end of the body leaves without its blank line is handed out, where
    the standard drops it: some servers do not write the last one.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    events: list[bytes] = []
    data = line = b""
    place = 0
    body += b"\n\n"  # The second point.
    while place < len(body):
        letter = body[place : place + 1]
        place += 1
        if letter not in (b"\r", b"\n"):
            line += letter
            continue
        if letter == b"\r" and body[place : place + 1] == b"\n":
            place += 1
        if not line:
            if data:
                events.append(data[:-1])
            data = b""
        elif b":" in line:
            name, value = line[: line.index(b":")], line[line.index(b":") + 1 :]
            if name == b"data":
                data += (value[1:] if value[:1] == b" " else value) + b"\n"
        elif line == b"data":
            data += b"\n"
        line = b""
    return events


def decoded(pieces: Sequence[bytes]) -> list[bytes]:
    """Return the events of a stream that comes in these pieces."""
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


@given(STREAMS)
@example(b"data\n\n")
@example(b"data: x\r\r\n")
@example(b"data: x\n\n\r")
@example(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n")
def test_any_bytes_are_read_as_the_standard_says(body: bytes) -> None:
    """Whether or not anybody would send them."""
    assert decoded([body]) == by_the_standard(body)


@given(STREAMS, st.data())
def test_cuts_change_nothing(body: bytes, data: st.DataObject) -> None:
    """Neither what the events are nor, once the bytes of an event are there, when it is seen."""
    pieces = data.draw(cuts_of(body))
    assert decoded(pieces) == decoded([body])
    cut, whole = EventDecoder(), EventDecoder()
    assert [event for piece in pieces for event in cut.feed(piece)] == whole.feed(body)


@given(STREAMS, st.integers(1, 30), st.data())
def test_nothing_but_its_own_error_is_raised(body: bytes, limit: int, data: st.DataObject) -> None:
    """What is within the limit is read, cut or not; no event beyond it is handed out."""
    before, event_stream.MAX_EVENT_BYTES = event_stream.MAX_EVENT_BYTES, limit
    try:
        events = decoded(data.draw(cuts_of(body)))
    except EventTooLargeError:
        # What is kept is an event so far and a line so far.
        line = max(map(len, body.replace(b"\r", b"\n").split(b"\n")))
        assert line + max(map(len, by_the_standard(body)), default=0) + 1 > limit
    else:
        assert all(len(event) <= limit for event in events)
    finally:
        event_stream.MAX_EVENT_BYTES = before
