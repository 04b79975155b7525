"""A provider driven at random against a model of rules 1, 3, 4 and 5."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from langchain_nvgateway.errors import StarfleetAuthError, StarfleetError
from langchain_nvgateway.starfleet import StarfleetTokenProvider, TokenState

from .token_server import Clocks, TokenServer, refusal, wait_for_refreshes


class TokenLife(RuleBasedStateMachine):
    """Time passes, Starfleet refuses and recovers, tokens are used and refused."""

    def __init__(self) -> None:
        super().__init__()
        self.server = TokenServer()
        self.clocks = Clocks()
        self.is_refusing = False
        self.last_request_refused_at: float | None = None
        self.provider: StarfleetTokenProvider

    @initialize(method=st.sampled_from(["basic", "post"]))
    def build(self, method: str) -> None:
        """Start without a token."""
        self.provider = StarfleetTokenProvider(
            self.server.url,
            "fake-id",
            "fake-secret",
            auth_method=method,  # type: ignore[arg-type]
            clock=lambda: self.clocks.monotonic,
            wall_clock=lambda: self.clocks.wall,
        )

    @rule(seconds=st.sampled_from([0.5, 10.0, 29.0, 31.0, 60.0, 300.0, 540.0, 900.0]))
    def time_passes(self, seconds: float) -> None:
        """On both clocks."""
        self.clocks.advance(seconds)

    @rule(seconds=st.sampled_from([-600.0, 600.0]))
    def wall_clock_is_set(self, seconds: float) -> None:
        """Back or forth."""
        self.clocks.wall += seconds

    @rule()
    def starfleet_changes_its_mind(self) -> None:
        """It refuses all credentials, or none."""
        self.is_refusing = not self.is_refusing
        self.server.always(refusal() if self.is_refusing else None)

    @rule()
    def secret_is_replaced(self) -> None:
        """The hold-off ends."""
        self.provider.update_secret("fake-secret")
        self.last_request_refused_at = None

    @rule()
    def token_is_asked_for(self) -> None:
        """A good token is handed out; no more than one request is sent, and none within 30 s of a refusal."""
        before, sent = self.provider.state, len(self.server.requests)
        try:
            token = self.provider.get_token()
        except StarfleetAuthError:
            token = None
        except StarfleetError as error:
            msg = "nothing here is transient"
            raise AssertionError(msg) from error
        wait_for_refreshes()
        new_requests = len(self.server.requests) - sent

        assert new_requests <= 1
        if before is TokenState.FRESH:
            assert (bool(token), new_requests) == (True, 0)
        if before is TokenState.STALE:
            assert token
        if self.last_request_refused_at is not None and self.clocks.monotonic - self.last_request_refused_at < 30:
            assert new_requests == 0
        if new_requests:
            self.last_request_refused_at = self.clocks.monotonic if self.is_refusing else None
            assert (self.provider.state is TokenState.FRESH) != self.is_refusing

    @rule()
    def token_is_refused(self) -> None:
        """By a gateway; what is dropped is gone, what is not stays."""
        if self.provider.state in (TokenState.FRESH, TokenState.STALE):
            token = self.provider.get_token()
            wait_for_refreshes()
            self.last_request_refused_at = None  # A refresh in the background may have begun another hold-off.
            dropped = self.provider.invalidate(token)
            assert not dropped or self.provider.state is TokenState.ABSENT

    @invariant()
    def state_and_life_agree(self) -> None:
        """A life is there if and only if a token is."""
        if hasattr(self, "provider"):
            assert (self.provider.expires_in is None) == (self.provider.state is TokenState.ABSENT)
            assert (self.provider.expires_in or 0) >= 0

    def teardown(self) -> None:
        """End the provider and its server."""
        if hasattr(self, "provider"):
            self.provider.close()
        self.server.stop()


TokenLife.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, derandomize=True)
TestTokenLife = TokenLife.TestCase
