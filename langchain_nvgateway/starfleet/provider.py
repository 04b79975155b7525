"""The token provider: who may have the held token, who waits, and who starts a refresh."""

from __future__ import annotations

import copy
import logging
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from ..deadlines import Deadline
from ..errors import StarfleetError, StarfleetUnavailableError
from ..sealed_http import FilePath, Outlet, SealedHTTP, outlet_from, sealed
from .arguments import check_identity, check_request, check_secret, check_url, hidden_id
from .client_secret import ClientSecret, SecretSource
from .exchange import obtain
from .flight import Flight
from .outcomes import Failure, error_from
from .schedule import NO_TOKEN, HeldToken, HoldOff, Invalidations, Moment, TokenState
from .shared_refresh import TokenStore, obtain_shared
from .token_request import AuthMethod, TokenRequest

if TYPE_CHECKING:
    from ..http_family import httpx

__all__ = ["DEFAULT_SCOPE", "RefreshObserver", "StarfleetTokenProvider"]

DEFAULT_SCOPE = "azureopenai-readwrite"

_REMEMBERED = 8
"""Refused tokens that are not taken from other processes any more, and tokens that were."""

logger = logging.getLogger("langchain_nvgateway")


class RefreshObserver(Protocol):
    """Somebody who wants to know what comes of refreshes."""

    def token_refreshed(self, host: str) -> None:
        """Take note that the token endpoint at `host` gave a new token; called in the thread of the refresh."""

    def token_refresh_failed(self, host: str, error: StarfleetError) -> None:
        """Take note that it gave none; called in the thread of the refresh."""


class StarfleetTokenProvider:
    """Access tokens by OAuth2 client credentials, one refresh at a time for the whole process.

    Give one provider to everything that uses the same credentials: threads, tasks, any number of event
    loops. A copy is the provider itself; it cannot be pickled.

    A fresh token is returned without a lock. When its refresh is due (60 to 70 % of its life) the old one
    is returned while one refresh runs in a thread of its own. Near its end callers wait for that refresh.

    Args:
        token_url: `https` URL of the token endpoint; `http` on loopback only.
        client_id: The client's id.
        client_secret: The client's secret, or a function that returns the current one. The function is
            called in the thread of a refresh, once per refresh.
        scope: Scopes to ask for, separated by blanks.
        auth_method: `"basic"` sends the credentials in a header, `"post"` in the form body.
        timeout: Seconds for one refresh, all its tries together.
        proxy: `http://[user:password@]host:port`, through which requests leave. What is not given of this and the next
            two comes from `NVGATEWAY_PROXY`, `NVGATEWAY_NO_PROXY` and `NVGATEWAY_CA_BUNDLE`; an empty text is none.
        no_proxy: Hosts that are reached without the proxy, separated by commas.
        ca_bundle: PEM file with authorities that are trusted beside the usual ones.
        clock: Monotonic time in seconds; replaced in tests.
        wall_clock: Seconds since the epoch; replaced in tests.

    Raises:
        ConfigurationError: An argument is missing or malformed; the message names it.
    """

    _flight: Flight | None
    _lock: threading.Lock

    def __init__(
        self,
        token_url: str,
        client_id: str | SecretStr,
        client_secret: SecretSource | ClientSecret,
        *,
        scope: str = DEFAULT_SCOPE,
        auth_method: AuthMethod = "basic",
        timeout: float = 10.0,
        proxy: SecretStr | str | None = None,
        no_proxy: str | None = None,
        ca_bundle: FilePath | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        # The secrets first, and under their own names: a later error's traceback would show them as local variables.
        client_secret = self._secret = ClientSecret(client_secret)
        proxy = sealed(proxy)
        # Then what `repr` needs, since a traceback may show a provider that is half built.
        self._host = "?"
        self._scope = scope
        self._held = NO_TOKEN
        self._clock = clock
        self._wall_clock = wall_clock
        client_id = hidden_id(client_id)
        url = check_url(token_url)
        check_identity(client_id, self._secret)
        check_request(scope=scope, auth_method=auth_method, timeout=timeout)
        self._request = TokenRequest(url, client_id.get_secret_value(), scope, auth_method)
        self._host = urlsplit(url).netloc
        self._timeout = float(timeout)
        self._http = SealedHTTP([url], outlet=outlet_from(proxy, no_proxy, ca_bundle))
        self._invalidations = Invalidations()
        self._hold_off = HoldOff()
        self._failure: StarfleetError | None = None
        self._generation = 0
        self._store: TokenStore | None = None
        self._rejected: deque[str] = deque(maxlen=_REMEMBERED)
        self._from_fleet: deque[str] = deque(maxlen=_REMEMBERED)
        self._observers: weakref.WeakSet[RefreshObserver] = weakref.WeakSet()
        self._is_closed = False
        self._forget_flight()
        _instances.add(self)

    def get_token(self, *, longest_wait: float = math.inf) -> str:
        """Return a token that is good now; blocks only when there is none.

        Args:
            longest_wait: Seconds that the caller has; a refresh goes on for the others.

        Raises:
            StarfleetAuthError: Starfleet refuses the credentials.
            StarfleetUnavailableError: Starfleet cannot be reached or gives broken answers.
            StarfleetError: The provider is closed.
        """
        held = self._held
        due = held.refresh_at
        if self._clock() < due.monotonic and self._wall_clock() < due.wall:
            return held.value
        found = self._token_or_flight()
        return found if isinstance(found, str) else self._landed(found.wait(longest_wait), longest_wait)

    async def aget_token(self, *, longest_wait: float = math.inf) -> str:
        """Do what `get_token` does without blocking the event loop."""
        held = self._held
        due = held.refresh_at
        if self._clock() < due.monotonic and self._wall_clock() < due.wall:
            return held.value
        found = self._token_or_flight()
        return found if isinstance(found, str) else self._landed(await found.await_landing(longest_wait), longest_wait)

    def invalidate(self, rejected: str) -> bool:
        """Drop the held token if it is the one that a gateway has refused with 401.

        Args:
            rejected: The token that was refused.

        Returns:
            Whether it was dropped. `False` when another one has taken its place, or when gateways refuse
            new tokens again and again: then the token is kept, and a caller who gets the same one again
            knows that another try is useless.
        """
        with self._lock:
            if self._held is NO_TOKEN or rejected != self._held.value:
                return False
            row = self._invalidations.next_at(self._clock())
            if row is None:
                return False
            self._invalidations = row
            self._rejected.append(rejected)
            self._held = NO_TOKEN
            return True

    def is_from_fleet(self, token: str) -> bool:
        """Say whether another process got this token: if it is refused as well, a new one is still worth a try."""
        return token in self._from_fleet

    @property
    def state(self) -> TokenState:
        """How good the held token is."""
        return self._held.state(self._now())

    @property
    def expires_in(self) -> float | None:
        """Seconds until the end that the server promised, at least 0; `None` without a token."""
        held = self._held
        return None if held is NO_TOKEN else held.ends_at.seconds_from(self._now())

    @property
    def outlet(self) -> Outlet:
        """How requests for tokens leave this machine."""
        return self._http.outlet

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def update_secret(self, new: SecretSource) -> None:
        """Use another secret from the next request on; a hold-off for the old one ends, the held token stays.

        Raises:
            ConfigurationError: The secret is empty or malformed.
        """
        new = secret = ClientSecret(new)  # type: ignore[assignment]
        check_secret(secret)
        with self._lock:
            self._secret = secret
            self._generation += 1
            self._hold_off, self._failure = HoldOff(), None

    def observe(self, observer: RefreshObserver) -> None:
        """Tell `observer` what comes of each refresh, for as long as somebody else holds it."""
        with self._lock:
            self._observers.add(observer)

    def share(self, store: TokenStore) -> None:
        """Share tokens with other processes from the next refresh on."""
        self._store = store

    def close(self) -> None:
        """Stop refreshing and forget the token; those who wait get a `StarfleetError`."""
        with self._lock:
            self._is_closed = True
            self._held = NO_TOKEN
            flight, self._flight = self._flight, None
        if flight:
            flight.called_off.set()
            flight.land(_closed_error())
        self._http.close()

    async def aclose(self) -> None:
        """Do what `close` does; it never blocks."""
        self.close()

    def as_httpx_auth(self, family: str | None = None) -> httpx.Auth:
        """Return an `Auth` that signs requests in and tries once more after a 401.

        Args:
            family: `"httpx"` or `"httpx2"`; the library that the installed openai runs on by default.

        Raises:
            ConfigurationError: There is no such library.
        """
        from .httpx_auth import as_httpx_auth

        return as_httpx_auth(self, family)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(host={self._host!r}, scope={self._scope!r}, state={self.state.name})"

    def __copy__(self) -> StarfleetTokenProvider:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> StarfleetTokenProvider:
        # Models are deep-copied; their copies must share the token and its one refresh.
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "A StarfleetTokenProvider cannot be pickled, since it holds a secret; build one in each process."
        raise TypeError(msg)

    def _now(self) -> Moment:
        return Moment(self._clock(), self._wall_clock())

    def _token_or_flight(self) -> str | Flight:
        """Return the held token if it serves, or else the refresh to wait for; starts one if it is due."""
        starts = False
        with self._lock:
            if self._is_closed:
                raise _closed_error()
            now, held = self._now(), self._held
            state = held.state(now)
            if state is TokenState.FRESH:
                return held.value
            is_usable = state is TokenState.STALE
            may_wait = not is_usable or held.near_end_at.has_come(now)
            flight = self._flight
            if flight is None:
                left = self._hold_off.remaining(now.monotonic)
                if left and is_usable:
                    return held.value
                if left and self._failure:
                    raise _copy_of(self._failure, retry_after=left)
                flight = self._flight = Flight(self._timeout, is_background=not may_wait)
                starts = True
        if starts:
            self._take_off(flight)
        return flight if may_wait else held.value

    def _landed(self, outcome: str | StarfleetError | None, longest_wait: float) -> str:
        """Return the token that a waiter gets, or raise the waiter's own copy of the error.

        A token is returned even if its life is over by now: asking again would go on forever.
        """
        if isinstance(outcome, str):
            return outcome
        held = self._held
        if held.is_usable(self._now()):
            return held.value
        if outcome is None:
            msg = (
                f"No token from Starfleet at {self._host}: the refresh is not done after "
                f"{min(self._timeout, longest_wait):.3g} s; check STARFLEET_TOKEN_URL and the network."
            )
            raise StarfleetUnavailableError(msg)
        raise _copy_of(outcome)

    def _take_off(self, flight: Flight) -> None:
        # A thread of its own: in an executor, refreshes of blocked workers would wait for those workers. `start` waits
        # until the thread runs, which takes microseconds and which blockbuster allows for that reason.
        thread = threading.Thread(target=self._refresh, args=(flight,), name="starfleet-refresh", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            failed = True
        else:
            failed = False
        if failed:
            no_thread = Failure("no thread can be started", "is the interpreter shutting down, or out of threads?")
            self._settle(flight, no_thread, self._generation)

    def _refresh(self, flight: Flight) -> None:
        """Run a refresh to its end, whatever happens, in the thread that is made for it."""
        deadline = Deadline(self._timeout)
        while True:
            generation = self._generation
            try:
                outcome = self._obtain(deadline, flight)
            except BaseException as error:  # noqa: BLE001 - waiters must hear of it, and its text may hold a secret.
                outcome = Failure(f"an unexpected {type(error).__name__}", "please report this")
            # The secret was replaced meanwhile: its failure says nothing about the new one.
            is_outdated = isinstance(outcome, Failure) and generation != self._generation
            if not is_outdated or not deadline.remaining() or flight.called_off.is_set():
                break
        self._settle(flight, outcome, generation)

    def _obtain(self, deadline: Deadline, flight: Flight) -> HeldToken | Failure:
        secret = self._secret.read()
        if isinstance(secret, Failure):
            return secret
        ask = partial(
            obtain,
            self._http,
            self._request.with_secret(secret),
            secrets=self._request.secrets(secret) + ((self._held.value,) if self._held.value else ()),
            deadline=deadline,
            now=self._now,
            pause=flight.called_off.wait,
        )
        store = self._store
        if store is None:
            return ask()
        return obtain_shared(
            store.begin(secret, self._request.url, self._request.client_id, self._request.scope),
            ask=ask,
            is_wanted=self._is_wanted,
            deadline=deadline,
            now=self._now,
            pause=flight.called_off.wait,
        )

    def _is_wanted(self, found: HeldToken) -> bool:
        """Whether a token of another process is good, is none that a gateway refused, and outlives the held one."""
        held = self._held
        is_later = held is NO_TOKEN or found.ends_at.monotonic > held.ends_at.monotonic
        is_known = found.value == held.value or found.value in self._rejected
        return found.is_usable(self._now()) and is_later and not is_known

    def _settle(self, flight: Flight, outcome: HeldToken | Failure, generation: int) -> None:
        result: str | StarfleetError
        with self._lock:
            if self._flight is not flight:  # Closed meanwhile.
                return
            self._flight = None
            if isinstance(outcome, HeldToken):
                self._held = outcome
                if outcome.is_from_fleet:
                    self._from_fleet.append(outcome.value)
                self._hold_off, self._failure = HoldOff(), None
                result = outcome.value
            else:
                result = self._held_off(outcome, generation)
        flight.land(result)
        _log(flight, self._host, result)
        if isinstance(outcome, HeldToken) and outcome.is_from_fleet:
            return  # The token endpoint was not asked, so there is nothing to tell of it.
        with self._lock:
            observers = list(self._observers)
        for observer in observers:
            if isinstance(result, str):
                observer.token_refreshed(self._host)
            else:
                observer.token_refresh_failed(self._host, result)

    def _held_off(self, failure: Failure, generation: int) -> StarfleetError:
        now = self._clock()
        hold_off = self._hold_off.after_failure(now, is_refusal=failure.is_final, retry_after=failure.retry_after)
        error = error_from(failure, host=self._host, hold_seconds=hold_off.remaining(now))
        if generation == self._generation:
            self._hold_off, self._failure = hold_off, error
        return error

    def _forget_flight(self) -> None:
        # In a forked child: the thread of a refresh stays behind in the parent, and may have held the lock.
        self._lock = threading.Lock()
        self._flight = None


def _copy_of(error: StarfleetError, **data: object) -> StarfleetError:
    copied = copy.copy(error)
    copied.__dict__.update(data)
    return copied


def _closed_error() -> StarfleetError:
    return StarfleetError("The StarfleetTokenProvider is closed and gives no more tokens; build a new one.")


def _log(flight: Flight, host: str, result: str | StarfleetError) -> None:
    if isinstance(result, str):
        logger.debug("New token from Starfleet at %s", host)
        return
    level = logging.WARNING if flight.is_background else logging.DEBUG
    logger.log(
        level, "No new token from Starfleet at %s: %s, status %s", host, type(result).__name__, result.status_code
    )


_instances: weakref.WeakSet[StarfleetTokenProvider] = weakref.WeakSet()


def _forget_flights_of_parent() -> None:
    for instance in list(_instances):
        instance._forget_flight()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_flights_of_parent)
