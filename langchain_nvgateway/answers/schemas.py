"""Values against JSON Schema, compiled once and asked often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jsonschema.exceptions
from jsonschema.protocols import Validator
from jsonschema.validators import Draft4Validator, Draft7Validator, Draft202012Validator, validator_for
from referencing import Registry

from .keywords import TakesTooLongError, Values, compiled, exact, start_clock

__all__ = ["Schema"]

_TOO_DEEP = "it is nested too deep to be checked"
_TOO_LONG = "it takes too long to be checked"

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
        start_clock()
        try:
            error = next(self._validator.iter_errors(value), None)
        except RecursionError:
            return _TOO_DEEP
        except TakesTooLongError:
            return _TOO_LONG
        except Exception:  # noqa: BLE001 - an unknown type, a reference to nowhere: whatever a schema may hold
            return None
        except BaseException as problem:
            # Where the recursion ends within `rpds`, which is written in Rust, it is a panic, and no `Exception`.
            if type(problem).__name__ != "PanicException":
                raise
            return _TOO_DEEP
        if error is None:
            return None
        place = "/".join(map(str, error.absolute_schema_path))
        return f"it breaks the rule {place if len(place) <= _LONGEST_PLACE else error.validator!s}"

    @cached_property
    def _validator(self) -> Validator | None:
        try:
            schema = _in_python(self._schema)
            named = validator_for(self._schema, default=Draft202012Validator)
        except (TypeError, ValueError, AttributeError, RecursionError):
            return None  # `$schema` names no draft, but is a number or the like; or there is no end of it.
        for draft in (named, *_DRAFTS):
            try:
                draft.check_schema(schema)
            except (jsonschema.exceptions.SchemaError, RecursionError):
                continue
            # An empty registry: the default one would load what a reference names from wherever that is.
            return exact(draft)(schema, registry=Registry())
        return None


_LONGEST_PLACE = 100

_VALUES = ("const", "enum", "default", "examples")
"""Keywords that hold values, not schemas."""

_BY_NAME = ("properties", "$defs", "definitions", "dependentSchemas", "dependencies")
"""Keywords that hold schemas by names of the schema's author, who may take those of keywords too."""

_TURNED_ROUND = ("not", "oneOf", "if", "contains")
"""Keywords that forbid more if a schema in them forbids less."""


def _in_python(schema: Any) -> Any:
    """Return a schema whose patterns Python understands as JSON Schema means them; others are left out."""
    if isinstance(schema, list):
        return [_in_python(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = {}
    is_closed = True
    for keyword, part in schema.items():
        if keyword == "$schema":
            continue  # Behind a reference, jsonschema would go by its own rules for the draft that this names.
        if keyword in _VALUES:
            found[keyword] = Values(part) if keyword == "enum" and isinstance(part, list) else part
        elif keyword == "pattern" and isinstance(part, str):
            found |= {} if (translated := _pattern(part)) is None else {keyword: translated}
        elif keyword == "patternProperties" and isinstance(part, Mapping):
            names = {_pattern(name): _in_python(each) for name, each in part.items()}
            is_closed = None not in names
            found[keyword] = {name: each for name, each in names.items() if name is not None}
        elif keyword in _BY_NAME and isinstance(part, Mapping):
            found[keyword] = {name: _in_python(each) for name, each in part.items()}
        elif keyword not in _TURNED_ROUND or not _has_foreign_pattern(part):
            found[keyword] = _in_python(part)
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        # As OpenAPI 3.0 writes what may be null, and with it the tools that are made from its documents.
        found["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            found["enum"] = Values([*schema["enum"], None])
    if not is_closed:
        # Nobody can say which names are left for these.
        found.pop("additionalProperties", None)
        found.pop("unevaluatedProperties", None)
    return found


def _has_foreign_pattern(schema: Any) -> bool:
    """Whether there is a pattern in a schema that Python does not understand."""
    if isinstance(schema, list):
        return any(map(_has_foreign_pattern, schema))
    if not isinstance(schema, Mapping):
        return False
    names = schema.get("patternProperties")
    patterns = [schema.get("pattern"), *(names if isinstance(names, Mapping) else ())]
    is_foreign = any(isinstance(pattern, str) and _pattern(pattern) is None for pattern in patterns)
    return is_foreign or any(_has_foreign_pattern(part) for name, part in schema.items() if name not in _VALUES)


_PIECE = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$|\(\?<(?![=!])|\{(?!\d+(?:,\d*)?\}|,\d*\})", re.DOTALL)
_SPELLED_OTHERWISE = {"$": r"\Z", "(?<": "(?P<", "{": r"\{"}
"""In ECMA-262 `$` is the very end, where Python's also fits before a last line break; groups are named otherwise.
A brace that repeats nothing is a character, where the library that can be stopped allows for typing errors."""

_NO_SET = re.compile(r"\\.|(?<!^)[\[&|~]|(?<=[^\[^]-)-", re.DOTALL)
"""What Python takes in a class for the beginning of a set, now or in the future."""


def _pattern(pattern: str) -> str | None:
    """Return the pattern as Python writes it, `None` if it cannot."""
    translated = _PIECE.sub(_piece, pattern)
    try:
        compiled(translated)
    except ValueError:
        return None
    return translated


def _piece(found: re.Match[str]) -> str:
    piece = found[0]
    if piece[0] == "[":
        return _NO_SET.sub(lambda mark: mark[0] if mark[0][0] == "\\" else f"\\{mark[0]}", piece)
    return _SPELLED_OTHERWISE.get(piece, piece)
