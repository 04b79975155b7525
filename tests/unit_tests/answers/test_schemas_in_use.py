"""What tools' schemas allow, as their authors mean it."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_nvgateway.answers.schemas import Schema

CENTS = {"type": "number", "multipleOf": 0.01}


@pytest.mark.parametrize("price", [19.99, 0.07, 4.35, 123456789.01, 3, 0, -0.1, 1e22])
def test_a_price_is_a_multiple_of_a_cent(price: float) -> None:
    """Although the fractions that a computer holds are not quite those that are written."""
    assert Schema(CENTS).flaw(price) is None


@pytest.mark.parametrize("price", [19.995, 0.001, 1e-300])
def test_half_a_cent_is_no_multiple_of_a_cent(price: float) -> None:
    """The rule still counts."""
    assert Schema(CENTS).flaw(price) is not None


@pytest.mark.parametrize("value", [True, "x", None])
def test_what_is_no_number_has_no_multiples(value: Any) -> None:
    """The rule is about numbers only."""
    assert Schema({"multipleOf": 2}).flaw(value) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"type": "string", "nullable": True, "enum": ["a"]},
        {"type": "object", "nullable": True, "properties": {"a": {"type": "string"}}, "required": ["a"]},
    ],
)
def test_what_is_nullable_may_be_null(schema: dict[str, Any]) -> None:
    """As OpenAPI has it; another type is still wrong."""
    within = Schema({"type": "object", "properties": {"field": schema}})
    assert within.flaw({"field": None}) is None
    assert within.flaw({"field": 5}) is not None


@pytest.mark.parametrize("name", ["default", "enum", "const", "examples", "pattern", "nullable", "type", "$ref", "id"])
def test_a_field_may_have_the_name_of_a_keyword(name: str) -> None:
    """It is checked like any other, and so are the fields beside it."""
    fields = {name: {"type": "string", "pattern": "^(?<first>x)$"}, "count": {"type": "integer"}}
    schema = Schema({"type": "object", "properties": fields})
    assert schema.flaw({name: "x", "count": 1}) is None
    assert schema.flaw({name: "y"}) is not None
    assert schema.flaw({name: "x\n"}) is not None
    assert schema.flaw({"count": "1"}) is not None


def _deep() -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(3_000):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("schema", [{"$schema": {}}, {"$schema": 1}, {"$schema": ["x"]}, {"$schema": "?"}, _deep()])
def test_a_schema_that_nobody_can_read_forbids_nothing(schema: dict[str, Any]) -> None:
    """It is no reason to fail."""
    assert Schema(schema).flaw({"a": 1}) is None
