"""LangChain's results from checked replies and chunks, by langchain-openai's own converters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai.chat_models import base as langchain_openai
from pydantic import TypeAdapter, ValidationError

from ..answers import PLAIN, Answer, Flaw, Holding, flaw_in, unfenced
from ..errors import InvalidResponseError, NVGatewayError
from ..redaction import redact
from .call_flow import Completion
from .envelopes import AnyChunk, Chunk
from .open_stream import OpenStream
from .payloads import RequestParts
from .service_errors import Call, error_from_broken_answer, error_from_flaw, redacted_headers
from .text_chunks import TextChunks
from .wire_answers import CallPieces, answer_in, call_in, completed_calls, says_more_in, text_in

if TYPE_CHECKING:
    from .sealed_chat_model import SealedChatModel

__all__ = ["StreamAssembly", "chat_result"]

_CONVERTER_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError)


def chat_result(model: SealedChatModel, completion: Completion, parts: RequestParts) -> ChatResult:
    """Return the result for a whole answer.

    Raises:
        InvalidResponseError: It is not what was asked for, or LangChain cannot read it.
    """
    # In a function of its own: a traceback may show local variables, and a server may echo a secret.
    outcome = _flawed(model, completion, parts) or _converted(model, completion, parts)
    if isinstance(outcome, NVGatewayError):
        raise outcome
    return outcome


def _flawed(model: SealedChatModel, completion: Completion, parts: RequestParts) -> NVGatewayError | None:
    """Return the error for an answer that cannot be used; complete the calls of one that can."""
    if not model.strict_answers:
        return None
    reply, call, headers = completion.reply, completion.call, completion.headers
    for choice in reply["choices"]:
        message = choice["message"]
        answer = answer_in(message, choice["finish_reason"])
        flaw = flaw_in(answer, parts.contract)
        if flaw:
            return error_from_flaw(call, headers, flaw, usage_metadata=_usage(reply))
        if message.get("tool_calls"):
            message["tool_calls"] = completed_calls(message["tool_calls"])
    return None


def _converted(model: SealedChatModel, completion: Completion, parts: RequestParts) -> ChatResult | NVGatewayError:
    reply, call = completion.reply, completion.call
    info = _metadata(model, completion.headers, call)
    try:
        result = model._create_chat_result(reply)
        for generation, choice in zip(result.generations, reply["choices"], strict=True):
            own = {name: choice[name] for name in ("finish_reason", "logprobs") if name in choice}
            generation.generation_info = {**own, **info}
            text, refusal = text_in(choice["message"]), choice["message"].get("refusal")
            generation.message.additional_kwargs.update(_structured(text, refusal, parts))
    except ValidationError as problem:
        flaw = Flaw(InvalidResponseError, _told(problem), text_in(reply["choices"][0]["message"]))
        return error_from_flaw(call, completion.headers, flaw, usage_metadata=_usage(reply))
    except _CONVERTER_ERRORS as problem:
        reason = f"a reply that cannot be read ({type(problem).__name__})"
        return error_from_broken_answer(call, 200, completion.headers, _bytes(reply), reason)
    return result


class StreamAssembly:
    """Turn the chunks of one stream into LangChain's, and its end into the last chunk or an error.

    What nobody may see before the answer is whole is held back; the finish reason decides.
    """

    def __init__(self, model: SealedChatModel, stream: OpenStream, parts: RequestParts) -> None:
        self._model = model
        self._headers = stream.headers
        self._call = stream.call
        self._parts = parts
        self._is_strict = model.strict_answers
        self._holding = Holding(parts.contract if self._is_strict else PLAIN)
        self._held: list[ChatGenerationChunk] = []
        self._has_shown = False
        self._texts: list[str] = []
        self._refusal = ""
        self._has_more = False
        self._calls = CallPieces()
        self._function = CallPieces()
        """The call of `functions`, which came before tools."""
        self._text_chunks = TextChunks(model)
        self._is_signed = False
        self._flaw: Flaw | None = None
        self._usage: UsageMetadata | None = None
        self._extra: dict[str, Any] = {}
        self._seen: list[ChatGenerationChunk] = []

    def add(self, chunk: AnyChunk) -> list[ChatGenerationChunk]:
        """Return what may be seen now.

        Raises:
            InvalidResponseError: LangChain cannot read the chunk.
        """
        return self._text_added(chunk) if isinstance(chunk, str) else self._chunk_added(chunk)

    def _text_added(self, text: str) -> list[ChatGenerationChunk]:
        if self._is_signed:
            text = ""
        self._texts.append(text)
        is_held = self._is_held(text, is_call=False, says_more=False)
        return self._released(self._text_chunks.chunk(text), is_held=is_held)

    def _chunk_added(self, chunk: Chunk) -> list[ChatGenerationChunk]:
        choice: dict[str, Any] = chunk["choices"][0] if chunk["choices"] else {}
        delta: dict[str, Any] = choice.get("delta", {})
        if self._is_signed:
            # A complete answer stays one, whatever follows; and LangChain would join two finish reasons.
            delta.clear()
            choice["finish_reason"] = None
        text, finish_reason = text_in(delta), choice.get("finish_reason")
        pieces = delta.pop("tool_calls", None) if self._is_strict else None
        function = delta.get("function_call")
        if pieces:
            self._calls.add(pieces)
        if function:
            self._function.add([{"index": 0, "function": function}])
        self._texts.append(text)
        self._refusal += delta.get("refusal") or ""
        says_more = says_more_in(delta)
        self._has_more = self._has_more or says_more
        if finish_reason:
            self._judge(finish_reason, delta)
        is_held = self._is_held(text, is_call=bool(pieces or function), says_more=says_more)
        if pieces and not (text or finish_reason or function or chunk.get("usage") or choice.get("logprobs")):
            return []  # Its call comes whole with the finish reason.
        return self._released(self._converted(chunk), is_held=is_held)

    def _released(self, generation: ChatGenerationChunk | None, *, is_held: bool) -> list[ChatGenerationChunk]:
        if generation:
            self._seen.append(generation)
            self._held.append(generation)
        if is_held:
            return []
        released, self._held = self._held, []
        self._has_shown = self._has_shown or bool(released)
        return released

    def end(self, failure: NVGatewayError | None) -> list[ChatGenerationChunk]:
        """Return the last chunk, which holds a refusal, and the parsed answer if a class was asked for.

        Raises:
            NVGatewayError: The stream broke off, or what it brought cannot be used; `.partial` is what came of it.
        """
        if self._flaw:
            usage, is_late = self._usage, self._has_shown
            error = error_from_flaw(self._call, self._headers, self._flaw, usage_metadata=usage, is_late=is_late)
            raise self._with_partial(error) if is_late else error
        if failure:
            raise self._with_partial(failure)
        if not self._extra:
            return []
        return [ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs=self._extra))]

    def _is_held(self, text: str, *, is_call: bool, says_more: bool) -> bool:
        if not self._is_strict:
            return False
        if self._is_signed:
            return self._flaw is not None
        return self._holding.holds(text, is_call=is_call, says_more=says_more)

    def _judge(self, finish_reason: str, delta: dict[str, Any]) -> None:
        """Judge the whole answer, and put its calls into the chunk that ends it."""
        self._is_signed = True
        text = "".join(self._texts)
        if self._is_strict:
            calls = self._calls.joined()
            answer = Answer(
                text,
                [call_in(call) for call in (*calls, *self._function.joined())],
                finish_reason,
                has_more=self._has_more,
            )
            self._flaw = flaw_in(answer, self._parts.contract)
            if self._flaw is None and calls:
                delta["tool_calls"] = completed_calls(calls)
        if self._flaw is None:
            try:
                self._extra = _structured(text, self._refusal or None, self._parts)
            except ValidationError as problem:
                self._flaw = Flaw(InvalidResponseError, _told(problem), text)

    def _converted(self, chunk: dict[str, Any]) -> ChatGenerationChunk | None:
        generation: ChatGenerationChunk | None = None
        problem_name = ""
        try:
            generation = self._model._convert_chunk_to_generation_chunk(chunk, AIMessageChunk, None)
        except _CONVERTER_ERRORS as problem:
            problem_name = type(problem).__name__
        if problem_name:
            reason = f"a chunk that cannot be read ({problem_name})"
            failure = error_from_broken_answer(self._call, 200, self._headers, _bytes(chunk), reason)
            del chunk
            raise self._with_partial(failure)
        if generation is None:
            return None
        if any(choice.get("finish_reason") for choice in chunk["choices"]):
            metadata = _metadata(self._model, self._headers, self._call)
            generation.generation_info = {**(generation.generation_info or {}), **metadata}
        if isinstance(generation.message, AIMessageChunk):
            self._usage = generation.message.usage_metadata or self._usage
        return generation

    def _with_partial(self, failure: NVGatewayError) -> NVGatewayError:
        failure.__dict__["partial"] = self._joined()  # Of any error: not all declare it.
        return failure

    def _joined(self) -> AIMessageChunk | None:
        if not self._seen:
            return AIMessageChunk(content="") if self._texts else None
        messages = [generation.message for generation in self._seen]
        whole = add_ai_message_chunks(*[message for message in messages if isinstance(message, AIMessageChunk)])
        # LangChain completes cut arguments by guessing; nobody may run a call that is not whole.
        whole.tool_calls, whole.invalid_tool_calls = [], []
        whole.additional_kwargs.pop("function_call", None)
        return whole


def _metadata(model: SealedChatModel, headers: dict[str, str], call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {
        "correlation_id": call.correlation_id,
        "nvgateway": {"provider": model.provider, "model": call.model},
    }
    request_id = headers.get("nvcf-reqid") or headers.get("x-request-id")
    if request_id:
        found["request_id"] = redact(request_id, call.secrets)
    if model.include_response_headers:
        found["headers"] = redacted_headers(headers, call.secrets)
    return found


def _structured(text: str, refusal: str | None, parts: RequestParts) -> dict[str, Any]:
    """Return what langchain-openai's parser looks for when a class was asked for.

    Raises:
        ValidationError: The text is no object of that class.
    """
    if parts.schema is None:
        return {"refusal": refusal} if refusal else {}
    parsed = TypeAdapter(parts.schema).validate_json(unfenced(text)) if text else None
    return {"parsed": parsed, "refusal": refusal}


def _usage(reply: dict[str, Any]) -> UsageMetadata | None:
    usage = reply.get("usage")
    return langchain_openai._create_usage_metadata(usage) if usage else None


def _told(problem: ValidationError) -> str:
    """Return what is wrong with an answer, with nothing of it, which the words of a validator may quote."""
    kinds = dict.fromkeys(item["type"] for item in problem.errors(include_url=False, include_input=False))
    return f"it does not satisfy the schema ({', '.join(kinds)})"


def _bytes(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, default=str).encode()
