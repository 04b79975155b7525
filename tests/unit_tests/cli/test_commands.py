"""The `nvgateway` command: what it prints, on which stream, and how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from typer.testing import CliRunner

from langchain_nvgateway.cli.app import app
from langchain_nvgateway.cli.doctor import CHECKS
from langchain_nvgateway.emulator import Emulator

CANARY = "canary-that-nobody-may-see"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder without a `.env` file, and a terminal that does not wrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*words: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, words, input=stdin, catch_exceptions=False)


def test_doctor_says_a_line_per_check_and_ends_well(emu: Emulator) -> None:
    """Each check has a line with its name, a time and what came out; the exit code is 0."""
    result = run("doctor")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line[9:].split("  ")[0].strip() for line in lines[: len(CHECKS)]] == list(CHECKS)
    assert all(line.startswith("ok ") and " s  " in line for line in lines[: len(CHECKS)])
    assert lines[-1] == "all is well"


def test_doctor_needs_no_account_on_the_emulator() -> None:
    """`--emulator` works with an empty environment."""
    assert run("doctor", "--emulator").exit_code == 0


def test_doctor_ignores_real_settings_on_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--emulator` sends nothing to what the environment names."""
    monkeypatch.setenv("STARFLEET_TOKEN_URL", "https://real.invalid/token")
    monkeypatch.setenv("LLM_GATEWAY_BASE_URL", "https://real.invalid/azure")
    monkeypatch.setenv("NVIDIA_NIM_BASE_URL", "https://real.invalid/v1")
    assert run("doctor", "--emulator").exit_code == 0


def test_doctor_prints_json_for_scripts(emu: Emulator) -> None:
    """`--json` prints one object: whether all is well, the checks, the notes."""
    report = json.loads(run("doctor", "--json").stdout)
    assert report["ok"] is True
    assert [check["name"] for check in report["checks"]] == list(CHECKS)
    assert {check["status"] for check in report["checks"]} == {"ok"}
    assert all(check["seconds"] >= 0 and check["detail"] for check in report["checks"])


@pytest.mark.parametrize(
    ("service", "fault", "failed"),
    [
        ("starfleet", "invalid_client_401", {"token"}),
        ("gateway", "forbidden", {"chat", "tool call", "concurrent calls"}),
        ("nim", "forbidden", {"NIM"}),
    ],
)
def test_doctor_names_what_fails_and_exits_with_1(emu: Emulator, service: str, fault: str, failed: set[str]) -> None:
    """A failure is told with its reason, and does not stop the other checks."""
    getattr(emu, service).fail_always(fault)
    result = run("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert {name for name, check in checks.items() if check["status"] == "failed"} == failed
    assert all(checks[name]["detail"] for name in failed)


def test_doctor_fails_a_tool_call_that_is_none(emu: Emulator) -> None:
    """Text in the place of the tool call fails the check."""
    from langchain_nvgateway.emulator import Reply

    emu.gateway.reply_always(Reply(text="I would rather chat."))
    checks = {check["name"]: check["status"] for check in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert checks["chat"] == "ok"
    assert checks["tool call"] == "failed"


def test_doctor_uses_one_token_for_three_calls(emu: Emulator) -> None:
    """All checks of the Gateway cost one token request."""
    run("doctor")
    assert len(emu.starfleet.requests) == 1
    assert len(emu.gateway.requests) == 5


def test_doctor_names_missing_settings() -> None:
    """Without any setting it says which ones are missing, and what it could not check."""
    result = run("doctor")
    assert result.exit_code == 1
    for name in ("STARFLEET_ID", "STARFLEET_SECRET", "STARFLEET_TOKEN_URL", "NVIDIA_NIM_API_KEY"):
        assert name in result.stdout
    assert "not run" in result.stdout


def test_doctor_leaves_out_a_gateway_that_is_switched_off(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NVIDIA_LLM_GATEWAY_ENABLED=false` is no failure."""
    monkeypatch.setenv("NVIDIA_LLM_GATEWAY_ENABLED", "false")
    result = run("doctor")
    assert result.exit_code == 0
    assert emu.gateway.requests == []


def test_doctor_tells_that_traces_leave_the_machine(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing to a hosted service is reported."""
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", f"{emu.origin}/traces")
    assert f"prompts and answers go to {emu.origin}/traces" in run("doctor").stdout


def test_settings_come_from_the_env_file_of_the_folder(emu: Emulator, empty_folder: Path) -> None:
    """A `.env` in the current folder is read, and the command says so."""
    monkeypatch = pytest.MonkeyPatch()
    for name in emu.env:
        monkeypatch.delenv(name, raising=False)
    (empty_folder / ".env").write_text("\n".join(f"{name}={value}" for name, value in emu.env.items()))
    try:
        result = run("doctor")
    finally:
        monkeypatch.undo()
    assert result.exit_code == 0
    assert ".env in this folder" in result.stderr


def test_chat_prints_the_answer_and_who_gave_it(emu: Emulator) -> None:
    """The answer goes to standard output, who answered to standard error."""
    result = run("chat", "planner", "Plan the fix")
    assert result.exit_code == 0
    assert "Plan the fix" in result.stdout
    assert "nvidia-nim" in result.stderr
    assert "nvidia-nim" not in result.stdout


def test_chat_falls_back_when_nim_is_down(emu: Emulator) -> None:
    """NIM's outage does not show, but for who answered."""
    emu.nim.fail_always("internal_error")
    result = run("chat", "planner", "Plan the fix", "--json")
    report = json.loads(result.stdout)
    assert report["provider"] == "nvidia-gateway"
    assert report["model"] == "gpt-4o"
    assert report["usage"]["total_tokens"] > 0
    assert [attempt["outcome"] for attempt in report["attempts"]] == ["failed", "answered"]


def test_chat_tells_who_could_not_answer(emu: Emulator) -> None:
    """After a fallback, the leg that failed has a line with its reason, before the one that answered."""
    emu.nim.fail_always("internal_error")
    lines = run("chat", "planner", "Plan the fix").stderr.splitlines()
    assert lines[0].startswith("nvidia-nim, meta/llama-4-scout-17b-16e-instruct failed: ")
    assert "500" in lines[0]
    assert lines[1:] == ["answered by nvidia-gateway, gpt-4o"]


@pytest.mark.parametrize("source", ["file", "-"])
def test_chat_reads_the_text_from_a_file(emu: Emulator, empty_folder: Path, source: str) -> None:
    """`--file` takes a path, or `-` for standard input."""
    (empty_folder / "file").write_text("Plan the grüne fix", encoding="utf-8")
    result = run("chat", "planner", "--file", source, stdin="Plan the grüne fix")
    assert "Plan the grüne fix" in result.stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["planner"], "--file"),
        (["planner", "text", "--file", "x"], "--file"),
        (["planner", " "], "empty"),
        (["planner", "--file", "not-there"], "not-there"),
        (["cook", "text"], "NVGATEWAY_COOK_MODELS"),
    ],
)
def test_misuse_is_one_line_that_names_it(emu: Emulator, words: list[str], named: str) -> None:
    """A wrong argument ends with 2 and a message, never a traceback."""
    result = run("chat", *words)
    assert result.exit_code == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_failed_call_is_one_line_without_secrets(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that refuses ends with 1 and its own words, secrets removed."""
    monkeypatch.setenv("STARFLEET_SECRET", CANARY)
    emu.nim.fail_always("forbidden")
    emu.starfleet.fail_always("echo_secret")
    result = run("chat", "planner", "Plan the fix")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert CANARY not in result.output


def test_malformed_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad variable ends with 2 and its name."""
    monkeypatch.setenv("NVGATEWAY_MAX_TOKENS", "many")
    result = run("doctor")
    assert result.exit_code == 2
    assert "NVGATEWAY_MAX_TOKENS" in result.stderr


def test_emulator_command_serves_and_stops(tmp_path: Path) -> None:
    """`nvgateway emulator` prints settings that work and ends cleanly on Ctrl-C."""
    import signal

    program = Path(sys.executable).parent / "nvgateway"
    with subprocess.Popen([program, "emulator"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        env = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines if line.startswith("export "))
        checked = subprocess.run(
            [program, "doctor"], env={"PATH": "", **env}, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Traceback" not in errors


def test_command_without_its_extra_says_what_to_install() -> None:
    """Without typer and rich the command names the extra instead of a traceback."""
    code = "import sys; sys.modules['typer'] = None; from langchain_nvgateway.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "langchain-nvgateway[cli]" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_one_line() -> None:
    """No traceback, and what to do instead; so for one that is no port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = CliRunner().invoke(app, ["emulator", "--port", str(taken.getsockname()[1])])
    assert result.exit_code == 2
    assert "--port" in result.stderr
    assert CliRunner().invoke(app, ["emulator", "--port", "99999"]).exit_code == 2


def test_the_help_names_each_command_in_one_whole_line() -> None:
    """Nothing is cut at 80 columns."""
    result = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).invoke(app, ["--help"])
    assert result.exit_code == 0
    commands = result.stdout.partition("Commands:")[2]
    assert "..." not in commands
    for name in ("doctor", "chat", "explain", "demo", "emulator"):
        assert f"  {name} " in commands


def test_the_help_loads_neither_langchain_nor_pydantic() -> None:
    """It answers at once: loading them takes longer than everything else that it does."""
    script = "import sys, langchain_nvgateway.cli.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert not {"langchain_core", "pydantic", "openai", "langgraph", "ssl"} & set(loaded.stdout.split())


def test_the_command_says_its_version() -> None:
    """As a module, too."""
    assert run("--version").stdout.startswith("nvgateway ")
    done = subprocess.run(
        [sys.executable, "-m", "langchain_nvgateway", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == run("--version").stdout


def test_a_chat_without_a_text_says_what_to_give() -> None:
    """Neither was given, so nothing is said of both."""
    result = run("chat", "planner", "--emulator")
    assert result.exit_code == 2
    assert "Give the text or --file." in result.stderr


def test_doctor_tells_how_requests_leave(emu: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The proxy without its password, hosts without it, and the company's authorities."""
    monkeypatch.setenv("NVGATEWAY_PROXY", "http://me:canary@proxy.example:3128")
    monkeypatch.setenv("NVGATEWAY_NO_PROXY", "a.example:8443, b.example")
    path = tmp_path / "company.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    monkeypatch.setenv("NVGATEWAY_CA_BUNDLE", str(path))
    ended = run("doctor", "--json")
    way, authorities = json.loads(ended.stdout)["notes"]
    assert way.startswith(
        "requests leave through the proxy proxy.example:3128 (with user and password, NVGATEWAY_PROXY)"
    )
    assert way.endswith(", but not those to a.example:8443, b.example (NVGATEWAY_NO_PROXY)")
    assert authorities == f"the authorities in {path} are trusted as well (NVGATEWAY_CA_BUNDLE)"
    assert "canary" not in ended.output


def test_doctor_tells_of_a_proxy_that_has_no_effect(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody expects one; the note says which variable it is."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:canary@proxy.example:3128")
    assert json.loads(run("doctor", "--json").stdout)["notes"] == [
        "HTTPS_PROXY is set and has no effect; a proxy for these models is NVGATEWAY_PROXY"
    ]


def test_doctor_stops_at_a_malformed_proxy(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exit code for settings, before anything is asked; the emulator needs none."""
    monkeypatch.setenv("NVGATEWAY_PROXY", "socks5://me:canary@proxy.example:1080")
    ended = run("doctor")
    assert ended.exit_code == 2
    assert "NVGATEWAY_PROXY" in ended.output
    assert "canary" not in ended.output
    assert run("doctor", "--emulator").exit_code == 0
