"""No failure shows a secret: in no error with all that is chained to it, in no log, and on no stream."""

from __future__ import annotations

import asyncio
import base64
import logging
import warnings
from typing import Any

import pytest
from langchain.agents import create_agent

from langchain_nvgateway.emulator import Fault, Reply
from langchain_nvgateway.emulator.gateway_faults import GATEWAY_FAULTS
from langchain_nvgateway.emulator.nim_faults import NIM_FAULTS
from langchain_nvgateway.emulator.starfleet_faults import STARFLEET_FAULTS
from langchain_nvgateway.emulator.transport_faults import TRANSPORT_FAULTS

from ..chat_models.calling import STYLES
from .canaries import CANARIES
from .surfaces import Logs, surfaces_of_error
from .test_objects import CITY
from .world import World

SLOW = ("hang", "slow_drip", "drip_headers", "stalled_stream", "hang_mid_stream", "huge", "gzip_bomb")
"""Those that end with the call's time, or take much of it."""

OF_GATEWAY = sorted({*TRANSPORT_FAULTS, *GATEWAY_FAULTS})
OF_NIM = sorted({*TRANSPORT_FAULTS, *NIM_FAULTS})
OF_TOKENS = sorted({*TRANSPORT_FAULTS, *STARFLEET_FAULTS} - {*SLOW, "rate_limited"})


def echo_of(*names: str) -> Fault:
    """Repeat secrets that were sent, in the ways in which servers and what is before them do."""
    words = "; ".join(f"Bearer {CANARIES[name]}" for name in names)
    packed = [base64.b64encode(CANARIES[name].encode()).decode() for name in names]
    first = CANARIES[names[0]]
    body = {
        "error": {"message": f"{words} {packed}", "code": first},
        "detail": [{"msg": words, "loc": packed}],
        first: 1,
    }
    return Fault(status=400, body=body, headers={"x-debug": words})


def _failures(world: World, models: dict[str, Any], *styles: str) -> list[BaseException]:
    failures: list[BaseException] = []
    for model in models.values():
        for style in styles:
            try:
                STYLES[style](model)
            except Exception as error:
                failures.append(error)
                logging.getLogger("users").exception("failed", exc_info=error)
    return failures


def _assert_nothing_shows(world: World, failures: list[BaseException], logs: Logs, capfd: Any) -> None:
    for error in failures:
        surfaces = surfaces_of_error(error)
        if world.found_in(b"\n".join(surfaces.values())):
            shown = {name: found for name, text in surfaces.items() if (found := world.found_in(text))}
            assert shown == {}, repr(error)
    assert world.found_in(logs.text) == []
    assert world.found_in("".join(capfd.readouterr())) == []


@pytest.mark.parametrize("fault", OF_GATEWAY)
def test_failures_of_the_gateway(fault: str, world: World, logs: Logs, capfd: Any) -> None:
    """Each fault of the emulator's catalogue, sync and async, whole and as streams."""
    models = world.own_models(timeout=0.3 if fault in SLOW else 20.0)
    world.emu.gateway.fail_always(fault, route="chat")
    failures = _failures(world, {"callable": models["gateway with a callable"]}, "invoke")
    failures += _failures(world, {"bearer": models["gateway with a bearer"]}, "astream")
    _assert_nothing_shows(world, failures, logs, capfd)
    assert world.emu.gateway.requests


@pytest.mark.parametrize("fault", OF_NIM)
def test_failures_of_nim(fault: str, world: World, logs: Logs, capfd: Any) -> None:
    """Likewise."""
    models = world.own_models(timeout=0.3 if fault in SLOW else 20.0)
    world.emu.nim.fail_always(fault, route="chat")
    failures = _failures(world, {"nim": models["nim with headers"]}, "ainvoke", "stream")
    _assert_nothing_shows(world, failures, logs, capfd)
    assert world.emu.nim.requests


@pytest.mark.parametrize("fault", OF_TOKENS)
def test_failures_of_the_token_endpoint(fault: str, world: World, logs: Logs, capfd: Any) -> None:
    """Which is told the client secret."""
    world.emu.starfleet.fail_always(fault)
    failures = _failures(world, {"gateway": world.own_models()["gateway"]}, "invoke", "astream")
    _assert_nothing_shows(world, failures, logs, capfd)
    assert world.emu.starfleet.requests


@pytest.mark.parametrize("style", STYLES)
def test_echoes(style: str, world: World, logs: Logs, capfd: Any) -> None:
    """A service that repeats all that it was sent."""
    models = world.own_models()
    world.emu.gateway.fail_always(echo_of("static bearer"), route="chat")
    world.emu.nim.fail_always(echo_of("NIM key", "header", "second header"), route="chat")
    asked = {kind: models[kind] for kind in ("gateway with a bearer", "nim with headers")}
    failures = _failures(world, asked, style)
    assert ["[redacted]" in str(error) for error in failures] == [True, True]
    _assert_nothing_shows(world, failures, logs, capfd)


@pytest.mark.parametrize("style", STYLES)
def test_vendors_that_echo(style: str, world: World, logs: Logs, capfd: Any) -> None:
    """Their SDKs raise errors of their own."""
    world.vendors_fail()
    failures = _failures(world, world.vendor_models(), style)
    assert len(failures) == 3
    _assert_nothing_shows(world, failures, logs, capfd)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["model", "bound", "schema", "chain"])
def test_roles_whose_legs_all_fail(kind: str, style: str, world: World, logs: Logs, capfd: Any) -> None:
    """One error tells of five legs."""
    world.emu.starfleet.fail_always("echo_secret")
    world.emu.nim.fail_always("internal_error", route="chat")
    world.vendors_fail()
    with world.manager() as manager:
        model = manager.model("planner")
        made = {
            "model": lambda: model,
            "bound": lambda: model.bind_tools([_weather]),
            "schema": lambda: model.with_structured_output(CITY),
            "chain": lambda: manager.chain("planner"),
        }[kind]()
        failures = _failures(world, {kind: made}, style)
    assert len(failures) == 1
    assert all(server.requests for server in world.vendors.values())
    _assert_nothing_shows(world, failures, logs, capfd)
    assert "langchain_nvgateway" in logs.names


def _weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return city


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_agents(is_async: bool, world: World, logs: Logs, capfd: Any) -> None:
    """A good run and a failed one."""
    with world.manager() as manager:
        agent = create_agent(manager.model("planner"), [_weather])
        said: Any = {"messages": [("user", "_weather in Oslo")]}
        assert asyncio.run(agent.ainvoke(said)) if is_async else agent.invoke(said)
        for service in (world.emu.nim, world.emu.gateway):
            service.fail_always("unauthorized", route="chat")
        world.vendors_fail(401)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
            asyncio.run(agent.ainvoke(said)) if is_async else agent.invoke(said)
    _assert_nothing_shows(world, [caught.value], logs, capfd)


@pytest.mark.parametrize("kind", ["gateway with a callable", "gateway with a bearer", "nim with headers", "role"])
@pytest.mark.parametrize("style", ["ainvoke", "astream"])
def test_cancelled_calls(kind: str, style: str, world: World, logs: Logs, capfd: Any) -> None:
    """Whose frames are those of every layer, while the request waits for its answer."""
    for service in (world.emu.gateway, world.emu.nim):
        service.hold()
    with world.manager() as manager:
        model = manager.model("planner") if kind == "role" else world.own_models()[kind]

        async def main() -> BaseException:
            asyncio.get_running_loop().set_debug(True)
            task = asyncio.create_task(_cancelled(model, style))
            await asyncio.to_thread(world.emu.wait_until, lambda: _chats(world))
            task.cancel()
            return await task

        failure = asyncio.run(main())
    for service in (world.emu.gateway, world.emu.nim):
        service.release()
    assert {"exchange", "receive", "arun"} <= set(_names(failure))
    _assert_nothing_shows(world, [failure], logs, capfd)


async def _cancelled(model: Any, style: str) -> BaseException:
    try:
        if style == "ainvoke":
            await model.ainvoke("Hello")
        else:
            async for _ in model.astream("Hello"):
                pass
    except asyncio.CancelledError as error:
        return error  # Of a task that was cancelled, asyncio would not hand on the frames.
    raise AssertionError


def _chats(world: World) -> bool:
    return any(
        request.route == "chat" for service in (world.emu.gateway, world.emu.nim) for request in service.requests
    )


def _names(error: BaseException) -> list[str]:
    names, frame = [], error.__traceback__
    while frame:
        names.append(frame.tb_frame.f_code.co_name)
        frame = frame.tb_next
    return names


@pytest.mark.parametrize("style", STYLES)
def test_good_calls_say_nothing_either(style: str, world: World, logs: Logs, capfd: Any) -> None:
    """At the lowest level of every logger, with asyncio in debug mode, and with all warnings on."""
    with warnings.catch_warnings(), world.manager() as manager:
        warnings.simplefilter("always")
        models = {**world.own_models(), **world.vendor_models(), "role": manager.model("planner")}
        assert _failures(world, models, style) == []
        world.emu.nim.reply_next(Reply(text=" "))
        assert _failures(world, {"role": manager.model("planner")}, style) == []
    logging.getLogger("asyncio").debug("heard")
    assert {"langchain_nvgateway", "asyncio"} <= logs.names
    _assert_nothing_shows(world, [], logs, capfd)
