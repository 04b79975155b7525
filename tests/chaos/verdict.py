"""What has to be true of a run, whatever happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .calling import SERVICES, Outcome
from .plan import Plan
from .storm import Served
from .worker import Findings

__all__ = ["GRACE_SECONDS", "Verdict"]

HARMLESS = {"connection_close", "no_done", "pending_202", "missing_id"}
"""Faults that are none to a client that knows them."""

ENDS_CALL = {
    "bad_request", "malformed_history", "payload_too_large", "validation_422", "conflict", "content_filter",
    "content_filter_finish", "content_filter_in_stream", "context_length_exceeded", "echo_secret",
    "tools_unsupported_flat", "auto_tool_choice_unsupported",
}  # fmt: skip
"""Faults of the request: another leg would not do better."""

TOKEN_TROUBLE = ("StarfleetAuthError", "StarfleetUnavailableError", "UnauthorizedError")
"""Errors of a leg whose chat requests all went well, when tokens are revoked and their endpoint fails."""

OUT_OF_TIME = ("TimedOutError", "TimeoutError")
"""Errors of a leg whose time was over: a model's own, and that of the whole call."""

GRACE_SECONDS = 15.0
"""What a busy machine may add to the time limit of a call."""

RARELY = 0.02
"""Share of the calls that may find the machine too busy, or a token revoked twice in a row."""

MOST_SOCKETS = 40
MOST_OBJECTS = 6_000
"""Objects of this package in a process: those of models, circuits, connections and the report's latest attempts."""
MOST_MEBIBYTES = 150.0
"""What a process may grow by: bodies of 32 and 64 MiB leave holes behind, which the allocator keeps."""


@dataclass(frozen=True)
class Verdict:
    """A run and whether it kept the promises.

    Args:
        plan: What was to happen.
        findings: What the workers said.
        served: Which faults the requests of each call met.
        token_requests: Which faults the token requests met.
        disturbances: What else happened.
        seconds: How long the calls took, all together.
    """

    plan: Plan
    findings: Sequence[Findings]
    served: Served
    token_requests: Sequence[str | None]
    disturbances: Mapping[str, int]
    seconds: float

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """What came of the calls, in the order of their numbers."""
        found = [outcome for findings in self.findings for outcome in findings.outcomes]
        return sorted(found, key=lambda outcome: outcome.number)

    @cached_property
    def problems(self) -> list[str]:
        """Broken promises, with the number of the call; a run is good when there are none."""
        return [
            *self._lost_calls(),
            *(f"call {one.number}: {problem}" for one in self.outcomes for problem in one.problems),
            *(f"worker {one.worker}: {problem}" for one in self.findings for problem in one.problems),
            *(problem for one in self.outcomes for problem in self._wrong_with(one)),
            *(f"worker {one.worker} {problem}" for one in self.findings for problem in _left_behind(one)),
            *self._too_often("good answers failed for want of a token", self.without_token),
            *self._too_often("good answers came too late", self.too_late),
        ]

    @cached_property
    def without_token(self) -> list[str]:
        """Attempts without a fault that failed all the same since there was no good token."""
        return [wrong for wrong, error in self._failed_without_fault if error.startswith(TOKEN_TROUBLE)]

    @cached_property
    def too_late(self) -> list[str]:
        """Attempts without a fault that ran out of time, on a busy machine."""
        return [wrong for wrong, error in self._failed_without_fault if error.startswith(OUT_OF_TIME)]

    def _lost_calls(self) -> Iterator[str]:
        counted = Counter(outcome.number for outcome in self.outcomes)
        for number in range(self.plan.calls):
            if counted[number] != 1:
                yield f"call {number} ended {counted[number]} times"

    def _wrong_with(self, outcome: Outcome) -> Iterator[str]:
        number, faults = outcome.number, self.served.get(outcome.number, [])
        if outcome.seconds > self.longest_call_allowed:
            yield f"call {number} took {outcome.seconds:.1f} s"
        if outcome.result == "refused" and not any(fault in ENDS_CALL for _, fault in faults):
            yield f"call {number}: {outcome.error} by {faults}: {outcome.error_text:.300}"
        excused = {*self.without_token, *self.too_late}
        yield from (wrong for wrong, _ in self._failed_of(outcome) if wrong not in excused)

    @property
    def longest_call_allowed(self) -> float:
        """Seconds: a stream may begin at the end of the time for all legs, and then be silent for as long."""
        return 2 * self.plan.request_timeout + GRACE_SECONDS

    @cached_property
    def _failed_without_fault(self) -> list[tuple[str, str]]:
        return [found for outcome in self.outcomes for found in self._failed_of(outcome)]

    def _failed_of(self, outcome: Outcome) -> Iterator[tuple[str, str]]:
        """Yield attempts that met no fault and failed: what happened, and the error."""
        for attempt, before in _attempts_of(outcome):
            service = SERVICES[attempt["provider"]]
            met = [fault for asked, fault in self.served.get(outcome.number, []) if asked == service]
            is_well = bool(met) and all(fault is None or fault in HARMLESS for fault in met)
            if is_well and attempt["outcome"] in ("failed", "rejected"):
                error = str(attempt["error"])
                if error.startswith(OUT_OF_TIME) and before > self.plan.request_timeout / 2:
                    continue  # Others had taken most of the time that there is for a call.
                yield f"call {outcome.number}: a good answer of {service} was {attempt['outcome']}: {error}", error

    def _too_often(self, what: str, found: Sequence[str]) -> Iterator[str]:
        if len(found) > max(3, RARELY * self.plan.calls):
            yield f"{len(found)} times {what}, first {found[0]}"

    # -- Figures ---------------------------------------------------------------------------------------------

    @property
    def results(self) -> Counter[str]:
        """How the calls ended."""
        return Counter(outcome.result for outcome in self.outcomes)

    @property
    def faults(self) -> Counter[str]:
        """How often each fault of NIM, the Gateway and Starfleet was met."""
        met = [f"{service} {fault}" for of_call in self.served.values() for service, fault in of_call if fault]
        return Counter([*met, *(f"starfleet {fault}" for fault in self.token_requests if fault)])

    @property
    def known_faults(self) -> frozenset[str]:
        """All faults that there are."""
        of_tokens = {fault for fault in (*self.plan.token_faults, *self.plan.token_refusals) if fault}
        of_chats = {f"{service} {fault}" for service in ("nim", "gateway") for fault in self.plan.faults_of(service)}
        return frozenset(of_chats | {f"starfleet {fault}" for fault in of_tokens})

    def seconds_within(self, share: float) -> float:
        """Return the seconds within which this share of the calls was over."""
        ordered = sorted(outcome.seconds for outcome in self.outcomes)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _attempts_of(outcome: Outcome) -> Iterator[tuple[dict[str, Any], float]]:
    """Yield each attempt, and the seconds that those before it in its turn had taken."""
    for turn in outcome.attempts:
        before = 0.0
        for attempt in turn:
            yield attempt, before
            before += attempt["seconds"]


def _left_behind(findings: Findings) -> Iterator[str]:
    early, late = findings.early, findings.late
    if early is None or late is None:
        yield "says nothing of what is left"
        return
    if late.threads:
        yield f"has threads left: {late.threads}"
    if late.sockets > MOST_SOCKETS:
        yield f"has {late.sockets} sockets left"
    if late.objects > MOST_OBJECTS:
        yield f"has {late.objects} objects left, after {early.objects}"
    if late.mebibytes - early.mebibytes > MOST_MEBIBYTES:
        yield f"grew from {early.mebibytes:.0f} to {late.mebibytes:.0f} MiB"
