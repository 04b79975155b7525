"""A conversation of an agent: 50 messages, with tool calls and their results."""

from __future__ import annotations

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

__all__ = ["EDIT", "conversation"]

EDIT = {
    "title": "edit_file",
    "description": "Change a file.",
    "type": "object",
    "properties": {
        "path": {"type": "string", "pattern": r"^[\w./-]+$"},
        "edits": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "old": {"type": "string"},
                    "new": {"type": "string"},
                    "line": {"type": "integer", "minimum": 1},
                    "kind": {"enum": ["replace", "insert", "delete"]},
                },
                "required": ["old", "new", "kind"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["path", "edits"],
}
"""A tool, as a JSON Schema."""

_TURNS = 12


def conversation() -> list[BaseMessage]:
    """Return the messages: one of the system, twelve turns of four, and a question."""
    messages: list[BaseMessage] = [SystemMessage("You repair small projects. Say what you do. " * 10)]
    for turn in range(_TURNS):
        edit = {"old": f"before {turn} " * 10, "new": f"behind {turn} " * 10, "line": turn + 1, "kind": "replace"}
        call = {"name": "edit_file", "args": {"path": f"src/part_{turn}.py", "edits": [edit]}, "id": f"call_{turn}"}
        messages += [
            HumanMessage(f"Change line {turn + 1} of part {turn}, and say why. " * 3),
            AIMessage("", tool_calls=[call]),
            ToolMessage("changed: " + "x = compute(y)\n" * 20, tool_call_id=f"call_{turn}"),
            AIMessage(f"Part {turn} is changed, since the name was wrong. " * 5),
        ]
    return [*messages, HumanMessage("What is left to do?")]
