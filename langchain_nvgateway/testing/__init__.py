"""For your own tests: a chat model that plays a script, and the emulator as a pytest fixture.

`ScriptedChatModel` answers without any network, and can be given the failures of real services: broken tool calls,
streams that die, delays. The fixture `nvgateway_emulator` serves them over real HTTP; pytest finds it by itself where
the package is installed.

Example:
    ```python
    from langchain_nvgateway import ModelManager
    from langchain_nvgateway.testing import ScriptedChatModel, broken_call, calls


    def test_the_gateway_answers_when_nim_breaks_a_call():
        nim = ScriptedChatModel(broken_call("shell", '{"command": "rm -rf /tm'))
        gateway = ScriptedChatModel(calls("shell", command="ls"))
        model = ModelManager(models={"nvidia-nim": nim, "nvidia-gateway": gateway}).model("programmer")
        answer = model.bind_tools([shell]).invoke("Clean up")
        assert answer.tool_calls[0]["args"] == {"command": "ls"}
        assert nim.requests[0].tool_names == ["shell"]
    ```

The names are loaded when they are first used: pytest imports this package in every run, and most need none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .script import Request as Request
    from .script import ScriptOverError as ScriptOverError
    from .scripted_chat_model import ScriptedChatModel as ScriptedChatModel
    from .steps import broken_call as broken_call
    from .steps import calls as calls
    from .steps import dies_after as dies_after
    from .steps import slow as slow

_HOME_OF = {
    "Request": "script",
    "ScriptOverError": "script",
    "ScriptedChatModel": "scripted_chat_model",
    "broken_call": "steps",
    "calls": "steps",
    "dies_after": "steps",
    "slow": "steps",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
