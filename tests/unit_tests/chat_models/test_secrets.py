"""No token, key or client secret is shown anywhere, not even when a server repeats it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps
from pydantic import BaseModel

from langchain_nvgateway import ChatNIM, ChatNVGateway, NVGatewayError
from langchain_nvgateway.emulator import Fault, Reply

from .calling import STYLES, Call, Endpoint
from .raw_server import KEY, chunk, completion, event, serving

SECRET = "fake-canary-client-secret"
BEARER = "fake-canary-static-bearer"
CANARIES = (SECRET, KEY, BEARER)


@pytest.fixture
def canaries(emu: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Recognisable secrets in place of the emulator's own."""
    emu.starfleet.client_secret = SECRET
    emu.nim.api_key = KEY
    emu.gateway.static_tokens.add(BEARER)
    monkeypatch.setenv("STARFLEET_SECRET", SECRET)
    monkeypatch.setenv("NVIDIA_NIM_API_KEY", KEY)
    return emu


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that any logger says, but what an HTTP library logs of the head of an answer."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(lambda record: "receive_response_headers.complete" not in record.getMessage())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


def _models(emu: Any) -> list[Any]:
    return [
        Endpoint("gateway", emu).model(),
        Endpoint("gateway", emu).model(starfleet_secret=lambda: SECRET),
        Endpoint("gateway", emu).model(token_provider=lambda: BEARER),
        Endpoint("nim", emu).model(),
        Endpoint("nim", emu).model(api_key=KEY),
    ]


def _check(text: str, emu: Any) -> None:
    for secret in (*CANARIES, *emu.starfleet.tokens_issued):
        assert secret not in text


def test_a_model_does_not_show_its_secrets(canaries: Any) -> None:
    """In `repr`, `str`, pickle, `model_dump`, LangChain's serialisation, its trace parameters."""
    for model in _models(canaries):
        model.invoke("Hello")
        shown = [
            repr(model),
            str(model),
            str(model.model_dump()),
            model.model_dump_json(),
            dumps(model),
            str(dumpd(model)),
        ]
        shown += [
            str(model.asdict()),
            str(model._get_ls_params()),
            str(model._identifying_params),
            str(model.lc_attributes),
        ]
        shown += [model._get_llm_string(), str(model._get_invocation_params()), repr(model.bind(temperature=0))]
        for text in shown:
            _check(text, canaries)
        _check(pickle.dumps(model).decode("latin-1"), canaries)


@pytest.mark.parametrize("fault", [None, "unauthorized", "internal_error", "disconnect", "html_200", "cut_stream"])
def test_no_logger_hears_a_secret(fault: str | None, canaries: Any, call: Call, logs: io.StringIO) -> None:
    """Good calls and bad ones, at level DEBUG."""
    for model in _models(canaries):
        for service in (canaries.gateway, canaries.nim):
            if fault:
                service.fail_next(fault, route="chat")
        try:
            call(model)
        except NVGatewayError as error:
            logging.getLogger("users").exception("failed", exc_info=error)
        canaries.gateway.heal()
        canaries.nim.heal()
    assert logs.getvalue()
    _check(logs.getvalue(), canaries)


def _everything(error: BaseException) -> str:
    """Return what can be seen of an error: its texts, data, causes, and the locals of every frame."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.__dict__), str(getattr(seen, "__notes__", ""))]
        for name in ("response", "request"):
            part = getattr(seen, name, None)
            if part is not None:
                parts += [str(part.headers), str(part.url), getattr(part, "text", "")]
        seen = seen.__cause__ or seen.__context__
    report = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True)
    parts += report.format()
    parts.append(pickle.dumps(error).decode("latin-1"))
    return "\n".join(parts)


def _frames_of_the_package(text: str) -> str:
    """Leave out the frames of this test, which knows the secrets."""
    lines = text.split("\n")
    kept, skips = [], False
    for line in lines:
        if line.lstrip().startswith('File "'):
            skips = "/tests/" in line
        if not skips:
            kept.append(line)
    return "\n".join(kept)


FAULTS: list[Any] = [
    "echo_secret", "unauthorized", "forbidden", "internal_error", "disconnect", "reset", "garbage", "html_200",
    "empty_200", "empty_choices", "malformed_json", "cut_stream", "malformed_event", "error_in_stream",
    "content_filter_finish", "redirect",
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_no_error_shows_a_secret(fault: str, canaries: Any, call: Call) -> None:
    """Neither in its text nor in its data, nor in the locals of a traceback."""
    for model in _models(canaries):
        canaries.gateway.fail_next(fault, times=3, route="chat")
        canaries.nim.fail_next(fault, times=3, route="chat")
        try:
            call(model)
        except NVGatewayError as error:
            _check(_frames_of_the_package(_everything(error)), canaries)
        canaries.gateway.heal()
        canaries.nim.heal()


class Wanted(BaseModel):
    """What a schema wants."""

    number: int


ECHO = f"Authorization: Bearer {KEY}"
JSON = "application/json"
ECHOES: dict[str, Any] = {
    "error body": (
        (json.dumps({"error": {"message": ECHO, "code": KEY}}).encode(),),
        {"status": "400 Bad", "content_type": JSON},
    ),
    "flat error": ((json.dumps({"error": ECHO, KEY: KEY}).encode(),), {"status": "500 Bad", "content_type": JSON}),
    "plain text": ((ECHO.encode(),), {"status": "403 Bad", "content_type": "text/plain"}),
    "header": ((b"{}",), {"status": "500 Bad", "headers": {"X-Debug": ECHO, "nvcf-reqid": KEY}}),
    "error with 200": ((json.dumps({"error": {"message": ECHO}}).encode(),), {"content_type": JSON}),
    "broken envelope": ((json.dumps({"choices": [], "echo": ECHO}).encode(),), {"content_type": JSON}),
    "no json": ((ECHO.encode(),), {"content_type": JSON}),
    "error in stream": ((chunk({"content": "a"}), event({"error": {"message": ECHO}})), {}),
    "broken event": ((chunk({"content": "a"}), f"data: {ECHO}\n\n".encode()), {}),
    "content encoding": ((b"x",), {"headers": {"Content-Encoding": KEY}}),
    "redirect": ((b"",), {"status": "302 Found", "headers": {"Location": f"https://{KEY}.invalid/{KEY}?k={KEY}"}}),
    "bad chunk framing": ((f"{KEY}\r\n".encode(),), {"headers": {"Transfer-Encoding": "chunked"}}),
    "half an answer": ((b"{",), {"headers": {"Content-Length": "500"}, "content_type": JSON}),
    "arguments": (
        (completion({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": f'["{KEY}"]'}}]}),),
        {"content_type": JSON},
    ),
    "name": ((completion({"tool_calls": [{"id": KEY, "function": {"arguments": "{}"}}]}),), {"content_type": JSON}),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_repeats_the_key_is_not_repeated(echo: str, style: str) -> None:
    """In body, headers, events, and where it breaks the protocol."""
    pieces, options = ECHOES[echo]
    with serving(*pieces, **options) as server:
        model = server.model()
        seen = ""
        try:
            STYLES[style](model)
        except NVGatewayError as error:
            seen = _frames_of_the_package(_everything(error))
    assert KEY not in seen


@pytest.mark.parametrize("style", STYLES)
def test_an_answer_that_fails_its_schema_does_not_show_the_key(style: str) -> None:
    """What the error keeps of the answer is redacted like anything else."""
    body = completion({"content": KEY})
    pieces = (body,) if "invoke" in style else (chunk({"content": KEY}), chunk({}, "stop"))
    with serving(*pieces, content_type=JSON if "invoke" in style else "text/event-stream") as server:
        chain = server.model().with_structured_output(Wanted, method="json_schema")
        with pytest.raises(NVGatewayError) as caught:
            STYLES[style](chain)
    error: Any = caught.value
    assert KEY not in f"{error} {error.raw} {error.body} {error.response.text} {error.__dict__}"


def test_a_malformed_bearer_is_not_shown(canaries: Any, call: Call) -> None:
    """It may be a good one with a line end."""
    model = Endpoint("gateway", canaries).model(token_provider=lambda: BEARER + "\n")
    with pytest.raises(NVGatewayError) as caught:
        call(model)
    assert BEARER not in _frames_of_the_package(_everything(caught.value))


def test_a_malformed_key_is_not_shown(canaries: Any) -> None:
    """When the model is built from the environment."""
    with pytest.raises(NVGatewayError) as caught:
        _build_with_bad_key()
    assert KEY not in _frames_of_the_package(_everything(caught.value))


def _build_with_bad_key() -> ChatNIM:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NVIDIA_NIM_API_KEY", f"{KEY} ")
        return ChatNIM()


@pytest.mark.parametrize(
    "broken", [{"base_url": "http://example.com"}, {"api_version": "a b"}, {"route": "x"}, {"timeout": 0}]
)
def test_a_malformed_setting_does_not_show_the_others(broken: dict[str, Any], canaries: Any) -> None:
    """The secret from the environment is in no frame of the error."""
    with pytest.raises(NVGatewayError) as caught:
        ChatNVGateway(**broken)
    _check(_frames_of_the_package(_everything(caught.value)), canaries)


def test_an_answer_does_not_show_the_key(canaries: Any, call: Call) -> None:
    """Not even with the response's headers on it, when a server repeats it there."""
    canaries.nim.fail_next(Fault(headers={"x-debug": f"Bearer {KEY}"}))
    answer = call(Endpoint("nim", canaries).model(include_response_headers=True))
    assert KEY not in repr(answer)


def test_a_task_that_fails_does_not_show_secrets(canaries: Any) -> None:
    """Nor does an event loop that reports it."""
    canaries.gateway.reply_always(Reply(text=""))
    canaries.gateway.fail_always("echo_secret", route="chat")
    model = Endpoint("gateway", canaries).model()

    async def main() -> list[Any]:
        return await asyncio.gather(*(model.ainvoke("Hello") for _ in range(3)), return_exceptions=True)

    for error in asyncio.run(main()):
        _check(_frames_of_the_package(_everything(error)), canaries)
