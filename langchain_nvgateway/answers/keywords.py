"""Rules of JSON Schema that jsonschema has in another way, or in one that a model's words can make endless."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import jsonschema.exceptions
from jsonschema.protocols import Validator
from jsonschema.validators import extend

__all__ = ["TakesTooLongError", "Values", "compiled", "exact", "start_clock"]

CHECK_SECONDS = 5.0
"""For one value against its schema: recursive schemas with alternatives take twice the time for each level."""

PATTERN_SECONDS = 0.5
"""For one text against one pattern; an ordinary one takes a microsecond."""

Rule = Callable[[Any, Any, Any, Any], Iterable[jsonschema.exceptions.ValidationError]]

_clock = threading.local()


class TakesTooLongError(Exception):
    """Nobody can wait for the verdict."""


class Values(list[Any]):
    """The values of an `enum`, found without comparing each."""

    @cached_property
    def keys(self) -> frozenset[Any]:
        """What equal values have in common."""
        return frozenset(map(_key, self))


def start_clock() -> None:
    """Begin a check, in this thread."""
    _clock.end = time.monotonic() + CHECK_SECONDS


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Any:
    """Return a pattern that both of Python's libraries understand; the one that is asked can be stopped.

    Raises:
        ValueError: One of them does not.
    """
    import regex  # Takes long to import, and few schemas have patterns.

    try:
        re.compile(pattern)
        return regex.compile(pattern)
    except (re.error, regex.error, RecursionError, OverflowError) as problem:
        raise ValueError(str(problem)) from None


@lru_cache(maxsize=16)
def exact(draft: type[Validator]) -> type[Validator]:
    """Return a draft's rules with decimal numbers taken as they are written, and with an end to each."""
    own: dict[str, Rule] = {
        "multipleOf": _multiple_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique_items,
        "enum": _enum,
    }
    rules: Mapping[str, Rule] = draft.VALIDATORS
    own["additionalProperties"] = _additional_properties(rules["additionalProperties"])
    own |= {name: _in_time(rules[name]) for name in ("$ref", "$dynamicRef", "$recursiveRef") if name in rules}
    bounded: type[Validator] = extend(draft, own)  # type: ignore[no-untyped-call]  # jsonschema's
    return bounded


def _remaining() -> float:
    remaining: float = _clock.end - time.monotonic()
    if remaining <= 0:
        raise TakesTooLongError
    return remaining


def _has(pattern: str, text: str) -> bool:
    try:
        return compiled(pattern).search(text, timeout=min(PATTERN_SECONDS, _remaining())) is not None
    except TimeoutError:
        raise TakesTooLongError from None


def _in_time(rule: Rule) -> Rule:
    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _remaining()
        yield from rule(validator, value, instance, schema) or ()

    return checked


def _broken(rule: str) -> jsonschema.exceptions.ValidationError:
    return jsonschema.exceptions.ValidationError(rule)


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[Any]:
    # By division of floats, 19.99 would be no multiple of 0.01.
    if validator.is_type(value, "number") and Fraction(repr(value)) % Fraction(repr(step)):
        yield _broken("no multiple")


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "string") and not _has(pattern, value):
        yield _broken("no match")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "object"):
        for pattern, part in patterns.items():
            for name, item in value.items():
                if _has(pattern, name):
                    yield from validator.descend(item, part, path=name, schema_path=pattern)


def _additional_properties(rule: Rule) -> Rule:
    def checked(validator: Any, additional: Any, value: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if patterns and validator.is_type(value, "object"):
            value = {name: item for name, item in value.items() if not any(_has(each, name) for each in patterns)}
            schema = {**schema, "patternProperties": {}}
        yield from rule(validator, additional, value, schema) or ()

    return checked


def _unique_items(validator: Any, is_asked: Any, value: Any, schema: Any) -> Iterator[Any]:
    if is_asked and validator.is_type(value, "array") and len(set(map(_key, value))) < len(value):
        yield _broken("not unique")


def _enum(validator: Any, values: Any, value: Any, schema: Any) -> Iterator[Any]:
    if _key(value) not in (values if isinstance(values, Values) else Values(values)).keys:
        yield _broken("not in it")


def _key(value: Any) -> Any:
    """Return the same for what JSON Schema takes for the same: 1 and 1.0, but not 1 and true."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list):
        return list, tuple(map(_key, value))
    if isinstance(value, Mapping):
        return dict, frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # As text: nobody can choose numbers whose texts collide in a set.
    return (int, repr(value)) if isinstance(value, int | float) else value
