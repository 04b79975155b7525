"""What the Gateway and NIM have in common: they complete chats."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .answers import answer
from .completions import completion
from .corruptions import CORRUPTIONS, corrupt
from .dialects import Dialect
from .faults import Fault
from .json_text import encode_bytes
from .limits import limited
from .records import RecordedRequest, RequestLog
from .replies import OMIT, Call, Reply, Speaker, Turn, arguments_text
from .responses import EVENT_STREAM_TYPE, JSON_TYPE, Response
from .script import Script
from .services import Chooser, Service
from .streams import stream_events

Corruptor: TypeAlias = Callable[[RecordedRequest], "str | None"]
"""Says how the tool call that answers a request is broken; `None` leaves it whole."""


class ChatService(Service):
    """A service that completes chats, as scripted or else by its own wits.

    Args:
        log: The log of all requests.
    """

    dialect: Dialect
    """How this service writes completions."""

    def __init__(self, log: RequestLog) -> None:
        super().__init__(log)
        self._replies: Script[Reply | Speaker] = Script()
        self._corruptions: Script[str | Corruptor] = Script()
        self.stream_usage = True
        """Whether streams report usage when asked to."""
        self.event_pause = 0.0
        """Seconds between the events of every stream."""

    @abstractmethod
    def headers(self, request: RecordedRequest) -> dict[str, str]:
        """Return what headers a good answer carries besides its type."""

    def reply_next(self, reply: Reply | Speaker, *, times: int = 1) -> None:
        """Script what the model says next.

        Args:
            reply: The answer, or a function that makes one of the request; `None` from it leaves the answer to
                the model. It is called in the server's thread.
            times: How many requests get it.

        Raises:
            TypeError: It is neither.
        """
        self._replies.add(_known_reply(reply), times=times, route="chat")

    def reply_always(self, reply: Reply | Speaker) -> None:
        """Script what the model says from now on; the argument is that of `reply_next`."""
        self._replies.add(_known_reply(reply), times=None, route="chat")

    def corrupt_next(self, name: str, *, times: int = 1) -> None:
        """Break the next tool calls (or demanded JSON texts) that the model makes.

        Args:
            name: A name of `CORRUPTIONS`.
            times: How many turns.

        Raises:
            ValueError: There is no corruption of this name.
        """
        self._corruptions.add(_known_corruption(name), times=times)

    def corrupt_always(self, name: str | Corruptor) -> None:
        """Break every tool call from now on.

        Args:
            name: As for `corrupt_next`; or a function that is called in the server's thread with each request and
                returns a name, or `None` to leave the call whole.
        """
        self._corruptions.add(name if callable(name) else _known_corruption(name), times=None)

    def fail_next(self, fault: str | Fault, *, times: int = 1, route: str | None = None) -> None:
        """Let the next requests fail; a name of `CORRUPTIONS` is passed to `corrupt_next`."""
        if isinstance(fault, str) and fault in CORRUPTIONS:
            self.corrupt_next(fault, times=times)
        else:
            super().fail_next(fault, times=times, route=route)

    def fail_always(self, fault: str | Fault | Chooser, *, route: str | None = None) -> None:
        """Let every request fail; a name of `CORRUPTIONS` is passed to `corrupt_always`."""
        if isinstance(fault, str) and fault in CORRUPTIONS:
            self.corrupt_always(fault)
        else:
            super().fail_always(fault, route=route)

    def heal(self) -> None:
        """Forget all scripted faults and corruptions."""
        super().heal()
        self._corruptions.clear()

    def reset(self) -> None:
        """Forget everything that was scripted."""
        super().reset()
        self._replies.clear()
        self.stream_usage = True
        self.event_pause = 0.0

    def complete(self, request: RecordedRequest, *, model: str) -> Response:
        """Answer a valid chat request.

        Args:
            request: The request; its JSON is an object.
            model: The model's name in the answer.
        """
        body = request.json
        scripted = self._replies.take(request)
        reply = scripted if scripted is None or isinstance(scripted, Reply) else scripted(request)
        turn = self._turn(reply, body) if reply else limited(self._turn(answer(body), body), body)
        if turn.calls or turn.is_json:
            found = self._corruptions.take(request)
            name = found(request) if callable(found) else found
            if name is not None:
                corrupt(_known_corruption(name), turn, body)
        headers = self.headers(request)
        if body.get("stream"):
            headers["content-type"] = EVENT_STREAM_TYPE
            events = stream_events(
                turn,
                body,
                model=model,
                dialect=self.dialect,
                can_count=self.stream_usage,
            )
            pause = turn.event_pause or self.event_pause
            return Response(200, headers, events=events, delay=turn.delay, event_pause=pause)
        headers["content-type"] = JSON_TYPE
        written = completion(turn, body, model=model, dialect=self.dialect)
        return Response(200, headers, encode_bytes(written), delay=turn.delay)

    def _turn(self, reply: Reply, body: Mapping[str, Any]) -> Turn:
        """Fill in what a reply leaves open."""
        ids = list(reply.call_ids)
        calls = [
            Call(
                name,
                arguments_text(arguments),
                ids[index] if index < len(ids) else self.dialect.call_id(),
            )
            for index, (name, arguments) in enumerate(reply.tool_calls)
        ]
        text = reply.text
        if text is None and not calls and reply.chunks is None and not reply.message:
            text = ""
        finish = reply.finish_reason
        if finish is OMIT:
            finish = "tool_calls" if calls or _chunks_call(reply.chunks) else "stop"
        usage = reply.usage
        return Turn(
            text=text,
            calls=calls,
            finish_reason=finish if isinstance(finish, str) else None,
            is_json=not calls and bool(text) and _demands_json(body),
            usage=None if usage is OMIT else ({} if usage is None else usage),  # type: ignore[arg-type]
            id=reply.id if isinstance(reply.id, str) else None,
            model=reply.model if isinstance(reply.model, str) else None,
            chunks=reply.chunks,
            message=reply.message,
            delay=reply.delay,
            event_pause=reply.event_pause,
        )


def _known_reply(reply: Reply | Speaker) -> Reply | Speaker:
    if not isinstance(reply, Reply) and not callable(reply):
        msg = f"{reply!r:.80} is no reply: give Reply(text=…), Reply(tool_calls=…), or a function that makes one."
        raise TypeError(msg)
    return reply


def _known_corruption(name: str) -> str:
    if name not in CORRUPTIONS:
        raise ValueError(f"no corruption {name!r}; there are {', '.join(sorted(CORRUPTIONS))}")
    return name


def _demands_json(body: Mapping[str, Any]) -> bool:
    wanted = body.get("response_format")
    return isinstance(wanted, dict) and wanted.get("type") in (
        "json_schema",
        "json_object",
    )


def _chunks_call(chunks: Any) -> bool:
    return any(isinstance(chunk, dict) and chunk.get("tool_calls") for chunk in chunks or ())
