"""Texts from arguments, files and standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import ConfigurationError

__all__ = ["prompt_from"]


def prompt_from(text: str | None, file: Path | None, *, text_name: str, file_name: str) -> str:
    """Return the text that was given, or that of the file; `-` is standard input.

    Args:
        text: The text itself.
        file: A file that has it.
        text_name: How the argument of the text is called.
        file_name: How that of the file is called.

    Raises:
        ConfigurationError: Both or none are given, the file cannot be read, or the text is empty or no Unicode.
    """
    if (text is None) == (file is None):
        msg = f"Give {text_name} or {file_name}{', not both' if text is not None else ''}."
        raise ConfigurationError(msg, setting=text_name)
    prompt = text if file is None else _read(file, file_name)
    assert prompt is not None
    if not prompt.strip():
        msg = f"{text_name if file is None else file_name} is empty; say something to the model."
        raise ConfigurationError(msg, setting=text_name)
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        msg = f"{text_name if file is None else file_name} is not UTF-8 text."
        raise ConfigurationError(msg, setting=text_name) from error
    return prompt


def _read(file: Path, name: str) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{name} {file} cannot be read as text: {error}."
        raise ConfigurationError(msg, setting=name) from error
