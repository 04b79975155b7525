"""What the services say to a call, so that each word shows who said it and to which call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from langchain_nvgateway.emulator import RecordedRequest, Reply

__all__ = ["Finding", "finding", "number_of", "prompt", "reply", "words"]

Service = Literal["nim", "gateway"]
WORDS = 12
_NUMBER = re.compile(rb"Case (\d+)\b")


class Step(BaseModel):
    """A part of a finding."""

    model_config = ConfigDict(extra="forbid")

    name: str
    weight: float


class Finding(BaseModel):
    """Arguments of the tool and the object of the schema: something of each type that calls break on."""

    model_config = ConfigDict(extra="forbid")

    case: int
    by: str = Field(pattern="^(nim|gateway)-[0-9]+$")
    part: int
    level: Literal["low", "high"]
    is_done: bool
    steps: list[Step] = Field(min_length=2)
    note: str


def prompt(number: int) -> str:
    """Return what a call asks."""
    return f"Case {number}: what is to be done?"


def number_of(request: RecordedRequest) -> int:
    """Return the number of the call that a chat request is for."""
    found = _NUMBER.search(request.body)
    assert found, "a request of no call"
    return int(found[1])


def words(service: str, number: int) -> str:
    """Return the text of a service's answer to a call."""
    return " ".join(f"{service}-{number}-{place}" for place in range(WORDS))


def finding(service: str, number: int, part: int = 0) -> dict[str, Any]:
    """Return the arguments of a service's tool call, or its object."""
    return {
        "case": number,
        "by": f"{service}-{number}",
        "part": part,
        "level": "high",
        "is_done": False,
        "steps": [{"name": f"{service}-{number}-{place}", "weight": 0.5} for place in range(2)],
        "note": 'a "quoted" {brace}, a [list], Ünïcode and a \\ backslash',
    }


def reply(request: RecordedRequest) -> Reply:
    """Answer a call as both services do while they are well."""
    number, service, body = number_of(request), request.service, request.json
    tools = [tool["function"]["name"] for tool in body.get("tools") or ()]
    if tools and body["messages"][-1].get("role") != "tool":
        parts = 2 if b"in two calls" in request.body else 1
        return Reply(tool_calls=[(tools[0], finding(service, number, part)) for part in range(parts)])
    if _is_for_json(body):
        return Reply(text=json.dumps(finding(service, number)))
    return Reply(text=words(service, number))


def _is_for_json(body: Mapping[str, Any]) -> bool:
    return (body.get("response_format") or {}).get("type") == "json_schema"
