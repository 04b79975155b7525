"""`nvgateway demo`: what it shows, what it counts, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_nvgateway.cli.app import app
from langchain_nvgateway.cli.demo.actor import Actor
from langchain_nvgateway.emulator import Emulator, Reply

from .running import PROGRAM, Ended, Terminal, run_piped, surroundings

TASK = "Lass Sitzungen länger dauern, bitte"

STRANGE_ENVIRONMENT = {
    "NVGATEWAY_PLANNER_MODELS": "openai:gpt-5",
    "NVGATEWAY_ALLOW_EXTERNAL": "true",
    "NVGATEWAY_FALLBACK_ORDER": "openai",
    "NVGATEWAY_MAX_TOKENS": "many",
    "OPENAI_API_KEY": "canary",
    "NVIDIA_API_KEY": "canary",
    "STARFLEET_SCOPE": "other",
    "FORCE_COLOR": "1",
}

STORY = [
    r"^  1  router +nvidia-nim +route_message\(",
    r"^  4  planner +nvidia-nim +\"1\. ",
    r"^>>> From now on NIM corrupts",
    r"^  5  programmer +nvidia-nim +REJECTED: the arguments",
    r"^ +it was \{\"\{",
    r"^ +starfleet +a new token",
    r"^ +nvidia-gateway +read_file\(",
    r"^ +tool +read_file: 16 lines",
    r"^  6  programmer +nvidia-nim +REJECTED",
    r"^ +breaker +nvidia-nim quality: OPEN for 1[89]\d s",
    r"^ +nvidia-gateway +write_file\(",
    r"^  7  programmer +nvidia-nim +skipped: its quality circuit is open",
    r"^  9  reviewer +nvidia-nim +skipped",
    r"^ +nvidia-gateway +give_verdict\(approved=False",
    r"^>>> From now on NIM answers every request with 500",
    r"^ 10  programmer +breaker +nvidia-nim quality: HALF-OPEN, a probe",
    r"^ +nvidia-nim +FAILED: status 500",
    r"^ 11  programmer +nvidia-nim +FAILED: status 500",
    r"^ +breaker +nvidia-nim: OPEN for 1[89]\d s",
    r"^ 12  programmer +nvidia-nim +skipped: its circuit is open",
    r"^ 14  reviewer +nvidia-nim +skipped",
    r"^ +tool +run_tests: 3 tests ran: OK",
    r"^>>> NIM has recovered",
    r"^ 15  reviewer +breaker +nvidia-nim: HALF-OPEN, a probe",
    r"^ +nvidia-nim +give_verdict\(approved=True",
    r"^ +breaker +nvidia-nim: CLOSED",
    r"^ +breaker +nvidia-nim quality: CLOSED",
    r"^ 16  summarizer +nvidia-nim +\"Sessions",
    r"^Done: all 3 tests of the project pass\. 16 of 16 calls",
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The demo in a pipe."""
    return run_piped(tmp_path_factory.mktemp("plain"), "demo")


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The demo with a task of one's own and `--json`, in an environment that would lead elsewhere."""
    return run_piped(tmp_path_factory.mktemp("json"), "demo", "--json", "--task", TASK, env=STRANGE_ENVIRONMENT)


@pytest.fixture
def with_actor(emu: Emulator) -> Emulator:
    """The emulator as real services whose models play the demo's parts."""
    actor = Actor()
    emu.nim.reply_always(actor)
    emu.gateway.reply_always(actor)
    return emu


def live(*words: str) -> Any:
    return CliRunner().invoke(app, ["demo", "--live", *words], catch_exceptions=False)


def legs(report: dict[str, Any], outcome: str, provider: str) -> int:
    return sum(leg[outcome] for leg in report["legs"] if leg["provider"] == provider)


# -- On the emulator -------------------------------------------------------------------------------------------


def test_demo_tells_the_whole_story_in_its_order(plain: Ended) -> None:
    """Who asks, who answers, what is rejected, and what the breakers do is shown as it happens."""
    assert (plain.code, plain.err) == (0, "")
    rest = plain.out
    for scene in STORY:
        found = re.search(scene, rest, re.MULTILINE)
        assert found, f"{scene} is not in {rest}"
        rest = rest[found.end() :]


def test_demo_in_a_pipe_is_plain_text_of_80_columns(plain: Ended) -> None:
    """No control character, no colour, no line that is too long or ends with blanks."""
    lines = plain.out.split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_table_of_the_demo_has_what_was_shown(plain: Ended) -> None:
    """The sums in the table are those of the lines above it."""
    sums = re.search(r"^all +(\d+) +(\d+) +(\d+) +(\d+)$", plain.out, re.MULTILINE)
    assert sums
    shown = [len(re.findall(words, plain.out)) for words in (r"(?m)^ *\d+  \w+", "FAILED: status", "REJECTED", "skip")]
    shown[-1] -= 1 + 1  # the heading, and what is said of requests
    assert [int(number) for number in sums.groups()] == shown


def test_demo_counts_what_the_emulator_counts(counted: Ended) -> None:
    """The roles' attempts are the requests of the services, and one token is enough."""
    report = json.loads(counted.out)
    asked = {
        provider: sum(legs(report, outcome, provider) for outcome in ("answered", "failed", "rejected"))
        for provider in ("nvidia-nim", "nvidia-gateway")
    }
    assert report["requests"] == {"NIM": asked["nvidia-nim"], "Gateway": asked["nvidia-gateway"], "Starfleet": 1}
    assert report["tokens"] == 1
    assert [legs(report, outcome, "nvidia-nim") for outcome in ("answered", "failed", "rejected", "skipped")] == [
        6,
        2,
        2,
        6,
    ]
    assert report["calls"] == {"made": 16, "answered": 16}


def test_demo_loses_nothing_and_runs_no_broken_call(counted: Ended) -> None:
    """Each accepted call ran once and as the model had said it; in the end the tests pass and all is approved."""
    report = json.loads(counted.out)
    assert counted.code == 0
    assert report["ok"] is True
    assert report["approved"] is True
    assert report["rounds"] == 2
    assert report["tests"] == {"ran": 3, "failed": 0, "passed": True}
    assert report["tool_calls"] == {"accepted": 12, "ran": 12, "whole": 12, "refused": 0, "rejected_answers": 2}


def test_task_reaches_the_planner(counted: Ended) -> None:
    """The plan is for the task that was given."""
    report = json.loads(counted.out)
    assert report["task"] == TASK
    assert TASK in report["plan"]


def test_json_is_all_there_is(counted: Ended) -> None:
    """Nothing else is printed for scripts, on either stream."""
    assert counted.err == ""
    assert counted.out.startswith("{")


def test_demo_leaves_no_folder(plain: Ended, counted: Ended) -> None:
    """The temporary project is gone."""
    assert plain.left == counted.left == []


def test_demo_on_a_terminal_shows_who_is_asked(tmp_path: Path) -> None:
    """There are colours, a line that says who is asked, and a cursor again in the end; it takes under 20 s."""
    ended = Terminal(tmp_path, "demo", columns=120).end()
    assert ended.code == 0
    assert ended.left == []
    for role, leg in (("router", "nvidia-nim"), ("programmer", "nvidia-gateway"), ("summarizer", "nvidia-nim")):
        assert f"{role} asks {leg} (" in ended.out
    assert "\x1b[32m" in ended.out
    assert ended.out.rfind("\x1b[?25h") > ended.out.rfind("\x1b[?25l")
    seconds = re.search(r"^time +([\d.]+) s", ended.out, re.MULTILINE)
    assert seconds
    assert float(seconds[1]) < 20


def test_demo_on_a_dumb_terminal_is_plain(tmp_path: Path) -> None:
    """A terminal that can do nothing gets what a pipe gets, at once."""
    ended = Terminal(tmp_path, "demo", env={"TERM": "dumb"}).end()
    assert ended.code == 0
    assert all(line.isprintable() for line in ended.out.split("\r\n"))
    assert "Done: " in ended.out


# -- Misuse ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--task", " "], "--task is empty"),
        (["--task", "a", "--task-file", "b"], "not both"),
        (["--task-file", "not-there"], "not-there"),
        (["--task", "\udcff"], "not UTF-8"),
        (["--live"], "NVIDIA_NIM_API_KEY"),
        (["--live"], "STARFLEET_SECRET"),
    ],
)
def test_misused_demo_is_one_line(words: list[str], named: str, tmp_path: Path, monkeypatch: Any) -> None:
    """A wrong argument or a missing setting ends with 2 and a line that names it."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["demo", *words], catch_exceptions=False)
    assert result.exit_code == 2
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_demo_without_langgraph_says_what_to_install() -> None:
    """Without its extra the demo names it in one line."""
    code = (
        "import sys; sys.modules['langgraph'] = None; sys.argv = ['nvgateway', 'demo'];"
        "from langchain_nvgateway.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr == "nvgateway demo needs langgraph: pip install 'langchain-nvgateway[demo]'\n"


# -- On real services ------------------------------------------------------------------------------------------


def test_live_demo_uses_the_settings_and_injects_nothing(with_actor: Emulator) -> None:
    """With `--live` the services of the environment answer, and the demo says that it breaks nothing."""
    result = live()
    assert result.exit_code == 0
    assert "no fault is injected" in result.stdout
    assert {request.status for request in with_actor.requests} == {200}
    assert with_actor.gateway.requests == []


@pytest.mark.parametrize("source", ["-", "task.txt"])
def test_task_of_a_file_is_sent_to_each_role(
    with_actor: Emulator, source: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """`--task-file` takes a path or `-`; control characters reach the models but not the terminal."""
    monkeypatch.chdir(tmp_path)
    task = f"{TASK}\n\x1b[2Jnow"
    (tmp_path / "task.txt").write_text(task, encoding="utf-8")
    words = ["demo", "--live", "--task-file", source]
    result = CliRunner().invoke(app, words, input=task, catch_exceptions=False)
    assert result.exit_code == 0
    assert f"{TASK} [2Jnow" in result.stdout
    assert "\x1b" not in result.stdout
    sent = [request.json["messages"][1]["content"] for request in with_actor.nim.requests]
    assert all(task in content for content in sent)


def test_demo_with_failing_tests_ends_with_1(emu: Emulator) -> None:
    """Models that fix nothing do not make the demo say that all is well."""
    result = live()
    assert result.exit_code == 1
    assert "NOT done: 2 of the project's tests fail" in result.stdout


def test_demo_that_breaks_off_says_why_and_what_was_done(emu: Emulator) -> None:
    """When nobody can answer, the reason and the table are shown, without a traceback."""
    emu.nim.fail_always("internal_error")
    emu.gateway.fail_always("internal_error")
    result = live()
    assert result.exit_code == 1
    assert "The run broke off: No model of the role 'router' could answer" in result.stdout
    assert re.search(r"^router +nvidia-nim +- +1 +- +-$", result.stdout, re.MULTILINE)
    assert "0 of 1 calls were answered" in result.stdout.replace("\n", " ")


def test_role_that_never_ends_is_stopped(with_actor: Emulator) -> None:
    """A model that calls tools for ever costs a bounded number of calls."""
    with_actor.nim.reply_always(lambda request: Reply(tool_calls=[("list_files", {})]) if _plans(request) else None)
    result = live()
    assert result.exit_code == 1
    assert "The planner was not done after 12 calls" in result.stdout


def test_tool_refuses_what_it_cannot_do_and_the_run_goes_on(with_actor: Emulator) -> None:
    """A path outside is told to the model, which goes on; arguments that do not fit never reach the tool."""
    bad = iter([("read_file", {"path": "../../etc/passwd"}), ("read_file", {})])

    def speak(request: Any) -> Reply | None:
        call = next(bad, None) if _plans(request) else None
        return Reply(tool_calls=[call]) if call else Reply(text="Fix it.") if _plans(request) else Actor()(request)

    with_actor.nim.reply_always(speak)
    result = live("--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["tool_calls"]["refused"] == 1
    assert json.loads(result.stdout)["tool_calls"]["rejected_answers"] == 1
    told = [message["content"] for message in with_actor.nim.requests[2].json["messages"] if message["role"] == "tool"]
    assert "outside of the project" in told[0]


def test_message_that_is_no_work_ends_with_the_router(with_actor: Emulator) -> None:
    """What the router answers itself is shown, and nothing is done."""
    said = {"internal_reasoning": "a greeting", "response": "Hello to you.", "route": "no_op"}
    with_actor.nim.reply_next(Reply(tool_calls=[("route_message", said)]))
    result = live("--task", "hello")
    assert result.exit_code == 1
    assert "router    Hello to you." in result.stdout
    assert len(with_actor.nim.requests) == 1


# -- Ctrl-C ----------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_demo_cleanly(emu: Emulator, tmp_path: Path) -> None:
    """It ends with 130, without a traceback, and removes its folder."""
    emu.nim.hold()
    env = surroundings(tmp_path, **emu.env)
    with subprocess.Popen(
        [PROGRAM, "demo", "--live"], env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        emu.nim.wait_for_requests(1, timeout=30)
        assert len(list(tmp_path.glob("nvgateway-demo-*"))) == 1
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_on_a_terminal_without_colour(emu: Emulator, tmp_path: Path) -> None:
    """With NO_COLOR the changing line is there but no colour, and Ctrl-C gives the cursor back."""
    emu.nim.hold()
    terminal = Terminal(tmp_path, "demo", "--live", env={"NO_COLOR": "1", **emu.env})
    terminal.read_until("router asks nvidia-nim (1.")
    terminal.press_ctrl_c()
    ended = terminal.end()
    assert ended.code == 130
    assert ended.left == []
    assert "Traceback" not in ended.out
    assert not re.search(r"\x1b\[[\d;]*(3\d|9\d)m", ended.out)
    assert ended.out.rfind("\x1b[?25h") > ended.out.rfind("\x1b[?25l")


def _plans(request: Any) -> bool:
    offered = {tool["function"]["name"] for tool in request.json.get("tools", ())}
    return offered == {"list_files", "read_file"}
