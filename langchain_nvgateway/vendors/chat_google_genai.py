"""LangChain's `ChatGoogleGenerativeAI`, sealed."""

from __future__ import annotations

import mimetypes
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import httpx
from google.genai.client import Client, DebugConfig
from google.genai.types import HttpOptions
from langchain_core.messages import BaseMessage, is_data_content_block
from langchain_google_genai import ChatGoogleGenerativeAI
from pydantic import Field, model_validator

from .sealed_transport import PLACEHOLDER, sealed_clients
from .sealed_vendor_model import SealedVendorModel

__all__ = ["SealedChatGoogleGenAI"]

mimetypes.init()  # Reads files, so not in an event loop.

_TYPES_OF_MEDIA = {"image": "image/jpeg", "image_url": "image/jpeg", "audio": "audio/mpeg", "video": "video/mp4"}
_LINKS = {"url", "image_url", "source_type"}


class SealedChatGoogleGenAI(SealedVendorModel, ChatGoogleGenerativeAI):
    """Chat model for the Gemini API; reads nothing from the environment.

    Raises:
        ConfigurationError: A setting is missing or malformed; the message names it.
    """

    service: ClassVar[str] = "Google GenAI"
    provider: ClassVar[str] = "google-genai"
    key_setting: ClassVar[str] = "GOOGLE_API_KEY"
    url_setting: ClassVar[str] = "NVGATEWAY_GOOGLE_GENAI_BASE_URL"
    _key_field: ClassVar[str] = "google_api_key"
    _url_field: ClassVar[str] = "base_url"
    _headers_field: ClassVar[str] = "additional_headers"
    _timeout_field: ClassVar[str] = "timeout"
    _fixed: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            **dict.fromkeys(("client_options", "client_args", "credentials", "project", "location", "client")),
            "vertexai": False,
        }
    )
    _secret_fields: ClassVar[frozenset[str]] = frozenset({"google_api_key", "additional_headers"})

    temperature: float | None = None
    """Temperature; without it, the one that the service has for the model."""

    timeout: Any = Field(default=180.0, alias="request_timeout")
    """Seconds for a whole call, retries included; in a stream, the longest silence. `None`: no limit."""

    max_retries: int = Field(default=1, alias="retries")
    """How often a failure that a retry may help is tried again."""

    additional_headers: dict[str, str] | None = Field(default=None, repr=False, exclude=True)
    """Headers of your own for every request; kept out of `repr`, dumps and pickles, since keys are given this way."""

    @model_validator(mode="after")
    def validate_environment(self) -> Self:
        """Build the SDK's client.

        Has the name of the parent's validator on purpose: that one builds a client that looks into the
        environment for the backend, a replay file and certificates.
        """
        sync_client, async_client = sealed_clients(httpx, self._seal())
        # A context that trusts nobody: the SDK makes one from files at every turn, and ours is in the transport.
        trusts_nobody = {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}
        self.client = Client(
            vertexai=False,
            api_key=PLACEHOLDER,
            debug_config=DebugConfig(client_mode=None, replays_directory=None, replay_id=None),
            http_options=HttpOptions(
                base_url=self.base_url if isinstance(self.base_url, str) else None,
                api_version=self.api_version,
                httpx_client=sync_client,
                httpx_async_client=async_client,
                client_args=trusts_nobody,
                async_client_args={**trusts_nobody, "ssl": trusts_nobody["verify"]},
            ),
        )
        return self

    @property
    def async_client(self) -> Any:
        """The SDK's asynchronous side, which any event loop may use."""
        assert self.client is not None
        return self.client.aio

    async def aclose(self) -> None:
        """Do nothing: connections are shared, and closed with their event loop."""

    def _prepare_request(self, messages: list[BaseMessage], **kwargs: Any) -> dict[str, Any]:
        if "max_tokens" in kwargs:
            kwargs["max_output_tokens"] = kwargs.pop("max_tokens")
        linked = [message.model_copy(update={"content": _linked(message.content)}) for message in messages]
        # The transport tries again, within the limits of the call; 1 is the SDK's way to say no retries.
        request: dict[str, Any] = super()._prepare_request(linked, **{**kwargs, "max_retries": 1})
        options = request["config"].http_options
        options.timeout = None  # It would be sent to the service as its limit for a whole stream.
        return request


def _linked(content: Any) -> Any:
    """Return content in which files are links that the service follows.

    The parent would download them itself, past the seal, from wherever a message says.
    https://ai.google.dev/gemini-api/docs/file-input-methods
    """
    if isinstance(content, list):
        return [_linked_block(block) if isinstance(block, dict) else block for block in content]
    return content


def _linked_block(block: dict[str, Any]) -> dict[str, Any]:
    kind = str(block.get("type"))
    if kind == "non_standard" and isinstance(block.get("value"), dict):
        return {**block, "value": _linked_block(block["value"])}
    if kind == "image_url":
        url = block.get("image_url")
        url = url.get("url") if isinstance(url, dict) else url
    else:
        url = block.get("url") if is_data_content_block(block) else None
    if not isinstance(url, str) or url.startswith("data:"):
        return block
    found = block.get("mime_type") or mimetypes.guess_type(url.partition("?")[0])[0] or _TYPES_OF_MEDIA.get(kind)
    mime_type = {"mime_type": found} if found else {}
    return {
        **{name: value for name, value in block.items() if name not in _LINKS},
        **mime_type,
        "type": "file",
        "file_id": url,
    }
