"""A `BaseChatOpenAI` whose requests take our own path: sealed, typed errors, one correlation id per call.

LangChain's side (messages, tools, structured output, callbacks) is langchain-openai's; what it would do with
the `openai` SDK and with the environment is replaced.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import aclosing, closing
from difflib import get_close_matches
from functools import partial
from typing import Any, ClassVar, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from ..answers import schema_of
from ..deadlines import Deadline
from ..egress import checked_url
from ..errors import ConfigurationError
from ..history import clean_history as cleaned
from ..history import dialect_of
from .assembly import StreamAssembly, chat_result
from .call_flow import CallPlan, Completion
from .correlation import awithin_call, call_of, correlation_id_of, with_run_id, within_call
from .credentials import Credential
from .envelopes import AnyChunk
from .inputs import messages_in, prompt_of
from .learned import learn_single_tool_call, takes_single_tool_call
from .open_stream import OpenStream
from .outlet_fields import OutletFields
from .payloads import OwnHeaders, RequestParts, request_parts, with_query
from .pickling import rebuilt
from .request_path import RequestPath
from .shared_http import shared_http
from .text_chunks import takes_texts
from .time_limits import LIMITS, MOST_TIMEOUTS, NO_LIMIT_SECONDS, seconds_of
from .token_counts import OfflineTokenCounts
from .unwatched import UnwatchedCalls, with_signature

__all__ = ["SealedChatModel"]

_OWN_CLIENTS = ("client", "async_client", "root_client", "root_async_client", "http_client", "http_async_client")
_UNSUPPORTED = {
    **dict.fromkeys(_OWN_CLIENTS, "requests leave through a sealed client only"),
    "http_socket_options": "requests leave through a sealed client only",
    "openai_proxy": "the proxy is `proxy` here (NVGATEWAY_PROXY)",
    "use_responses_api": "the service has chat completions only",
}

Stop = list[str] | None


class SealedChatModel(OfflineTokenCounts, OutletFields, UnwatchedCalls):
    """What `ChatNVGateway` and `ChatNIM` have in common."""

    request_timeout: Any = Field(default=180.0, alias="timeout")
    """Seconds for a whole call, retries included; in a stream, the longest silence. `None`: no limit."""

    first_token_timeout: float | None = 60.0
    """Seconds until a stream's first token, retries included; a role without content is no token."""

    max_retries: int | None = 1
    """How often a failure that a retry may help is tried again, with jitter, as `Retry-After` asks."""

    stream_usage: bool | None = True
    """Ask for token usage in streams."""

    default_headers: Mapping[str, str] | None = Field(default=None, repr=False, exclude=True)
    """Headers of your own for every request. Since keys are given this way, they are in no `repr`, dump or pickle; an
    unpickled model has none, and a WARNING names those that it lacks. Values of 8 characters or more are redacted
    where the service echoes them."""

    strict_answers: bool = True
    """Check each answer before anybody sees it: tool calls, objects in a schema, that it says something at all."""

    clean_history: bool = True
    """Mend what the service would refuse in a conversation: ids, malformed calls, results that are missing."""

    single_tool_call: bool = False
    """The model takes one tool call per turn: turns with several are split. Found out by itself otherwise."""

    model_config = ConfigDict(hide_input_in_errors=True)  # What is of the wrong type may be a secret all the same.

    service: ClassVar[str]
    """Name of the service in messages."""

    provider: ClassVar[str]
    """Name of the service as a provider, for traces and metadata."""

    base_url_setting: ClassVar[str]
    """Name of the setting for the base URL, for messages."""

    _secret_fields: ClassVar[frozenset[str]] = frozenset({"openai_api_key", "default_headers"})
    _path: RequestPath = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, values: dict[str, Any]) -> dict[str, Any]:
        problem = cls._unsupported({name for name, value in values.items() if value}, values.keys())
        if problem:
            del values  # A traceback may show local variables.
            raise problem
        return values

    @classmethod
    def _unsupported(cls, set_names: AbstractSet[str], names: AbstractSet[str]) -> ConfigurationError | None:
        """Return what is wrong with the names of arguments; a `False` or `None` for what is not supported is fine."""
        for name, why in _UNSUPPORTED.items():
            if name in set_names:
                msg = f"{cls.__name__} does not take `{name}`: {why}. Leave it out."
                return ConfigurationError(msg, setting=name)
        known = {*cls.model_fields, *(field.alias for field in cls.model_fields.values() if field.alias)}
        for name in names:
            # LangChain would send what it does not know to the service: a misspelt secret, for instance.
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean `{near[0]}`? " if near else ""
                msg = f"{cls.__name__} has no `{name}`; {hint}Parameters of the service's own belong in `model_kwargs`."
                return ConfigurationError(msg, setting=name)
        return None

    @model_validator(mode="after")
    def validate_environment(self) -> Self:
        """Check the settings and prepare the way to the service.

        Has the name of the parent's validator on purpose: that one builds `openai` clients from the
        environment, which could send requests elsewhere.
        """
        self.use_responses_api = False
        self.openai_proxy = self.openai_organization = None
        self._check_limits()
        self.openai_api_base = checked_url(self.openai_api_base or "", setting=self.base_url_setting)
        self._path = RequestPath(shared_http(frozenset(self._service_urls()), self._outlet()), self._credential())
        return self

    # -- What a service has of its own -----------------------------------------------------------------------

    def _service_urls(self) -> list[str]:
        """Return the URLs whose origins the model may talk to."""
        return [self.openai_api_base or ""]

    def _credential(self) -> Credential:
        """Return what opens the service."""
        raise NotImplementedError

    def _url(self, model: str) -> str:
        """Return the URL for a chat completion of `model`."""
        raise NotImplementedError

    def _service_headers(self, correlation_id: str) -> dict[str, str]:
        """Return the headers that only this service has."""
        return {}

    @property
    def _status_url(self) -> str | None:
        """Where requests that are still running are asked for."""
        return None

    # -- LangChain's entry points ----------------------------------------------------------------------------

    @with_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        plan, parts = self._plan(messages, stop, run_manager, stream=False, **kwargs)
        completion = self._path.run(plan)
        assert isinstance(completion, Completion)
        return chat_result(self, completion, parts)

    @with_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        plan, parts = self._plan(messages, stop, run_manager, stream=False, **kwargs)
        completion = await self._path.arun(plan)
        assert isinstance(completion, Completion)
        return chat_result(self, completion, parts)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        kwargs = self._stream_kwargs(stream_usage, kwargs)
        plan, parts = self._plan(messages, stop, run_manager, stream=True, **kwargs)
        opened = self._path.run(plan)
        assert isinstance(opened, OpenStream)
        with closing(self._generations(opened, parts)) as generations:
            for generation in generations:
                if run_manager:
                    run_manager.on_llm_new_token(generation.text, chunk=generation)
                yield generation

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        kwargs = self._stream_kwargs(stream_usage, kwargs)
        plan, parts = self._plan(messages, stop, run_manager, stream=True, **kwargs)
        opened = await self._path.arun(plan)
        assert isinstance(opened, OpenStream)
        async with aclosing(self._agenerations(opened, parts)) as generations:
            async for generation in generations:
                if run_manager:
                    await run_manager.on_llm_new_token(generation.text, chunk=generation)
                yield generation

    def _generations(self, opened: OpenStream, parts: RequestParts) -> Generator[ChatGenerationChunk, None, None]:
        assembly = StreamAssembly(self, opened, parts)
        chunk: AnyChunk | None
        try:
            for chunk in opened.chunks(self._longest_gap(parts), self._longest_stream(parts)):
                generations = assembly.add(chunk)
                opened.is_seen = opened.is_seen or bool(generations)
                yield from generations
        finally:
            opened.close()
        # No longer here: a traceback may show local variables, and a server may echo a secret.
        chunk = None
        yield from assembly.end(opened.failure)

    async def _agenerations(self, opened: OpenStream, parts: RequestParts) -> AsyncGenerator[ChatGenerationChunk, None]:
        assembly = StreamAssembly(self, opened, parts)
        chunk: AnyChunk | None
        try:
            async with aclosing(opened.achunks(self._longest_gap(parts), self._longest_stream(parts))) as chunks:
                async for chunk in chunks:
                    generations = assembly.add(chunk)
                    opened.is_seen = opened.is_seen or bool(generations)
                    for generation in generations:
                        yield generation
        finally:
            await opened.aclose()
        chunk = None
        for generation in assembly.end(opened.failure):
            yield generation

    # LangChain does not tell `_stream` which run it belongs to, so the id of the run is handed over beside it.

    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        """Stream the answer to `input`."""
        config = with_run_id(config)
        return within_call(config, self.metadata, super().stream(input, config, **kwargs))

    def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """Stream the answer to `input`."""
        config = with_run_id(config)
        return awithin_call(config, self.metadata, super().astream(input, config, **kwargs))

    def with_structured_output(self, schema: Any = None, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        """Have answers in a schema; see `BaseChatOpenAI.with_structured_output`.

        An answer that does not fit the schema is an `InvalidResponseError`, by whichever method. What only a validator
        of the class itself refuses may also be LangChain's `OutputParserException`, or pydantic's `ValidationError`.
        """
        if kwargs.get("method") == "json_mode" and schema is not None:
            # The request does not name it, and yet the answer has to fit.
            kwargs["answer_schema"] = schema_of(schema)
        return super().with_structured_output(schema, **kwargs)

    def _generate_with_cache(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with call_of(run_manager):
            return super()._generate_with_cache(messages, stop, run_manager, **kwargs)

    async def _agenerate_with_cache(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with call_of(run_manager):
            return await super()._agenerate_with_cache(messages, stop, run_manager, **kwargs)

    def _get_ls_params(self, stop: Stop = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = self.provider
        return params

    @property
    def _llm_type(self) -> str:
        return self.provider

    def _get_llm_string(self, stop: Stop = None, **kwargs: Any) -> str:
        # The key of LangChain's cache: the same model name on two endpoints is not the same model, an answer that
        # nobody has checked is not for those who want it checked, and a limit of time is no part of the question.
        kwargs = {name: value for name, value in kwargs.items() if name not in LIMITS}
        checks = "strict" if self.strict_answers else "unchecked"
        url = self._url(kwargs.get("model", self.model_name))
        return f"{checks} {url} {super()._get_llm_string(stop=stop, **kwargs)}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without secrets; where it is unpickled, they come from the environment again.
        given = {name: getattr(self, name) for name in self.model_fields_set - self._secret_fields}
        for name in self._secrets_of_outlet():
            given.pop(name, None)
        return rebuilt, (type(self), given, tuple(self.default_headers or ()))

    def _get_request_payload(self, input_: LanguageModelInput, *, stop: Stop = None, **kwargs: Any) -> dict[str, Any]:
        if self.clean_history:
            model = str(kwargs.get("model", self.model_name))
            single = self.single_tool_call or takes_single_tool_call(self._url(model), model)
            dialect = dialect_of(self.provider, single_tool_call=single)
            input_ = prompt_of(cleaned(messages_in(self, input_), dialect))
        payload: dict[str, Any] = super()._get_request_payload(input_, stop=stop, **kwargs)
        return payload

    # -- One call --------------------------------------------------------------------------------------------

    def _plan(
        self,
        messages: list[BaseMessage],
        stop: Stop,
        run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
        *,
        stream: bool,
        **kwargs: Any,
    ) -> tuple[CallPlan, RequestParts]:
        correlation_id = correlation_id_of(run_manager)
        kwargs = {**kwargs, "stop": stop, "stream": stream}
        payload = self._get_request_payload(messages, **kwargs)
        parts = self._request_parts(payload)
        limit = self._seconds("timeout", parts)
        if stream:
            limit = min(limit, self._seconds("first_token_timeout", parts))
            if (payload.get("n") or 1) > 1:
                msg = "A stream has one answer; leave out n, or use invoke."
                raise ConfigurationError(msg, setting="n")
        headers = OwnHeaders(
            {
                **parts.headers,
                "content-type": "application/json",
                "accept": "text/event-stream" if stream else "application/json",
                **self._service_headers(correlation_id),
            }
        )
        plan = CallPlan(
            service=self.service,
            model=parts.model,
            url=with_query(self._url(parts.model), tuple(parts.query.items())),
            headers=headers,
            secrets=parts.headers.secrets if parts.headers else (),
            body=parts.body,
            correlation_id=correlation_id,
            stream=stream,
            max_retries=self.max_retries or 0,
            deadline=Deadline(limit),
            origins=self._path.http.origins,
            is_from_fleet=self._path.credential.is_from_fleet,
            status_url=self._status_url,
            seen_by=self._moment("unseen_timeout", parts),
            ends_by=self._moment("whole_timeout", parts),
            takes_texts=takes_texts(self),
            split_body=partial(self._split_body, parts, messages, kwargs),
        )
        return plan, parts

    def _request_parts(self, payload: dict[str, Any]) -> RequestParts:
        return request_parts(payload, headers=OwnHeaders(self.default_headers or {}), query=self.default_query or {})

    def _split_body(self, sent: RequestParts, messages: list[BaseMessage], kwargs: dict[str, Any]) -> bytes | None:
        """Return the body of a call with one tool call per turn, and remember that the model wants it so."""
        if not self.clean_history:
            return None
        split = cleaned(messages, dialect_of(self.provider, single_tool_call=True))
        body = self._request_parts(self._get_request_payload(split, **kwargs)).body
        if body == sent.body:
            return None
        learn_single_tool_call(self._url(sent.model), sent.model)
        return body

    def _stream_kwargs(self, stream_usage: bool | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        if self._should_stream_usage(stream_usage, **kwargs):
            return {**kwargs, "stream_options": {**kwargs.get("stream_options", {}), "include_usage": True}}
        return kwargs

    def _seconds(self, name: str, parts: RequestParts) -> float:
        """Return a limit of a call in seconds: the call's own, or the model's."""
        own = self.request_timeout if name == "timeout" else self.first_token_timeout
        return seconds_of(parts.limits.get(name, own), name)

    @staticmethod
    def _moment(name: str, parts: RequestParts) -> float:
        """Return when a limit of a call is over, as a reading of `time.monotonic`."""
        return time.monotonic() + seconds_of(parts.limits[name], name) if name in parts.limits else math.inf

    def _longest_gap(self, parts: RequestParts) -> float:
        return min(self._seconds("timeout", parts), self.stream_chunk_timeout or NO_LIMIT_SECONDS)

    def _longest_stream(self, parts: RequestParts) -> float:
        return MOST_TIMEOUTS * self._seconds("timeout", parts)

    def _check_limits(self) -> None:
        if self.request_timeout is not None:
            self.request_timeout = seconds_of(self.request_timeout, "timeout")
        if self.first_token_timeout is not None:
            self.first_token_timeout = seconds_of(self.first_token_timeout, "first_token_timeout")
        if self.max_retries is not None and self.max_retries < 0:
            msg = f"max_retries is {self.max_retries}; give 0 or more."
            raise ConfigurationError(msg, setting="max_retries")
        if self.n is not None and (self.n < 1 or (self.n > 1 and self.streaming)):
            msg = "n has to be at least 1, and 1 when streaming."
            raise ConfigurationError(msg, setting="n")
