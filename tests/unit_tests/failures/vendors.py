"""Exceptions of packages that the tests do not install, in the shape that those give them.

Names, modules, bases, attributes and texts are copied from the installed packages, where each was provoked
against a local server: anthropic 2.12, langchain-anthropic 1.7.7, google-genai 2.34, langchain-google-genai
4.4.2, google-auth 2.62, google-api-core 2.44, grpcio 1.85, langchain-nvidia-ai-endpoints 1.5, aiohttp 3.14,
botocore 1.44. `langchain_anthropic` and `langchain_google_genai` raise `ModelError` classes for the usual
statuses and the SDK's own, or `ChatGoogleGenerativeAIError`, for the rest.
"""

from __future__ import annotations

from enum import Enum
from types import SimpleNamespace
from typing import Any

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelInvalidRequestError,
    ModelRateLimitError,
)


def shape(module: str, name: str, *bases: type[BaseException]) -> type[Any]:
    """Return an exception class as it stands in a foreign package."""
    return type(name, bases or (Exception,), {"__module__": module})


def answer(status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> SimpleNamespace:
    """Return as much of a response as exceptions are asked for."""
    return SimpleNamespace(status_code=status, headers=headers or {}, _content=content)


# --- anthropic/_exceptions.py, langchain_anthropic/chat_models.py

AnthropicStatusError = shape("anthropic", "APIStatusError", shape("anthropic", "APIError"))
AnthropicPaymentRequiredError = shape("anthropic", "PaymentRequiredError", AnthropicStatusError)
AnthropicInvalidRequestError = shape(
    "langchain_anthropic.chat_models",
    "AnthropicInvalidRequestError",
    shape("anthropic", "BadRequestError", AnthropicStatusError),
    ModelInvalidRequestError,
)
AnthropicOverloadedError = shape(
    "langchain_anthropic.chat_models",
    "AnthropicOverloadedError",
    shape("anthropic", "OverloadedError", AnthropicStatusError),
    ModelAPIError,
)


def anthropic_error(cls: type[Any], status: int, type_: str, message: str, **headers: str) -> BaseException:
    """Return an error of the anthropic SDK; its streams report errors with the status 200 of the stream."""
    body = {"type": "error", "error": {"type": type_, "message": message}}
    error: BaseException = cls(f"Error code: {status} - {body}" if status != 200 else str(body))
    error.__dict__.update(
        message=str(error), body=body, type=type_, status_code=status, response=answer(status, headers), error_code=None
    )
    return error


# --- google/genai/errors.py, langchain_google_genai/chat_models.py

GenaiAPIError = shape("google.genai.errors", "APIError")
GenaiClientError = shape("google.genai.errors", "ClientError", GenaiAPIError)
GenaiServerError = shape("google.genai.errors", "ServerError", GenaiAPIError)
ChatGoogleError = shape(
    "langchain_google_genai.chat_models",
    "ChatGoogleGenerativeAIError",
    shape("langchain_google_genai._common", "GoogleGenerativeAIError"),
)
GoogleRateLimitError = shape(
    "langchain_google_genai.chat_models", "GoogleRateLimitError", ChatGoogleError, ModelRateLimitError
)
GoogleInvalidRequestError = shape(
    "langchain_google_genai.chat_models", "GoogleInvalidRequestError", ChatGoogleError, ModelInvalidRequestError
)
GoogleContextOverflowError = shape(
    "langchain_google_genai.chat_models", "GoogleContextOverflowError", GenaiClientError, ContextOverflowError
)


def genai_error(
    code: int, status: str, message: str, details: list[Any] | None = None, cls: type[Any] = GenaiClientError
) -> BaseException:
    """Return an error of google.genai: the status is its `code`, the gRPC name its `status`."""
    body = {"error": {"code": code, "message": message, "status": status, "details": details or []}}
    error: BaseException = cls(f"{code} {status}. {body}")
    error.__dict__.update(code=code, status=status, message=message, details=body, response=answer(code))
    return error


def langchain_genai_error(cls: type[Any], cause: BaseException) -> BaseException:
    """Return the error that LangChain makes of one of google.genai's: its text, and the cause."""
    error: BaseException = cls(f"Error calling model 'gemini-2.5-flash' ({cause.status}): {cause}")  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error


# --- google/auth/exceptions.py, google/api_core/exceptions.py, grpc/aio/_call.py

GoogleAuthError = shape("google.auth.exceptions", "GoogleAuthError")
DefaultCredentialsError = shape("google.auth.exceptions", "DefaultCredentialsError", GoogleAuthError)
InvalidTypeOfCredentials = shape("google.auth.exceptions", "InvalidType", DefaultCredentialsError, TypeError)
RefreshError = shape("google.auth.exceptions", "RefreshError", GoogleAuthError)

GrpcStatus = Enum("GrpcStatus", "UNAVAILABLE RESOURCE_EXHAUSTED UNAUTHENTICATED NOT_FOUND INVALID_ARGUMENT")
AioRpcError = shape("grpc.aio._call", "AioRpcError", shape("grpc", "RpcError"))
ApiCoreCallError = shape("google.api_core.exceptions", "GoogleAPICallError")
ApiCoreResourceExhausted = shape("google.api_core.exceptions", "ResourceExhausted", ApiCoreCallError)


def grpc_error(status: GrpcStatus, details: str = "no words") -> BaseException:
    """Return an error of grpc: the status is a method."""
    error: BaseException = AioRpcError(f'<AioRpcError of RPC that terminated with:\n\tdetails = "{details}"\n>')
    error.__dict__.update(code=lambda: status, details=lambda: details)
    return error


def api_core_exhausted() -> BaseException:
    """Return a 429 of google.api_core, whose details are printed protobufs."""
    error: BaseException = ApiCoreResourceExhausted("429 Quota exceeded. [retry_delay {\n  seconds: 34\n}\n]")
    error.__dict__.update(code=429, grpc_status_code=GrpcStatus.RESOURCE_EXHAUSTED, details=[object()])
    return error


# --- langchain_nvidia_ai_endpoints/_common.py


def chat_nvidia_error(status: int, title: str, detail: str = "", **headers: str) -> BaseException:
    """Return what ChatNVIDIA raises: a bare `Exception`, and hidden beneath it the error of requests."""
    http_error = shape("requests.exceptions", "HTTPError", shape("requests.exceptions", "RequestException", OSError))
    beneath = http_error(
        f"{status} Client Error: {title} for url: https://integrate.api.nvidia.com/v1/chat/completions"
    )
    beneath.response = answer(status, headers)
    error = Exception(f"[{status}] {title}\n{detail}")
    error.__context__ = beneath
    error.__suppress_context__ = True
    return error


# --- aiohttp/client_exceptions.py, botocore/exceptions.py

AiohttpClientError = shape("aiohttp.client_exceptions", "ClientError")
AiohttpPayloadError = shape("aiohttp.client_exceptions", "ClientPayloadError", AiohttpClientError)
AiohttpResponseError = shape("aiohttp.client_exceptions", "ClientResponseError", AiohttpClientError)
BotoClientError = shape("botocore.exceptions", "ClientError")


def aiohttp_error(status: int, **headers: str) -> BaseException:
    """Return aiohttp's error for a status."""
    error: BaseException = AiohttpResponseError("message")
    error.__dict__.update(status=status, headers=headers)
    return error


def boto_error(status: int, code: str) -> BaseException:
    """Return botocore's error, whose `response` is a dict."""
    error: BaseException = BotoClientError(f"An error occurred ({code}) when calling the InvokeModel operation")
    error.__dict__["response"] = {
        "Error": {"Code": code, "Message": "no words"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "3"}},
    }
    return error
