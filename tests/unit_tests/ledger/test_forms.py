"""A report as text, HTML, data and pictures."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest

from langchain_nvgateway.attempts import Attempt
from langchain_nvgateway.events import CircuitClosed, CircuitHalfOpen, CircuitOpened, FellBack
from langchain_nvgateway.ledger import LIST_PRICES, Ledger, Report

NIM = ("nvidia-nim", "meta/llama-4-scout-17b-16e-instruct")
GATEWAY = ("nvidia-gateway", "gpt-4o")
STRANGE = '<script>alert("x")</script> & $x^2$ \x1b[2J\n'
DIRECT = {"planner": "openai:gpt-5", "router": "openai:gpt-5-nano"}


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ledger_of_a_day() -> Ledger:
    """An outage, big numbers, an answer without a count, and a model of a strange name."""
    clock = Clock()
    ledger = Ledger(clock=clock)
    counted = {"input_tokens": 123_456_789, "output_tokens": 1_234_567}
    for role in ("planner", "router"):
        ledger.record(role, Attempt(*NIM, "answered", None, 0.7), counted)
        ledger.record(role, Attempt(*NIM, "rejected", "why", 0.3), counted)
        ledger.hear(FellBack(role, *NIM, "quality", "EmptyAnswerError", *GATEWAY))
        ledger.record(role, Attempt(*GATEWAY, "answered", None, 1.4), counted)
    for state in (CircuitOpened(f"nvidia-nim:{NIM[1]}", "forced", 180.0), CircuitHalfOpen(f"nvidia-nim:{NIM[1]}")):
        clock.now += 100
        ledger.hear(state)
    ledger.hear(CircuitClosed(f"nvidia-nim:{STRANGE}/quality", "reset"))
    ledger.record("router", Attempt("nvidia-nim", STRANGE, "answered", None, 3.0), None)
    ledger.record("planner", Attempt("nvidia-nim", STRANGE, "answered", None, 3.0), counted)
    return ledger


def report_of(ledger: Ledger) -> Report:
    return ledger.report(LIST_PRICES, DIRECT)


@pytest.fixture
def report() -> Report:
    """A report with something of everything."""
    return report_of(ledger_of_a_day())


@pytest.fixture
def empty() -> Report:
    """A report before the first call."""
    return report_of(Ledger())


class Cells(HTMLParser):
    """Reads a table back."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


# -- Text ------------------------------------------------------------------------------------------------------


def test_text_fits_into_100_columns_and_is_plain(report: Report) -> None:
    """Whatever models are called, and however large the numbers are."""
    lines = str(report).split("\n")
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


def test_a_prompt_shows_the_text(report: Report) -> None:
    """Who types `manager.report()` reads the table, not a thousand attempts."""
    assert repr(report) == str(report)


def test_text_has_a_line_for_each_leg_in_each_table(report: Report) -> None:
    """Below the role, which has the sums; the whole name is there."""
    text = str(report)
    assert len(re.findall(rf"^ nvidia-nim:{NIM[1]} +2 +1 +\d+ %", text, re.MULTILINE)) == 2
    assert (
        len(re.findall(r"^ nvidia-gateway:gpt-4o +123,456,789 +1,234,567 +320.99 +1.4 +1.4$", text, re.MULTILINE)) == 2
    )
    assert re.search(r"^planner +4 +3 +- +1 +- +1$", text, re.MULTILINE)
    assert re.search(r"^all +8 +6 +- +2 +- +2$", text, re.MULTILINE)


def test_text_says_what_was_saved_and_what_is_not_known(report: Report) -> None:
    """In words below the tables."""
    text = " ".join(str(report).split())
    assert re.search(
        r"Cost over 3 minutes: at least \$[\d,.]+\. The same answers from openai:gpt-5, openai:gpt-5-nano", text
    )
    assert "Rejected and failed answers took 249,382,712 of the tokens" in text
    assert "Answers that came without a count of tokens, at an unknown cost: 1." in text


# -- HTML ------------------------------------------------------------------------------------------------------


def test_html_has_the_same_rows(report: Report) -> None:
    """Two tables, since one of all columns is wider than a notebook: a head, a row per role and leg, and the sums."""
    rows = Cells(report._repr_html_()).rows
    who, cost = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    for table, title in (who, "who answered"), (cost, "what it cost"):
        assert len({len(row) for row in table}) == 1
        assert [row[0] for row in table][:3] == [title, "planner", f"nvidia-nim:{NIM[1]}"]
    assert max(map(len, rows)) <= 8
    assert who[-1][:3] == ["all", "8", "6"]
    assert cost[-1][0] == "all"


def test_html_has_no_part_in_which_dollars_make_a_formula(report: Report) -> None:
    """Jupyter sets what is between two dollar signs as mathematics, unless it is told to leave it alone."""
    assert "$" in report._repr_html_()
    assert re.sub(r"<(table|div) class=\"tex2jax_ignore mathjax_ignore\".*?</\1>", "", report._repr_html_()) == ""


def test_html_escapes_what_others_have_named(report: Report) -> None:
    """A model's name is no markup."""
    page = Cells(report._repr_html_())
    assert "script" not in page.tags
    assert any('<script>alert("x")</script>' in cell for row in page.rows for cell in row)


def test_html_brings_no_colours_that_a_dark_notebook_would_not_have(report: Report) -> None:
    """Text and ground are the notebook's; only the lines are grey."""
    assert set(re.findall(r"[\w-]*color\s*:\s*\w+|rgba?\([^)]*\)", report._repr_html_())) == {
        "color: inherit",
        "rgba(128, 128, 128, 0.5)",
    }


# -- Data ------------------------------------------------------------------------------------------------------


def test_data_is_json_with_known_keys(report: Report) -> None:
    """The same at each level, whatever happened."""
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert list(data) == ["seconds", "totals", "roles", "legs", "unpriced", "breaker_changes", "recent"]
    sums = {
        *("calls", "answered", "failed", "rejected", "interrupted", "cancelled", "skipped", "fallbacks"),
        *("input_tokens", "output_tokens", "lost_tokens", "uncounted"),
        *("cost", "is_cost_whole", "direct_cost", "saving"),
    }
    assert set(data["totals"]) == sums
    assert all(set(role) == sums | {"role", "direct_model"} for role in data["roles"])
    own = {"role", "provider", "model", "share", "p50_seconds", "p95_seconds"}
    assert all(set(leg) == sums | own for leg in data["legs"])
    assert list(data["legs"][0])[:3] == ["role", "provider", "model"]
    assert len(data["recent"]) == 8
    assert [change["state"] for change in data["breaker_changes"]] == ["open", "half-open", "closed"]


def test_a_table_of_pandas_has_a_row_per_leg(report: Report) -> None:
    """With the columns of the data, empty or not."""
    frame = report.to_dataframe()
    assert list(frame["model"]) == [leg.model for leg in report.legs]
    assert frame["input_tokens"].sum() == report.totals.input_tokens
    assert list(frame.columns) == list(report.to_dict()["legs"][0])
    assert list(report_of(Ledger()).to_dataframe().columns) == list(frame.columns)


# -- Pictures --------------------------------------------------------------------------------------------------


def test_a_plot_shows_shares_costs_latency_and_breakers(report: Report) -> None:
    """In a figure that no list of pyplot's holds, and that is drawn without a display."""
    figure = report.plot()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split(":")[0] for title in titles] == [
        "Answers per role",
        "Cost per role, as far as it is known",
        "Latency of answers",
        "Breakers",
    ]
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]  # what notebooks show
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["planner", "router"]
    assert "matplotlib.pyplot" not in sys.modules


def test_the_breakers_of_a_plot_change_when_they_changed(report: Report) -> None:
    """Closed for 100 s, open for 100 s, half-open from then on."""
    bars = report.plot().axes[-1].patches[:3]
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 100), (100, 100), (200, 0)]  # type: ignore[attr-defined]


def test_a_probe_is_seen_however_short_it_was(report: Report) -> None:
    """A mark stands where a breaker became half-open."""
    (mark,) = report.plot().axes[-1].collections
    assert mark.get_segments()[0][0][0] == 200  # type: ignore[attr-defined]


def test_the_labels_of_small_costs_do_not_run_into_each_other(report: Report) -> None:
    """Amounts below a cent are long."""
    figure = report.plot()
    figure.draw_without_rendering()
    shown = [label.get_window_extent() for label in figure.axes[1].get_xticklabels() if label.get_text()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(shown))


# -- Nothing, and without extras -------------------------------------------------------------------------------


def test_an_empty_report_is_fine_in_every_form(empty: Report) -> None:
    """It says that nobody has been asked."""
    assert str(empty) == "Nobody has been asked yet."
    assert "Nobody has been asked yet." in empty._repr_html_()
    data = json.loads(json.dumps(empty.to_dict()))
    assert (data["legs"], data["totals"]["calls"], data["totals"]["cost"]) == ([], 0, 0.0)
    assert len(empty.to_dataframe()) == 0
    assert empty.plot()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]  # what notebooks show


@pytest.mark.parametrize(("package", "form"), [("pandas", "to_dataframe"), ("matplotlib", "plot")])
def test_a_form_without_its_package_says_what_to_install(package: str, form: str) -> None:
    """The other forms need nothing."""
    code = f"""
import sys
sys.modules[{package!r}] = None
from langchain_nvgateway import ConfigurationError, ModelManager
from langchain_core.language_models import FakeListChatModel
manager = ModelManager(models={{"nvidia-nim": FakeListChatModel(responses=["fine"])}})
manager.model("planner").invoke("hello")
report = manager.report()
str(report), report._repr_html_(), report.to_dict()
try:
    report.{form}()
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"{form} needs {package}: pip install {package} ")


def test_calls_and_reports_load_neither_package() -> None:
    """They take a second to load; only the forms that need them do."""
    code = """
import sys
from langchain_nvgateway import ModelManager
from langchain_core.language_models import FakeListChatModel
manager = ModelManager(models={"nvidia-nim": FakeListChatModel(responses=["fine"])})
manager.model("planner").invoke("hello")
str(manager.report()), str(manager.explain())
print(sorted({"pandas", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
