"""Models of one role and of many: what one of them is used for leaves the others alone."""

from __future__ import annotations

import copy
import gc
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from langchain_nvgateway import ModelManager
from langchain_nvgateway.testing import ScriptedChatModel

from ..chat_models.calling import STYLES
from ..manager.fakes import saying
from .crowd import NIM, Clock, Crowd


class Locked(ScriptedChatModel):
    """A fake that cannot be copied, as clients of services cannot."""

    lock: Any


def locked() -> Locked:
    return Locked("fine", at_end="repeat_last", lock=threading.Lock())


def look_up(name: str) -> str:
    """Look up a name."""
    return name


BOUND_TO_NOTHING = """
import gc, weakref
from tests.unit_tests.roles_under_load.test_models_side_by_side import ModelManager, locked, saying

fake = locked()
kept = weakref.ref(fake)
model = ModelManager(models={"nvidia-nim": fake}).model("planner").bind_tools([])
assert model.invoke("Hello").text == "fine"
assert ModelManager(models={"nvidia-nim": saying("other")}).model("planner").invoke("Hello").text == "other"
del fake, model
gc.collect()
assert kept() is None
"""


def test_a_model_that_is_bound_to_no_tools_leaves_later_ones_alone() -> None:
    """`bind_tools([])` is plain text, for this model only; in a process of its own, whose later models it concerns."""
    env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", BOUND_TO_NOTHING]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tools", [None, [look_up]], ids=["plain", "tools"])
def test_a_manager_that_is_dropped_frees_its_models(style: str, tools: list[Any] | None) -> None:
    """Nothing in the process holds them for good."""

    def use() -> weakref.ref[Any]:
        fake = locked()
        model: Any = ModelManager(models={"nvidia-nim": fake}).model("planner")
        STYLES[style](model if tools is None else model.bind_tools(tools))
        return weakref.ref(fake)

    found = use()
    gc.collect()
    assert found() is None


def test_copies_share_the_circuits() -> None:
    """Bound models, copies and deep copies of them as well."""
    manager = ModelManager(models={"nvidia-nim": locked(), "nvidia-gateway": saying("gateway")}, clock=Clock())
    model = manager.model("planner")
    made = [model, copy.copy(model), copy.deepcopy(model), model.bind(temperature=0.5), model.bind_tools([look_up])]
    made += [copy.deepcopy(made[-1]), model.with_config(tags=["x"]), manager.model("planner")]
    assert {one.invoke("Hello").text for one in made} == {"fine"}
    manager.breakers[NIM].force_open()
    assert {one.invoke("Hello").text for one in made} == {"gateway"}


# LangChain hides this warning when it reads a function, by a means that is not safe in threads.
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
def test_models_may_be_built_by_all_callers_at_once() -> None:
    """A role's legs are built once, however many threads and tasks ask for its model."""
    built: list[str] = []

    def factory(role: str, _name: str) -> ScriptedChatModel:
        built.append(role)
        return saying(role)

    manager = ModelManager(models={"nvidia-nim": factory})
    roles = ("router", "planner", "programmer", "reviewer", "summarizer")
    asked = Crowd(lambda number: manager.model(roles[number % 5]).bind_tools([look_up])).ask(200)
    assert [call.answer.text for call in asked] == [roles[number % 5] for number in range(200)]
    assert sorted(built) == sorted(roles)
