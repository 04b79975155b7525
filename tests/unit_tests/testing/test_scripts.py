"""The script as a whole: its order, its end, its record, and who shares it."""

from __future__ import annotations

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField

from langchain_nvgateway.testing import Request, ScriptedChatModel, ScriptOverError, calls

from ..chat_models.calling import STYLES, Call


def look_up(name: str) -> str:
    """Look up a name."""
    return name


def test_steps_come_in_their_order(call: Call) -> None:
    """One for each call, errors among them."""
    model = ScriptedChatModel("one", ConnectionError("down"), "three")
    assert call(model).text == "one"
    with pytest.raises(ConnectionError):
        call(model)
    assert model.steps_left == 1
    assert call(model).text == "three"
    assert model.steps_left == 0


def test_a_script_that_is_over_says_so(call: Call) -> None:
    """How many steps there were, how often it was asked, and what; a test fails by it, whatever it catches."""
    model = ScriptedChatModel("one", "two")
    for _ in range(2):
        call(model)
    with pytest.raises(ScriptOverError) as caught:
        call(model, "And a third?")
    assert isinstance(caught.value, AssertionError)
    assert caught.value.steps == 2
    assert "The script has 2 steps, and the model was asked for answer 3, to: 'And a third?'" in str(caught.value)
    assert len(model.requests) == 3


def test_a_model_without_steps_must_not_be_asked() -> None:
    """The way to say that nobody asks it."""
    with pytest.raises(ScriptOverError, match="The script has no steps"):
        ScriptedChatModel().invoke("Hello")


def test_the_error_of_a_script_that_is_over_can_be_copied() -> None:
    """As test runners do that send it to another process."""
    error = ScriptOverError(2, 3, "Hello")
    assert str(copy.copy(error)) == str(error)


@pytest.mark.parametrize(
    ("at_end", "wanted"), [("repeat_last", "one two two two two"), ("cycle", "one two one two one")]
)
def test_a_script_may_go_on(at_end: Any, wanted: str, call: Call) -> None:
    """With its last step, or from the beginning."""
    model = ScriptedChatModel("one", "two", at_end=at_end)
    assert " ".join(call(model).text for _ in range(5)) == wanted
    assert model.steps_left == 0


def test_there_has_to_be_something_to_play_again() -> None:
    """And a known way to do so."""
    with pytest.raises(ValueError, match="no step"):
        ScriptedChatModel(at_end="cycle")
    with pytest.raises(ValueError, match="'repeat_last'"):
        ScriptedChatModel("fine", at_end="repeat")  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
def test_what_was_asked_is_on_record(style: str) -> None:
    """Messages, tools, other keyword arguments, and how."""
    model = ScriptedChatModel("fine")
    bound = model.bind_tools([look_up], tool_choice="any").bind(temperature=0.5)
    STYLES[style](bound, [("system", "Be brief"), ("user", "Hello")], stop=["END"])
    (request,) = model.requests
    assert isinstance(request, Request)
    assert [message.text for message in request.messages] == ["Be brief", "Hello"]
    assert request.tool_names == ["look_up"]
    assert request.tools[0]["function"]["parameters"]["required"] == ["name"]
    others = {name: value for name, value in request.kwargs.items() if name != "tools"}
    assert others == {"tool_choice": "any", "temperature": 0.5, "stop": ["END"]}
    assert request.style == style


def test_the_record_is_what_was_asked_then() -> None:
    """Whatever becomes of the messages later."""
    model = ScriptedChatModel("fine")
    conversation = [HumanMessage("Hello")]
    model.invoke(conversation)
    conversation[0].content = "changed"
    model.requests.clear()
    assert model.requests[0].messages == [HumanMessage("Hello")]


def test_batches_take_a_step_for_each_conversation(is_async: bool) -> None:
    """In whichever order they come to their turn."""
    model = ScriptedChatModel("one", "two", "three")
    said = ["a", "b", "c"]
    answers = asyncio.run(model.abatch(said)) if is_async else model.batch(said)
    assert sorted(answer.text for answer in answers) == ["one", "three", "two"]
    assert sorted(request.messages[0].text for request in model.requests) == said


def test_each_step_is_taken_once_among_threads() -> None:
    """However many ask at once."""
    model = ScriptedChatModel(*map(str, range(400)))
    with ThreadPoolExecutor(8) as pool:
        texts = [answer.text for answer in pool.map(model.invoke, ["Hello"] * 400)]
    assert sorted(texts, key=int) == [str(number) for number in range(400)]
    assert len(model.requests) == 400


def test_each_step_is_taken_once_among_tasks() -> None:
    """Streams take turns, chunk by chunk, and each gets its own step."""
    model = ScriptedChatModel(*(f"{number} {number} {number}" for number in range(50)))

    async def read() -> str:
        return "".join([chunk.text async for chunk in model.astream("Hello")])

    async def read_all() -> list[str]:
        return await asyncio.gather(*(read() for _ in range(50)))

    texts = asyncio.run(read_all())
    assert sorted(texts) == sorted(f"{number} {number} {number}" for number in range(50))


COPIES: dict[str, Any] = {
    "bind": lambda model: model.bind(temperature=0.5),
    "bind_tools": lambda model: model.bind_tools([look_up]),
    "with_config": lambda model: model.with_config(tags=["x"]),
    "model_copy": lambda model: model.model_copy(),
    "deep copy": lambda model: copy.deepcopy(model),
    "copy": lambda model: copy.copy(model),
    "configurable": lambda model: model.configurable_fields(model=ConfigurableField(id="model")).with_config(
        configurable={"model": "other"}
    ),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_go_on_in_the_same_script(how: str, call: Call) -> None:
    """And what they are asked is on the one record."""
    model = ScriptedChatModel("one", "two")
    assert call(COPIES[how](model)).text == "one"
    assert call(model).text == "two"
    assert len(model.requests) == 2


def test_a_cache_of_answers_does_not_take_one_script_for_another(call_whole: Call) -> None:
    """The same question to the same model is answered from the cache, as with any model."""
    cache = InMemoryCache()
    first, second = ScriptedChatModel("one", cache=cache), ScriptedChatModel("two", cache=cache)
    assert [call_whole(model).text for model in (first, second, first, second)] == ["one", "two", "one", "two"]


def test_calls_are_played_under_any_name_of_a_tool() -> None:
    """Whatever the parameters of the tool are called."""
    answer = ScriptedChatModel(calls("rename", name="a", self="b")).invoke("Hello")
    assert answer.tool_calls[0]["args"] == {"name": "a", "self": "b"}
