"""A key is in one header of a request and nowhere else."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest
from langchain_core.load import dumps

from langchain_nvgateway import ConfigurationError

from ..chat_models.calling import Call
from .conftest import Vendor
from .test_failures import failure_in
from .vendor_server import Reply, Request

HEADERS = {"openai": "default_headers", "anthropic": "default_headers", "google-genai": "additional_headers"}
OWN = "fake-header-secret"


def test_a_model_does_not_show_its_key(vendor: Vendor, call: Call) -> None:
    """Neither text nor JSON nor a pickle of a model has the key or the user's headers, used or not."""
    model = vendor.model(**{HEADERS[vendor.dialect.provider]: {"X-Token": OWN}})
    call(model)
    shown = [repr(model), str(model), f"{model.model_dump()}", dumps(model), f"{model._get_llm_string()}"]
    shown += [repr(copy.copy(model)), pickle.dumps(model).decode("latin-1")]
    assert [text for text in shown if OWN in text] == []
    assert [text for text in shown if vendor.key in text] == []


def test_an_unpickled_model_asks_for_its_key(vendor: Vendor) -> None:
    """Where a model is unpickled, somebody has to give it a key again."""
    pickled = pickle.dumps(vendor.model())
    with pytest.raises(ConfigurationError, match="api_key"):
        pickle.loads(pickled)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_failure_does_not_show_the_key(vendor: Vendor, call: Call, status: int) -> None:
    """An exception has no key in it, not even when the service echoes it and everything within is looked at."""

    def echo(request: Request) -> Reply:
        return vendor.dialect.fails(status, f"{request.headers}", X_Echo=vendor.key)

    vendor.server.will(echo)
    failure = failure_in(call, vendor.model(**{HEADERS[vendor.dialect.provider]: {"X-Token": OWN}}))
    error: BaseException | None = failure
    shown = "".join(traceback.format_exception(failure))
    while error is not None:
        shown += f"{error!r} {vars(error)}"
        for holder in (getattr(error, "request", None), getattr(error, "response", None)):
            shown += f"{getattr(holder, 'headers', None) and dict(holder.headers)} {getattr(holder, 'content', None)!r}"
        error = error.__cause__ or error.__context__
    assert vendor.key not in shown


def test_logs_do_not_show_the_key(vendor: Vendor, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    """Not even logs of every detail have the key; the path of OpenAI's models logs nothing of its requests."""
    caplog.set_level(logging.DEBUG)
    call(vendor.model())
    shown = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert caplog.records or vendor.dialect.provider == "openai"
    assert vendor.key not in shown


def test_an_sdk_does_not_hold_the_key(anthropic: Vendor, google: Vendor) -> None:
    """The vendors' SDKs have a placeholder, so that whatever they write down is no key."""
    clients = (
        (anthropic, anthropic.model()._client),  # type: ignore[attr-defined]
        (google, google.model().client._api_client),  # type: ignore[attr-defined]
    )
    for vendor, client in clients:
        assert vendor.key not in json.dumps({name: repr(value) for name, value in vars(client).items()})
