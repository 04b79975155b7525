"""No secret is shown, in whatever form a server echoes it."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_nvgateway.redaction import MASK, MAX_SHOWN, redact, redact_value, shown

from .cpu import grows_linearly, is_about_as_fast

# Put together here, so that no file holds anything that looks like a credential.
_TAIL = "Fake" * 12
COMPANY_FORMS = {
    "client id": "-".join(("nvssa", "prd", _TAIL[:43])),
    "client secret": "-".join(("ssap", _TAIL[:17])),
    "NIM key": "-".join(("nvapi", _TAIL + "_-" + _TAIL[:14])),
    "access token": ".".join(("ey" + "J" + _TAIL, _TAIL * 8, _TAIL)),
    "access token without signature": ".".join(("ey" + "J" + _TAIL, _TAIL)),
    "bearer": "Bearer " + _TAIL,
    "bearer in lower case": "bearer  " + _TAIL,
    "basic": "Basic " + b64encode(_TAIL.encode()).decode(),
}
SECRET = "fäke+s3cret/with \"quotes\" & <tags>, 'ticks', a\\slash and %41"
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "url-encoded": lambda secret: quote(secret, safe=""),
    "url-encoded, slashes kept": quote,
    "url-encoded in lower case": lambda secret: "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02x}" for byte in secret.encode()
    ),
    "form-encoded": quote_plus,
    "base64": lambda secret: b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: b64encode(secret.encode()).decode().rstrip("="),
    "base64url": lambda secret: urlsafe_b64encode(secret.encode()).decode(),
    "JSON": lambda secret: json.dumps(secret),
    "JSON with its own letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON with escaped slashes": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "HTML": html.escape,
    "HTML without quotes": lambda secret: html.escape(secret, quote=False),
    "HTML with decimal ticks": lambda secret: html.escape(secret).replace("&#x27;", "&#39;"),
    "Python": repr,
}


def _is_hidden(text: str) -> bool:
    return "s3cret" not in text and b64encode(b"s3cret")[:6].decode() not in text and MASK in text


@pytest.mark.parametrize("form", COMPANY_FORMS)
@pytest.mark.parametrize("around", ["{}", 'got "{}" from you', "token={}&x=1", "<b>{}</b>", "({})", "'{}'"])
def test_credentials_of_the_company_are_known_by_their_form(form: str, around: str) -> None:
    """Nobody has to say that they are secret."""
    redacted = redact(around.format(COMPANY_FORMS[form]))

    assert _TAIL[:12] not in redacted
    assert MASK in redacted


@pytest.mark.parametrize("spelling", _SPELLINGS)
def test_known_secret_is_removed_in_any_spelling(spelling: str) -> None:
    """A server may echo what it was sent in the notation of its own answer."""
    echo = _SPELLINGS[spelling](SECRET)

    redacted = redact(f"you sent {echo}, which is wrong", [SECRET])

    assert "s3cret" not in redacted
    assert echo not in redacted
    assert redacted.startswith("you sent ")
    assert redacted.endswith(", which is wrong")


@pytest.mark.parametrize("secret", [".*", "a+b", "(", "[", "\\1", "$", "a|b", "^x", "{2}", "\\"])
def test_secret_is_no_pattern(secret: str) -> None:
    """What is special in a regular expression or a replacement is plain text here."""
    assert redact(f"<{secret}> and zzz", [secret]) == f"<{MASK}> and zzz"


@pytest.mark.parametrize(
    ("secrets", "text"),
    [
        (["abcdefgh", "efghijkl"], "abcdefghijkl"),
        (["abcd", "abcdefgh"], "abcdefgh"),
        (["abcdefgh", "cdef"], "abcdefgh"),
    ],
)
def test_overlapping_secrets_leave_nothing(secrets: list[str], text: str) -> None:
    """No rest of a secret stays when another one covers its beginning."""
    redacted = redact(f"<{text}>", secrets).replace(MASK, "")

    assert redacted == "<>"


def test_secret_in_the_mask_destroys_nothing() -> None:
    """A secret that is a word of the mask is removed from the text; the mask stays legible."""
    assert redact("the red fox and a key-1234", ["red", "key-1234"]) == f"the {MASK} fox and a {MASK}"


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_empty_secrets_are_ignored(secrets: list[str]) -> None:
    """An empty secret would be everywhere."""
    assert redact("plain words", secrets) == "plain words"


def test_secret_that_is_no_text_is_removed() -> None:
    """An environment variable with a byte that is not UTF-8 arrives as a lone surrogate."""
    assert redact("<fake\udce9key>", ["fake\udce9key"]) == f"<{MASK}>"


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=6), max_size=3))
def test_redaction_never_fails(text: str, secrets: list[str]) -> None:
    """Any text with any secrets."""
    redact(text, secrets)
    assert len(shown(text, secrets)) <= MAX_SHOWN


@given(
    st.text(alphabet="abc_", min_size=8, max_size=12), st.integers(0, 30_000), st.sampled_from([" ", "x", "\n", '"'])
)
def test_no_cut_leaves_a_piece_of_a_secret(secret: str, before: int, filler: str) -> None:
    """Wherever the cuts at `MAX_SHOWN` characters and at the end of the search fall."""
    text = (filler * before)[: max(before - 1, 0)] + " " + secret + " " + filler * 600

    assert secret[:6] not in shown(text, [secret])


@pytest.mark.parametrize("size", [490, 495, 499, 500, 501, 19_980, 19_990, 19_999, 20_000, 20_001])
@pytest.mark.parametrize("form", COMPANY_FORMS)
def test_no_cut_leaves_a_piece_of_a_credential(size: int, form: str) -> None:
    """A half credential has lost the form by which it is known."""
    for filler in (" ", "x "):
        text = (filler * size)[:size] + " " + COMPANY_FORMS[form] + " end " * 200

        assert _TAIL[:4] not in shown(text)


@pytest.mark.parametrize("size", [19_970, 19_980, 19_990, 19_999])
def test_no_cut_leaves_the_first_words_of_a_secret(size: int) -> None:
    """A secret may hold blanks; behind thousands of blanks its beginning would be all that is shown."""
    secret = "correct horse battery staple"

    assert "correct" not in shown(" " * size + secret + " end" * 100, [secret])


def test_long_text_without_blanks_is_shown() -> None:
    """JSON needs no blanks; a service that says much has not said nothing."""
    text = json.dumps({"message": "out of memory", "trace": "x" * 30_000}, separators=(",", ":"))

    assert "out" in shown(text)


def test_shown_text_is_one_short_line() -> None:
    """Line ends and runs of blanks become one blank; what is cut ends in an ellipsis."""
    assert shown("a\r\n\tb  c") == "a b c"
    assert shown("word " * 1000).endswith("…")
    assert len(shown("word " * 1000)) <= MAX_SHOWN
    assert len(shown("x" * MAX_SHOWN)) == MAX_SHOWN


def test_nested_values_are_redacted() -> None:
    """Keys and values at any depth; numbers, booleans and `null` stay what they are."""
    value = {"a": [1, True, None, 1.5, {SECRET: [SECRET]}], SECRET: {"b": (SECRET, "fine")}}

    redacted = redact_value(value, iter([SECRET]))

    assert redacted == {"a": [1, True, None, 1.5, {MASK: [MASK]}], MASK: {"b": [MASK, "fine"]}}


def test_what_is_too_deep_is_left_out() -> None:
    """As deep as Python's JSON reader goes; the rest cannot be shown, copied or pickled."""
    value = json.loads("[" * 900 + json.dumps(SECRET) + "]" * 900)

    assert "s3cret" not in json.dumps(redact_value(value, [SECRET]))


_HOSTILE = {
    "beginnings of tokens": lambda size: "ey" + "J" + ("ey" + "J") * size,
    "beginnings of tokens with dots": lambda size: ("ey" + "J" + "aaaaaaaa.") * size,
    "beginnings of ids": lambda size: ("nvssa" + "-prd-") * size,
    "beginnings of keys": lambda size: ("nvapi" + "-") * size,
    "schemes": lambda size: "bearer " * size,
    "a scheme and blanks": lambda size: "bearer" + " " * (3 * size),
    "one word and a blank": lambda size: "a" * (3 * size) + " ",
    "ampersands": lambda size: "&" * size,
}


@pytest.mark.parametrize("kind", _HOSTILE)
def test_hostile_text_takes_linear_time(kind: str) -> None:
    """A server cannot keep the client busy with text that almost looks like a credential."""
    assert grows_linearly(lambda size: redact(_HOSTILE[kind](size), [SECRET]), 1500)


@pytest.mark.parametrize("kind", _HOSTILE)
def test_hostile_text_is_shown_as_fast_as_any(kind: str) -> None:
    """The same for the text around the place where the search ends."""
    hostile = _HOSTILE[kind](20_000)[:19_990] + " " * 20
    plain = "word " * 4002

    assert is_about_as_fast(lambda: shown(hostile, [SECRET]), lambda: shown(plain, [SECRET]))
