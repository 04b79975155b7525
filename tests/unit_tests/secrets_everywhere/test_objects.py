"""No object shows a secret: in no text, dump, pickle or copy, before and after it is used."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_nvgateway import NVGatewaySettings
from langchain_nvgateway.events import Event
from langchain_nvgateway.starfleet import StarfleetTokenProvider

from ..fleet.valkey import Valkey
from .canaries import CANARIES
from .surfaces import Logs, shown_of
from .world import World


def weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return city


CITY = {
    "title": "city",
    "description": "A city.",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}


def _made_of(model: Any) -> list[Any]:
    """Return what is made of a model."""
    prompt = ChatPromptTemplate.from_messages([("user", "{said}")])
    return [
        model,
        model.bind_tools([weather]),
        model.bind(temperature=0).with_config(tags=["x"]),
        model.with_structured_output(CITY),
        model.with_retry(),
        prompt | model | StrOutputParser(),
    ]


def _assert_nothing_shows(world: World, *things: Any) -> None:
    for thing in things:
        surfaces = shown_of(thing)
        shown = {name: found for name, text in surfaces.items() if (found := world.found_in(text))}
        assert shown == {}, type(thing)


@pytest.mark.parametrize(
    "kind", ["gateway", "gateway with a callable", "gateway with a bearer", "nim", "nim with headers"]
)
def test_own_models(kind: str, world: World) -> None:
    """Those of the two services, and what is made of them."""
    model = world.own_models()[kind]
    _assert_nothing_shows(world, *_made_of(model))
    assert model.invoke("Hello").text
    _assert_nothing_shows(world, *_made_of(model), model._path, model._path.http)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "google-genai"])
def test_vendors_models(kind: str, world: World) -> None:
    """Those of outside vendors."""
    model = world.vendor_models()[kind]
    assert model.invoke("Hello").text == "Hello there"
    _assert_nothing_shows(world, *_made_of(model))


def test_parts_of_a_manager(world: World) -> None:
    """Models, chains, breakers, what it explains and reports, events, attempts, permits, errors."""
    heard: list[Event] = []
    with world.manager() as manager:
        manager.on_event(heard.append, details=True)
        planner, chain = manager.model("planner"), manager.chain("planner")
        world.emu.nim.fail_next("unauthorized", route="chat", times=2)
        answers = [planner.invoke("Hello") for _ in range(2)] + [asyncio.run(chain.ainvoke("Hello"))]
        world.emu.nim.fail_always("internal_error", route="chat")
        answers += [planner.invoke("Hello") for _ in range(3)]
        breaker = next(iter(manager.breakers.values()))
        things = [manager, manager.settings, manager.policy, manager.prices, manager.breakers, breaker]
        things += [breaker.snapshot(), manager.explain(), manager.report(), manager.explain("planner").roles[0]]
        things += [*heard, *answers, *(answer.response_metadata["nvgateway"] for answer in answers[:1])]
        _assert_nothing_shows(world, *things, *_made_of(planner), chain)
    assert len({type(event) for event in heard}) >= 3
    assert len(manager.report().to_dataframe()) > 1


def test_provider_of_tokens(world: World) -> None:
    """With a token in it."""
    env = world.env
    provider = StarfleetTokenProvider(env["STARFLEET_TOKEN_URL"], env["STARFLEET_ID"], env["STARFLEET_SECRET"])
    assert provider.get_token() == world.emu.starfleet.tokens_issued[-1]
    for name, text in shown_of(provider, is_copied=False).items():
        assert name == "__dict__" or world.found_in(text) == []  # What it is made of may hold the id.
    provider.close()


def test_settings(world: World) -> None:
    """Those of arguments and those of the environment."""
    url = f"redis://fleet:{CANARIES['Redis password'].replace('/', '%2F')}@redis.invalid:6390"
    for settings in (NVGatewaySettings(), world.manager().settings, NVGatewaySettings(redis_url=url)):
        shown = {name: world.found_in(text) for name, text in shown_of(settings).items() if "__dict__" not in name}
        assert {name: found for name, found in shown.items() if found} == {}


def test_unpickled_settings_have_secrets_of_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch, logs: Logs
) -> None:
    """And say which of them are missing; what was given is kept."""
    pickled = pickle.dumps(NVGatewaySettings(max_tokens=7, openai_api_key=CANARIES["OpenAI key"]))
    again = pickle.loads(pickled)
    assert again == NVGatewaySettings(max_tokens=7)
    assert "lack" not in logs.text

    for name in ("OPENAI_API_KEY", "STARFLEET_ID", "STARFLEET_SECRET"):
        monkeypatch.delenv(name)
    bare = pickle.loads(pickled)
    assert (bare.max_tokens, bare.openai_api_key, bare.starfleet_id) == (7, None, None)
    assert "Unpickled settings lack" in logs.text
    for name in ("OPENAI_API_KEY", "STARFLEET_ID", "STARFLEET_SECRET"):
        assert name in logs.text


@pytest.fixture
def fleet_url() -> Any:
    """A server with a password."""
    valkey = Valkey()
    password = CANARIES["Redis password"]
    valkey.client.execute_command("ACL", "SETUSER", "fleet", "on", f">{password}", "~*", "+@all")
    yield valkey, valkey.url.replace("://", f"://fleet:{password.replace('/', '%2F')}@")
    valkey.stop()


def test_fleet_and_what_it_keeps(world: World, fleet_url: tuple[Valkey, str], logs: Logs) -> None:
    """Keys and values of Redis, whatever their types, its own log of commands, and the objects here."""
    valkey, url = fleet_url
    with world.manager(redis_url=url) as manager:
        breaker = manager.breakers["nvidia-nim:meta/llama-4-scout-17b-16e-instruct"]
        world.emu.nim.fail_always("unauthorized", route="chat")
        assert manager.model("planner").invoke("Hello").text
        breaker.force_open()
        _wait(lambda: len(valkey.client.keys()) >= 2)
        _assert_nothing_shows(world, manager, breaker, manager._seat, manager._seat._fleet, manager._seat._fleet.link)
    kept = b"".join(_dumped(valkey, key) for key in valkey.client.scan_iter())
    assert len(kept) > 500
    assert world.found_in(kept) == []
    assert world.emu.starfleet.tokens_issued
    assert world.found_in(logs.text) == []


def _dumped(valkey: Valkey, key: str) -> bytes:
    kind = valkey.client.type(key)
    if kind == "string":
        return key.encode() + valkey.raw(key)
    read: Callable[..., Any] = {"hash": valkey.client.hgetall, "set": valkey.client.smembers}[kind]
    return f"{key} {read(key)}".encode()


def _wait(is_so: Callable[[], bool]) -> None:
    from ..fleet.conftest import wait_until

    wait_until(is_so)
