"""Who would answer now, who would not, and why: without asking anybody."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from .breaker import BreakerState, CircuitBreaker
from .ledger import Price
from .leg import AbsentLeg, Leg
from .tables import Row, html_table, plain, text_table

__all__ = ["CircuitView", "Explanation", "LegExplanation", "Place", "RoleExplanation", "explained"]

Because = Literal["policy", "credentials", "breaker", "contract"]
"""What keeps a leg out: `credentials` is a package or a setting, too, `contract` that it cannot do what is asked."""

_WIDTH = 80


class Place(NamedTuple):
    """A leg in a role's order, whether or not it takes part."""

    leg: Leg | AbsentLeg

    host: str | None
    """Host that its requests go to; `None` for a fake."""

    is_denied: bool = False
    """Whether it is the policy that keeps it out."""


@dataclass(frozen=True, slots=True)
class CircuitView:
    """A circuit breaker as a call would find it."""

    state: str
    """`closed`, `open` or `half-open`."""

    retry_after: float | None
    """Seconds until it lets a call through; `None` if it does now."""

    @property
    def lets_through(self) -> bool:
        """Whether a call would pass."""
        return self.retry_after is None


class _Obstacle(NamedTuple):
    because: Because
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegExplanation:
    """One leg of a role."""

    provider: str
    model: str

    would_try: bool
    """Whether it would be asked in its turn; the legs behind the first one only if those before fail."""

    because: Because | None
    """What keeps it out, `None` if nothing does."""

    reason: str | None
    """The same in words."""

    would_try_tools: bool
    """Whether it would be asked in a call with tools or a schema."""

    tools_because: Because | None
    """What keeps it out of calls with tools or a schema."""

    tools_reason: str | None
    """The same in words."""

    host: str | None
    """Host that its requests go to, or would; `None` for a fake, which has none."""

    circuits: Mapping[str, CircuitView] | None
    """Its breakers: `availability`, `credentials`, `quality`; `None` for a leg that takes no part, which has none."""

    price: Price | None
    """Dollars per million tokens; `None` when nobody has said."""

    @property
    def name(self) -> str:
        """`provider:model`."""
        return f"{self.provider}:{self.model}"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        circuits = None if self.circuits is None else {name: asdict(view) for name, view in self.circuits.items()}
        return {
            "provider": self.provider,
            "model": self.model,
            "would_try": self.would_try,
            "because": self.because,
            "reason": self.reason,
            "would_try_tools": self.would_try_tools,
            "tools_because": self.tools_because,
            "tools_reason": self.tools_reason,
            "host": self.host,
            "circuits": circuits,
            "price": None if self.price is None else self.price._asdict(),
        }


@dataclass(frozen=True, slots=True)
class RoleExplanation:
    """One role."""

    role: str
    legs: tuple[LegExplanation, ...]
    """In the order in which they are asked."""

    @property
    def can_answer(self) -> bool:
        """Whether there is anybody to ask."""
        return any(leg.would_try for leg in self.legs)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"role": self.role, "can_answer": self.can_answer, "legs": [leg.to_dict() for leg in self.legs]}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who would answer now, in which order, and why others would not.

    Prints as a table of 80 columns, shows as one in a notebook, and becomes data by `to_dict`.
    """

    roles: tuple[RoleExplanation, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; prices are dollars per million tokens, times are seconds."""
        return {"roles": [role.to_dict() for role in self.roles]}

    def __str__(self) -> str:
        return "\n\n".join(map(_text_of, self.roles))

    def __repr__(self) -> str:
        # What a prompt shows, and a notebook where it has no HTML: a table is read, hundreds of fields are not.
        return str(self)

    def _repr_html_(self) -> str:
        titles = ("role and model", "now", "circuits", "$ in / out", "remarks")
        rows = []
        for role in self.roles:
            rows.append(Row((role.role, *[""] * (len(titles) - 1)), is_strong=True))
            for leg, told in _with_words(role.legs):
                cells = (leg.name, told, _circuits(leg), _price(leg), _told(leg))
                rows.append(Row(cells, is_indented=True))
        return html_table(titles, rows, left=len(titles))


def explained(role: str, places: Sequence[Place], prices: Mapping[str, Price]) -> RoleExplanation:
    """Return what would become of a call of a role; takes no permit and changes no breaker.

    Args:
        role: Name of the role.
        places: Its legs in their order, those that take no part as well.
        prices: Prices by `provider:model`.
    """
    return RoleExplanation(role, tuple(_explained(place, prices) for place in places))


def _explained(place: Place, prices: Mapping[str, Price]) -> LegExplanation:
    leg, circuits = place.leg, None
    obstacle: _Obstacle | None
    for_tools: _Obstacle | None = None
    if isinstance(leg, AbsentLeg):
        obstacle = _Obstacle("policy" if place.is_denied else "credentials", leg.reason)
    else:
        names = ("availability", "credentials", "quality")
        breakers = (leg.breakers.availability, leg.breakers.credentials, leg.breakers.quality)
        circuits = {name: _view(breaker) for name, breaker in zip(names, breakers, strict=True)}
        obstacle = _open_one(breakers[:2])
        for_tools = _open_one(breakers[2:])
        if leg.refuses_tools:
            for_tools = _Obstacle("contract", "it cannot call tools")
    for_tools = obstacle or for_tools
    return LegExplanation(
        provider=leg.provider,
        model=leg.model,
        would_try=obstacle is None,
        because=obstacle and obstacle.because,
        reason=obstacle and obstacle.reason,
        would_try_tools=for_tools is None,
        tools_because=for_tools and for_tools.because,
        tools_reason=for_tools and for_tools.reason,
        host=place.host,
        circuits=circuits,
        price=prices.get(f"{leg.provider}:{leg.model}"),
    )


def _view(breaker: CircuitBreaker) -> CircuitView:
    snapshot = breaker.snapshot()
    return CircuitView(snapshot.state.value, snapshot.retry_after)


def _open_one(breakers: Sequence[CircuitBreaker]) -> _Obstacle | None:
    for breaker in breakers:
        snapshot = breaker.snapshot()
        if snapshot.retry_after is not None:
            is_open = snapshot.state is BreakerState.OPEN
            what = "is open" if is_open else "is trying a probe, and lets no other call through,"
            return _Obstacle("breaker", f"the circuit {breaker.name} {what} for another {snapshot.retry_after:.0f} s")
    return None


# -- In words ----------------------------------------------------------------------------------------------------


def _text_of(role: RoleExplanation) -> str:
    titles = (role.role, "now", "circuits", "$ in/out")
    rows = [
        Row((leg.name, told, _circuits(leg), _price(leg)), is_indented=True) for leg, told in _with_words(role.legs)
    ]
    head, *lines = text_table(titles, rows, left=3, width=_WIDTH).splitlines()
    told = [head]
    remarks = [_told(leg) for leg in role.legs]
    for place, line in enumerate(lines):
        told.append(line)
        # What keeps several legs in a row out is said once.
        is_last = place + 1 == len(remarks) or role.legs[place].would_try or remarks[place] != remarks[place + 1]
        if is_last:
            told += textwrap.wrap(
                remarks[place], _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 4, break_on_hyphens=False
            )
    if not role.can_answer:
        told.append(" Nobody would answer.")
    return "\n".join(told)


def _with_words(legs: Sequence[LegExplanation]) -> Iterator[tuple[LegExplanation, str]]:
    """Yield the legs with their place in the order: the first one is asked, the next ones if it fails."""
    word = "first"
    for leg in legs:
        if leg.would_try:
            yield leg, word
            word = "then"
        else:
            yield leg, "skipped"


def _told(leg: LegExplanation) -> str:
    place = [f"at {leg.host}"] if leg.host and leg.would_try else []
    return plain("; ".join((*place, *_remarks(leg))))


def _remarks(leg: LegExplanation) -> list[str]:
    if leg.reason:
        return [leg.reason]
    remarks = [] if leg.host else ["a fake in this process"]
    if any(view.state == "half-open" for view in (leg.circuits or {}).values() if view.lets_through):
        remarks.append("the next call is a probe")
    if leg.tools_reason:
        remarks.append(f"not for calls with tools or a schema: {leg.tools_reason}")
    return remarks


def _circuits(leg: LegExplanation) -> str:
    """Return the state of the circuit that is furthest from closed."""
    states = {view.state for view in (leg.circuits or {}).values()}
    return next((state for state in ("open", "half-open", "closed") if state in states), "-")


def _price(leg: LegExplanation) -> str:
    return "unknown" if leg.price is None else f"{leg.price.input:.2f}/{leg.price.output:.2f}"
