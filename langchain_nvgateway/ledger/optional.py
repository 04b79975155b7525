"""Packages that only some forms of a report need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ConfigurationError

__all__ = ["import_optional"]


def import_optional(module: str, wanted_by: str) -> Any:
    """Return a module of an optional package.

    Args:
        module: Name of the module, which begins with that of its package.
        wanted_by: What needs it, for the message.

    Raises:
        ConfigurationError: The package is not installed; the message says how to install it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
    msg = f"{wanted_by} needs {package}: pip install {package} (or pip install 'langchain-nvgateway[report]')"
    raise ConfigurationError(msg, setting=package)
