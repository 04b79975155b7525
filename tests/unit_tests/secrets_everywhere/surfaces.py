"""Everywhere that something may show itself, as one text each."""

from __future__ import annotations

import copy
import dataclasses
import io
import logging
import pickle
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from langchain_core.load import dumpd, dumps
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

import langchain_nvgateway

__all__ = ["Frames", "Logs", "frames_of", "shown_of", "surfaces_of_error"]

_METHODS = (
    *("model_dump", "model_dump_json", "to_dict", "to_json", "_repr_html_", "asdict", "_get_ls_params"),
    *("_get_llm_string", "_get_invocation_params", "get_lc_namespace", "snapshot", "to_dataframe"),
)
_PACKAGE = str(Path(langchain_nvgateway.__file__).parent)
_ATTRIBUTES = ("_identifying_params", "lc_attributes", "lc_secrets", "__dict__", "profile", "metadata")


def shown_of(thing: Any, *, is_copied: bool = True) -> dict[str, bytes]:
    """Return what shows of an object, by the way in which it shows."""
    found: dict[str, Any] = {
        "repr": repr(thing),
        "str": str(thing),
        "format": f"{thing}",
        "%r": "%r %s" % (thing, thing),  # noqa: UP031 - logging does it this way
        "rich": pretty_repr(thing),
        "dumps": dumps(thing),
        "dumpd": repr(dumpd(thing)),
    }
    for name in _METHODS:
        method = getattr(type(thing), name, None)
        if callable(method):
            # LangChain's own runnables have methods of pydantic's that cannot work for them.
            with suppress(PydanticSerializationError):
                found[name] = getattr(thing, name)()
    for name in _ATTRIBUTES:
        # A pydantic model keeps its fields there, whatever it shows of them.
        if hasattr(thing, name) and not (name == "__dict__" and isinstance(thing, BaseModel)):
            found[name] = repr(getattr(thing, name))
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        found["fields"] = repr([getattr(thing, field.name) for field in dataclasses.fields(thing)])
    for protocol in (0, pickle.HIGHEST_PROTOCOL):
        pickled = _pickled(thing, protocol)
        if pickled is not None:
            found[f"pickle {protocol}"] = pickled
    if is_copied:
        for name, way in (("copy", copy.copy), ("deepcopy", copy.deepcopy)):
            try:
                copied = way(thing)
            except TypeError:  # What holds a lock cannot be copied.
                continue
            found |= {f"{name} {key}": text for key, text in shown_of(copied, is_copied=False).items()}
    return {key: text if isinstance(text, bytes) else str(text).encode() for key, text in found.items()}


def surfaces_of_error(error: BaseException) -> dict[str, bytes]:
    """Return what shows of an error and of all that is chained to it."""
    found: dict[str, bytes] = {}
    for place, link in enumerate(_chain(error)):
        texts = [str(link), repr(link), repr(link.args), repr(vars(link)), str(getattr(link, "__notes__", ""))]
        for name in ("response", "request"):
            part = getattr(link, name, None)
            if part is not None:
                texts += [repr(part), str(part.headers), str(part.url), repr(getattr(part, "content", b""))]
        found[f"data of {place}"] = "\n".join(texts).encode()
        pickled = _pickled(link, pickle.HIGHEST_PROTOCOL)
        if pickled is not None:
            found[f"pickle of {place}"] = pickled
            found[f"copy of {place}"] = repr(vars(copy.deepcopy(link))).encode()
    found["traceback"] = "".join(traceback.format_exception(error)).encode()
    frames = frames_of(error)
    found["locals"], found["rich locals"] = frames.plain.encode(), frames.rich.encode()
    return found


@dataclasses.dataclass(frozen=True)
class Frames:
    """The local variables of the package's frames in a traceback."""

    plain: str
    rich: str
    count: int
    """How many frames of the package there are."""


def frames_of(error: BaseException) -> Frames:
    """Return what tracebacks show of local variables, as `traceback` writes them and as `rich` does."""
    frames = _plain_frames(error)
    plain = [text for frame in frames for text in (frame.name, *(frame.locals or {}).values())]
    rich: list[str] = []
    for link in _chain(error):
        trace = Traceback.extract(
            type(link), link, link.__traceback__, show_locals=True, locals_max_length=100, locals_max_string=10_000
        )
        console = Console(file=io.StringIO(), width=10_000)
        for stack in trace.stacks:
            for seen in stack.frames:
                if _is_ours(seen.filename):
                    nodes = (seen.locals or {}).values()
                    rich += [node.render(max_width=console.width, expand_all=False) for node in nodes]
    return Frames("\n".join(plain), "\n".join(rich), len(frames))


def _plain_frames(error: BaseException) -> list[traceback.FrameSummary]:
    reports = (
        traceback.TracebackException(type(link), link, link.__traceback__, capture_locals=True, compact=True)
        for link in _chain(error)
    )
    return [frame for report in reports for frame in report.stack if _is_ours(frame.filename)]


def _is_ours(filename: str) -> bool:
    return filename.startswith(_PACKAGE) and not filename.startswith(f"{_PACKAGE}/emulator/")


class Logs:
    """What every logger says, and what is warned of, whatever the level."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self.names: set[str] = set()

    @property
    def text(self) -> str:
        """All of it so far."""
        return self._text.getvalue()

    @contextmanager
    def listening(self) -> Iterator[Logs]:
        """Listen for the length of the block."""
        root, handler = logging.getLogger(), logging.Handler(1)
        handler.emit = self._take  # type: ignore[method-assign]  # a handler of one method
        level, levels = root.level, {}
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if isinstance(logger, logging.Logger) and logger.level:
                levels[name] = logger.level
                logger.setLevel(1)
        root.addHandler(handler)
        root.setLevel(1)
        try:
            with warnings.catch_warnings():
                warnings.showwarning = lambda message, *_: self._text.write(f"{message}\n")
                yield self
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
            for name, own in levels.items():
                logging.getLogger(name).setLevel(own)

    def _take(self, record: logging.LogRecord) -> None:
        self.names.add(record.name.partition(".")[0])
        self._text.write(f"{logging.Formatter().format(record)} {record.__dict__}\n")
        if record.exc_info and record.exc_info[1]:
            for frame in _plain_frames(record.exc_info[1]):
                self._text.write("\n".join((frame.locals or {}).values()))


def _pickled(thing: Any, protocol: int) -> bytes | None:
    try:
        return pickle.dumps(thing, protocol)
    except (TypeError, AttributeError, pickle.PicklingError, NotImplementedError):
        return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it is chained to, or that it groups, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [other for other in (link.__cause__, link.__context__) if other is not None]
        waiting += getattr(link, "exceptions", ())
