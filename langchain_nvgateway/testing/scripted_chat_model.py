"""A chat model that plays a script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from operator import itemgetter
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import Field

from .playing import Pause, Usage, played_in_pieces, played_whole
from .script import AtEnd, Request, Script, Style
from .steps import Step

__all__ = ["ScriptedChatModel"]

Method = Literal["function_calling", "json_mode", "json_schema"]


class ScriptedChatModel(BaseChatModel):
    """A chat model that plays a script: each time it is asked, it takes the next step.

    It answers in every call style, under LangGraph too, sync and async alike; texts and calls are streamed word by
    word. Copies of it, and what `bind` and `bind_tools` return, go on in the same script and share the record. It is
    safe in threads and tasks: each step is taken once.

    Args:
        steps: What it does, call by call: texts, `AIMessage`s, exceptions, `calls(…)`, `broken_call(…)`,
            `dies_after(…)`, `slow(…)`, objects of pydantic classes, functions of `(messages, kwargs)`, or lists of
            these as the parts of one answer.
        at_end: What comes after the last step: a `ScriptOverError`, which no model falls back from; the last step
            again and again; or the script from its beginning.
        fields: The fields below, and those of any chat model, such as `profile`.

    Raises:
        TypeError: A step is none.
        ValueError: There is no such `at_end`, or nothing to play again.

    Example:
        ```python
        model = ScriptedChatModel(
            "first answer",
            broken_call("shell", '{"command": "rm -rf /tm'),
            ConnectionError("down"),
            calls("shell", command="ls"),
        )
        assert model.invoke("Hello").text == "first answer"
        assert model.requests[0].messages[0].text == "Hello"
        assert model.steps_left == 3
        ```
    """

    model: str = "scripted"
    """Name of the model, which its answers bear."""

    usage: Usage = "counted"
    """Tokens of each answer that does not say so itself: one for each word, these, or `None` for none."""

    streaming: bool = False
    """Whether it streams, too, when it is asked for the whole answer: the chunks are added up then."""

    # A field and not a private attribute, which LangChain's `configurable_fields` would lose.
    script: Script = Field(repr=False, exclude=True)
    """What it plays, and what it was asked."""

    def __init__(self, *steps: Step, at_end: AtEnd = "raise", **fields: Any) -> None:
        """Take a script."""
        script = fields.pop("script", None) or Script(steps, at_end)
        super().__init__(script=script, **fields)

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, oldest first."""
        return self.script.requests

    @property
    def steps_left(self) -> int:
        """How many steps nobody has taken yet."""
        return self.script.steps_left

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, strict: bool | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools; what is called is for the script to say.

        Args:
            tools: Functions, `BaseTool`s, pydantic classes, TypedDicts or dicts.
            tool_choice: As any provider's model takes it; it is on the record.
            strict: Written into the tools.
            kwargs: More for each call.
        """
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        return self.bind(tools=[_in_openai_form(tool, strict) for tool in tools], **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: Method = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Have answers in a schema; the script answers with an object of the class, a call, or JSON.

        Args:
            schema: A pydantic class, TypedDict, JSON schema or OpenAI tool; none is needed in JSON mode.
            include_raw: Return `{"raw", "parsed", "parsing_error"}` instead of the object alone.
            method: How to ask for it: as a call of a tool, as any JSON, or as JSON in the schema.
            strict: Written into the schema.
            kwargs: More for each call.

        Raises:
            ValueError: There is no such method, or no schema although the method needs one.
        """
        if method not in ("function_calling", "json_mode", "json_schema"):
            msg = f"There is no method {method!r}; there are 'function_calling', 'json_mode' and 'json_schema'."
            raise ValueError(msg)
        if schema is None and method != "json_mode":
            msg = f"The method {method!r} needs a schema."
            raise ValueError(msg)
        if method == "function_calling":
            return super().with_structured_output(schema, include_raw=include_raw, strict=strict, **kwargs)
        response_format = {"type": "json_object"} if method == "json_mode" else _json_schema_format(schema, strict)
        model = self.bind(response_format=response_format, **kwargs)
        is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
        parser: Any = PydanticOutputParser(pydantic_object=schema) if is_class else JsonOutputParser()
        return _with_raw(model, parser) if include_raw else model | parser

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        # LangChain's cache of answers must not take one script for another.
        return {"model": self.model, "script": self.script.key}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return {**super()._get_ls_params(stop=stop, **kwargs), "ls_provider": "scripted"}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        (message,) = _waited(self._whole("invoke", messages, stop, kwargs))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        (message,) = [each async for each in _awaited(self._whole("ainvoke", messages, stop, kwargs))]
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _waited(self._pieces("stream", messages, stop, kwargs)):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in _awaited(self._pieces("astream", messages, stop, kwargs)):
            yield ChatGenerationChunk(message=chunk)

    def _whole(self, style: Style, messages: list[BaseMessage], stop: Any, kwargs: dict[str, Any]) -> Iterator[Any]:
        request = _request(style, messages, stop, kwargs)
        return played_whole(self.script.take(request), request, model=self.model, usage=self.usage)

    def _pieces(self, style: Style, messages: list[BaseMessage], stop: Any, kwargs: dict[str, Any]) -> Iterator[Any]:
        request = _request(style, messages, stop, kwargs)
        return played_in_pieces(self.script.take(request), request, model=self.model, usage=self.usage)


def _request(style: Style, messages: list[BaseMessage], stop: Any, kwargs: dict[str, Any]) -> Request:
    copies = [message.model_copy(deep=True) for message in messages]
    return Request(copies, {**kwargs, **({"stop": stop} if stop else {})}, style)


def _waited(items: Iterator[Any]) -> Iterator[Any]:
    """Yield what is no pause, and sleep through what is one."""
    for item in items:
        if isinstance(item, Pause):
            time.sleep(item.seconds)
        else:
            yield item


async def _awaited(items: Iterator[Any]) -> AsyncIterator[Any]:
    """Do what `_waited` does; other tasks get their turn before each item, as with a real service."""
    for item in items:
        await asyncio.sleep(item.seconds if isinstance(item, Pause) else 0)
        if not isinstance(item, Pause):
            yield item


def _in_openai_form(tool: Any, strict: bool | None) -> dict[str, Any]:
    try:
        return convert_to_openai_tool(tool, strict=strict)
    except ValueError:
        if isinstance(tool, dict):
            return tool  # One that only some vendor understands, in whose place the model may stand.
        raise


def _json_schema_format(schema: Any, strict: bool | None) -> dict[str, Any]:
    if isinstance(schema, dict) and schema.get("type") == "json_schema":
        return schema
    function = convert_to_openai_function(schema, strict=strict)
    function["schema"] = function.pop("parameters")
    return {"type": "json_schema", "json_schema": function}


def _with_raw(model: Runnable[Any, AIMessage], parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return what gives the answer, the object in it, and why there is none, as `BaseChatModel` composes it."""
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")
