"""OpenAI as a LangChain chat model of our own: the request path of the Gateway with another key and URL."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from ..chat_models.credentials import Credential, KeyCredential
from ..chat_models.sealed_chat_model import SealedChatModel
from ..errors import ConfigurationError
from . import DEFAULT_BASE_URLS

__all__ = ["SealedChatOpenAI"]


class SealedChatOpenAI(SealedChatModel):
    """Chat model for OpenAI's chat completions; reads nothing from the environment.

    Raises:
        ConfigurationError: A setting is missing or malformed; the message names it.
    """

    service: ClassVar[str] = "OpenAI"
    provider: ClassVar[str] = "openai"
    base_url_setting: ClassVar[str] = "NVGATEWAY_OPENAI_BASE_URL (base_url)"

    model_name: str = Field(alias="model")
    """Name of the model."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_environment(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        # What is not given would be looked up in OPENAI_API_KEY, OPENAI_API_BASE, …
        for name, alias, default in (
            ("openai_api_base", "base_url", DEFAULT_BASE_URLS["openai"]),
            ("openai_api_key", "api_key", None),
            ("openai_organization", "organization", None),
        ):
            if values.get(name) is None and values.get(alias) is None:
                values.pop(alias, None)
                values[name] = default
        return values

    def _credential(self) -> Credential:
        if not self.openai_api_key:
            msg = "Missing api_key of OpenAI: set OPENAI_API_KEY in the settings, or pass api_key."
            raise ConfigurationError(msg, setting="OPENAI_API_KEY")
        return KeyCredential(self.openai_api_key, setting="OPENAI_API_KEY (api_key)")

    def _url(self, model: str) -> str:
        return f"{self.openai_api_base or ''}/chat/completions"
