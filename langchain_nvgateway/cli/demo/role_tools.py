"""The tools that the roles are offered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from .handovers import GIVE_VERDICT, ROUTE_MESSAGE
from .workspace import Workspace

__all__ = ["role_tools"]


class _Route(BaseModel):
    internal_reasoning: str = Field(description="Why this route is the right one.")
    response: str = Field(description="What the user is told.")
    route: Literal["planner", "no_op"] = Field(description="planner for work on the project, no_op for anything else.")


class _Verdict(BaseModel):
    approved: bool = Field(description="Whether the work is right and complete.")
    comment: str = Field(description="What is wrong and has to be done, or why it is right.")


def _noted(**values: object) -> str:
    return "noted"


def _what_is_wrong(error: Any) -> str:
    problems = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return f"The arguments do not fit. {'; '.join(problems)}."


def role_tools(workspace: Workspace) -> Mapping[str, BaseTool]:
    """Return all tools by name; what a tool refuses is told to the model, not raised."""
    works = (workspace.list_files, workspace.read_file, workspace.write_file, workspace.run_tests)
    tools = [
        *(StructuredTool.from_function(work) for work in works),
        StructuredTool.from_function(
            _noted, name=ROUTE_MESSAGE, description="Hand the message on, or answer it.", args_schema=_Route
        ),
        StructuredTool.from_function(
            _noted, name=GIVE_VERDICT, description="End the review with a verdict.", args_schema=_Verdict
        ),
    ]
    for tool in tools:
        tool.handle_tool_error = True
        tool.handle_validation_error = _what_is_wrong
    return {tool.name: tool for tool in tools}
