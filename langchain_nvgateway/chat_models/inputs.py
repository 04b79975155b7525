"""What a chat model is given, as messages; LangChain checks each message anew whenever it is handed on."""

from __future__ import annotations

from typing import cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue

__all__ = ["messages_in", "prompt_of"]


def messages_in(model: BaseChatModel, given: LanguageModelInput) -> list[BaseMessage]:
    """Return the messages of an input, in a list of its own."""
    if type(given) is str:
        return [HumanMessage(content=given)]
    if isinstance(given, list) and all(isinstance(message, BaseMessage) for message in given):
        return cast("list[BaseMessage]", given.copy())
    return model._convert_input(given).to_messages()


def prompt_of(messages: list[BaseMessage]) -> ChatPromptValue:
    """Return messages in the form in which LangChain takes them as they are."""
    return ChatPromptValue.model_construct(messages=messages)
