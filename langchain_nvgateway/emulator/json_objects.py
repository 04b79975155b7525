"""A JSON object for a prompt that asks for one in words."""

from __future__ import annotations

import json
import re
from typing import Any

from .hints import Hints
from .schema_samples import sample

_KEY = re.compile(r"['\"`]([A-Za-z_]\w{0,63})['\"`]")


def object_for_prompt(prompt: str, hints: Hints) -> dict[str, Any]:
    """Make an object with the fields that a prompt names.

    Args:
        prompt: All text of the conversation; a JSON schema in it is satisfied, else quoted words
            are taken for keys.
        hints: What the text offers for values.
    """
    schema = _schema_in(prompt)
    if schema is not None:
        made = sample(schema, hints)
        if isinstance(made, dict):
            return made
    keys = list(dict.fromkeys(_KEY.findall(prompt)))
    # The keys are quoted in the prompt themselves, so quoted words are no hints for values.
    plain = Hints(_KEY.sub(" ", hints.text))
    string = {"type": "string"}
    if not keys:
        keys = ["answer"]
    made = sample(
        {"type": "object", "properties": dict.fromkeys(keys, string), "required": keys},
        plain,
    )
    return dict(made)


def _schema_in(prompt: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder()
    for brace in re.finditer(r"\{", prompt):
        try:
            found, _ = decoder.raw_decode(prompt, brace.start())
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("properties"), dict):
            return found
    return None
