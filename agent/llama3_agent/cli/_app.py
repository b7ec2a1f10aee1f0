"""The commands and their options. What is heavy is imported when a command runs: ``--help`` is quick."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ._exits import EXIT_CODES_HELP, clean_exit

if TYPE_CHECKING:
    from .._guards import Streaming
    from ._guards import GuardOptions
    from ._guards import Policy as Action

app = typer.Typer(
    name="llama3-agent",
    help="A tool-using agent for Llama 3: it writes Python, a gate scans it, a sandbox runs it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="LLAMA3_AGENT_MODEL",
        help="A Hugging Face id or a folder; 'cria' is the small demonstration model in this package.",
    ),
]
Files = Annotated[
    list[Path] | None, typer.Option("--file", "-f", help="A file to put into the sandbox; repeat for more.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Where plots and files are saved; made when missing.")]
MaxSteps = Annotated[
    int, typer.Option("--max-steps", min=1, help="Times that the model may write for a question.")
]

Ask = Annotated[
    bool, typer.Option("--ask", help="Ask before anything is run: y(es), n(o) or e(dit) for each call.")
]

Guarded = Annotated[
    list[str] | None,
    typer.Option(
        "--guard",
        "-g",
        metavar="NAME[=MODEL]",
        envvar="LLAMA3_AGENT_GUARDS",
        help="llama-guard, prompt-guard (each with a folder or a Hugging Face id after '=', Meta's by "
        "default) or hidden-text; repeat for more, in the variable between spaces. One that cannot be loaded "
        "ends the command.",
    ),
]
GuardPolicy = Annotated[
    Literal["block", "ask", "warn"],
    typer.Option("--guard-policy", help="What follows when a guard finds something."),
]
GuardStream = Annotated[
    Literal["hold", "window", "after"],
    typer.Option(
        "--guard-stream",
        help="When text comes out where a guard looks at answers: once all has passed, piece by piece as it "
        "passes, or at once and judged at the end.",
    ),
]
GuardTimeout = Annotated[
    float, typer.Option("--guard-timeout", help="Seconds for a guard; no answer by then is a no.")
]


@app.command(epilog=EXIT_CODES_HELP)
def run(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    file: Files = None,
    model: Model = "cria",
    out: Out = Path(),
    max_steps: MaxSteps = 10,
    ask: Ask = False,
    guard: Guarded = None,
    guard_policy: GuardPolicy = "block",
    guard_stream: GuardStream = "hold",
    guard_timeout: GuardTimeout = 30.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON instead of the answer.")
    ] = False,
) -> None:
    """Answer one question: the answer on stdout, code and progress on stderr, plots saved."""
    from ._run import answer

    with clean_exit():
        raise typer.Exit(
            answer(
                question,
                files=file or [],
                model=model,
                out=out,
                max_steps=max_steps,
                ask=ask,
                guards=_guards(guard, guard_policy, guard_stream, guard_timeout),
                as_json=json,
            )
        )


@app.command()
def chat(
    file: Files = None,
    model: Model = "cria",
    out: Out = Path(),
    max_steps: MaxSteps = 10,
    ask: Ask = False,
    guard: Guarded = None,
    guard_policy: GuardPolicy = "block",
    guard_stream: GuardStream = "hold",
    guard_timeout: GuardTimeout = 30.0,
    thread: Annotated[
        str | None,
        typer.Option("--thread", "-t", help="Keep the conversation under this name, or go on with it."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            envvar="LLAMA3_AGENT_THREADS",
            help="Where --thread keeps it: a file, or a PostgreSQL database as postgresql://USER@HOST/NAME.",
        ),
    ] = None,
) -> None:
    """Talk to the code interpreter; /help lists commands, Ctrl-C stops an answer, Ctrl-D ends the chat."""
    from ._chat import chat as talk

    with clean_exit():
        talk(
            files=file or [],
            model=model,
            out=out,
            max_steps=max_steps,
            ask=ask,
            guards=_guards(guard, guard_policy, guard_stream, guard_timeout),
            thread=thread,
            store=store,
        )


@app.command()
def doctor(model: Model = "cria", guard: Guarded = None, guard_policy: GuardPolicy = "block") -> None:
    """Say what works here and what to do about the rest; exit code 1 if something needed is broken."""
    from ._doctor import examine

    with clean_exit():
        raise typer.Exit(examine(model, _guards(guard, guard_policy)))


@app.command(name="eval")
def evaluate(
    suite: Annotated[
        list[str] | None,
        typer.Argument(
            help="redteam (default), or CyberSecEval's interpreter, prompt-injection, insecure-code, "
            "false-refusal."
        ),
    ] = None,
    model: Model = "cria",
    data: Annotated[
        Path | None, typer.Option("--data", help="CyberSecEval's datasets folder, for its suites.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Outcomes are kept here; run again to go on.")
    ] = Path("eval.jsonl"),
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Cases of each suite.")] = None,
    guard: Guarded = None,
    guard_policy: GuardPolicy = "block",
    guard_timeout: GuardTimeout = 30.0,
    judge: Annotated[str | None, typer.Option("--judge", help="A model that judges answers.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Attack an agent, and report where each attack was stopped; the model 'obedient' does as it is told."""
    from ._eval import evaluate as run_suites

    with clean_exit():
        raise typer.Exit(
            run_suites(
                suite or ["redteam"],
                model=model,
                data=data,
                out=out,
                limit=limit,
                guards=_guards(guard, guard_policy, timeout=guard_timeout),
                judge=judge,
                as_json=json,
            )
        )


def _guards(
    given: list[str] | None, policy: Action, stream: Streaming = "hold", timeout: float = 30.0
) -> GuardOptions:
    from ._guards import GuardOptions

    return GuardOptions(given or (), policy, stream, timeout)


def main() -> None:
    """Run the command line."""
    # Whatever is typed or said, in whatever locale: no traceback.
    for stream, errors in (
        (sys.stdin, "replace"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)
    app()
