"""One call of a role, in each style: what a `Route` decides is done here, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import patch_config
from langchain_core.tracers._streaming import _StreamingCallbackHandler

from .answers import Hold, check_answer, with_call_ids
from .attempt_runs import traced
from .bindings import Binding, SchemaBinding
from .message_stream import MessageStream
from .pauses import Pauses
from .role_runs import Run, Surrounding, astream_within, stream_within, unwatched_config
from .routing import Route, Turn
from .stream_watch import StreamWatch

__all__ = ["RoleCall"]


@dataclass(slots=True)
class RoleCall:
    """A call and its way through the legs."""

    route: Route
    binding: Binding
    messages: list[BaseMessage]

    kwargs: dict[str, Any]
    """Keyword arguments for every leg."""

    config: RunnableConfig
    hold: Hold

    silence_seconds: float
    """How long a stream may pause once its reader has seen something."""

    def answer(self, run: Run | None) -> Any:
        """Return the answer, or the object in it, of the first leg that gives a usable one.

        Raises:
            Exception: As `Route.next_turn` and `Route.failed`.
        """
        while True:
            turn = self.route.next_turn()
            config, messages = self._watched_config(run, turn)
            watch = self._watch_of_whole(turn, run, messages)
            failure: BaseException
            try:
                raw = self._asked(turn, config, watch, messages)
                if not isinstance(self.binding, SchemaBinding):
                    return self._told(turn, run, raw, watch, messages)
                parsed = None
                if not self.binding.calls_instead(raw):
                    parsed = turn.attached.parser.invoke(raw, config) if turn.attached.parser else raw
                    self.binding.check_parsed(parsed)
                return self.binding.result(self._told(turn, run, raw, watch, messages), parsed)
            except BaseException as error:  # noqa: BLE001 - the route raises what is not its own to handle
                failure = error
            # Outside of the block: the next leg's errors shall not have this one as their context.
            try:
                messages.retract(failure)
                self.route.failed(turn, failure)
            finally:
                del failure  # An error that holds the frame that holds the error would wait for the collector.

    async def aanswer(self, run: Run | None) -> Any:
        """Do what `answer` does; the time limit cuts any leg."""
        while True:
            turn = self.route.next_turn()
            config, messages = self._watched_config(run, turn)
            watch = self._watch_of_whole(turn, run, messages)
            failure: BaseException
            try:
                raw = await self._aasked(turn, config, watch, messages)
                if not isinstance(self.binding, SchemaBinding):
                    return self._told(turn, run, raw, watch, messages)
                parsed = None
                if not self.binding.calls_instead(raw):
                    parsed = await turn.attached.parser.ainvoke(raw, config) if turn.attached.parser else raw
                    self.binding.check_parsed(parsed)
                return self.binding.result(self._told(turn, run, raw, watch, messages), parsed)
            except BaseException as error:  # noqa: BLE001 - the route raises what is not its own to handle
                failure = error
            try:
                messages.retract(failure)
                self.route.failed(turn, failure)
            finally:
                del failure  # An error that holds the frame that holds the error would wait for the collector.

    def chunks(self, run: Run | None) -> Generator[AIMessageChunk, None, None]:
        """Yield the chunks of the first leg whose stream begins well; never of two.

        Raises:
            StreamInterruptedError: The stream broke off after its reader had seen a part.
            Exception: As `Route.next_turn` and `Route.failed`.
        """
        while True:
            turn = self.route.next_turn()
            config, messages = self._watched_config(run, turn)
            watch = self._watch(turn, self.hold)
            failure: BaseException | None = None
            is_with_reader = False
            try:
                stream = turn.attached.runnable.stream(
                    turn.leg.conversation(self.messages), config, **self._stream_kwargs(turn)
                )
                with closing(stream_within(config, stream)) as said:
                    for message in said:
                        if not watch.has_shown:
                            self.route.check_time()
                        for chunk in watch.add(messages.with_one_id(message)):
                            if messages.is_watched:
                                messages.show([chunk])
                            is_with_reader = True
                            yield chunk
                            is_with_reader = False
            except BaseException as error:  # noqa: BLE001 - the route raises what is not its own to handle
                failure = error
            turn.usage = watch.usage
            failure = failure if is_with_reader else watch.flaw(failure)
            if failure is None:
                rest = watch.rest(self.route.answered(turn))
                if messages.is_watched:
                    messages.end(rest, watch.message())
                yield from rest
                return
            try:
                self._go_on_streaming(turn, failure, watch, messages, is_with_reader=is_with_reader)
            finally:
                del failure

    async def achunks(self, run: Run | None) -> AsyncGenerator[AIMessageChunk, None]:
        """Do what `chunks` does; the time limit cuts any leg."""
        while True:
            turn = self.route.next_turn()
            config, messages = self._watched_config(run, turn)
            watch = self._watch(turn, self.hold)
            failure: BaseException | None = None
            is_with_reader = False
            try:
                stream = turn.attached.runnable.astream(
                    turn.leg.conversation(self.messages), config, **self._stream_kwargs(turn)
                )
                surrounding = Surrounding(config)
                longest = turn.leg.longest_pause(self.silence_seconds)
                async with aclosing(cast("AsyncGenerator[AIMessage, None]", stream)) as said, Pauses() as pauses:
                    while True:
                        seconds = longest if watch.has_shown else self.route.seconds_left()
                        with surrounding:
                            message = await pauses.wait(anext(said, None), seconds)
                        if message is None:
                            break
                        for chunk in watch.add(messages.with_one_id(message)):
                            if messages.is_watched:
                                messages.show([chunk])
                            is_with_reader = True
                            yield chunk
                            is_with_reader = False
            except BaseException as error:  # noqa: BLE001 - the route raises what is not its own to handle
                failure = error
            turn.usage = watch.usage
            failure = failure if is_with_reader else watch.flaw(failure)
            if failure is None:
                rest = watch.rest(self.route.answered(turn))
                if messages.is_watched:
                    messages.end(rest, watch.message())
                for chunk in rest:
                    yield chunk
                return
            try:
                self._go_on_streaming(turn, failure, watch, messages, is_with_reader=is_with_reader)
            finally:
                del failure

    def _go_on_streaming(
        self,
        turn: Turn,
        failure: BaseException,
        watch: StreamWatch,
        messages: MessageStream,
        *,
        is_with_reader: bool,
    ) -> None:
        try:
            if is_with_reader:
                messages.leave(failure)
                self.route.left(turn, has_seen=watch.has_shown)
                raise failure
            messages.retract(failure)
            if watch.has_shown:
                raise self.route.interrupted(turn, failure, watch.partial())
            self.route.failed(turn, failure)
        finally:
            del failure

    # Somebody may want to see the tokens of an answer that nobody streams. LangChain would add its chunks up, whether
    # or not the stream was cut, and complete the arguments of its calls by guessing; so that is done here.

    def _asked(self, turn: Turn, config: RunnableConfig, watch: StreamWatch | None, messages: MessageStream) -> Any:
        """Return the checked answer of a leg."""
        runnable, kwargs = turn.attached.runnable, self._kwargs(turn)
        if watch is None:
            with Surrounding(config):
                return self._checked(turn, runnable.invoke(turn.leg.conversation(self.messages), config, **kwargs))
        failure = None
        try:
            for message in stream_within(
                config, runnable.stream(turn.leg.conversation(self.messages), config, **kwargs, **self._whole(turn))
            ):
                self.route.check_time()
                messages.show(watch.add(messages.with_one_id(message)))
        except BaseException as error:  # noqa: BLE001 - the watch says what it is
            failure = error
        turn.usage = watch.usage
        return watch.whole(failure)

    async def _aasked(
        self, turn: Turn, config: RunnableConfig, watch: StreamWatch | None, messages: MessageStream
    ) -> Any:
        """Do what `_asked` does."""
        runnable, kwargs = turn.attached.runnable, self._kwargs(turn)
        if watch is None:
            async with asyncio.timeout(self.route.seconds_left()):
                with Surrounding(config):
                    raw = await runnable.ainvoke(turn.leg.conversation(self.messages), config, **kwargs)
                return self._checked(turn, raw)
        failure = None
        try:
            stream = runnable.astream(turn.leg.conversation(self.messages), config, **kwargs)
            async with asyncio.timeout(self.route.seconds_left()):
                async for message in astream_within(config, stream):
                    messages.show(watch.add(messages.with_one_id(message)))
        except BaseException as error:  # noqa: BLE001 - the watch says what it is
            failure = error
        turn.usage = watch.usage
        return watch.whole(failure)

    def _watch_of_whole(self, turn: Turn, run: Run | None, messages: MessageStream) -> StreamWatch | None:
        """Return what watches the stream of an answer that is asked for as a whole, `None` if it comes as a whole."""
        return self._watch(turn, self._hold_within(messages)) if _is_streamed(turn, run) else None

    def _watch(self, turn: Turn, hold: Hold) -> StreamWatch:
        return StreamWatch(hold, turn.attached.contract_with(self.kwargs))

    def _checked(self, turn: Turn, raw: Any) -> Any:
        turn.usage = getattr(raw, "usage_metadata", None)
        contract = turn.attached.contract_with(self.kwargs)
        if contract is None or not isinstance(raw, AIMessage):
            return raw
        check_answer(raw, contract)
        return with_call_ids(raw)

    def _told(self, turn: Turn, run: Run | None, raw: Any, watch: StreamWatch | None, messages: MessageStream) -> Any:
        """Count a usable answer, let those see it who look on, and return it with what it says about itself."""
        metadata = self.route.answered(turn)
        is_seen_by_nobody = run is not None and not run.handlers and turn.leg.answers_are_new
        answer = _signed(raw, metadata, in_place=is_seen_by_nobody)
        if watch and messages.is_watched:
            messages.end(watch.rest(metadata), answer)
        return answer

    def _hold_within(self, messages: MessageStream) -> Hold:
        """What of an answer is held back that is asked for as a whole; an object is parsed before anybody sees it."""
        return self.hold if messages.is_watched and not isinstance(self.binding, SchemaBinding) else "all"

    def _watched_config(self, run: Run | None, turn: Turn) -> tuple[RunnableConfig, MessageStream]:
        """Return the config of a leg's call, and what LangGraph shows of it."""
        if run is None:
            config: RunnableConfig = {**self.config, "callbacks": []}
        elif not run.handlers:
            config = unwatched_config(self.config, run, turn.leg.chat_model)
        else:
            config, attempt = traced(patch_config(self.config, callbacks=run.get_child()), self.route.role, turn.leg)
            turn.on_end = attempt.end if attempt else None
        return config, MessageStream(config, role_config=self.config)

    def _kwargs(self, turn: Turn) -> dict[str, Any]:
        return {**self.kwargs, **turn.leg.limits(self.route.seconds_left())}

    def _whole(self, turn: Turn) -> dict[str, Any]:
        return turn.leg.limits_of_streamed_whole(self.route.seconds_left())

    def _stream_kwargs(self, turn: Turn) -> dict[str, Any]:
        limits = turn.leg.stream_limits(self.route.seconds_left(), silence_seconds=self.silence_seconds)
        # What the role holds back to the end, its leg takes for seen.
        whole = self._whole(turn) if self.hold == "all" else {}
        return {**self.kwargs, **limits, **whole}


def _is_streamed(turn: Turn, run: Run | None) -> bool:
    """Whether LangChain would stream the leg's answer although the whole is asked for."""
    handlers = run.handlers if run else ()
    wants_tokens = any(isinstance(handler, _StreamingCallbackHandler) for handler in handlers)
    return wants_tokens or getattr(turn.leg.chat_model, "streaming", None) is True


def _signed(raw: Any, metadata: dict[str, Any], *, in_place: bool) -> Any:
    """Return the answer with what it says about itself; a copy if others have it too, or may get it again."""
    if not isinstance(raw, AIMessage):
        return raw
    if in_place:
        raw.response_metadata["nvgateway"] = metadata
        return raw
    return raw.model_copy(update={"response_metadata": {**raw.response_metadata, "nvgateway": metadata}})
