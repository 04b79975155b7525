"""Makes single numbers and strings that satisfy a JSON schema."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from .hints import Hints
from .pattern_samples import pattern_samples
from .schema_checks import satisfies

T = TypeVar("T")

FORMATS = {
    "date-time": "2025-01-{:02}T12:00:00Z",
    "date": "2025-01-{:02}",
    "time": "12:00:{:02}Z",
    "duration": "P{}D",
    "email": "someone{}@example.com",
    "idn-email": "someone{}@example.com",
    "hostname": "host{}.example.com",
    "idn-hostname": "host{}.example.com",
    "ipv4": "192.0.2.{}",
    "ipv6": "2001:db8::{}",
    "uri": "https://example.com/{}",
    "url": "https://example.com/{}",
    "iri": "https://example.com/{}",
    "uri-reference": "/{}",
    "iri-reference": "/{}",
    "uri-template": "/{}",
    "uuid": "00000000-0000-4000-8000-0000000000{:02}",
    "json-pointer": "/{}",
    "relative-json-pointer": "{}",
    "regex": "a{}",
    "byte": "c2FtcGx{}",
    "binary": "sample{}",
    "password": "sample{}",
}
"""A value for each format, with a number in it."""


def sample_number(schema: Mapping[str, Any], hints: Hints, *, whole: bool, variant: int) -> float | int | None:
    """Make a number: one that the text mentions if it fits.

    Args:
        schema: Limits and steps.
        hints: What the conversation offers.
        whole: Whether it must be an integer.
        variant: Which of several possible numbers.

    Returns:
        The number, or `None` if none fits.
    """
    plain = {**schema, "type": "integer" if whole else "number"}
    for number in hints.numbers():
        value = int(number) if whole and float(number).is_integer() else number
        if satisfies(value, plain, plain):
            hints.use_number(number)
            return value
    fitting = (value for value in _numbers(schema, whole) if satisfies(value, plain, plain))
    return _pick(fitting, variant)


def _numbers(schema: Mapping[str, Any], whole: bool) -> Iterator[float | int]:
    """List numbers that may fit, starting inside the limits."""
    low, high = _limit(schema, "inimum"), _limit(schema, "aximum")
    step = schema.get("multipleOf") or 1
    for named in (schema.get("default"), *(schema.get("examples") or ())):
        if isinstance(named, int | float) and not isinstance(named, bool):
            yield named
    if low is None and high is None:
        start, way = 1, 1
    elif low is None:
        start, way = math.floor(min(high or 0, step) / step), -1
    else:
        start, way = math.ceil(low / step), 1
    for index in range(64):
        multiple = (start + way * index) * step
        yield int(multiple) if whole and float(multiple).is_integer() else multiple
    if whole or low is None or high is None:
        return
    for parts in range(2, 40):
        # Between two close limits there may be no whole number at all.
        yield low + (high - low) / parts


def _limit(schema: Mapping[str, Any], name: str) -> Any:
    limit = schema.get(f"m{name}")
    exclusive = schema.get(f"exclusiveM{name}")
    if exclusive is None or isinstance(exclusive, bool):
        return limit
    if limit is None:
        return exclusive
    return max(limit, exclusive) if name == "inimum" else min(limit, exclusive)


def sample_string(schema: Mapping[str, Any], hints: Hints, *, field: str, variant: int) -> str | None:
    """Make a string: one that the text offers if it fits, else a plausible sentence.

    Args:
        schema: Length, pattern and format.
        hints: What the conversation offers.
        field: The name of the property it is for.
        variant: Which of several possible strings.

    Returns:
        The string, or `None` if none fits.
    """
    plain = {**schema, "type": "string"}
    if "format" not in schema:
        for text in hints.strings(field):
            if satisfies(text, plain, plain):
                hints.use_string(text)
                return text
    fitting = (text for text in _strings(schema, hints, field, variant) if satisfies(text, plain, plain))
    # All but patterned strings have their variant in their text.
    return _pick(fitting, variant if "pattern" in schema else 0)


def _pick(fitting: Iterator[T], variant: int) -> T | None:
    """Return the variant of this number, or the last one if there are not as many."""
    seen: list[T] = []
    for value in fitting:
        if value not in seen:
            seen.append(value)
        if len(seen) > variant:
            break
    return seen[-1] if seen else None


def _strings(schema: Mapping[str, Any], hints: Hints, field: str, variant: int) -> Iterator[str]:
    form = schema.get("format")
    yield from hints.formatted(str(form))
    if form in FORMATS:
        yield FORMATS[str(form)].format(variant + 1)
    for named in (schema.get("default"), *(schema.get("examples") or ())):
        if isinstance(named, str) and named.strip() and variant == 0:
            yield named
    # The next variant serves where the first one is excluded.
    yield _fit(_sentence(field, hints, variant), schema)
    yield _fit(_sentence(field, hints, variant + 1), schema)
    if "pattern" in schema:
        yield from _patterned(schema["pattern"], schema.get("minLength", 0))


def _patterned(pattern: str, least: int) -> Iterator[str]:
    found = list(itertools.islice(pattern_samples(pattern, longest=least + 4), 256))
    yield from found
    for text in found[:1]:
        # A pattern without an end may go on, which fills up to a minimum length.
        for more in range(max(0, least - len(text)), least + 32):
            yield text + "a" * more


def _fit(text: str, schema: Mapping[str, Any]) -> str:
    least: int = schema.get("minLength", 0)
    most: int | None = schema.get("maxLength")
    padded = text + "." * (least - len(text))
    # Cut from the left, so that what tells variants apart, which is at the end, is kept.
    return padded if most is None or len(padded) <= most else padded[len(padded) - most :]


def _sentence(field: str, hints: Hints, variant: int) -> str:
    words = " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", field)).lower() or "value"
    topic = hints.topic
    start = f"Sample {words} about {topic}" if topic else f"Sample {words}"
    return f"{start} {variant + 1}" if variant else start
