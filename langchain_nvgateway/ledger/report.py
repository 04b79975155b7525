"""Who answered, and what it cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from .records import BreakerChange, RecordedAttempt

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["LegReport", "Report", "RoleReport", "Sums"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What became of some calls to legs, and what they cost."""

    calls: int = 0
    """How often a leg was asked; skipped legs were not."""

    answered: int = 0
    failed: int = 0

    rejected: int = 0
    """Answers that could not be used, and that nobody got to see."""

    interrupted: int = 0
    """Streams that broke off after their reader had seen a part."""

    cancelled: int = 0
    """Calls whose caller went away."""

    skipped: int = 0
    """How often a leg was not asked in its turn."""

    fallbacks: int = 0
    """How often the call went on to the next leg. Not told of chains, where LangChain goes on by itself."""

    input_tokens: int = 0
    """Tokens of questions, those of rejected answers too."""

    output_tokens: int = 0
    """Tokens of answers, rejected ones too."""

    lost_tokens: int = 0
    """Those of rejected and failed answers, which are among the others."""

    uncounted: int = 0
    """Answers, or parts of answers, that came without a count of their tokens."""

    cost: float | None = 0.0
    """Dollars, as far as they are known; `None` when nothing of it is known."""

    is_cost_whole: bool = True
    """Whether all tokens were counted and have a price; else the cost is at least `cost`."""

    direct_cost: float | None = None
    """Dollars that the direct vendor would have taken for the answers that somebody got; `None` when unknown.

    The same tokens in the role's `openai` model of the roles table, without those of rejected and failed answers: the
    direct vendor is taken to need no second try.
    """

    saving: float | None = None
    """`direct_cost` less what the same legs did cost, rejected answers and all; negative if it was dearer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegReport(Sums):
    """One leg of a role."""

    role: str
    provider: str
    model: str
    share: float | None = None
    """Share of the role's answers, from 0 to 1; `None` when there are none."""

    p50_seconds: float | None = None
    """Seconds within which half of its answers were whole; within a quarter, mostly much closer."""

    p95_seconds: float | None = None
    """Seconds within which 95 % of its answers were whole; within a quarter, mostly much closer."""

    @property
    def name(self) -> str:
        """`provider:model`."""
        return f"{self.provider}:{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReport(Sums):
    """All legs of a role together."""

    role: str

    direct_model: str | None = None
    """The model that it is compared with, as `provider:model`; `None` for a role that the roles table has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Who answered, how often, how fast, and what it cost: everything since the manager was built.

    Prints as a table, shows as one in a notebook, and becomes data by `to_dict` and `to_dataframe`, and pictures by
    `plot`. It stays as it was when it was made. A failure without a count of its tokens is taken to be free, as an
    error's answer is. An attempt at a leg that did not get its turn is in `skipped` alone.
    """

    seconds: float
    """Seconds that it covers."""

    legs: tuple[LegReport, ...]
    """By role and leg, in the order in which they were first asked."""

    roles: tuple[RoleReport, ...]
    totals: Sums

    recent: tuple[RecordedAttempt, ...]
    """The latest attempts, at most 1000, oldest first."""

    breaker_changes: tuple[BreakerChange, ...]
    """The latest changes of breakers, at most 500, oldest first."""

    unpriced: tuple[str, ...]
    """Models that tokens went to and that have no price, as `provider:model`."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; money is in dollars, time in seconds."""
        return {
            "seconds": self.seconds,
            "totals": asdict(self.totals),
            "roles": [_as_dict(role) for role in self.roles],
            "legs": [_as_dict(leg) for leg in self.legs],
            "unpriced": list(self.unpriced),
            "breaker_changes": [change.to_dict() for change in self.breaker_changes],
            "recent": [attempt.to_dict() for attempt in self.recent],
        }

    def to_dataframe(self) -> DataFrame:
        """Return a pandas table with a row for each leg of each role.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        from .optional import import_optional

        pandas = import_optional("pandas", "to_dataframe")
        columns = list(dict.fromkeys(("role", "provider", "model", *(field.name for field in fields(LegReport)))))
        frame: DataFrame = pandas.DataFrame([_as_dict(leg) for leg in self.legs], columns=columns)
        return frame

    def plot(self) -> Figure:
        """Return a matplotlib figure: who answered, costs, latency, and the breakers over time.

        A notebook shows it; elsewhere, `report.plot().savefig("report.png")`.

        Raises:
            ConfigurationError: matplotlib is not installed.
        """
        from .plots import figure_of

        return figure_of(self)

    def __str__(self) -> str:
        from .report_tables import text_of

        return text_of(self)

    def __repr__(self) -> str:
        # What a prompt shows, and a notebook where it has no HTML: a table is read, hundreds of fields are not.
        return str(self)

    def _repr_html_(self) -> str:
        from .report_tables import html_of

        return html_of(self)


def _as_dict(sums: LegReport | RoleReport) -> dict[str, Any]:
    """Return the fields, what names it first."""
    names = {name: getattr(sums, name) for name in ("role", "provider", "model") if hasattr(sums, name)}
    return {**names, **asdict(sums)}
