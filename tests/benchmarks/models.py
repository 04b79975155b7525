"""The models that are compared, all on the server that answers at once."""

from __future__ import annotations

import asyncio
import socket
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_openai import AzureChatOpenAI, ChatOpenAI

from langchain_nvgateway import ChatNIM, ChatNVGateway, ModelManager, NVGatewaySettings

from .answers import MODEL
from .litellm_driver import LiteLLM
from .row import NotMeasuredError

__all__ = ["Bench"]

KEY = "fake-key"
DEPLOYMENT = "gpt-4o"


class Bench:
    """Models for the server, and the event loop that async calls run in.

    Args:
        server: URL of the server.
        runner: The loop.
        litellm: LiteLLM in its own environment.
    """

    def __init__(self, server: str, runner: asyncio.Runner, litellm: LiteLLM) -> None:
        self.server = server
        self.runner = runner
        self.litellm = litellm

    def nim(self, answer: str = "text", **parameters: Any) -> ChatNIM:
        """Return NIM's model."""
        return ChatNIM(model=MODEL, base_url=f"{self.server}/{answer}/v1", api_key=KEY, **parameters)

    def chat_openai(self, answer: str = "text", **parameters: Any) -> ChatOpenAI:
        """Return LangChain's model on the same URL; it counts tokens in streams as ours do."""
        url = f"{self.server}/{answer}/v1"
        return ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, stream_usage=True, **parameters)  # type: ignore[arg-type]  # a plain key is taken

    def chat_nvidia(self, answer: str = "text") -> BaseChatModel:
        """Return NVIDIA's own model on the same URL.

        Raises:
            NotMeasuredError: It is not installed.
        """
        try:
            from langchain_nvidia_ai_endpoints import ChatNVIDIA
        except ImportError:
            raise NotMeasuredError("langchain-nvidia-ai-endpoints is not installed") from None
        return ChatNVIDIA(model=MODEL, base_url=f"{self.server}/{answer}/v1", api_key=KEY)

    def gateway(self, answer: str = "text") -> ChatNVGateway:
        """Return the Gateway's model."""
        return ChatNVGateway(
            model=DEPLOYMENT,
            starfleet_id="fake-id",
            starfleet_secret=KEY,
            starfleet_token_url=f"{self.server}/token",
            base_url=f"{self.server}/{answer}",
        )

    def azure(self, answer: str = "text") -> AzureChatOpenAI:
        """Return LangChain's model for the same URL; it has a bearer as ours has."""
        return AzureChatOpenAI(
            azure_deployment=DEPLOYMENT,
            azure_endpoint=f"{self.server}/{answer}",
            api_version="2024-12-01-preview",
            azure_ad_token=KEY,  # type: ignore[arg-type]  # a plain token is taken
            stream_usage=True,
        )

    def manager(self, first: str = "text", *, nim_url: str = "") -> ModelManager:
        """Return a manager whose roles have NIM, which answers as `first` says, and then the Gateway, which is well."""
        return ModelManager(
            NVGatewaySettings(
                nvidia_nim_api_key=KEY,
                nvidia_nim_base_url=nim_url or f"{self.server}/{first}/v1",
                starfleet_id="fake-id",
                starfleet_secret=KEY,
                starfleet_token_url=f"{self.server}/token",
                llm_gateway_base_url=f"{self.server}/text",
            )
        )

    def fallbacks(self, first: str = "text", *, url: str = "") -> Any:
        """Return LangChain's chain of two models, the first of which does not retry."""
        one = self.chat_openai(first, max_retries=0)
        if url:
            one = ChatOpenAI(model=MODEL, base_url=url, api_key=KEY, max_retries=0)  # type: ignore[arg-type]  # a plain key is taken
        return one.with_fallbacks([self.chat_openai()])

    @cached_property
    def refusing_url(self) -> str:
        """Where nobody listens."""
        # Bound and not listening, so that nobody else gets the port; connections are refused.
        self._refusing = socket.socket()
        self._refusing.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{self._refusing.getsockname()[1]}/v1"

    def close(self) -> None:
        """Let go of what is open."""
        self.litellm.close()
        if "refusing_url" in self.__dict__:
            self._refusing.close()
