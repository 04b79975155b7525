"""Nothing that is stored holds a secret: no checkpoint, no notebook, no drawing, no file."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langgraph.checkpoint.memory import InMemorySaver

from langchain_nvgateway import ModelManager

from ..role_composition.test_graphs import weather_graph
from ..test_notebooks import RUNNER
from .test_failures import _weather
from .world import World

ROOT = Path(__file__).parents[3]


def _stored(saver: InMemorySaver) -> bytes:
    """Return all bytes of a checkpointer, as a database would have them."""
    return repr([dict(saver.storage), dict(saver.writes), dict(saver.blobs)]).encode()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_checkpoints(is_async: bool, world: World) -> None:
    """Of an agent and of a graph, which end well, and which fail and leave an error behind."""
    saver = InMemorySaver()
    with world.manager() as manager:
        agent = create_agent(manager.model("planner"), [_weather], checkpointer=saver)
        model = world.own_models()["nim with headers"]
        graph = weather_graph(model, is_async=is_async, checkpointer=saver)
        for number, runnable in enumerate((agent, graph)):
            _run(runnable, number, is_async=is_async)
        for service in (world.emu.nim, world.emu.gateway):
            service.fail_always("echo_secret", route="chat")
        world.vendors_fail()
        for number, runnable in enumerate((agent, graph)):
            with pytest.raises(Exception, match="answered 400"):
                _run(runnable, 10 + number, is_async=is_async)
        drawn = f"{agent.get_graph().draw_mermaid()} {manager.model('planner').get_graph().to_json()}"
    stored = _stored(saver)
    assert b"Hello" in stored
    assert b"__error__" in stored
    assert world.found_in(stored) == []
    assert world.found_in(drawn) == []


def _run(runnable: Any, thread: int, *, is_async: bool) -> None:
    config = {"configurable": {"thread_id": f"{thread}"}}
    said = {"messages": [("user", "Hello")]}
    if is_async:
        asyncio.run(runnable.ainvoke(said, config))
    else:
        runnable.invoke(said, config)


def test_cache_of_answers(world: World) -> None:
    """Neither its keys nor what they lead to."""
    cache = InMemoryCache()
    set_llm_cache(cache)
    try:
        for model in (*world.own_models().values(), *world.vendor_models().values()):
            model.invoke("Hello")
    finally:
        set_llm_cache(None)
    assert len(cache._cache) >= 5
    assert world.found_in(repr(cache._cache)) == []


CELLS = [
    """
from langchain_nvgateway import ChatNIM, ChatNVGateway, ModelManager, NVGatewaySettings
settings = NVGatewaySettings()
manager = ModelManager(settings)
manager.on_event(print)
settings""",
    "ChatNVGateway(), ChatNIM()",
    "planner = manager.model('planner'); planner.invoke('Hello'); planner",
    "manager.explain()",
    "manager.report()",
    "display(manager.settings.model_dump(), manager.breakers, ChatNIM().model_dump())",
    "%xmode Verbose\nChatNIM(max_retries=0).invoke('fail, please')",
    "ChatNVGateway(timeout=0)",
]


def test_notebooks(world: World, tmp_path: Path) -> None:
    """With models shown, and with failures whose tracebacks show local variables."""
    world.emu.nim.fail_when(lambda request: b"fail, please" in request.body, "echo_secret")
    cells = [_cell(number, source.strip()) for number, source in enumerate(CELLS)]
    path = tmp_path / "shown.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    env = {
        **os.environ,
        **world.env,
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(path)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    stored = path.read_text(encoding="utf-8")
    assert done.returncode == 0, done.stderr
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in json.loads(stored)["cells"]]
    assert all(kinds)
    assert [kind[-1] for kind in kinds] == [*["execute_result"] * 5, "display_data", "error", "error"]
    assert "sealed_chat_model.py" in stored  # The traceback is there.
    assert world.found_in(stored + done.stdout + done.stderr) == []
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file for file in left if world.found_in(file.read_bytes())] == []


def _cell(number: int, source: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "id": f"cell-{number}", "source": source, **empty}


def test_nothing_is_written_to_files(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By calls, whatever comes of them."""
    for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with ModelManager.from_env() as manager:
        manager.model("planner").invoke("Hello")
        world.emu.nim.fail_always("internal_error", route="chat")
        manager.model("planner").invoke("Hello")
        str(manager.report())
    assert list(tmp_path.rglob("*")) == []
