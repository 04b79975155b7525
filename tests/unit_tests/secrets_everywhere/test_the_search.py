"""The search of these tests finds what it is to find: a test that cannot fail shows nothing."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import pickle
from typing import Any
from urllib.parse import quote_plus

import pytest
from pydantic import BaseModel

from langchain_nvgateway import ConfigurationError
from langchain_nvgateway.chat_models.payloads import OwnHeaders
from langchain_nvgateway.egress import checked_url

from .canaries import CANARIES, CLIENT_ID, found_in, spellings
from .surfaces import Logs, frames_of, shown_of, surfaces_of_error

SECRET = CANARIES["client secret"]


@pytest.mark.parametrize("name", CANARIES)
@pytest.mark.parametrize("encoding", spellings(""))
def test_each_canary_is_found_in_each_encoding(name: str, encoding: str) -> None:
    """Each of its forms, amid other bytes."""
    for form in spellings(CANARIES[name])[encoding]:
        assert any(found.startswith(f"{name} (") for found in found_in(b"\xff{" + form + b"}\x00"))


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", CLIENT_ID + ":"])
@pytest.mark.parametrize("after", ["", "a", "ab"])
def test_base64_is_found_wherever_it_begins(before: str, after: str) -> None:
    """As in Basic authorization, where another text stands before it."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for secret in (SECRET, quote_plus(SECRET)):
            assert "client secret (base64)" in found_in(encode(f"{before}{secret}{after}".encode()))


def test_real_encoders_are_seen_through() -> None:
    """Not only those that the search has itself."""
    for shown in (json.dumps(json.dumps({"a": SECRET})), repr([SECRET]), pickle.dumps(SECRET), f"{SECRET.encode()}"):
        assert any(found.startswith("client secret") for found in found_in(shown))
    assert found_in(gzip.compress(SECRET.encode())) == []  # Whoever gets packed bytes has to unpack them.


def test_innocent_words_are_none() -> None:
    """What is found is a secret, or a part that only a secret has."""
    assert found_in(b"fake canary, fake/canary, id:secret, " + base64.b64encode(b"id:secret")) == []
    assert found_in(b"a token", ["fake-token"]) == []
    assert "token 0 (plain)" in found_in(b"the fake-token", ["fake-token"])


class Careless(BaseModel):
    """A model that shows its key."""

    key: str


def test_objects_that_show_a_secret_are_caught() -> None:
    """On every surface that a careless model has."""
    shown = shown_of(Careless(key=SECRET))
    caught = {name for name, text in shown.items() if found_in(text)}
    assert {"repr", "str", "format", "%r", "rich", "model_dump", "deepcopy repr"} <= caught
    assert {"model_dump_json", f"pickle {pickle.HIGHEST_PROTOCOL}"} <= caught


def _raises(headers: Any) -> None:
    raise ValueError("no") from KeyError(SECRET)


def test_errors_that_show_a_secret_are_caught() -> None:
    """In a cause, in a note, in data."""
    with pytest.raises(ValueError, match="no") as caught:
        _raises(None)
    assert found_in(surfaces_of_error(caught.value)["traceback"])
    error = RuntimeError("no")
    error.add_note(SECRET)
    error.body = {"a": SECRET}  # type: ignore[attr-defined]  # as openai's have it
    assert found_in(surfaces_of_error(ExceptionGroup("several", [error]))["data of 1"])


def test_local_variables_of_the_package_are_caught() -> None:
    """As both kinds of traceback write them, and those of tests are left out."""
    with pytest.raises(ConfigurationError) as caught:
        checked_url(f"http://elsewhere.example/{SECRET}", setting="X")
    frames = frames_of(caught.value)
    assert frames.count
    assert found_in(frames.plain)
    assert found_in(frames.rich)


def test_headers_are_hidden_from_rich() -> None:
    """Which looks into whatever is a dict."""
    assert not any(map(found_in, shown_of(OwnHeaders({"x": SECRET}), is_copied=False)["rich"].splitlines()))


def test_loggers_of_any_level_are_heard() -> None:
    """Also below DEBUG, and what their records hold beside the message."""
    quiet = logging.getLogger("quiet.one")
    quiet.setLevel(logging.ERROR)
    with Logs().listening() as logs:
        quiet.log(2, "say %s", SECRET)
        logging.getLogger("other").debug("no", extra={"more": SECRET})
        text = logs.text
    assert logs.names == {"quiet", "other"}
    assert len(text.split("fake/canary")) > 3
    assert quiet.level == logging.ERROR
