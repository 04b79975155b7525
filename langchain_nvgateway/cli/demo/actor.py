"""What the emulator's models say in the demo: each role's part, by what it is offered and what its tools said.

The Gateway and NIM play the same parts, so whichever is asked takes the work on where the other one left it.
"""

from __future__ import annotations

import threading
from typing import Any

from ...emulator import RecordedRequest, Reply
from .handovers import GIVE_VERDICT, ROUTE_MESSAGE

__all__ = ["Actor"]

_CODE = "session.py"
_PLAN = """1. session.py compares with TOKEN_MINUTES, which is 15.
2. Use SESSION_MINUTES of settings.py in its place.
3. Run the tests.
That is for the task: {task}"""
_FIRST_REPORT = "is_open now compares with SESSION_MINUTES."
_LAST_REPORT = "minutes_left counts down from SESSION_MINUTES as well."
_SENT_BACK = "A test fails: minutes_left still counts down from TOKEN_MINUTES. Use SESSION_MINUTES there, too."
_APPROVED = "All tests pass: is_open and minutes_left both use SESSION_MINUTES."
_SUMMARY = (
    "Sessions ended after 15 minutes because session.py used the lifetime of a token. "
    "is_open and minutes_left now use SESSION_MINUTES, a day. The reviewer has {verdict} the change."
)


class Actor:
    """Answers requests in the part of whichever role asks; safe in the threads of a server."""

    def __init__(self) -> None:
        self._said: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    @property
    def said(self) -> list[tuple[str, dict[str, Any]]]:
        """Every tool call that was said, whole: what may become of it on the way is another matter."""
        with self._lock:
            return list(self._said)

    def __call__(self, request: RecordedRequest) -> Reply | None:
        """Return the answer to a request, or nothing if the part does not say one."""
        reply = _reply(request.json)
        if reply is not None:
            with self._lock:
                self._said += reply.tool_calls
        return reply


def _reply(body: Any) -> Reply | None:
    offered = {tool["function"]["name"] for tool in body.get("tools") or ()}
    messages = body["messages"]
    request = next((str(message["content"]) for message in messages if message["role"] == "user"), "")
    results = _results(messages)
    if ROUTE_MESSAGE in offered:
        return _route()
    if GIVE_VERDICT in offered:
        return _review(results)
    if "write_file" in offered:
        return _program(results)
    return _plan(request, results) if offered else _summarize(request)


def _results(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the name of each tool that has run, and what it said."""
    names = {call["id"]: call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()}
    return [
        (names.get(message["tool_call_id"], ""), str(message["content"]))
        for message in messages
        if message["role"] == "tool"
    ]


def _route() -> Reply:
    return _call(
        ROUTE_MESSAGE,
        internal_reasoning="It asks for work on the project.",
        response="The planner looks into it.",
        route="planner",
    )


def _plan(request: str, results: list[tuple[str, str]]) -> Reply:
    match [name for name, _ in results]:
        case []:
            return _call("list_files")
        case ["list_files"]:
            return _call("read_file", path=_CODE)
        case _:
            return Reply(text=_PLAN.format(task=request.removeprefix("Task: ")))


def _program(results: list[tuple[str, str]]) -> Reply | None:
    match results:
        case []:
            return _call("read_file", path=_CODE)
        case [*_, ("read_file", code)]:
            return _call("write_file", path=_CODE, content=_mended(code))
        case [("read_file", code), ("write_file", _)]:
            # The first mending is thought to be enough; the second time the tests are run before it is handed over.
            return _call("run_tests") if _is_half_mended(code) else Reply(text=_FIRST_REPORT)
        case [*_, ("run_tests", said)]:
            return Reply(text=f"{_LAST_REPORT} {'All tests pass.' if _passed(said) else 'A test still fails.'}")
        case _:
            return None


def _review(results: list[tuple[str, str]]) -> Reply:
    if not results:
        return _call("run_tests")
    passed = _passed(results[-1][1])
    return _call(GIVE_VERDICT, approved=passed, comment=_APPROVED if passed else _SENT_BACK)


def _summarize(request: str) -> Reply:
    verdict = "not approved" if "has not approved it" in request else "approved"
    return Reply(text=_SUMMARY.format(verdict=verdict))


def _passed(said: str) -> bool:
    return said.rstrip().endswith("OK")


def _is_half_mended(code: str) -> bool:
    return "SESSION_MINUTES" in code


def _mended(code: str) -> str:
    """Return the code with the next of its two mistakes mended."""
    if _is_half_mended(code):
        return code.replace("SESSION_MINUTES, TOKEN_MINUTES", "SESSION_MINUTES").replace("TOKEN_", "SESSION_")
    code = code.replace("import TOKEN_MINUTES", "import SESSION_MINUTES, TOKEN_MINUTES")
    return code.replace("< TOKEN_MINUTES", "< SESSION_MINUTES")


def _call(name: str, **arguments: Any) -> Reply:
    return Reply(tool_calls=[(name, arguments)])
