"""The benchmarks themselves: every promise has a row, what got worse is named, noise is not."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from langchain_nvgateway.chat_models.error_classes import OutageError

from .answers import ARGUMENTS, WORDS
from .catalogue import ROWS, chosen
from .checking import share
from .comparison import Finding, compared, is_doubtful, is_worse, settled
from .environment import clear_environment
from .history import EDIT, conversation
from .models import Bench
from .readme import README, renewed
from .results import STORED, Result, Results, load, save
from .row import Measurement, Row
from .running import benching
from .table import readme_table, terminal_table

PROMISES = {
    "stream-chunk": ("lower", 0.35, 0.2, ""),
    "invoke": ("lower", 0.6, 0.4, ""),
    "throughput-64": ("higher", 4.0, 8.0, ""),
    "role-invoke": ("lower", 1.25, 1.1, ""),
    "role-stream": ("lower", 1.25, 1.1, ""),
    "role-open-invoke": ("lower", 1.25, 1.1, ""),
    "role-open-stream": ("lower", 1.25, 1.1, ""),
    "breaker": ("lower", 2.0, 1.0, "µs"),
    "token": ("lower", 0.5, 0.2, "µs"),
    "import": ("lower", 0.15, 0.05, "s"),
}
"""What the design promises of speed: direction, bar, goal, unit."""


def row(key: str = "one", **parameters: Any) -> Row:
    return Row(key, "a thing", "another", lambda _: Measurement(1.0), **parameters)


def results(machine: str = "a machine", /, **values: float) -> Results:
    return Results(machine, {}, {key: Result(value) for key, value in values.items()})


def findings(rows: list[Row], now: Results, before: Results, **absent: str) -> list[Finding]:
    return compared(rows, now, before, absent=absent, is_complete=True)


@pytest.mark.parametrize("key", PROMISES)
def test_each_promise_has_a_row_with_its_bar(key: str) -> None:
    """Direction, bar, goal and unit are those of the design, and the row is among the main ones."""
    (found,) = [each for each in ROWS if each.key == key]
    assert (found.better, found.bar, found.goal, found.unit) == PROMISES[key]
    assert found.is_main


def test_no_two_rows_share_a_key() -> None:
    """A key names one row in the stored result."""
    assert len({each.key for each in ROWS}) == len(ROWS)


def test_words_choose_rows() -> None:
    """Each word chooses the rows whose key holds it, and no word chooses all."""
    assert [each.key for each in chosen(["breaker", "token"])] == ["breaker", "token"]
    assert chosen([]) == list(ROWS)


@pytest.mark.parametrize(
    ("better", "before", "now", "worse"),
    [
        ("lower", 0.5, 0.6, True),
        ("lower", 0.5, 0.59, False),
        ("lower", 0.5, 0.3, False),
        ("higher", 10.0, 8.0, True),
        ("higher", 10.0, 8.1, False),
        ("higher", 10.0, 15.0, False),
        ("lower", -10.0, -8.1, False),
    ],
)
def test_a_row_is_worse_from_a_fifth_on_in_its_own_direction(
    better: Any, before: float, now: float, worse: bool
) -> None:
    """What got better or differs by less is no news."""
    assert is_worse(row(better=better), now, before) is worse


def test_a_change_within_the_slack_is_not_worse() -> None:
    """Twice next to nothing is still next to nothing."""
    assert not is_worse(row(unit="s", slack=0.02), 0.02, 0.01)
    assert is_worse(row(unit="s", slack=0.02), 0.04, 0.01)


def test_a_row_that_got_worse_is_named() -> None:
    """It is named with both values and fails the run; its neighbours are not named."""
    rows = [row("one"), row("two"), row("three")]
    found = findings(rows, results(one=0.65, two=0.51, three=0.1), results(one=0.5, two=0.5, three=0.5))
    assert found == [Finding("worse than what is stored", "one", "0.65 after 0.5")]
    assert found[0].is_bad


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_a_missed_bar_is_named(state: str) -> None:
    """A bar holds on an idle and on a busy machine."""
    values = {"idle": 0.5, "busy": 0.5, state: 0.7}
    found = findings([row(bar=0.6)], Results("a machine", {}, {"one": Result(**values)}), results(one=0.5 + 0.2))
    assert found == [Finding("misses its bar", "one", f"{state}, 0.7 > 0.6")]
    assert found[0].is_bad


def test_a_new_row_is_said_and_fails_nothing() -> None:
    """There is nothing to compare it with."""
    (found,) = findings([row()], results(one=1.0), results())
    assert (found.kind, found.key, found.is_bad) == ("not stored yet", "one", False)


@pytest.mark.parametrize(
    ("rows", "now", "kind"),
    [([], {}, "stored, but no longer there"), ([row()], {}, "could not be measured")],
)
def test_a_missing_row_is_said_and_fails_the_run(rows: list[Row], now: dict[str, float], kind: str) -> None:
    """A row that is stored and not measured might hide what got worse."""
    (found,) = findings(rows, results(**now), results(one=1.0))
    assert (found.kind, found.key, found.is_bad) == (kind, "one", True)


def test_a_row_whose_rival_is_not_installed_is_left_out_with_the_reason() -> None:
    """It fails nothing, since nothing is known."""
    (found,) = findings([row()], results(), results(one=1.0), one="it is not installed")
    assert (found.kind, found.details, found.is_bad) == ("left out", "it is not installed", False)


def test_seconds_of_another_machine_are_not_compared() -> None:
    """Ratios are, since they are of one run."""
    rows = [row("one", unit="s"), row("two")]
    found = findings(rows, results("fast", one=9.0, two=1.0), results("slow", one=1.0, two=0.5))
    assert [(each.key, each.is_bad) for each in found] == [("one", False), ("two", True)]


@pytest.mark.parametrize(
    ("values", "settles_at"),
    [([1.0], 1.0), ([3.0, 1.0, 1.1], 1.1), ([3.0, 1.0, 3.1], 3.0)],
)
def test_a_doubtful_value_is_measured_twice_more(values: list[float], settles_at: float) -> None:
    """The median decides, so that one disturbance is no alarm; a value that is fine is measured once."""
    left = iter(values)
    settled_value = settled(lambda: Measurement(next(left)), lambda value: value > 2).value
    assert settled_value == settles_at
    assert list(left) == []


def test_what_is_stored_is_what_is_loaded(tmp_path: Path) -> None:
    """Values keep three digits, and a row that is not measured again keeps what it had."""
    save(Results("a machine", {"python": "3.11"}, {"one": Result(0.12345, 1.0, "so")}), tmp_path / "results.json")
    loaded = load(tmp_path / "results.json")
    assert loaded.rows["one"] == Result(0.123, 1.0, "so")
    assert loaded.updated(results(two=2.0), ["one", "two"]).rows["one"] == Result(0.123, 1.0, "so")
    assert "one" not in loaded.updated(results(two=2.0), ["two"]).rows


def test_every_row_is_stored() -> None:
    """The stored result knows each row, and no other."""
    assert set(load(STORED).rows) == {each.key for each in ROWS}


def test_readme_quotes_what_is_stored() -> None:
    """Storing the same once more changes nothing in the README, so its figures are those that are stored."""
    readme = README.read_text(encoding="utf-8")
    assert renewed(readme, load(STORED)) == readme
    assert readme_table(ROWS, load(STORED)) in readme


def test_readme_keeps_all_else_when_its_figures_are_renewed() -> None:
    """Only the table and the share of the check are replaced."""
    readme, other = README.read_text(encoding="utf-8"), results(**{"check-share": 0.99, "invoke": 123.0})
    changed = renewed(readme, other)
    assert "A check takes about 99 % of" in changed
    assert "| 123.0 |" in changed
    assert renewed(changed, load(STORED)) == readme


@pytest.mark.parametrize(
    ("value", "stored", "doubtful"),
    [(0.5, {}, False), (0.61, {}, True), (0.9, {}, False), (0.5, {"one": 0.4}, True), (0.5, {"one": 0.45}, False)],
)
def test_what_might_be_noise_is_doubtful(value: float, stored: dict[str, float], doubtful: bool) -> None:
    """A bar of 0.6 that is just missed, or a value that looks worse; not a bar that is missed by far."""
    assert is_doubtful(row(bar=0.6), value, results(**stored)) is doubtful


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_its_terminal(width: int) -> None:
    """No line is longer than the terminal is wide, and no value or verdict is cut."""
    console = Console(width=width, file=io.StringIO())
    console.print(terminal_table(ROWS, load(STORED), width=width))
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert ("behind it" in text) is (width == 120)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with benching(litellm=Path("nowhere")) as bench:
        yield bench


def _models(bench: Bench, answer: str) -> list[Any]:
    return [bench.nim(answer), bench.chat_openai(answer), bench.gateway(answer), bench.azure(answer)]


def test_each_model_reads_the_whole_answer_alike(bench: Bench) -> None:
    """Ours and LangChain's, on NIM's URL and on the Gateway's, with and without a long conversation."""
    for messages in ("Hi", conversation()):
        assert [model.bind_tools([EDIT]).invoke(messages).text for model in _models(bench, "text")] == ["fine"] * 4


def test_each_model_reads_every_chunk_of_the_stream(bench: Bench) -> None:
    """Each word is a chunk on its own, so that a ratio for streams is one for chunks."""
    for model in _models(bench, "text"):
        texts = [chunk.text for chunk in model.stream("Hi")]
        assert texts.count("word ") == WORDS
        assert "".join(texts) == "word " * WORDS


def test_each_model_reads_the_same_tool_call(bench: Bench) -> None:
    """Whole and from a stream, by ours and by LangChain's."""
    for model in _models(bench, "tool"):
        bound = model.bind_tools([EDIT])
        first, *rest = bound.stream("Hi")
        for chunk in rest:
            first += chunk
        (whole,), (streamed,) = bound.invoke("Hi").tool_calls, first.tool_calls
        assert whole["args"] == streamed["args"]
        assert whole["args"]["path"] in ARGUMENTS


def test_a_paced_stream_holds_a_hundred_words(bench: Bench) -> None:
    """Its parts come one by one."""
    assert "".join(chunk.text for chunk in bench.nim("paced").stream("Hi")) == "word " * 100


def test_a_role_and_a_chain_fail_over(bench: Bench) -> None:
    """Whether the first model says 503 or refuses the connection, the second answers."""
    assert bench.fallbacks("503").invoke("Hi").text == "fine"
    assert bench.fallbacks(url=bench.refusing_url).invoke("Hi").text == "fine"
    for manager in (bench.manager("503"), bench.manager(nim_url=bench.refusing_url)):
        answer = manager.model("planner").invoke("Hi")
        assert answer.response_metadata["nvgateway"]["provider"] == "nvidia-gateway"


@pytest.mark.parametrize("status", [500, 503])
def test_a_failure_has_its_status(bench: Bench, status: int) -> None:
    """The first part of the URL says which."""
    with pytest.raises(OutageError) as raised:
        bench.nim(str(status), max_retries=0).invoke("Hi")
    assert raised.value.status_code == status


def test_the_check_is_a_small_part_of_a_streamed_call(bench: Bench) -> None:
    """At most 15 % of the client's CPU time for a tool call of 2 kB; whoever else is busy can only add to it."""
    assert min(share(bench, rounds=5).value for _ in range(4)) <= 0.15


def test_what_the_user_has_set_does_not_reach_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that change where requests go or what they carry are gone, and others stay."""
    for name in ("OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "LANGSMITH_TRACING", "https_proxy", "HARMLESS"):
        monkeypatch.setenv(name, "fake")
    # So that what is taken out comes back after the test.
    for name in list(os.environ):
        monkeypatch.setenv(name, os.environ[name])
    clear_environment()
    assert [name for name, value in os.environ.items() if value == "fake"] == ["HARMLESS"]
