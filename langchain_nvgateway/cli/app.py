"""The commands of `nvgateway`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..errors import ConfigurationError, NVGatewayError
from .doctor import CHECKS, CheckResult, run_checks

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from ..emulator import Emulator
    from ..manager import ModelManager
    from ..settings import NVGatewaySettings

__all__ = ["app"]

FAILED = 1
"""Exit code when a check or a call failed."""

MISUSED = 2
"""Exit code when a setting or an argument is wrong."""

app = typer.Typer(
    name="nvgateway",
    help="Chat models for the NVIDIA LLM Gateway and hosted NIM: check, try, emulate.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

OnEmulator = Annotated[bool, typer.Option("--emulator", help="Use the emulator instead of the real services.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]

PLANNER_TASK = (
    "Users are logged out after 15 minutes although the session should last a day. "
    "Plan how to find the cause and fix it, in three steps."
)


@app.command()
def doctor(emulator: OnEmulator = False, as_json: AsJSON = False) -> None:
    """Check the token, a chat, a tool call, three calls on one token, and NIM; exit with 1 if one fails."""
    with _expected_failures(), _settings(emulator, quiet=as_json) as settings:
        results = _checked(settings, as_json=as_json)
        notes = _notes()
        ok = all(result.status != "failed" for result in results)
        if as_json:
            report = {"ok": ok, "checks": [asdict(result) for result in results], "notes": notes}
            print(json.dumps(report, indent=2))
        else:
            console = _console()
            for note in notes:
                console.print(f"note: {note}")
            console.print("all is well" if ok else "something is wrong, see above")
    if not ok:
        raise typer.Exit(FAILED)


@app.command()
def chat(
    role: Annotated[str, typer.Argument(help="router, planner, programmer, reviewer, summarizer or a custom role.")],
    text: Annotated[str | None, typer.Argument(help="What to say to the role's model.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from a file; - is standard input.")] = None,
    emulator: OnEmulator = False,
    as_json: AsJSON = False,
) -> None:
    """Ask the model of a role; who answered is printed on standard error."""
    with _expected_failures():
        prompt = _prompt(text, file)
        with _settings(emulator, quiet=as_json) as settings:
            answer = _asked(settings, role, prompt)
        if as_json:
            print(json.dumps({"role": role, "text": answer.text, **_who(answer), "usage": answer.usage_metadata}))
        else:
            print(answer.text)
            who = _who(answer)
            _console(stderr=True).print(f"answered by {who['provider']}, {who['model']}")


@app.command()
def demo() -> None:
    """Show the main job on the emulator: the checks, then a planner that survives an outage of NIM."""
    console = _console()
    with _expected_failures(), _emulator() as emu:
        settings = _settings_of(emu)
        console.print("1. The checks of `nvgateway doctor`, on the emulator")
        results = _checked(settings, as_json=False)
        if any(result.status != "ok" for result in results):
            raise typer.Exit(FAILED)
        manager = _manager(settings)
        console.print(f"\n2. A task for the planner: {PLANNER_TASK}")
        _show_answer(console, "NIM is up", manager)
        emu.nim.fail_always("internal_error")
        _show_answer(console, "NIM answers 500", manager)
        emu.nim.heal()
        _show_answer(console, "NIM is back", manager)
        console.print(f"\nEvery call was answered, by {len(emu.requests)} requests.")


@app.command("emulator")
def run_emulator(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 0,
) -> None:
    """Serve Starfleet, the Gateway and NIM on loopback until Ctrl-C; print the settings for it."""
    from ..emulator.__main__ import main

    main(["--port", str(port)])


def _checked(settings: NVGatewaySettings, *, as_json: bool) -> list[CheckResult]:
    console = _console()
    results = []
    checks = run_checks(settings)
    for name in CHECKS:
        busy = console.status(f"{name} …") if console.is_terminal and not as_json else nullcontext()
        with busy:
            result = next(checks)
        results.append(result)
        if not as_json:
            mark = {"ok": "ok     ", "failed": "FAILED ", "not run": "not run"}[result.status]
            console.print(f"{mark}  {result.name:<17} {result.seconds:6.2f} s  {result.detail}")
    return results


def _show_answer(console: Console, title: str, manager: ModelManager) -> None:
    answer = manager.model("planner").invoke(PLANNER_TASK)
    who = _who(answer)
    console.print(f"   {title}: answered by {who['provider']}, {who['model']}")
    console.print(f"      {answer.text}")


def _asked(settings: NVGatewaySettings, role: str, prompt: str) -> AIMessage:
    model = _manager(settings).model(role)
    console = _console(stderr=True)
    with console.status(f"{role} …") if console.is_terminal else nullcontext():
        return model.invoke(prompt)


def _who(answer: AIMessage) -> dict[str, Any]:
    found: dict[str, Any] = answer.response_metadata["nvgateway"]
    return {"provider": found["provider"], "model": found["model"]}


def _prompt(text: str | None, file: Path | None) -> str:
    if (text is None) == (file is None):
        msg = "Give either the text or --file, for example: nvgateway chat planner 'Plan the fix'."
        raise ConfigurationError(msg, setting="TEXT")
    if file is None:
        prompt = text or ""
    elif str(file) == "-":
        prompt = sys.stdin.read()
    else:
        try:
            prompt = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"--file {file} cannot be read as text: {error}."
            raise ConfigurationError(msg, setting="--file") from error
    if not prompt.strip():
        msg = "The text is empty; say something to the model."
        raise ConfigurationError(msg, setting="TEXT")
    return prompt


def _manager(settings: NVGatewaySettings) -> ModelManager:
    from ..manager import ModelManager

    return ModelManager(settings)


@contextmanager
def _settings(on_emulator: bool, *, quiet: bool) -> Iterator[NVGatewaySettings]:
    """Give the settings of the emulator, or of the environment and the `.env` file of the current folder."""
    from ..settings import settings_from

    if on_emulator:
        with _emulator() as emu:
            yield _settings_of(emu)
        return
    env_file = Path(".env") if Path(".env").is_file() else None
    if env_file and not quiet:
        _console(stderr=True).print("settings from .env in this folder, and from the environment, which wins")
    yield settings_from(env_file)


def _settings_of(emu: Emulator) -> NVGatewaySettings:
    from ..settings import NVGatewaySettings

    # As arguments, so that a variable of the real services cannot send anything there.
    return NVGatewaySettings(**{name.lower(): value for name, value in emu.env.items()})


def _emulator() -> Emulator:
    from ..emulator import Emulator

    return Emulator()


def _notes() -> list[str]:
    """Say what else leaves this machine."""
    tracing = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
    if not any(os.environ.get(name, "").lower() in ("true", "1") for name in tracing):
        return []
    where = os.environ.get("LANGSMITH_ENDPOINT") or os.environ.get("LANGCHAIN_ENDPOINT") or "LangSmith's hosted service"
    return [f"tracing is on: prompts and answers go to {where}"]


@contextmanager
def _expected_failures() -> Iterator[None]:
    """Turn errors that a user can do something about into one line and an exit code."""
    try:
        yield
    except ConfigurationError as error:
        _console(stderr=True).print(f"error: {error}")
        raise typer.Exit(MISUSED) from None
    except NVGatewayError as error:
        _console(stderr=True).print(f"error: {error}")
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)
