"""Tests say what goes wrong, when, and what the model says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from langchain_nvgateway.emulator import Emulator, Fault, RecordedRequest, Reply

from .conftest import WEATHER_TOOL, Ask
from .raw_client import parse_events


def test_the_next_requests_fail_and_then_no_more(emu: Emulator, ask_nim: Ask) -> None:
    """A counted fault is used up."""
    emu.nim.fail_next("internal_error", times=2)
    assert emu.nim.pending_faults == 2
    assert [ask_nim().status_code for _ in range(3)] == [500, 500, 200]


def test_faults_follow_each_other_in_order(emu: Emulator, ask_nim: Ask) -> None:
    """Faults that are scripted one after the other happen one after the other."""
    emu.nim.fail_next("degraded")
    emu.nim.fail_next("rate_limited")
    assert [ask_nim().status_code for _ in range(3)] == [400, 429, 200]


def test_a_lasting_fault_lasts_until_healed(emu: Emulator, ask_nim: Ask) -> None:
    """`fail_always` holds until `heal()`, and the newest wins."""
    emu.nim.fail_always("internal_error")
    assert {ask_nim().status_code for _ in range(3)} == {500}
    emu.nim.fail_always("unavailable")
    assert ask_nim().status_code == 503
    emu.nim.heal()
    assert ask_nim().status_code == 200


def test_a_counted_fault_comes_before_a_lasting_one(emu: Emulator, ask_nim: Ask) -> None:
    """`fail_next` applies even while `fail_always` holds."""
    emu.nim.fail_always("internal_error")
    emu.nim.fail_next("gone")
    assert [ask_nim().status_code for _ in range(2)] == [410, 500]


def test_a_fault_can_be_for_one_route(emu: Emulator, ask_nim: Ask, client: httpx.Client) -> None:
    """Other routes of the service stay healthy."""
    emu.nim.fail_next("internal_error", route="chat")
    headers = {"authorization": "Bearer fake-nim-key"}
    assert client.get(emu.env["NVIDIA_NIM_BASE_URL"] + "/models", headers=headers).status_code == 200
    assert ask_nim().status_code == 500


def test_a_fault_can_depend_on_the_request(emu: Emulator, ask_nim: Ask) -> None:
    """`fail_when` looks at each request."""
    emu.nim.fail_when(lambda request: "secret" in str(request.json), "forbidden", times=1)
    said = ["hello", "a secret", "a secret"]
    assert [ask_nim(text).status_code for text in said] == [200, 403, 200]


def test_a_function_can_choose_the_fault(emu: Emulator, ask_nim: Ask) -> None:
    """A name, a `Fault`, or nothing, for each request until healed."""
    faults = {"a": "unavailable", "b": Fault(status=418), "c": None}
    emu.nim.fail_always(lambda request: faults[request.json["messages"][-1]["content"]])
    assert [ask_nim(text).status_code for text in "abcb"] == [503, 418, 200, 418]
    emu.nim.heal()
    assert ask_nim("a").status_code == 200


def test_a_function_can_choose_how_calls_are_broken(emu: Emulator, ask_nim: Ask) -> None:
    """By the name of a corruption, or `None` for a whole one."""
    names = iter(["missing_brace", None])
    emu.nim.reply_always(Reply(tool_calls=[("get_weather", {"location": "Dublin"})]))
    emu.nim.corrupt_always(lambda request: next(names))
    answers = [ask_nim(tools=[WEATHER_TOOL]).json() for _ in range(2)]
    arguments = [answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] for answer in answers]
    assert arguments == ['{"location":"Dublin"', '{"location":"Dublin"}']


def test_a_fault_is_for_one_service(emu: Emulator, ask_nim: Ask, ask_gateway: Ask) -> None:
    """An outage of NIM leaves the Gateway alone."""
    emu.nim.fail_always("internal_error")
    assert (ask_nim().status_code, ask_gateway().status_code) == (500, 200)


def test_an_unknown_fault_is_refused_where_it_is_scripted(emu: Emulator) -> None:
    """A misspelt name fails in the test's own line and lists the right ones."""
    with pytest.raises(ValueError, match=r"nim has no fault 'degradet'; it has .*degraded"):
        emu.nim.fail_next("degradet")
    with pytest.raises(ValueError, match="no corruption"):
        emu.nim.corrupt_next("nothing")


def test_a_fault_can_be_described_by_its_fields(emu: Emulator, ask_nim: Ask) -> None:
    """Status, body and headers need no name."""
    emu.nim.fail_next(Fault(status=418, body={"a": "teapot"}, headers={"X-Tea": "green"}))
    answer = ask_nim()
    assert (answer.status_code, answer.json(), answer.headers["x-tea"]) == (418, {"a": "teapot"}, "green")


def test_a_delay_alone_only_delays(emu: Emulator, ask_nim: Ask) -> None:
    """A fault with nothing but a delay is the usual answer, late."""
    emu.nim.fail_next(Fault(delay=0.05))
    answer = ask_nim()
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.05


def test_the_model_says_what_is_scripted(emu: Emulator, ask_nim: Ask) -> None:
    """Replies are said in order, then the model answers for itself again."""
    emu.nim.reply_next(Reply(text="one"), times=2)
    emu.nim.reply_next(Reply(text="two"))
    texts = [ask_nim().json()["choices"][0]["message"]["content"] for _ in range(4)]
    assert texts[:3] == ["one", "one", "two"]
    assert texts[3] not in ("one", "two")


def test_the_model_keeps_saying_what_it_always_says(emu: Emulator, ask_gateway: Ask) -> None:
    """`reply_always` holds until `reset()`."""
    emu.gateway.reply_always(Reply(text="again"))
    for _ in range(3):
        assert ask_gateway().json()["choices"][0]["message"]["content"] == "again"


def test_a_function_can_say_what_the_model_says(emu: Emulator, ask_nim: Ask) -> None:
    """It is asked for each request, and `None` leaves the answer to the model."""

    def speaker(request: RecordedRequest) -> Reply | None:
        said = request.json["messages"][-1]["content"]
        return Reply(text=said.upper()) if said != "what you like" else None

    emu.nim.reply_always(speaker)
    texts = [ask_nim(said).json()["choices"][0]["message"]["content"] for said in ("one", "what you like", "two")]
    assert texts[::2] == ["ONE", "TWO"]
    assert texts[1] == "This is the emulator's answer to: what you like"


def test_a_call_that_a_function_says_can_be_corrupted(emu: Emulator, ask_nim: Ask) -> None:
    """Corruptions and faults apply to what a function says as to any other answer."""
    emu.nim.reply_always(lambda request: Reply(tool_calls=[("get_weather", {"location": "Dublin"})]))
    emu.nim.corrupt_next("missing_brace")
    arguments = [
        ask_nim(tools=[WEATHER_TOOL]).json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        for _ in range(2)
    ]
    assert arguments == ['{"location":"Dublin"', '{"location":"Dublin"}']


def test_a_scripted_call_is_sent_as_given(emu: Emulator, ask_nim: Ask) -> None:
    """Arguments may be a dict, or a raw string that nobody touches."""
    emu.nim.reply_next(Reply(tool_calls=[("a", {"x": "ü"}), ("b", '{"x": bro')], call_ids=["one"]))
    choice = ask_nim().json()["choices"][0]
    calls = choice["message"]["tool_calls"]
    assert [c["function"]["arguments"] for c in calls] == ['{"x":"ü"}', '{"x": bro']
    assert calls[0]["id"] == "one"
    assert calls[1]["id"].startswith("chatcmpl-tool-")
    assert choice["finish_reason"] == "tool_calls"


def test_every_field_of_an_answer_can_be_scripted(emu: Emulator, ask_nim: Ask) -> None:
    """Finish reason, usage, id, model and further fields are as given."""
    emu.nim.reply_next(
        Reply(
            text="x",
            finish_reason="length",
            usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            id="fake-id-1",
            model="other",
            message={"reasoning_content": "hm"},
        )
    )
    body = ask_nim().json()
    assert (body["id"], body["model"], body["usage"]["total_tokens"]) == ("fake-id-1", "other", 3)
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["reasoning_content"] == "hm"


def test_usage_and_finish_reason_can_be_left_out(emu: Emulator, ask_nim: Ask) -> None:
    """`None` sends none."""
    emu.nim.reply_next(Reply(text="x", usage=None, finish_reason=None))
    body = ask_nim().json()
    assert "usage" not in body
    assert body["choices"][0]["finish_reason"] is None


def test_raw_deltas_are_streamed_as_given(emu: Emulator, ask_nim: Ask) -> None:
    """A test can write a stream delta by delta, and a whole answer joins them."""
    chunks: list[dict[str, Any]] = [
        {"content": "He"},
        {"content": "llo"},
        {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
    ]
    emu.nim.reply_next(Reply(chunks=[*chunks, {"choices": [], "odd": 1}]), times=2)
    events = parse_events(ask_nim(stream=True).text)
    assert [e["choices"][0]["delta"] for e in events[:4]] == chunks
    assert events[4]["odd"] == 1
    message = ask_nim().json()["choices"][0]["message"]
    assert message["content"] == "Hello"
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}


def test_a_held_service_answers_when_released(emu: Emulator, client: httpx.Client) -> None:
    """`hold()` and `release()` decide when an answer comes."""
    emu.starfleet.hold()
    with pytest.raises(httpx.ReadTimeout):
        client.post(emu.env["STARFLEET_TOKEN_URL"], timeout=0.1)
    emu.wait_until(lambda: emu.starfleet.requests[0].aborted)
    emu.starfleet.release()
    assert client.post(emu.env["STARFLEET_TOKEN_URL"]).status_code == 401


@pytest.mark.parametrize("reply", ["forty-two", 42, {"text": "fine"}], ids=str)
def test_what_is_no_reply_is_refused_where_it_is_scripted(reply: Any, emu: Emulator) -> None:
    """And not when the request comes, as a failure of the emulator."""
    with pytest.raises(TypeError, match="Reply"):
        emu.nim.reply_next(reply)
    with pytest.raises(TypeError, match="Reply"):
        emu.gateway.reply_always(reply)
