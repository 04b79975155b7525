"""Whatever the environment, a server or an argument says: requests go to the configured service only."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_nvgateway import ChatNIM, ChatNVGateway, ConfigurationError, EgressDeniedError, NVGatewayError
from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint, error_of
from .raw_server import KEY, RawServer, chunk, completion, serving


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch, emu: Any, tmp_path: Any) -> Any:
    """Every variable that has ever led an `openai` or HTTP client astray points to a server that listens."""
    with serving(completion({"content": "stolen"}), content_type="application/json") as sink:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login fake-login password fake-password\n")
        url = sink.origin
        variables = {
            "OPENAI_BASE_URL": url,
            "OPENAI_API_BASE": url,
            "OPENAI_API_KEY": "fake-key-of-another",
            "OPENAI_PROXY": url,
            "OPENAI_CUSTOM_HEADERS": "X-Poison: 1",
            "OPENAI_ORG_ID": "poison-org",
            "OPENAI_ORGANIZATION": "poison-org",
            "OPENAI_PROJECT_ID": "poison-project",
            "OPENAI_API_TYPE": "azure",
            "OPENAI_API_VERSION": "1999-01-01",
            "AZURE_OPENAI_ENDPOINT": url,
            "AZURE_OPENAI_API_KEY": "fake-key-of-another",
            "AZURE_OPENAI_AD_TOKEN": "fake-key-of-another",
            "LANGSMITH_GATEWAY": url,
            "LANGSMITH_GATEWAY_API_KEY": "fake-key-of-another",
            "LANGSMITH_API_KEY": "fake-key-of-another",
            "SSL_CERT_FILE": str(tmp_path / "nowhere.pem"),
            "SSL_CERT_DIR": str(tmp_path),
            "NETRC": str(netrc),
        }
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            variables[name] = url
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield sink


def test_a_poisoned_environment_changes_nothing(poisoned: RawServer, endpoint: Endpoint, call: Call) -> None:
    """Neither the way of a request nor what it carries."""
    assert "emulator" in call(endpoint.model()).text
    assert poisoned.heads == []
    seen = "\n".join(f"{name}: {value}" for r in endpoint.emu.requests for name, value in r.headers.items())
    for poison in ("poison", "of-another", "fake-login", "openai-", "x-stainless", "1999-01-01"):
        assert poison not in seen.lower()
    assert all("1999" not in value for r in endpoint.chats for value in r.query.values())


def test_a_key_of_another_service_is_no_key(monkeypatch: pytest.MonkeyPatch, emu: Any) -> None:
    """`OPENAI_API_KEY` opens neither service."""
    monkeypatch.setenv("OPENAI_API_KEY", "fake-key-of-another")
    monkeypatch.delenv("NVIDIA_NIM_API_KEY")
    monkeypatch.delenv("STARFLEET_SECRET")
    with pytest.raises(ConfigurationError):
        ChatNIM()
    with pytest.raises(ConfigurationError):
        ChatNVGateway()


def test_the_gateway_is_never_sent_an_api_key(gateway: Endpoint, call: Call) -> None:
    """`api_key` is taken for LangChain's sake."""
    call(gateway.model(api_key="fake-key-of-another"))
    (request,) = gateway.chats
    assert "of-another" not in str(request.headers)
    assert "api-key" not in request.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_denied(status: int, endpoint: Endpoint, call: Call) -> None:
    """Nothing is sent there, and the error says where it would have gone."""
    with serving(completion({"content": "stolen"})) as sink:
        fault = Fault(status=status, body=b"", headers={"location": f"{sink.origin}/steal"})
        endpoint.service.fail_always(fault, route="chat")
        error = error_of(call, endpoint.model(max_retries=3), config={"metadata": {"correlation_id": "mine"}})
        assert sink.heads == []
    assert isinstance(error, EgressDeniedError)
    assert str(sink.port) in str(error.host)
    assert len(endpoint.chats) == 1
    assert error.correlation_id == "mine"


@pytest.mark.parametrize(
    "location", ["//elsewhere.invalid/x", "https://elsewhere.invalid", "HTTP://ELSEWHERE.INVALID/"]
)
def test_a_redirect_in_any_spelling_is_denied(location: str, nim: Endpoint, call: Call) -> None:
    """A host that differs is another origin."""
    nim.service.fail_always(Fault(status=307, body=b"", headers={"location": location}), route="chat")
    assert isinstance(error_of(call, nim.model()), EgressDeniedError)


@pytest.mark.parametrize("location", ["http://[bad", "ftp://127.0.0.1/", "file:///etc/passwd", "", "javascript:1"])
def test_a_redirect_to_nowhere_is_a_typed_error(location: str, nim: Endpoint, call: Call) -> None:
    """Whatever the header says."""
    nim.service.fail_always(Fault(status=307, body=b"", headers={"location": location}), route="chat")
    error_of(call, nim.model())


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_on_the_same_origin_is_followed(status: int, nim: Endpoint, call: Call) -> None:
    """The request is sent again as it is."""
    fault = Fault(status=status, body=b"", headers={"location": "/nim/v1/chat/completions?again=1"})
    nim.service.fail_next(fault)
    assert call(nim.model()).text
    first, second = nim.chats
    assert second.query == {"again": "1"}
    assert (second.method, second.body) == ("POST", first.body)


def test_redirects_in_a_circle_end(nim: Endpoint, call: Call) -> None:
    """After a few hops."""
    fault = Fault(status=307, body=b"", headers={"location": "/nim/v1/chat/completions"})
    nim.service.fail_always(fault, route="chat")
    error_of(call, nim.model())
    assert len(nim.chats) <= 6


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "https://example.com/v1 ",
        " https://example.com/v1",
        "https://example.com/v1%",
        "https://example.com/v%zz",
        "https://exa mple.com/v1",
        "https://user:pass@example.com/v1",
        "https://example.com/v1?key=1",
        "https://example.com/v1#x",
        "https://example.com:0/v1",
        "https://example.com:99999/v1",
        "https://example.com\\@evil.example/v1",
        "https://",
        "ftp://example.com/",
        "example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com/v1",
        "https://example..com/v1",
        "https://" + "a" * 64 + ".example/v1",
        "https://exämple.invalid/v1",
        "https://example.com/vä",
        "https://[::1/v1",
        "http://0.0.0.0/v1",
    ],
)
@pytest.mark.parametrize("build", [ChatNIM, ChatNVGateway])
def test_a_bad_base_url_is_refused_when_the_model_is_built(build: Any, url: str, emu: Any) -> None:
    """Not when the first request is sent, and never as a bare error of the HTTP library."""
    with pytest.raises(ConfigurationError, match="_BASE_URL"):
        build(base_url=url)


@pytest.mark.parametrize("name", ["X-Ümlaut", "bad name", "", "x:y", "x\ny"])
def test_a_header_that_is_none_is_a_typed_error(name: str, endpoint: Endpoint, call: Call) -> None:
    """Nothing is sent."""
    with pytest.raises(NVGatewayError):
        call(endpoint.model(default_headers={name: "1"}))
    assert endpoint.chats == []


@pytest.mark.parametrize("value", ["ü", "a\r\nX-Injected: 1", "a\nb", "\x00"])
def test_a_header_value_that_is_none_is_a_typed_error(value: str, endpoint: Endpoint, call: Call) -> None:
    """No header can be smuggled in, and no bare error of the HTTP library comes out."""
    with pytest.raises(NVGatewayError) as caught:
        call(endpoint.model(), extra_headers={"X-Mine": value})
    assert endpoint.chats == []
    assert not getattr(caught.value, "is_retryable", False)


def test_cookies_are_not_sent_back(endpoint: Endpoint, call: Call) -> None:
    """A service does not follow its users."""
    endpoint.service.fail_next(Fault(headers={"set-cookie": "track=1; Path=/"}))
    model = endpoint.model()
    call(model)
    call(model)
    assert "cookie" not in endpoint.chats[1].headers


@pytest.mark.parametrize(
    "name", ["Authorization", "authorization", "AUTHORIZATION", "Api-Key", "Host", "Content-Length", "correlationId"]
)
@pytest.mark.parametrize("where", ["default_headers", "extra_headers"])
def test_the_users_headers_do_not_replace_ours(name: str, where: str, gateway: Endpoint, call: Call) -> None:
    """The token, the host and the id are not up for discussion; other headers are."""
    headers = {name: "fake-intruder", "X-Mine": "1"}
    if where == "default_headers":
        call(gateway.model(default_headers=headers))
    else:
        call(gateway.model(), extra_headers=headers)
    (request,) = gateway.chats
    assert request.headers["x-mine"] == "1"
    assert "fake-intruder" not in str(request.headers)


@pytest.mark.parametrize("name", ["accept", "user-agent", "content-type"])
def test_a_header_is_sent_once_however_it_is_spelled(name: str) -> None:
    """Header names have no case."""
    with serving(completion({"content": "x"}), content_type="application/json") as server:
        server.model(default_headers={name: "text/x-mine"}).invoke("Hello")
    lines = [line for line in server.heads[0].lower().split("\r\n") if line.startswith(f"{name}:")]
    assert len(lines) == 1


def test_a_link_to_an_image_downloads_nothing(poisoned: RawServer, gateway: Endpoint) -> None:
    """Counting tokens is done offline, and the link goes to the service as it is."""
    message = HumanMessage(
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"{poisoned.origin}/i.png"}},
        ]
    )
    model = gateway.model(model="gpt-4o")
    assert model.get_num_tokens("some words of a text") > 0
    assert model.get_num_tokens_from_messages([message], tools=[{"type": "function", "function": {"name": "f"}}]) > 0
    model.invoke([message])
    assert poisoned.heads == []
    with pytest.raises(NotImplementedError):
        model.get_token_ids("text")


@pytest.mark.parametrize("name", ["http_client", "http_async_client", "client", "async_client", "use_responses_api"])
def test_a_client_of_the_users_own_is_refused(name: str, endpoint: Endpoint) -> None:
    """It would not be sealed."""
    with pytest.raises(ConfigurationError, match=name):
        endpoint.model(**{name: True if name == "use_responses_api" else object()})


def test_a_copy_with_another_base_url_reaches_nothing_new(endpoint: Endpoint, call: Call) -> None:
    """`model_copy` checks nothing, but the sealed client does."""
    with serving(chunk({"content": "stolen"}, "stop")) as sink:
        copy = endpoint.model().model_copy(update={"openai_api_base": f"{sink.origin}/v1"})
        error_of(call, copy)
        assert sink.heads == []


@pytest.mark.parametrize("model", ["../../../v1/models", "a/b", "a?b=c", "a#b", "..", "gpt 4o", "größe", "%2e%2e"])
def test_the_name_of_a_model_stays_within_its_place(model: str, gateway: Endpoint, call: Call) -> None:
    """It is one segment of the path, and of no other path."""
    error_of(call, gateway.model(model=model))
    (request,) = gateway.chats or [None]
    assert request is None or request.path.startswith("/llm/v1/azure/openai/deployments/")
    assert KEY not in str(request)
