"""Register the commands and run one. A command imports what it needs when it runs, so that --help stays quick.

Reports go to stdout, as one JSON object with --json; progress and errors go to stderr. Exit codes: 0 done, 1 done in
part, 2 usage or configuration, 3 a service it needs is unreachable.
"""

import gc
import os
import sys
from collections.abc import Callable
from inspect import cleandoc
from typing import Final, NoReturn

import typer

from ragloop.cli import options
from ragloop.cli.commands import (
    adapters,
    advise,
    ask,
    audit,
    automations,
    backup,
    calibrate,
    canary,
    costs,
    dataset,
    demo,
    deploy,
    doctor,
    documents,
    drift,
    erase,
    evaluate,
    feedback,
    golden,
    index,
    init,
    keys,
    log,
    maintain,
    mcp,
    models,
    restore,
    retrain,
    review,
    search,
    serve,
    sources,
    status,
    sync,
    topics,
    up,
    watch,
)
from ragloop.cli.environment import read_env_file
from ragloop.cli.output import fail, open_streams, write
from ragloop.errors import RagloopError, UnavailableError, missing_package

GARBAGE_EVERY: Final = 100_000
"""New objects between two looks for cycles among them. What is imported stays, 140,000 objects with LanceDB: looking
through them after every 700 was .2 CPU s of a cold `ask` and .13 of a first sync of 1,000 documents."""

_ENDS_AT_ONCE: Final = ("ask", "feedback", "search", "status")
"""Commands after which the process ends without taking LanceDB and ONNX Runtime apart, which costs .3 CPU s. All that
they write is on disk before they answer."""

app = typer.Typer(
    name="ragloop",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(__import__("ragloop").__doc__ or "").splitlines()[0],
    epilog='First steps: `ragloop sync docs/`, then `ragloop ask "How do I rotate the keys?"`. '
    "--home, --config, -v and -q may stand before or after the command.",
)

_DOCUMENTS, _ANSWERS, _LEARNING, _RUNNING = "Documents", "Questions and answers", "Learning", "Running it"
_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    (_DOCUMENTS, sync.sync, "ragloop sync docs/ · ragloop sync · ragloop sync --retry-quarantined"),
    (_DOCUMENTS, watch.watch, "ragloop watch --index · ragloop watch --every 30"),
    (_ANSWERS, ask.ask, "ragloop ask 'How do I rotate the keys?' · ragloop ask 'Who may deploy?' --as staff"),
    (_ANSWERS, search.search, "ragloop search 'rotate keys' --top-k 3"),
    (_ANSWERS, feedback.feedback, "ragloop feedback last --up · ragloop feedback d2ab --correction 'ragctl rotate'"),
    (_LEARNING, drift.drift, ""),
    (_LEARNING, retrain.retrain, ""),
    (_LEARNING, evaluate.evaluate, "ragloop evaluate · ragloop evaluate --golden golden.jsonl --a rerank=off"),
    (_LEARNING, calibrate.calibrate, ""),
    (_LEARNING, costs.costs, ""),
    (_LEARNING, advise.advise, ""),
    (_RUNNING, status.status, ""),
    (_RUNNING, init.init, ""),
    (_RUNNING, up.up, ""),
    (_RUNNING, serve.serve, "ragloop serve · ragloop serve --host 0.0.0.0 --port 8000"),
    (_RUNNING, mcp.mcp, "ragloop mcp · ragloop mcp --as staff"),
    (_RUNNING, deploy.deploy, ""),
    (_RUNNING, demo.demo, "ragloop demo --quick · ragloop demo --home /tmp/demo"),
    (_RUNNING, doctor.doctor, "ragloop doctor · ragloop doctor --repair"),
    (_RUNNING, maintain.maintain, ""),
    (_RUNNING, audit.audit, "ragloop audit handbook/salaries.md · ragloop audit --subject 'Erika Mustermann'"),
    (_RUNNING, restore.restore, "ragloop restore --dry-run · ragloop restore latest --replace"),
)
"""Each command with the panel of `ragloop --help` that shows it, and examples."""
_GROUPS: tuple[tuple[str, str, typer.Typer], ...] = (
    (_DOCUMENTS, "sources", sources.sources),
    (_DOCUMENTS, "documents", documents.documents),
    (_DOCUMENTS, "index", index.index),
    (_ANSWERS, "log", log.log),
    (_LEARNING, "adapters", adapters.adapters),
    (_LEARNING, "canary", canary.canary),
    (_LEARNING, "dataset", dataset.dataset),
    (_LEARNING, "golden", golden.golden),
    (_LEARNING, "models", models.models),
    (_LEARNING, "review", review.review),
    (_LEARNING, "topics", topics.topics),
    (_RUNNING, "erase", erase.erase),
    (_RUNNING, "keys", keys.keys),
    (_RUNNING, "backup", backup.backup),
    (_RUNNING, "automations", automations.automations),
)


def unwrapped(text: str | None) -> str:
    """Return a docstring whose paragraphs are one line each: Typer would break them where the source is broken."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text or "").split("\n\n"))


for panel, command, examples in _COMMANDS:
    epilog = f"Examples: {examples}" if examples else None
    app.command(help=unwrapped(command.__doc__), rich_help_panel=panel, epilog=epilog)(command)
for panel, name, group in _GROUPS:
    for one in group.registered_commands:
        one.help = unwrapped(one.callback and one.callback.__doc__)
    app.add_typer(group, name=name, rich_help_panel=panel)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write(f"ragloop {version('ragloop')}")
        raise typer.Exit


@app.callback()
def _globals(
    ctx: typer.Context,
    home: str = typer.Option(
        None, metavar="DIR", help="Folder that keeps all state; default .ragloop.", envvar="RAGLOOP_HOME"
    ),
    config: str = typer.Option(
        None,
        metavar="FILE",
        help="Configuration file; default ragloop.toml, here or in a folder above.",
        envvar="RAGLOOP_CONFIG",
    ),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say more: every figure, every step with its time."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="Only reports and errors."),
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
) -> None:
    """Keep the options that every command has; `ragloop.cli.options` reads them."""
    options.remember(home, config, ctx.invoked_subcommand)
    options.remember_verbosity(verbose=verbose, quiet=quiet)


def run() -> NoReturn:
    """Run `main` and end the process; the script `ragloop` calls it."""
    try:
        main()
    except SystemExit as end:
        if options.invoked() in _ENDS_AT_ONCE and not isinstance(end.code, str):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code or 0)  # as mypy ends (mypy.util.hard_exit)
        raise
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code. Errors of ragloop's own tree print one line, without a traceback."""
    gc.set_threshold(GARBAGE_EVERY)
    open_streams()
    arguments = hoisted(sys.argv[1:] if arguments is None else arguments)
    try:
        read_env_file()
        app(arguments)
    except RagloopError as error:
        fail(str(error), error.exit_code)
    except ImportError as error:
        missing = missing_package(error.name)
        if missing is None:
            raise
        fail(str(missing), missing.exit_code)
    except OSError as error:
        # A disk that fails, a folder that may not be written: not a defect of ragloop, so no traceback.
        found = " ".join(str(error).split())[:400]
        fail(f"{found}; check the path, its permissions and the space on its disk", UnavailableError.exit_code)


_VALUED, _FLAGS = ("--home", "--config"), ("-v", "--verbose", "-q", "--quiet")


def hoisted(arguments: list[str]) -> list[str]:
    """Return the arguments with the options of every command moved in front of the command, where Typer reads them."""
    front, rest = [], list(arguments)
    literal = rest.index("--") if "--" in rest else len(rest)
    rest, after = rest[:literal], rest[literal:]
    position = 0
    while position < len(rest):
        name = rest[position].split("=", 1)[0]
        if name not in (*_VALUED, *_FLAGS):
            position += 1
            continue
        taken = 2 if name in _VALUED and "=" not in rest[position] else 1
        front += rest[position : position + taken]
        del rest[position : position + taken]
    return front + rest + after
