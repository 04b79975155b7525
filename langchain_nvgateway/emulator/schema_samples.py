"""Makes values that satisfy a JSON schema, with hints from a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .hints import Hints
from .schema_checks import has_repeats, item_schemas, property_schemas, satisfies
from .schema_refs import merge, resolve, types_of
from .value_samples import sample_number, sample_string

DEEP = 4
"""From this depth on nothing optional is made, so that recursion ends."""
TOO_DEEP = 40
"""A schema that demands more levels than this cannot be satisfied."""

_KINDS = {
    "object": (
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "minProperties",
    ),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": (
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    ),
}


class UnsatisfiableError(ValueError):
    """No value was found for a schema."""


def sample(schema: Any, hints: Hints | None = None) -> Any:
    """Make a value that satisfies a schema; the same one for the same schema and text.

    Args:
        schema: A JSON schema (drafts 4 to 2020-12, local references only).
        hints: What the conversation offers for values.

    Returns:
        The value; an empty object if none could be found.
    """
    try:
        return _Sampler(schema, hints or Hints()).value(schema, "", 0)
    except UnsatisfiableError:
        return {}


class _Sampler:
    """Makes values for the parts of one schema.

    Args:
        root: What `$ref` refers to.
        hints: What the conversation offers for values.
    """

    def __init__(self, root: Any, hints: Hints) -> None:
        self._root = root
        self._hints = hints

    def value(self, schema: Any, field: str, depth: int, variant: int = 0) -> Any:
        """Make a value.

        Args:
            schema: The schema.
            field: The name of the property it is for, or empty.
            depth: How many levels up the root is.
            variant: Which of several possible values, for lists without repeats.
        """
        if depth > TOO_DEEP or schema is False:
            raise UnsatisfiableError
        for plain in self._alternatives({} if schema is True else schema, depth):
            try:
                made = self._plain(plain, field, depth, variant)
            except UnsatisfiableError:
                continue
            if satisfies(made, schema, self._root):
                return made
        raise UnsatisfiableError

    def _alternatives(self, schema: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        """List schemas without combinations, of which one that can be satisfied will do."""
        if depth > TOO_DEEP:
            raise UnsatisfiableError
        rest = dict(schema)
        if "$ref" in rest:
            target = resolve(rest.pop("$ref"), self._root)
            yield from self._both(target, rest, depth)
        elif "allOf" in rest:
            parts = rest.pop("allOf")
            joined: Any = rest
            for part in parts:
                joined = merge(joined, self._followed(part))
            yield from self._expand(joined, depth)
        elif "anyOf" in rest or "oneOf" in rest:
            branches = rest.pop("anyOf") if "anyOf" in rest else rest.pop("oneOf")
            for branch in sorted(branches, key=lambda b: self._cost(b, depth)):
                yield from self._both(branch, rest, depth)
        elif "if" in rest:
            condition = rest.pop("if")
            then, otherwise = rest.pop("then", True), rest.pop("else", True)
            yield from self._both(merge(self._followed(condition), self._followed(then)), rest, depth)
            yield from self._both(otherwise, rest, depth)
        else:
            yield rest

    def _both(self, part: Any, rest: Any, depth: int) -> Iterator[dict[str, Any]]:
        yield from self._expand(merge(part, rest), depth)

    def _expand(self, schema: Any, depth: int) -> Iterator[dict[str, Any]]:
        if schema is False:
            return
        # A level is counted here too, because references can go round without making a value.
        yield from self._alternatives({} if schema is True else schema, depth + 1)

    def _followed(self, schema: Any) -> Any:
        for _ in range(TOO_DEEP):
            if not isinstance(schema, dict) or "$ref" not in schema:
                return schema
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = merge(resolve(schema["$ref"], self._root), rest)
        raise UnsatisfiableError

    def _cost(self, branch: Any, depth: int) -> int:
        is_null = isinstance(branch, dict) and branch.get("type") == "null"
        if depth < DEEP:
            return int(is_null)
        leads_deeper = isinstance(branch, dict) and bool(
            {"$ref", "properties", "items", "anyOf", "oneOf", "allOf"} & branch.keys()
        )
        return 0 if is_null else 1 + leads_deeper

    def _plain(self, schema: Mapping[str, Any], field: str, depth: int, variant: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choose(schema, variant)
        for kind in self._kinds(schema, depth):
            try:
                made = self._of_kind(kind, schema, field, depth, variant)
            except UnsatisfiableError:
                continue
            if satisfies(made, schema, self._root):
                return made
        raise UnsatisfiableError

    def _kinds(self, schema: Mapping[str, Any], depth: int) -> list[str]:
        if "type" in schema:
            kinds = types_of(schema["type"])
        else:
            hinted = [kind for kind, keys in _KINDS.items() if any(key in schema for key in keys)]
            kinds = [*hinted, "string", "integer", "object", "array", "boolean", "null"]
        return sorted(kinds, key=lambda kind: (kind == "null") != (depth >= DEEP))

    def _choose(self, schema: Mapping[str, Any], variant: int) -> Any:
        plain = {key: value for key, value in schema.items() if key != "enum"}
        fitting = [v for v in schema["enum"] if satisfies(v, plain, self._root)]
        if not fitting:
            raise UnsatisfiableError
        mentioned = [v for v in fitting if isinstance(v, str) and v and self._hints.mentions(v)]
        others = [v for v in fitting if v not in mentioned and v is not None]
        ordered = [*mentioned, *others, *[v for v in fitting if v is None]]
        return ordered[variant % len(ordered)]

    def _of_kind(self, kind: str, schema: Mapping[str, Any], field: str, depth: int, variant: int) -> Any:
        if kind == "null":
            return None
        if kind == "boolean":
            return variant % 2 == 0
        if kind in ("integer", "number"):
            number = sample_number(schema, self._hints, whole=kind == "integer", variant=variant)
            if number is None:
                raise UnsatisfiableError
            return number
        if kind == "string":
            text = sample_string(schema, self._hints, field=field, variant=variant)
            if text is None:
                raise UnsatisfiableError
            return text
        if kind == "array":
            return self._array(schema, field, depth)
        return self._object(schema, depth, variant)

    def _array(self, schema: Mapping[str, Any], field: str, depth: int) -> list[Any]:
        first, rest = item_schemas(schema)
        least = schema.get("minItems", 0)
        count = max(least, len(first) if first and depth < DEEP else 0, int(depth < DEEP))
        count = max(min(count, schema.get("maxItems", count)), least)
        items: list[Any] = []
        if "contains" in schema and schema.get("minContains", 1):
            # What must be contained goes first, as far as the items' own schemas allow.
            wanted = [schema["contains"]] * schema.get("minContains", 1)
        else:
            wanted = []
        count = max(count, len(wanted))
        for index in range(count):
            part = first[index] if index < len(first) else rest
            if part is False:
                break
            if index < len(wanted):
                part = merge(part, wanted[index])
            item = self._next_item(part, field, depth, items, unique=bool(schema.get("uniqueItems")))
            if item is _NOTHING:
                break
            items.append(item)
        return items

    def _next_item(self, part: Any, field: str, depth: int, items: list[Any], *, unique: bool) -> Any:
        for variant in range(len(items), len(items) + 24):
            try:
                item = self.value(part, field, depth + 1, variant if items else 0)
            except UnsatisfiableError:
                return _NOTHING
            if not unique or not has_repeats([*items, item]):
                return item
        return _NOTHING

    def _object(self, schema: Mapping[str, Any], depth: int, variant: int) -> dict[str, Any]:
        required = schema.get("required", [])
        properties = schema.get("properties", {})
        made: dict[str, Any] = {}
        for name in [*properties, *(n for n in required if n not in properties)]:
            if name not in required and not self._worth_making(properties[name], name, depth):
                continue
            part: Any = True
            for one in property_schemas(schema, name):
                part = merge(part, self._followed(one))
            try:
                made[name] = self.value(part, name, depth + 1, variant)
            except UnsatisfiableError:
                if name in required:
                    raise
        return self._filled_up(made, schema, depth)

    def _worth_making(self, schema: Any, name: str, depth: int) -> bool:
        """Make an optional property unless its default will do, or it leads too deep."""
        if depth >= DEEP:
            return False
        if not isinstance(schema, dict) or "default" not in schema:
            return True
        followed = self._followed(schema)
        options = followed.get("anyOf") or [followed]
        kinds = {kind for o in options if isinstance(o, dict) for kind in types_of(o.get("type", []))}
        if kinds & {"integer", "number"}:
            return bool(self._hints.numbers())
        if "enum" in followed:
            return any(self._hints.mentions(v) for v in followed["enum"] if isinstance(v, str) and v)
        return "string" in kinds and bool(self._hints.strings(name))

    def _filled_up(self, made: dict[str, Any], schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        most = schema.get("maxProperties")
        if most is not None:
            for name in [n for n in made if n not in schema.get("required", [])]:
                if len(made) > most:
                    del made[name]
        for number in range(1, 33):
            if len(made) >= schema.get("minProperties", 0):
                break
            name = self._new_name(schema, number)
            part: Any = True
            for one in property_schemas(schema, name):
                part = merge(part, self._followed(one))
            made[name] = self.value(part, name, depth + 1)
        for name, needed in schema.get("dependentRequired", {}).items():
            for other in needed if name in made else ():
                if other not in made:
                    made[other] = self.value(property_schemas(schema, other)[0], other, depth + 1)
        return made

    def _new_name(self, schema: Mapping[str, Any], number: int) -> str:
        naming: Any = schema.get("propertyNames", {})
        patterns = list(schema.get("patternProperties", {}))
        if schema.get("additionalProperties") is False and patterns:
            naming = merge(naming, {"pattern": patterns[0]})
        if naming in ({}, True):
            return f"key_{number}"
        return str(self.value(merge({"type": "string"}, naming), "key", TOO_DEEP - 2, number))


_NOTHING = object()
