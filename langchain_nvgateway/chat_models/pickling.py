"""Models from their pickles, which hold no secret."""

from __future__ import annotations

import logging
from typing import Any, TypeVar

__all__ = ["rebuilt"]

ModelT = TypeVar("ModelT")

_logger = logging.getLogger("langchain_nvgateway")


def rebuilt(cls: type[ModelT], given: dict[str, Any], headers: tuple[str, ...] = ()) -> ModelT:
    """Return a model from the fields that its pickle has; secrets come from the environment again.

    Args:
        cls: The model's class.
        given: Fields that were given to it, without secrets.
        headers: Names of the headers that it had, whose values are not in the pickle.
    """
    if headers:
        msg = "An unpickled %s lacks its default_headers (%s), which pickles do not hold; give it them again"
        _logger.warning(msg, cls.__name__, ", ".join(headers))
    return cls(**given)
