"""Hosted NVIDIA NIM as a LangChain chat model."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from ..egress import checked_url, origin_of
from ..environment import first_set
from ..errors import ConfigurationError
from .credentials import Credential, KeyCredential
from .sealed_chat_model import SealedChatModel

__all__ = ["ChatNIM"]

DEFAULT_BASE_URL = "https://integrate.api.nvidia.com/v1"
DEFAULT_STATUS_URL = "https://api.nvcf.nvidia.com/v2/nvcf/pexec/status"
_STATUS_PATH = "/v2/nvcf/pexec/status"


def service_urls(base_url: str | None, status_url: str | None) -> list[str]:
    """Return the base URL, and the URL where answers that take long are polled.

    Args:
        base_url: Base URL of NIM; without it, that of the hosted service.
        status_url: Where to poll; without it, NVIDIA's place for the hosted service, else the base URL's origin.

    Raises:
        ConfigurationError: One is malformed.
    """
    base = checked_url(base_url or DEFAULT_BASE_URL, setting="NVIDIA_NIM_BASE_URL (base_url)")
    if status_url:
        return [base, checked_url(status_url, setting="NVIDIA_NIM_STATUS_URL (status_url)")]
    if origin_of(base) == origin_of(DEFAULT_BASE_URL):
        return [base, DEFAULT_STATUS_URL]
    parts = urlsplit(base)
    return [base, f"{parts.scheme}://{parts.netloc}{_STATUS_PATH}"]


class ChatNIM(SealedChatModel):
    """Chat model for hosted NVIDIA NIM.

    What is not given comes from the environment: `NVIDIA_NIM_API_KEY` (or `NVIDIA_API_KEY`),
    `NVIDIA_NIM_BASE_URL`, and `NVIDIA_NIM_STATUS_URL`, where answers that take long (status 202) are polled.

    Raises:
        ConfigurationError: A setting is missing or malformed; the message names it.

    Example:
        ```python
        from langchain_nvgateway import ChatNIM

        model = ChatNIM(temperature=0)
        model.invoke("Say hello")
        ```
    """

    service: ClassVar[str] = "hosted NIM"
    provider: ClassVar[str] = "nvidia-nim"
    base_url_setting: ClassVar[str] = "NVIDIA_NIM_BASE_URL (base_url)"

    model_name: str = Field(default="meta/llama-4-scout-17b-16e-instruct", alias="model")
    """Name of the model, with its publisher."""

    status_url: str | None = None
    """Where requests that are still running are polled: `{status_url}/{request id}`."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_nim_settings(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        if values.get("openai_api_base") is None and values.get("base_url") is None:
            values.pop("base_url", None)
            values["openai_api_base"] = first_set("NVIDIA_NIM_BASE_URL") or DEFAULT_BASE_URL
        if values.get("openai_api_key") is None and values.get("api_key") is None:
            values.pop("api_key", None)
            values["openai_api_key"] = first_set("NVIDIA_NIM_API_KEY", "NVIDIA_API_KEY")
        if values.get("status_url") is None:
            values["status_url"] = first_set("NVIDIA_NIM_STATUS_URL")
        return values

    def _service_urls(self) -> list[str]:
        urls = service_urls(self.openai_api_base, self.status_url)
        self.status_url = urls[1]
        return urls

    def _credential(self) -> Credential:
        if not self.openai_api_key:
            msg = "Missing NVIDIA_NIM_API_KEY: set it (or NVIDIA_API_KEY) in the environment or pass api_key."
            raise ConfigurationError(msg, setting="NVIDIA_NIM_API_KEY")
        return KeyCredential(self.openai_api_key, setting="NVIDIA_NIM_API_KEY (api_key)")

    def _url(self, model: str) -> str:
        return f"{self.openai_api_base or ''}/chat/completions"

    @property
    def _status_url(self) -> str | None:
        return self.status_url
