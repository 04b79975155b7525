"""The password of a proxy is shown nowhere, whatever goes wrong."""

from __future__ import annotations

import asyncio
import io
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumps

from langchain_nvgateway import ChatNIM, ChatNVGateway, ModelManager, NVGatewayError, NVGatewaySettings
from langchain_nvgateway.starfleet import StarfleetTokenProvider

from ..chat_models.calling import STYLES
from ..chat_models.test_secrets import _everything, _frames_of_the_package, logs
from ..sealed_http.raw_server import Peer, RawServer, Script, once, reply
from .company import BASIC, ESTABLISHED, PASSWORD, QUOTED, USER

__all__ = ["logs"]

CANARIES = (PASSWORD, QUOTED, BASIC, USER, PASSWORD[:11])

Serve = Callable[..., RawServer]


def _reset(peer: Peer) -> None:
    peer.reset()


PROXIES: dict[str, Script] = {
    "wrong password": once(reply(PASSWORD.encode(), status=f"407 {BASIC}", headers=f"X: Basic {BASIC}")),
    "forbidden": once(reply(f"Basic {BASIC}".encode(), status=f"403 {QUOTED}")),
    "unreachable": once(reply(status="502 Bad Gateway")),
    "garbage": once(f"Proxy-Authorization: Basic {BASIC}\r\n\r\n".encode()),
    "more than a head": once(ESTABLISHED + BASIC.encode()),
    "gone": once(b""),
    "reset": _reset,
    "no TLS": once(ESTABLISHED),
    "silent": lambda peer: peer.wait_until_gone(),
}


def _models(way: dict[str, str]) -> list[Any]:
    service = {"timeout": 1.0, "max_retries": 0}
    tokens = {"starfleet_id": "id-of-client", "starfleet_secret": "fake-secret"}
    url = "https://starfleet.example/token"
    settings = NVGatewaySettings(nvidia_nim_api_key="fake-key", request_timeout=1.0, **way)
    return [
        ChatNIM(api_key="fake-key", **service, **way),
        ChatNVGateway(token_provider=lambda: "fake-bearer", **service, **way),
        ChatNVGateway(**tokens, starfleet_token_url=url, **service, **way),
        ModelManager(settings).model("planner"),
    ]


def _check(text: str) -> None:
    for canary in CANARIES:
        assert canary not in text


@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.parametrize("style", STYLES)
def test_no_error_and_no_logger_shows_it(kind: str, style: str, serve: Serve, logs: io.StringIO) -> None:
    """Neither in texts, data and causes nor in the locals of a traceback; at level DEBUG."""
    for model in _models({"proxy": f"http://{USER}:{QUOTED}@127.0.0.1:{serve(PROXIES[kind]).port}"}):
        with pytest.raises(NVGatewayError) as caught:
            STYLES[style](model)
        logging.getLogger("users").error("failed", exc_info=caught.value)
        _check(_frames_of_the_package(_everything(caught.value)))
    assert "127.0.0.1" in logs.getvalue()
    _check(logs.getvalue())


def test_no_object_shows_it() -> None:
    """In `repr`, `str`, pickle, dumps, cache keys, traces."""
    way = {"proxy": f"http://{USER}:{QUOTED}@proxy.example:3128"}
    for model in _models(way)[:3]:
        shown = [repr(model), str(model), str(model.model_dump()), model.model_dump_json(), dumps(model)]
        shown += [str(model.asdict()), str(model._identifying_params), model._get_llm_string(), repr(vars(model))]
        shown += [str(model._get_ls_params()), repr(model._path.http.outlet), repr(vars(model._path.http))]
        shown += [pickle.dumps(model).decode("latin-1")]
        _check("\n".join(shown))
    settings = NVGatewaySettings(**way)
    _check(f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {settings.outlet}")
    provider = StarfleetTokenProvider("https://starfleet.example/token", "id", "fake-secret", **way)  # type: ignore[arg-type]  # texts
    _check(f"{provider!r} {vars(provider)} {provider.outlet}")


@pytest.mark.parametrize(
    "broken",
    [{"base_url": "http://example.com"}, {"timeout": 0}, {"no_proxy": "*"}, {"ca_bundle": "/nowhere"}],
    ids=str,
)
@pytest.mark.parametrize(
    "url", ["http://{}@proxy.example:3128", "socks5://{}@proxy.example:1080", "http://{}@a..b:1/x"]
)
def test_a_malformed_setting_beside_it_does_not_show_it(
    broken: dict[str, Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a malformed proxy show itself, as it comes from the environment."""
    monkeypatch.setenv("NVGATEWAY_PROXY", url.format(f"{USER}:{QUOTED}"))
    with pytest.raises(NVGatewayError) as caught:
        ChatNIM(api_key="fake-key", **broken)
    _check(_frames_of_the_package(_everything(caught.value)))


def test_a_call_that_is_cancelled_does_not_show_it(serve: Serve) -> None:
    """Not in the frames of the event loop either."""
    server = serve(PROXIES["silent"])
    model = ChatNIM(api_key="fake-key", proxy=f"http://{USER}:{QUOTED}@127.0.0.1:{server.port}")

    async def cancelled() -> BaseException:
        try:
            await model.ainvoke("Hello")
        except asyncio.CancelledError as error:
            return error  # Of a task that was cancelled, asyncio would not hand on the frames.
        raise AssertionError

    async def main() -> BaseException:
        task = asyncio.create_task(cancelled())
        while not (server.peers and server.peers[0]._buffer):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        task.cancel()
        return await task

    shown = _frames_of_the_package(_everything(asyncio.run(main())))
    assert "in exchange" in shown
    _check(shown)
