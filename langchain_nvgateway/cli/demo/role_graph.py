"""The graph of the roles: router, planner, programmer, reviewer, summarizer.

START ─ router ─ planner ─ programmer ─ reviewer ─ summarizer ─ END
           └─ END             └────── once ─┘
"""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from ...roles import Role
from .crew import Crew
from .handovers import GIVE_VERDICT, ROUTE_MESSAGE

__all__ = ["MAX_ROUNDS", "RoleState", "role_graph"]

MAX_ROUNDS = 2
"""How often the programmer works at most: the reviewer may send it back once."""

_PROJECT = (
    "You are the {role} in a team that works on a small Python project. "
    "Paths are relative to its folder; the tests use unittest. "
)
_INSTRUCTIONS = {
    Role.ROUTER: "You are the router of a team that works on a small Python project. Send every message that asks for "
    "work on the project to the planner; answer anything else yourself, with the route no_op.",
    Role.PLANNER: _PROJECT + "Look at the files that matter, then answer with a plan of at most four short steps. "
    "Change nothing.",
    Role.PROGRAMMER: _PROJECT + "Do what the plan and the review say: read the files, write each changed file as a "
    "whole, and end with one or two sentences on what you did. You cannot change the tests.",
    Role.REVIEWER: _PROJECT + "Run the tests, look at the files if you have to, and end with a call of give_verdict. "
    "Approve only what passes all tests and does what the task asks for.",
    Role.SUMMARIZER: "You are the summarizer of a team. Say in at most three sentences, without markup, what was done "
    "and whether it was approved.",
}


class RoleState(TypedDict, total=False):
    """What the roles hand on."""

    task: str
    route: str
    plan: str
    report: str
    """What the programmer says of its work."""

    rounds: int
    """How often the programmer has worked."""

    approved: bool
    review: str
    summary: str


class _Nodes:
    """The five nodes."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def router(self, state: RoleState) -> RoleState:
        work = self._crew.work(
            Role.ROUTER, _INSTRUCTIONS[Role.ROUTER], state["task"], tools=[ROUTE_MESSAGE], ends_with=ROUTE_MESSAGE
        )
        return {"route": work.handover["route"], "summary": work.handover["response"]}

    def planner(self, state: RoleState) -> RoleState:
        work = self._work(Role.PLANNER, f"Task: {state['task']}", tools=["list_files", "read_file"])
        return {"plan": work.text}

    def programmer(self, state: RoleState) -> RoleState:
        request = f"Task: {state['task']}\n\nPlan:\n{state['plan']}"
        if "review" in state:
            request += f"\n\nThe reviewer did not approve:\n{state['review']}"
        work = self._work(Role.PROGRAMMER, request, tools=["list_files", "read_file", "write_file", "run_tests"])
        return {"report": work.text, "rounds": state.get("rounds", 0) + 1}

    def reviewer(self, state: RoleState) -> RoleState:
        request = f"Task: {state['task']}\n\nPlan:\n{state['plan']}\n\nThe programmer says:\n{state['report']}"
        tools = ["run_tests", "list_files", "read_file", GIVE_VERDICT]
        verdict = self._work(Role.REVIEWER, request, tools=tools, ends_with=GIVE_VERDICT).handover
        return {"approved": verdict["approved"], "review": verdict["comment"]}

    def summarizer(self, state: RoleState) -> RoleState:
        approval = "approved" if state["approved"] else "not approved"
        request = (
            f"Task: {state['task']}\n\nThe programmer says:\n{state['report']}\n\n"
            f"The reviewer has {approval} it:\n{state['review']}"
        )
        return {"summary": self._work(Role.SUMMARIZER, request).text}

    def _work(self, role: Role, request: str, **tools: Any) -> Any:
        return self._crew.work(role, _INSTRUCTIONS[role].format(role=role), request, **tools)


def role_graph(crew: Crew) -> Any:
    """Return the compiled graph; it takes a `RoleState` with a task and returns the last one."""
    nodes = _Nodes(crew)
    graph = StateGraph(RoleState)
    for role in Role:
        graph.add_node(role.value, getattr(nodes, role))
    graph.add_edge(START, Role.ROUTER.value)
    graph.add_conditional_edges(Role.ROUTER.value, _after_router, [Role.PLANNER.value, END])
    graph.add_edge(Role.PLANNER.value, Role.PROGRAMMER.value)
    graph.add_edge(Role.PROGRAMMER.value, Role.REVIEWER.value)
    graph.add_conditional_edges(Role.REVIEWER.value, _after_reviewer, [Role.PROGRAMMER.value, Role.SUMMARIZER.value])
    graph.add_edge(Role.SUMMARIZER.value, END)
    return graph.compile()


def _after_router(state: RoleState) -> str:
    return Role.PLANNER.value if state["route"] == "planner" else END


def _after_reviewer(state: RoleState) -> str:
    is_over = state["approved"] or state["rounds"] >= MAX_ROUNDS
    return Role.SUMMARIZER.value if is_over else Role.PROGRAMMER.value
