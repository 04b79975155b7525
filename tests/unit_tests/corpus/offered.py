"""The tools and schemas that the model of the corpus is offered: each kind that LangChain takes, each kind of limit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from langchain_core.tools import tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

__all__ = ["PERSON_SCHEMA", "PING", "SHELL", "TOOLS", "TRANSFER", "Person", "PersonDict", "get_time", "get_weather"]


def get_weather(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Look up the weather."""
    return f"sunny in {location}"


class Color(StrEnum):
    """A color."""

    RED = "red"
    BLUE = "blue"


def paint(color: Color, coats: int = 1) -> str:
    """Paint the fence."""
    return f"{color} {coats}"


class Edit(BaseModel):
    """One change of one file."""

    path: str
    old: str
    new: str = ""


@tool
def edit_files(edits: list[Edit], dry_run: bool = False) -> str:
    """Change files."""
    return str(len(edits))


class BookFlight(BaseModel):
    """Book a flight."""

    origin: str = Field(pattern="^[A-Z]{3}$")
    seats: int = Field(ge=1, le=9)
    note: str | None = None
    meal: str = Field("none", min_length=2)


class SearchNews(TypedDict):
    """Search the news."""

    topic: Annotated[str, ..., "About what."]
    limit: Annotated[int, 10, "How many."]


TRANSFER: dict[str, Any] = {
    "title": "transfer",
    "description": "Send money.",
    "type": "object",
    "properties": {
        "to": {"oneOf": [{"$ref": "#/$defs/Iban"}, {"$ref": "#/$defs/Card"}]},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": True},
    },
    "required": ["to", "amount"],
    "additionalProperties": False,
    "$defs": {
        "Iban": {
            "type": "object",
            "properties": {"iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{4,30}$"}},
            "required": ["iban"],
            "additionalProperties": False,
        },
        "Card": {
            "type": "object",
            "properties": {"card": {"type": "string", "minLength": 4}},
            "required": ["card"],
            "additionalProperties": False,
        },
    },
}
SHELL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "shell",
        "description": "Run a command.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "array", "items": {"type": "string"}}},
            "required": ["command"],
            "additionalProperties": False,
        },
    },
}


def get_time() -> str:
    """Tell the time."""
    return "noon"


PING: dict[str, Any] = {"type": "function", "function": {"name": "ping", "description": "Say that you are there."}}
"""A tool for which nobody says anything about parameters."""


@tool
def remember(data: dict[str, Any]) -> str:
    """Store any object."""
    return str(len(data))


@tool
def write(text: str) -> str:
    """Write a text."""
    return text


@tool
def count(n: int, ratio: float = 1.0) -> str:
    """Count to a number."""
    return str(n * ratio)


@tool
def switch(on: bool, level: int | None = None) -> str:
    """Switch the light."""
    return str(on)


TOOLS: tuple[Any, ...] = (
    get_weather,
    paint,
    edit_files,
    BookFlight,
    SearchNews,
    TRANSFER,
    SHELL,
    get_time,
    PING,
    remember,
    write,
    count,
    switch,
)


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class PersonDict(TypedDict):
    """Somebody."""

    name: str
    age: int


PERSON_SCHEMA: dict[str, Any] = {
    "title": "Person",
    "description": "Somebody.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
