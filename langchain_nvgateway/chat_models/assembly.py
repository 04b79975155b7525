"""LangChain's results from checked replies and chunks, by langchain-openai's own converters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import TypeAdapter, ValidationError

from ..errors import NVGatewayError
from ..redaction import redact
from .call_flow import Completion
from .chunk_reader import OpenStream
from .payloads import RequestParts
from .service_errors import Call, error_from_broken_answer, redacted_headers

if TYPE_CHECKING:
    from .sealed_chat_model import SealedChatModel

__all__ = ["StreamAssembly", "chat_result"]

_CONVERTER_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError)


def chat_result(model: SealedChatModel, completion: Completion, parts: RequestParts) -> ChatResult:
    """Return the result for a whole answer.

    Raises:
        InvalidResponseError: LangChain cannot read it, or it does not satisfy the wanted class.
    """
    # In a function of its own: a traceback may show local variables, and a server may echo a secret.
    outcome = _converted(model, completion, parts)
    if isinstance(outcome, NVGatewayError):
        raise outcome
    return outcome


def _converted(model: SealedChatModel, completion: Completion, parts: RequestParts) -> ChatResult | NVGatewayError:
    reply, call = completion.reply, completion.call
    info = _metadata(model, completion.headers, call)
    try:
        result = model._create_chat_result(reply)
        for generation, choice in zip(result.generations, reply["choices"], strict=True):
            own = {name: choice[name] for name in ("finish_reason", "logprobs") if name in choice}
            generation.generation_info = {**own, **info}
            generation.message.additional_kwargs.update(_structured(choice["message"], parts))
    except ValidationError as problem:
        return _unreadable(call, completion.headers, reply, _told(problem), is_quality=True)
    except _CONVERTER_ERRORS as problem:
        reason = f"a reply that cannot be read ({type(problem).__name__})"
        return _unreadable(call, completion.headers, reply, reason)
    return result


class StreamAssembly:
    """Turn the chunks of one stream into LangChain's, and its end into the last chunk or an error."""

    def __init__(self, model: SealedChatModel, stream: OpenStream, parts: RequestParts) -> None:
        self._model = model
        self._headers = stream.headers
        self._call = stream.call
        self._parts = parts
        self._refusal = ""
        self._chunk_class: type = AIMessageChunk
        self._is_signed = False
        self._seen: list[AIMessageChunk] = []

    def add(self, chunk: dict[str, Any]) -> list[ChatGenerationChunk]:
        """Return what a chunk becomes; nothing for one that says nothing.

        Raises:
            InvalidResponseError: LangChain cannot read it.
        """
        if self._is_signed:
            # Some servers repeat the finish reason, and LangChain would join the two.
            for choice in chunk["choices"]:
                choice["finish_reason"] = None
        generation: ChatGenerationChunk | None = None
        problem_name = ""
        try:
            generation = self._model._convert_chunk_to_generation_chunk(chunk, self._chunk_class, None)
        except _CONVERTER_ERRORS as problem:
            problem_name = type(problem).__name__
        if problem_name:
            reason = f"a chunk that cannot be read ({problem_name})"
            failure = self._with_partial(_unreadable(self._call, self._headers, chunk, reason))
            del chunk
            raise failure
        self._refusal += "".join(choice["delta"].get("refusal") or "" for choice in chunk["choices"])
        if generation is None:
            return []
        if any(choice.get("finish_reason") for choice in chunk["choices"]):
            self._is_signed = True
            metadata = _metadata(self._model, self._headers, self._call)
            generation.generation_info = {**(generation.generation_info or {}), **metadata}
        self._chunk_class = type(generation.message)
        if isinstance(generation.message, AIMessageChunk):
            self._seen.append(generation.message)
        return [generation]

    def end(self, failure: NVGatewayError | None) -> list[ChatGenerationChunk]:
        """Return the last chunk, which holds a refusal, and the parsed answer if a class was asked for.

        Raises:
            NVGatewayError: The stream broke off; `.partial` is what came of it.
        """
        if failure:
            raise self._with_partial(failure)
        if self._parts.schema is None and not self._refusal:
            return []
        last = self._last_chunk()
        if isinstance(last, NVGatewayError):
            raise last
        return [last]

    def _last_chunk(self) -> ChatGenerationChunk | NVGatewayError:
        whole = self._joined()
        message = {"content": whole.text if whole else "", "refusal": self._refusal or None}
        try:
            extra = _structured(message, self._parts)
        except ValidationError as problem:
            return _unreadable(self._call, self._headers, message, _told(problem), is_quality=True)
        return ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs=extra))

    def _with_partial(self, failure: NVGatewayError) -> NVGatewayError:
        failure.__dict__["partial"] = self._joined()  # Of any error: not all declare it.
        return failure

    def _joined(self) -> AIMessageChunk | None:
        if not self._seen:
            return None
        whole = add_ai_message_chunks(*self._seen)
        # LangChain completes cut arguments by guessing; nobody may run a call that is not whole.
        whole.tool_calls, whole.invalid_tool_calls = [], []
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


def _structured(message: dict[str, Any], parts: RequestParts) -> dict[str, Any]:
    """Return what langchain-openai's parser looks for when a class was asked for."""
    if parts.schema is None:
        refusal = message.get("refusal")
        return {"refusal": refusal} if refusal else {}
    content = message.get("content")
    parsed = TypeAdapter(parts.schema).validate_json(content) if isinstance(content, str) and content else None
    return {"parsed": parsed, "refusal": message.get("refusal")}


def _told(problem: ValidationError) -> str:
    """Return what is wrong with an answer, without the answer."""
    places = [f"{'.'.join(map(str, item['loc'])) or 'the answer'}: {item['msg']}" for item in problem.errors()[:3]]
    return f"an answer that does not satisfy the schema ({'; '.join(places)})"


def _unreadable(
    call: Call, headers: dict[str, str], answer: dict[str, Any], reason: str, *, is_quality: bool = False
) -> NVGatewayError:
    body = json.dumps(answer, default=str).encode()
    return error_from_broken_answer(call, 200, headers, body, reason, is_quality=is_quality)
