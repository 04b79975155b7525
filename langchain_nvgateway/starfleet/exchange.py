"""One refresh: up to three requests within a limit of time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from ..deadlines import Deadline
from ..redaction import shown
from ..sealed_http import HTTPRequest, SealedHTTP, TransportError
from .outcomes import Failure, Grant
from .schedule import HeldToken, Moment
from .token_answer import MAX_BODY, Answer, judge, too_large

__all__ = ["FIRST_PAUSE", "TRIES", "obtain", "pause_after"]

TRIES = 3
"""Requests in one refresh at most; only transient failures are tried again."""

FIRST_PAUSE = 0.1
"""Seconds before the second try, up to twice as long by chance; they double from try to try."""

# People who train models seed the common generator, in all their workers alike.
_draw = random.SystemRandom().random


def obtain(
    http: SealedHTTP,
    request: HTTPRequest,
    *,
    secrets: Iterable[str],
    deadline: Deadline,
    now: Callable[[], Moment],
    pause: Callable[[float], bool],
) -> HeldToken | Failure:
    """Ask for a token until there is one, a refusal, or no time left.

    Args:
        http: Client that may reach the token endpoint.
        request: The request, with its secret.
        secrets: Values that must not be shown.
        deadline: When to give up; it holds for all tries together.
        now: Reads both clocks.
        pause: Waits for some seconds; returns whether to give up at once.
    """
    secrets = tuple(secrets)
    for tries_left in reversed(range(TRIES)):
        asked_at = now()
        # Half of what is left, so that a connection that hangs leaves time for another one.
        outcome = _ask(http, request, secrets, Deadline(deadline.remaining() / (2 if tries_left else 1)), now)
        if isinstance(outcome, Grant):
            return HeldToken.from_answer(outcome.token, expires_in=outcome.expires_in, asked_at=asked_at, draw=_draw())
        failure = outcome
        if failure.is_final or not tries_left:
            break
        wait = max(pause_after(TRIES - tries_left, _draw()), failure.retry_after or 0.0)
        if wait >= deadline.remaining() or pause(wait):
            break
    return failure


def pause_after(tries: int, draw: float) -> float:
    """Return the seconds to wait after this many failed tries; the draw, from 0 to 1, keeps workers apart."""
    return FIRST_PAUSE * 2.0 ** (tries - 1) * (1.0 + draw)


def _ask(
    http: SealedHTTP, request: HTTPRequest, secrets: tuple[str, ...], deadline: Deadline, now: Callable[[], Moment]
) -> Grant | Failure:
    body = bytearray()
    try:
        with http.stream(request, deadline) as response:
            for chunk in response.chunks():
                body += chunk
                if len(body) > MAX_BODY:
                    return too_large(response.status)
    except TransportError as error:
        if error.is_locked_out:
            return Failure(shown(str(error), secrets), "correct NVGATEWAY_PROXY", is_locked_out=True)
        what = str(error)
    else:
        answer = Answer(response.status, response.headers, bytes(body))
        return judge(answer, secrets=secrets, wall_now=now().wall)
    # The text of a broken protocol quotes the server's bytes in Python's notation, where no secret is found again.
    return Failure("its answer is not HTTP" if "ProtocolError" in what else shown(what, secrets))
