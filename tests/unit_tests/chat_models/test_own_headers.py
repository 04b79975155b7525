"""Headers of the user's own may hold keys: they are sent, and shown nowhere."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pytest
from langchain_core.load import dumps

from langchain_nvgateway import ConfigurationError, NVGatewayError
from langchain_nvgateway.emulator import Fault

from .calling import Call, Endpoint
from .test_secrets import _everything, _frames_of_the_package

VALUE = "fake-header-secret"
HEADERS = {"X-Token": VALUE, "Proxy-Key": f"Token {VALUE}-2"}


def test_dumps_and_pickles_have_no_values(endpoint: Endpoint) -> None:
    """Copies have them all the same, since they stay in this process."""
    model = endpoint.model(default_headers=HEADERS)
    shown = [repr(model), f"{model.model_dump()}", model.model_dump_json(), dumps(model), model._get_llm_string()]
    shown.append(pickle.dumps(model).decode("latin-1"))
    assert [text for text in shown if VALUE in text] == []
    for copied in (copy.copy(model), copy.deepcopy(model), model.model_copy()):
        assert copied.default_headers == HEADERS


def test_unpickled_model_works_and_says_what_it_lacks(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Where it gets its headers again, it sends them."""
    model = pickle.loads(pickle.dumps(endpoint.model(default_headers=HEADERS)))
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "default_headers (X-Token, Proxy-Key)" in warning

    model.invoke("Hello")
    model.model_copy(update={"default_headers": HEADERS}).invoke("Hello")
    assert [request.headers.get("x-token") for request in endpoint.chats] == [None, VALUE]


def test_model_without_headers_is_unpickled_in_silence(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to say."""
    pickle.loads(pickle.dumps(endpoint.model()))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("where", ["default_headers", "extra_headers"])
@pytest.mark.parametrize("echoed", [VALUE, f"{VALUE}-2"])
def test_values_are_redacted_where_a_service_echoes_them(
    where: str, echoed: str, endpoint: Endpoint, call: Call
) -> None:
    """Those of the model, and those of a call; also without the word that stands before them."""
    own: Any = {where: HEADERS}
    endpoint.service.fail_next(Fault(status=400, body={"error": f"bad {echoed}!"}, headers={"x-echo": echoed}))
    with pytest.raises(NVGatewayError) as caught:
        call(endpoint.model(**own)) if where == "default_headers" else call(endpoint.model(), **own)
    error: Any = caught.value
    assert "bad [redacted]!" in str(error)
    assert echoed not in f"{error} {error.body} {error.response.text} {error.response.headers}"


def test_header_that_cannot_be_sent_does_not_show_the_others(endpoint: Endpoint, call: Call) -> None:
    """Nor itself, in any frame of the package."""
    model = endpoint.model(default_headers={**HEADERS, "X-Bad": f"{VALUE}-ü"})
    with pytest.raises(ConfigurationError, match="'X-Bad'") as caught:
        call(model)
    assert VALUE not in _frames_of_the_package(_everything(caught.value))
