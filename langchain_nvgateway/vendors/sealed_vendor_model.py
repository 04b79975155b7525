"""What the sealed chat models have in common that are built on a vendor's own LangChain package."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, SecretStr, model_validator

from ..chat_models.credentials import KeyCredential
from ..chat_models.outlet_fields import OutletFields
from ..chat_models.payloads import OwnHeaders, own_headers_of
from ..chat_models.pickling import rebuilt
from ..chat_models.sealed_chat_model import Stop
from ..chat_models.shared_http import shared_http
from ..chat_models.time_limits import LIMITS, seconds_of
from ..chat_models.token_counts import OfflineTokenCounts
from ..egress import checked_url
from ..errors import ConfigurationError, NVGatewayError
from . import DEFAULT_BASE_URLS
from .call_limits import CallLimits
from .sealed_transport import Seal

__all__ = ["SealedVendorModel"]

_MAX_CAUSES = 20


class SealedVendorModel(OfflineTokenCounts, OutletFields, BaseChatModel):
    """Stands before a vendor's class among the bases of a sealed model, and wraps each call.

    It settles the key and the base URL before the vendor's class can look into the environment, limits the time
    of a call and of its retries, and lets this package's errors through the vendor's SDK.

    Raises:
        ConfigurationError: A setting is missing or malformed; the message names it.
    """

    first_token_timeout: float | None = 60.0
    """Seconds until a stream's first token, retries included."""

    max_retries: int = 1
    """How often a failure that a retry may help is tried again, with jitter, as `Retry-After` asks."""

    model_config = ConfigDict(hide_input_in_errors=True)  # What is of the wrong type may be a secret all the same.

    service: ClassVar[str]
    """Name of the service in messages."""

    provider: ClassVar[str]
    """Name of the service as a provider."""

    key_setting: ClassVar[str]
    url_setting: ClassVar[str]
    """Names of the settings for key and base URL, for messages."""

    _key_field: ClassVar[str]
    _url_field: ClassVar[str]
    _headers_field: ClassVar[str]
    _timeout_field: ClassVar[str]
    _fixed: ClassVar[Mapping[str, Any]]
    """Fields that would break the seal, with the value that they have instead."""

    _secret_fields: ClassVar[frozenset[str]]
    _made_fields: ClassVar[frozenset[str]] = frozenset({"profile"})
    """Fields that are not given but made from the others."""

    @model_validator(mode="before")
    @classmethod
    def _settle_key_and_url(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        for name, value in cls._fixed.items():
            if values.get(name):
                msg = (
                    f"{cls.__name__} does not take `{name}`: requests leave through a sealed client only. Leave it out."
                )
                raise ConfigurationError(msg, setting=name)
            values[name] = value
        url, key = (
            next((found for name in names if (found := values.pop(name, None))), None)
            for names in ((cls._url_field, "base_url"), (cls._key_field, "api_key"))
        )
        if not key:
            msg = f"Missing api_key of {cls.service}: set {cls.key_setting} in the settings, or pass api_key."
            raise ConfigurationError(msg, setting=cls.key_setting)
        key = key if isinstance(key, SecretStr) else SecretStr(str(key))
        values[cls._key_field] = KeyCredential(key, setting=f"{cls.key_setting} (api_key)").get(0.0)
        url = url or DEFAULT_BASE_URLS[cls.provider]
        values[cls._url_field] = checked_url(url, setting=f"{cls.url_setting} (base_url)")
        return values

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        self._limits({}, stream=True)
        return self

    def _seal(self) -> Seal:
        key: SecretStr = getattr(self, self._key_field)
        headers = own_headers_of(OwnHeaders(getattr(self, self._headers_field) or {}))
        return Seal(shared_http(frozenset({getattr(self, self._url_field)}), self._outlet()), key, headers)

    # -- One call --------------------------------------------------------------------------------------------

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        limits = self._limits(kwargs, stream=False)
        with limits.applied(), _own_errors():
            # The vendor's class comes next in the order of bases, and has it; the type checker sees LangChain's.
            return super()._generate(messages, stop, run_manager, **kwargs)  # type: ignore[safe-super]  # see above

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        limits = self._limits(kwargs, stream=False)
        with limits.applied(), _own_errors():
            return await super()._agenerate(messages, stop, run_manager, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        limits = self._limits(kwargs, stream=True)
        chunks = super()._stream(messages, stop, run_manager, **kwargs)
        try:
            while True:
                limits.expect_chunk()
                with limits.applied(), _own_errors():
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                limits.saw(chunk)
                yield chunk
        finally:
            cast("Generator[Any, Any, Any]", chunks).close()
            limits.close()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: Stop = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        limits = self._limits(kwargs, stream=True)
        chunks = super()._astream(messages, stop, run_manager, **kwargs)
        try:
            while True:
                limits.expect_chunk()
                with limits.applied(), _own_errors():
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                limits.saw(chunk)
                yield chunk
        finally:
            await cast("AsyncGenerator[Any, Any]", chunks).aclose()
            await limits.aclose()

    def _limits(self, kwargs: dict[str, Any], *, stream: bool) -> CallLimits:
        """Take the limits of a call out of its keywords; what it does not set itself, the model does."""
        own = {
            "timeout": getattr(self, self._timeout_field),
            "first_token_timeout": self.first_token_timeout,
            "max_retries": self.max_retries,
        }
        given = {name: kwargs.pop(name, value) for name, value in own.items()}
        timeout, first_token = (seconds_of(given[name], name) for name in ("timeout", "first_token_timeout"))
        retries = given["max_retries"] or 0
        if not isinstance(retries, int) or retries < 0:
            msg = f"max_retries is {retries!r}; give 0 or more."
            raise ConfigurationError(msg, setting="max_retries")
        return CallLimits(timeout, first_token=first_token if stream else None, max_retries=retries)

    # -- Copies and caches -----------------------------------------------------------------------------------

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return False: LangChain rebuilds classes of its own packages only."""
        return False

    def _get_llm_string(self, stop: Stop = None, **kwargs: Any) -> str:
        # The key of LangChain's cache: the same model name on two endpoints is not the same model, and a limit of
        # time is no part of the question.
        kwargs = {name: value for name, value in kwargs.items() if name not in LIMITS}
        return f"{getattr(self, self._url_field)} {super()._get_llm_string(stop=stop, **kwargs)}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled without secrets, so that it can be built again only by somebody who adds the key.
        return rebuilt, (type(self), self._given(without=self._secret_fields | self._secrets_of_outlet()))

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a model with the same settings; SDK clients cannot be copied, connections are shared."""
        return type(self)(**copy.deepcopy(self._given(), memo))

    def _given(self, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        names = self.model_fields_set - without - self._made_fields - self._fixed.keys()
        return {name: getattr(self, name) for name in names}


@contextmanager
def _own_errors() -> Iterator[None]:
    """Let an error of this package out of what a vendor's SDK has wrapped around it."""
    try:
        yield
    except Exception as error:
        beneath: BaseException | None = error
        for _ in range(_MAX_CAUSES):
            if beneath is None or isinstance(beneath, NVGatewayError):
                break
            beneath = beneath.__cause__
        if isinstance(beneath, NVGatewayError) and beneath is not error:
            raise beneath from None
        raise
