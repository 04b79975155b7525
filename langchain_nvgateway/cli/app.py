"""The commands of `nvgateway`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

# What has LangChain behind it is imported where it is used: the help answers at once.
from .terminal import FAILED, clean, console, expected_failures, is_lively

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from ..emulator import Emulator
    from ..settings import NVGatewaySettings
    from .doctor import CheckResult

__all__ = ["app"]

app = typer.Typer(
    name="nvgateway",
    help="Chat models for the NVIDIA LLM Gateway and hosted NIM: check, try, emulate.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nvgateway {version('langchain-nvgateway')}")
        raise typer.Exit


@app.callback()
def _main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Chat models for the NVIDIA LLM Gateway and hosted NIM: check, try, emulate."""


OnEmulator = Annotated[bool, typer.Option("--emulator", help="Use the emulator instead of the real services.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command(short_help="Check tokens, chats, tool calls and NIM.")
def doctor(emulator: OnEmulator = False, as_json: AsJSON = False) -> None:
    """Check token, chat, tool call, three calls on one token, NIM, and Redis if set; exit with 1 if one fails."""
    with expected_failures(), _settings(emulator, quiet=as_json) as settings:
        from .doctor import outlet_notes, redis_notes

        notes = [*outlet_notes(settings), *redis_notes(settings), *_notes()]
        results = _checked(settings, as_json=as_json)
        ok = all(result.status != "failed" for result in results)
        if as_json:
            report = {"ok": ok, "checks": [asdict(result) for result in results], "notes": notes}
            print(json.dumps(report, indent=2))
        else:
            for note in notes:
                console().print(f"note: {note}")
            console().print("all is well" if ok else "something is wrong, see above")
    if not ok:
        raise typer.Exit(FAILED)


@app.command(short_help="Ask the model of a role.")
def chat(
    role: Annotated[str, typer.Argument(help="router, planner, programmer, reviewer, summarizer or a custom role.")],
    text: Annotated[str | None, typer.Argument(help="What to say to the role's model.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from a file; - is standard input.")] = None,
    emulator: OnEmulator = False,
    as_json: AsJSON = False,
) -> None:
    """Ask the model of a role; who answered, and who could not, is printed on standard error."""
    with expected_failures():
        from .prompts import prompt_from

        prompt = prompt_from(text, file, text_name="the text", file_name="--file")
        with _settings(emulator, quiet=as_json) as settings:
            answer = _asked(settings, role, prompt)
        who = answer.response_metadata["nvgateway"]
        if as_json:
            print(json.dumps({"text": answer.text, **who, "usage": answer.usage_metadata}))
            return
        print(answer.text)
        for attempt in who["attempts"]:
            if attempt["outcome"] != "answered":
                told = f"{attempt['provider']}, {attempt['model']} {attempt['outcome']}: {attempt['error']}"
                console(stderr=True).print(clean(told))
        console(stderr=True).print(f"answered by {who['provider']}, {who['model']}")


@app.command(short_help="Say who would answer for a role, and who not.")
def explain(
    role: Annotated[str | None, typer.Argument(help="A role as for chat; without one, all roles.")] = None,
    emulator: OnEmulator = False,
    as_json: AsJSON = False,
) -> None:
    """Say who would answer for a role, who would not, and why, without asking anybody; exit with 1 if nobody would."""
    with expected_failures(), _settings(emulator, quiet=as_json) as settings:
        from ..manager import ModelManager

        with ModelManager(settings) as manager:
            explanation = manager.explain(role)
        print(json.dumps(explanation.to_dict(), indent=2) if as_json else explanation)
    if not all(explained.can_answer for explained in explanation.roles):
        raise typer.Exit(FAILED)


@app.command(short_help="Let five roles fix a bug while NIM breaks down.")
def demo(
    task: Annotated[str | None, typer.Option("--task", help="What the roles shall do to the small project.")] = None,
    task_file: Annotated[
        Path | None, typer.Option("--task-file", help="Read the task from a file; - is standard input.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Use the real services; no fault is injected.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Let five roles fix a bug in a small project while NIM breaks down; exit with 0 if its tests pass."""
    with expected_failures():
        run_demo, default_task = _demo_parts(quiet=as_json)
        if task is not None or task_file is not None:
            from .prompts import prompt_from

            text = prompt_from(task, task_file, text_name="--task", file_name="--task-file")
        else:
            text = default_task
        if not as_json:
            for note in _notes():
                console(stderr=True).print(f"note: {note}")
        with _settings(on_emulator=False, quiet=as_json) if live else nullcontext() as live_settings:
            ok = run_demo(text, as_json=as_json, live_settings=live_settings, emulator_settings=_only_settings_of)
    if not ok:
        raise typer.Exit(FAILED)


@app.command("emulator", short_help="Serve the three services on loopback.")
def run_emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 0,
) -> None:
    """Serve Starfleet, the Gateway and NIM on loopback until Ctrl-C; print the settings for it."""
    from ..emulator.__main__ import main
    from ..errors import ConfigurationError

    with expected_failures():
        try:
            main(["--port", str(port)])
        except OSError as error:
            msg = f"--port {port} cannot be listened on: {error.strerror}. Give another, or 0 for any free one."
            raise ConfigurationError(msg, setting="--port") from None


def _checked(settings: NVGatewaySettings, *, as_json: bool) -> list[CheckResult]:
    from .doctor import names_of_checks, run_checks

    results = []
    checks = run_checks(settings)
    for name in names_of_checks(settings):
        with console().status(f"{name} …") if is_lively() and not as_json else nullcontext():
            result = next(checks)
        results.append(result)
        if not as_json:
            mark = {"ok": "ok     ", "failed": "FAILED ", "not run": "not run"}[result.status]
            console().print(f"{mark}  {result.name:<17} {result.seconds:6.2f} s  {result.detail}")
    return results


def _asked(settings: NVGatewaySettings, role: str, prompt: str) -> AIMessage:
    from ..manager import ModelManager

    with ModelManager(settings) as manager:
        model = manager.model(role)
        with console(stderr=True).status(f"{role} …") if is_lively(stderr=True) else nullcontext():
            answer: AIMessage = model.invoke(prompt)
            return answer


def _demo_parts(*, quiet: bool) -> tuple[Any, str]:
    """Return what runs the demo, and its own task; loading them takes a second."""
    with console().status("loading …") if is_lively() and not quiet else nullcontext():
        try:
            from .demo import run_demo
            from .demo.project import DEFAULT_TASK
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "langgraph":
                raise
            console(stderr=True).print("nvgateway demo needs langgraph: pip install 'langchain-nvgateway[demo]'")
            raise typer.Exit(FAILED) from None
    return run_demo, DEFAULT_TASK


@contextmanager
def _settings(on_emulator: bool, *, quiet: bool) -> Iterator[NVGatewaySettings]:
    """Give the settings of the emulator, or of the environment and the `.env` file of the current folder."""
    from ..settings import settings_from

    if on_emulator:
        from ..emulator import Emulator

        with Emulator() as emu:
            yield _settings_of(emu)
        return
    env_file = Path(".env") if Path(".env").is_file() else None
    if env_file and not quiet:
        console(stderr=True).print("settings from .env in this folder, and from the environment, which wins")
    yield settings_from(env_file)


def _settings_of(emu: Emulator, **others: Any) -> NVGatewaySettings:
    from ..settings import NVGatewaySettings

    # As arguments, so that a variable of the real services cannot send anything there.
    own = {name.lower(): value for name, value in emu.env.items()}
    none = dict.fromkeys(("redis_url", "proxy", "no_proxy", "ca_bundle"))
    return NVGatewaySettings(**{**others, "allow_external": False, **none, **own})


def _only_settings_of(emu: Emulator) -> NVGatewaySettings:
    """Return settings in which no variable of the environment takes part."""
    from ..roles import DEFAULT_MODELS
    from ..settings import NVGatewaySettings

    providers = ("nvidia-nim", "nvidia-gateway")
    defaults = {name: field.get_default() for name, field in NVGatewaySettings.model_fields.items()}
    models = {role: tuple(f"{name}:{DEFAULT_MODELS[role][name]}" for name in providers) for role in DEFAULT_MODELS}
    return _settings_of(emu, **{**defaults, "fallback_order": providers, "role_models": models})


def _notes() -> list[str]:
    """Say what else leaves this machine."""
    tracing = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
    if not any(os.environ.get(name, "").lower() in ("true", "1") for name in tracing):
        return []
    where = os.environ.get("LANGSMITH_ENDPOINT") or os.environ.get("LANGCHAIN_ENDPOINT") or "LangSmith's hosted service"
    return [f"tracing is on: prompts and answers go to {where}"]
