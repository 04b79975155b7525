"""What our models cost against what they replace, and a role's model against the model that answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_openai import ChatOpenAI

from langchain_nvgateway import ChatNIM, ChatNVGateway, ModelManager, NVGatewaySettings

from .measuring import compare
from .servers import serving

__all__ = ["measure"]

_WORDS = [{"role": "assistant", "content": ""}, *({"content": "word "} for _ in range(400))]


def measure(*, rounds: int = 15) -> Iterator[tuple[str, float]]:
    """Yield what is compared, and the ratio of client CPU time."""
    with serving(chunks=_WORDS, finish_reason="stop") as env:
        nim, openai = _models(env)
        ratio = compare(lambda: list(nim.stream("Hi")), lambda: list(openai.stream("Hi")), rounds=rounds, runs=2).ratio
        yield "a streamed chunk, against ChatOpenAI", ratio
    with serving(text="fine") as env:
        nim, openai = _models(env)
        ratio = compare(lambda: nim.invoke("Hi"), lambda: openai.invoke("Hi"), rounds=rounds).ratio
        yield "an invoke, against ChatOpenAI", ratio
        settings = NVGatewaySettings(**{name.lower(): value for name, value in env.items()})
        manager = ModelManager(settings)
        planner = manager.model("planner")
        ratio = compare(lambda: planner.invoke("Hi"), lambda: nim.invoke("Hi"), rounds=rounds).ratio
        yield "a healthy role, against its first model alone", ratio
        gateway = _gateway(env)
        manager.breakers[f"nvidia-nim:{nim.model_name}"].force_open()
        ratio = compare(lambda: planner.invoke("Hi"), lambda: gateway.invoke("Hi"), rounds=rounds).ratio
        yield "a role whose first circuit is open, against its second model alone", ratio


def _models(env: dict[str, str]) -> tuple[ChatNIM, ChatOpenAI]:
    url, key = env["NVIDIA_NIM_BASE_URL"], env["NVIDIA_NIM_API_KEY"]
    name = "meta/llama-4-scout-17b-16e-instruct"
    openai: Any = ChatOpenAI
    return ChatNIM(model=name, base_url=url, api_key=key), openai(
        model=name, base_url=url, api_key=key, stream_usage=True
    )


def _gateway(env: dict[str, str]) -> ChatNVGateway:
    return ChatNVGateway(
        model="gpt-4o",
        starfleet_id=env["STARFLEET_ID"],
        starfleet_secret=env["STARFLEET_SECRET"],
        starfleet_token_url=env["STARFLEET_TOKEN_URL"],
        base_url=env["LLM_GATEWAY_BASE_URL"],
    )
