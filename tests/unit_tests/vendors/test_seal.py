"""Nothing but its arguments says where a model's requests go and what they carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from langchain_nvgateway import ConfigurationError
from langchain_nvgateway.vendors import DEFAULT_BASE_URLS, vendor_model

from ..chat_models.calling import Call
from .conftest import Vendor
from .vendor_server import Request, VendorServer

HOSTILE = "fake-hostile-value"


@pytest.fixture
def _hostile_environment(monkeypatch: pytest.MonkeyPatch, elsewhere: VendorServer, tmp_path: Path) -> None:
    """Set everything that the vendors' packages are known to look at."""
    url = elsewhere.origin
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {HOSTILE} password {HOSTILE}\n")
    (tmp_path / ".netrc").write_text(f"default login {HOSTILE} password {HOSTILE}\n")
    (tmp_path / "configs").mkdir()
    profile = {"base_url": url, "authentication": {"type": "user_oauth"}, "workspace_id": HOSTILE}
    (tmp_path / "configs" / "default.json").write_text(json.dumps(profile))
    names = ("http", "https", "all", "openai", "anthropic")
    proxies = {f"{name}_proxy": url for name in names} | {f"{name.upper()}_PROXY": url for name in names}
    urls = dict.fromkeys(
        (
            *("OPENAI_API_BASE", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "LANGSMITH_GATEWAY", "LANGSMITH_ENDPOINT"),
            *("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"),
        ),
        url,
    )
    values = dict.fromkeys(
        (
            *(
                "OPENAI_API_KEY",
                "OPENAI_ORG_ID",
                "OPENAI_ORGANIZATION",
                "OPENAI_PROJECT_ID",
                "LANGSMITH_GATEWAY_API_KEY",
            ),
            *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_WORKSPACE_ID", "ANTHROPIC_IDENTITY_TOKEN"),
            *("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID", "GOOGLE_API_KEY", "GEMINI_API_KEY"),
            *("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_AGENT_ENGINE_ID"),
        ),
        HOSTILE,
    )
    headers = "\n".join(f"{name}: {HOSTILE}" for name in ("Authorization", "X-Api-Key", "X-Goog-Api-Key", "X-Own"))
    others = {
        "OPENAI_CUSTOM_HEADERS": headers,
        "ANTHROPIC_CUSTOM_HEADERS": headers,
        "ANTHROPIC_PROFILE": "default",
        "ANTHROPIC_CONFIG_DIR": str(tmp_path),
        "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_GENAI_USE_ENTERPRISE": "true",
        "GOOGLE_GENAI_CLIENT_MODE": "replay",
        "GOOGLE_GENAI_REPLAYS_DIRECTORY": str(tmp_path),
        "GOOGLE_GENAI_REPLAY_ID": "replay",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json"),
        "GOOGLE_API_USE_MTLS_ENDPOINT": "always",
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "true",
        "SSL_CERT_FILE": str(tmp_path / "none.pem"),
        "NETRC": str(tmp_path / "netrc"),
        "HOME": str(tmp_path),
    }
    for name, value in {**proxies, **urls, **values, **others}.items():
        monkeypatch.setenv(name, value)


def test_the_environment_changes_nothing(
    vendor: Vendor, call: Call, elsewhere: VendorServer, request: pytest.FixtureRequest
) -> None:
    """With every variable set against it, a request is the same, whether the model was built before or after."""
    before = vendor.model()
    call(before)
    request.getfixturevalue("_hostile_environment")
    call(before)
    assert call(vendor.model()).text == "Hello there"
    clean, *hostile = (_what_counts(sent) for sent in vendor.server.requests)
    assert hostile == [clean, clean]
    assert HOSTILE not in repr(clean)
    assert elsewhere.connections == 0


def test_a_call_adds_no_credentials(anthropic: Vendor, call: Call) -> None:
    """The one key is that of the model, whatever headers a call brings along."""
    headers = dict.fromkeys(("Authorization", "X-Goog-Api-Key", "Cookie", "Proxy-Authorization"), HOSTILE)
    call(anthropic.model(), extra_headers={**headers, "X-Team": "blue"})
    assert HOSTILE not in anthropic.server.requests[0]
    assert anthropic.server.requests[0].headers["x-team"] == "blue"


@pytest.mark.usefixtures("_hostile_environment")
def test_the_default_is_the_vendor(vendor: Vendor) -> None:
    """Without a base URL, a model is one of the vendor's own service, whatever the environment says."""
    provider = vendor.dialect.provider
    model = vendor_model(provider, vendor.dialect.model, api_key=SecretStr(vendor.key))
    assert DEFAULT_BASE_URLS[provider] in model._get_llm_string()


@pytest.mark.usefixtures("_hostile_environment")
def test_the_key_has_to_be_given(vendor: Vendor) -> None:
    """A key of the environment does not stand in for one that is missing."""
    with pytest.raises(ConfigurationError, match="api_key"):
        vendor_model(vendor.dialect.provider, vendor.dialect.model, api_key=SecretStr(""))


@pytest.mark.parametrize("key", ["fake key", "fake\nkey", "fake-k\u00e9y"])
def test_a_key_that_cannot_be_sent_is_refused(vendor: Vendor, key: str) -> None:
    """A key with blanks or other than ASCII is named as the trouble, without showing it."""
    with pytest.raises(ConfigurationError) as caught:
        vendor_model(vendor.dialect.provider, vendor.dialect.model, api_key=SecretStr(key))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://example.com/v1", "https://user:word@example.com", "example.com", "https://a b"]
)
def test_a_base_url_that_is_none_is_refused(vendor: Vendor, url: str) -> None:
    """A base URL is `https` off loopback, and has no credentials in it."""
    with pytest.raises(ConfigurationError):
        vendor.model(base_url=url)


def test_what_would_break_the_seal_is_refused(openai: Vendor, anthropic: Vendor, google: Vendor) -> None:
    """A model takes no proxy, client or other backend beside the sealed ones."""
    ways = (
        (openai, {"openai_proxy": "http://127.0.0.1:9"}),
        (openai, {"http_client": object()}),
        (anthropic, {"anthropic_proxy": "http://127.0.0.1:9"}),
        (google, {"client_args": {"proxy": "http://127.0.0.1:9"}}),
        (google, {"vertexai": True}),
        (google, {"credentials": object()}),
        (google, {"project": "elsewhere"}),
        (google, {"client": object()}),
    )
    for vendor, way in ways:
        with pytest.raises(ConfigurationError) as caught:
            vendor.model(**way)
        assert caught.value.setting in way


def test_cookies_are_not_kept(vendor: Vendor, call: Call) -> None:
    """A cookie that a service sets is not sent back."""
    model = vendor.model(max_retries=0)
    vendor.server.will(vendor.dialect.fails(500, Set_Cookie=f"a={HOSTILE}; Path=/"), vendor.dialect.says("Hello"))
    with pytest.raises(Exception):  # noqa: B017, PT011 - each vendor has its own
        call(model)
    call(model)
    assert HOSTILE not in vendor.server.requests[1]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "{url}"}},
        {"type": "image_url", "image_url": "{url}"},
        {"type": "image", "url": "{url}"},
        {"type": "image", "source_type": "url", "url": "{url}"},
        {"type": "file", "url": "{url}", "mime_type": "application/pdf"},
        {"type": "video", "url": "{url}"},
    ],
    ids=str,
)
def test_files_in_messages_are_not_downloaded(
    google: Vendor, call: Call, elsewhere: VendorServer, block: dict[str, Any]
) -> None:
    """A link in a message is handed to the service; nobody follows it from here."""
    url = f"{elsewhere.origin}/picture.png"
    said = HumanMessage(
        [{"type": "text", "text": "What is this?"}, json.loads(json.dumps(block).replace("{url}", url))]
    )
    call(google.model(), [said])
    assert elsewhere.connections == 0
    parts = google.server.requests[0].json["contents"][0]["parts"]
    assert url in parts[1]["fileData"].values()
    assert said.content[1] == json.loads(json.dumps(block).replace("{url}", url))


def test_files_that_are_in_a_message_are_sent(google: Vendor, call: Call) -> None:
    """An image that a message brings along goes as it is."""
    data = "iVBORw0KGgo="
    blocks = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]
    call(google.model(), [HumanMessage([*blocks, {"type": "image", "base64": data, "mime_type": "image/png"}])])
    parts = google.server.requests[0].json["contents"][0]["parts"]
    assert [part["inlineData"]["data"] for part in parts] == [data, data]


def _what_counts(request: Request) -> tuple[object, ...]:
    """Return a request without what differs from one to the next."""
    headers = {name: value for name, value in request.headers.items() if "idempotency" not in name}
    return request.method, request.target, headers, request.body
