"""Server-sent events, whatever the line ends, the other fields and the cuts between the pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_nvgateway.chat_models import event_stream
from langchain_nvgateway.chat_models.event_stream import EventDecoder, EventTooLargeError

from .cpu import grows_linearly

_LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
_DATA_LINE = st.binary(min_size=1, max_size=12).filter(lambda line: b"\n" not in line and b"\r" not in line)
_EVENT = st.lists(_DATA_LINE, min_size=1, max_size=3)
_NOISE = st.sampled_from(
    [b": ping", b":", b"event: message", b"id: 7", b"retry: 10", b"datax: no", b"dat", b"Data: no"]
)


@st.composite
def _encoded(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Draw events and one of the many ways to write them down."""
    events = draw(st.lists(_EVENT, max_size=5))
    text = b""
    for lines in events:
        for line in lines:
            if draw(st.booleans()):
                text += draw(_NOISE) + draw(_LINE_ENDS)
            blank = b" " if line.startswith(b" ") else draw(st.sampled_from([b"", b" "]))
            # "\r" and "\n" of two lines that follow each other would be one line end.
            text += b"data:" + blank + line + draw(_LINE_ENDS)
        end = draw(_LINE_ENDS)
        text += b"\n\n" if text.endswith(b"\r") and end == b"\n" else end
        if draw(st.booleans()):
            text += draw(_NOISE) + draw(_LINE_ENDS)
    return [b"\n".join(lines) for lines in events], text


@st.composite
def _cut(draw: st.DrawFn, text: bytes) -> list[bytes]:
    places = draw(st.lists(st.integers(0, len(text)), max_size=8))
    return [text[start:end] for start, end in pairwise(sorted({0, len(text), *places}))]


def _decoded(pieces: list[bytes]) -> list[bytes]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


def _feed(decoder: EventDecoder, piece: bytes, *, times: int) -> None:
    for _ in range(times):
        decoder.feed(piece)


def _reference(text: bytes) -> list[bytes]:
    """Parse as WHATWG HTML, section 9.2.6, does it: line by line, over the whole text."""
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    events, data = [], []
    for line in [*lines, b""]:  # The blank line is ours: what a cut stream left is handed out as well.
        name, _, value = line.partition(b":")
        if not line and data:
            events.append(b"\n".join(data))
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return events


@given(st.data())
def test_events_survive_any_notation_and_any_cuts(data: st.DataObject) -> None:
    """What was encoded comes out, in order, however it was written and wherever the pieces end."""
    events, text = data.draw(_encoded())

    assert _decoded(data.draw(_cut(text))) == events


@given(st.lists(st.sampled_from([b"data:", b"data: x", b":", b"\n", b"\r", b"\r\n", b"x", b" "])), st.data())
def test_any_bytes_are_read_as_the_standard_says(parts: list[bytes], data: st.DataObject) -> None:
    """The decoder agrees with a plain reading of the standard, for text that nobody would write, too."""
    text = b"".join(parts)

    assert _decoded(data.draw(_cut(text))) == _reference(text)


@given(st.binary(max_size=60))
@example(b"data: x\r\n\ndata: y\n\n")
@example(b"data: x\r\r\n")
def test_single_bytes_are_read_like_the_whole(text: bytes) -> None:
    """Cuts between all bytes change nothing."""
    assert _decoded([text[place : place + 1] for place in range(len(text))]) == _decoded([text])


def test_line_end_that_was_cut_swallows_one_line_feed_only() -> None:
    """After a carriage return, its line feed belongs to it; the next line feed is a blank line."""
    decoder = EventDecoder()

    assert [decoder.feed(piece) for piece in (b"data: x\r", b"\n", b"\n")] == [[], [], [b"x"]]


def test_byte_order_mark_is_ignored() -> None:
    """A leading byte order mark is no part of the first field's name (WHATWG HTML, section 9.2.6)."""
    assert _decoded([b"\xef\xbb\xbfdata: x\n\n"]) == [b"x"]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 10, b"data: " + b"x" * 10 + b"\n", b": " + b"x" * 10], ids=repr)
def test_event_that_never_ends_is_refused(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """One endless line and endless lines of one event alike."""
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 1000)
    decoder = EventDecoder()

    with pytest.raises(EventTooLargeError):
        _feed(decoder, piece, times=1000)


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 900, b"data: " + b"x" * 800 + b"\ndata: " + b"x" * 100], ids=len)
def test_end_of_the_stream_makes_no_event_longer(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its last line was counted for once, is not counted again."""
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 1000)
    decoder = EventDecoder()

    assert [len(event) for event in [*decoder.feed(piece), *decoder.end()]] == [900 + piece.count(b"\n")]


def test_event_of_blank_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `data:` adds a line feed to the event, even if nothing follows it."""
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 1000)
    decoder = EventDecoder()

    with pytest.raises(EventTooLargeError):
        _feed(decoder, b"data:\n", times=2000)


def test_many_events_are_not_one_large_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for an event, not for the stream."""
    monkeypatch.setattr(event_stream, "MAX_EVENT_BYTES", 100)
    decoder = EventDecoder()

    assert sum(len(decoder.feed(b"data: 0123456789\n\n" * 20)) for _ in range(100)) == 2000


@pytest.mark.parametrize("piece", [b"x" * 16, b": ping\n", b"data: 0123456789\n", b"data:\n", b"\r"], ids=repr)
def test_hostile_streams_take_linear_time(piece: bytes) -> None:
    """Twice the bytes, twice the work, in pieces of a few bytes."""
    assert grows_linearly(lambda count: _feed(EventDecoder(), piece, times=count), 2000)


@pytest.mark.parametrize("line", [b"data:\n", b"data: 0123456789\n", b"\r"], ids=repr)
def test_many_lines_in_one_piece_take_linear_time(line: bytes) -> None:
    """A piece may hold thousands of lines."""
    assert grows_linearly(lambda count: EventDecoder().feed(line * count), 2000)
