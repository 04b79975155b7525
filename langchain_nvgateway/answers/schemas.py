"""Values against JSON Schema, compiled once and asked often."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import jsonschema.exceptions
from jsonschema.protocols import Validator
from jsonschema.validators import Draft4Validator, Draft7Validator, Draft202012Validator, extend, validator_for
from referencing import Registry

__all__ = ["Schema"]

_DRAFTS: tuple[type[Validator], ...] = (Draft202012Validator, Draft7Validator, Draft4Validator)
"""Tried in this order: a schema without `$schema` is of the newest draft that it is valid in."""


class Schema:
    """What a value has to be like.

    Args:
        schema: A JSON Schema. References reach into the schema itself only: nothing is ever fetched. What cannot
            be understood of it forbids nothing, since nobody could say what it forbids.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def flaw(self, value: Any) -> str | None:
        """Return which rule of the schema a value breaks, `None` if it breaks none.

        The words are of the schema alone, with nothing of the value.
        """
        if self._validator is None:
            return None
        try:
            error = next(self._validator.iter_errors(value), None)
        except RecursionError:
            return "it is nested too deep to be checked"
        except Exception:  # noqa: BLE001 - an unknown type, a reference to nowhere: whatever a schema may hold
            return None
        if error is None:
            return None
        place = "/".join(map(str, error.absolute_schema_path))
        return f"it breaks the rule {place if len(place) <= _LONGEST_PLACE else error.validator!s}"

    @cached_property
    def _validator(self) -> Validator | None:
        try:
            schema = _in_python(self._schema)
        except RecursionError:
            return None
        named = schema.get("$schema")
        own = validator_for(schema, default=Draft202012Validator) if isinstance(named, str) else Draft202012Validator
        for draft in (own, *_DRAFTS):
            try:
                draft.check_schema(schema)
            except (jsonschema.exceptions.SchemaError, RecursionError):
                continue
            # An empty registry: the default one would load what a reference names from wherever that is.
            return _exact(draft)(schema, registry=Registry())
        return None


@lru_cache(maxsize=16)
def _exact(draft: type[Validator]) -> type[Validator]:
    """Return a draft's rules with decimal numbers taken as they are written."""
    exact: type[Validator] = extend(draft, {"multipleOf": _multiple_of})  # type: ignore[no-untyped-call]
    return exact


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[jsonschema.exceptions.ValidationError]:
    # By division of floats, 19.99 would be no multiple of 0.01.
    if validator.is_type(value, "number") and Fraction(repr(value)) % Fraction(repr(step)):
        yield jsonschema.exceptions.ValidationError("no multiple")


_LONGEST_PLACE = 100
_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$|\(\?<(?![=!])", re.DOTALL)
_SPELLED_OTHERWISE = {"$": r"\Z", "(?<": "(?P<"}
"""In ECMA-262 `$` is the very end, where Python's also fits before a last line break; groups are named otherwise."""


def _in_python(schema: Any) -> Any:
    """Return a schema whose patterns Python understands as JSON Schema means them; others are left out."""
    if isinstance(schema, list):
        return [_in_python(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: _part_in_python(name, part) for name, part in schema.items()}
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        # As OpenAPI 3.0 writes what may be null, and with it the tools that are made from its documents.
        found["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            found["enum"] = [*schema["enum"], None]
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        found.pop("pattern")
        if translated := _pattern(pattern):
            found["pattern"] = translated
    of_names = schema.get("patternProperties")
    if isinstance(of_names, Mapping):
        translated_names = {_pattern(name): _in_python(part) for name, part in of_names.items()}
        found["patternProperties"] = {name: part for name, part in translated_names.items() if name}
        if None in translated_names:
            # Nobody can say which names are left for it.
            found.pop("additionalProperties", None)
    return found


_VALUES = ("const", "enum", "default", "examples")
"""Keywords that hold values, not schemas."""

_BY_NAME = ("properties", "$defs", "definitions", "dependentSchemas")
"""Keywords that hold schemas by names, which may be any word, those of keywords too."""


def _part_in_python(keyword: str, part: Any) -> Any:
    if keyword in _VALUES:
        return part
    if keyword in _BY_NAME and isinstance(part, Mapping):
        return {name: _in_python(schema) for name, schema in part.items()}
    return _in_python(part)


def _pattern(pattern: str) -> str | None:
    translated = _PIECE.sub(lambda piece: _SPELLED_OTHERWISE.get(piece[0], piece[0]), pattern)
    try:
        re.compile(translated)
    except (re.error, RecursionError, OverflowError):
        return None
    return translated
