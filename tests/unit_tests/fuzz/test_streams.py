"""A streamed answer that was spoiled is an answer, or a typed error, wherever its bytes are cut."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_nvgateway.answers import contract_of

from .mutations import JSON_NOISE, cuts_of, mutated
from .streams import event, streamed, streamed_answer

CONTRACT = contract_of(
    {
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}},
            {"type": "function", "function": {"name": "get_time"}},
        ]
    }
)
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
WEATHER = ("get_weather", '{"city": "Oslo", "days": [1, 2.5, null]}')
ANSWERS = [
    streamed_answer("It rains in Zürich 🎉.", [], "stop", [3]),
    streamed_answer("", [WEATHER], "tool_calls", [4]),
    streamed_answer("Let me see.", [WEATHER, ("get_time", "{}")], "tool_calls", [5, 1]),
    streamed_answer("It is cut", [], "length", [4]),
    [
        event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], "usage": None}),
        *streamed_answer("With usage.", [], "stop", [4])[:-1],
        event({"choices": [], "usage": USAGE}),
        b"data: [DONE]\n\n",
    ],
    [event({"choices": [{"delta": {"content": "a"}}]}), event({"error": {"message": "broken", "code": 503}})],
    [event({"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]})],
    [
        event({"choices": [{"delta": {"function_call": {"name": "get_time", "arguments": "{}"}}}]}),
        *streamed_answer("", [], "function_call", [1]),
    ],
]
NOISE = st.binary(max_size=3) | st.sampled_from(
    [
        *JSON_NOISE,
        b"\\",
        b"\n",
        b"\n\n",
        b"data: ",
        b'"a":',
        b'"error":',
        b'"choices":',
        b'"finish_reason":"stop"',
        b'"content_filter"',
        b"true",
        b"\r",
        b'"tool_calls":',
        b'"index":',
        b"[DONE]",
        b"data: [DONE]\n\n",
    ]
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """Draw a stream, with its events spoiled, doubled, left out or in another order."""
    events = list(draw(st.sampled_from(ANSWERS)))
    for kind in draw(st.lists(st.sampled_from(["drop", "double", "move", "other"]), max_size=2)):
        place = draw(st.integers(0, max(0, len(events) - 1)))
        if kind == "other":
            events.insert(place, draw(st.sampled_from(draw(st.sampled_from(ANSWERS)))))
        elif events:
            taken = events.pop(place)
            events[place:place] = [] if kind == "drop" else [taken, taken] if kind == "double" else []
            if kind == "move":
                events.insert(draw(st.integers(0, len(events))), taken)
    return draw(mutated(b"".join(events), NOISE, most=3))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(spoiled(), st.data())
def test_a_spoiled_stream_has_one_outcome(body: bytes, data: st.DataObject) -> None:
    """The answer or a typed error; the same, with the same words, in one piece and in many."""
    assert streamed(data.draw(cuts_of(body)), CONTRACT) == streamed([body], CONTRACT)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(spoiled(), st.sampled_from(["application/json", "text/html", ""]), st.data())
def test_a_body_that_is_called_something_else_has_one_outcome(body: bytes, kind: str, data: st.DataObject) -> None:
    """Servers that do not stream send one object, or a page."""
    headers = {"content-type": kind}
    cut = streamed(data.draw(cuts_of(body)), CONTRACT, headers=headers)
    assert cut == streamed([body], CONTRACT, headers=headers)


def test_what_is_not_spoiled_comes_through() -> None:
    """The streams that are spoiled are good ones."""
    found = [streamed([b"".join(events)], CONTRACT) for events in ANSWERS]
    assert [outcome.error is None for outcome in found] == [True] * 5 + [False, True, True]
    assert [len(outcome.calls) for outcome in found[:5]] == [0, 1, 2, 0, 0]
