"""Register the commands and run one. A command imports what it needs when it runs, so that --help stays quick.

Reports go to stdout, as one JSON object with --json; progress and errors go to stderr. Exit codes: 0 done, 1 done in
part, 2 usage or configuration, 3 a service it needs is unreachable.
"""

import gc
import os
import sys
from typing import Final, NoReturn

import typer

from ragloop.cli import options
from ragloop.cli.commands import (
    adapters,
    ask,
    automations,
    backup,
    dataset,
    demo,
    doctor,
    documents,
    drift,
    evaluate,
    feedback,
    index,
    init,
    log,
    maintain,
    models,
    restore,
    retrain,
    search,
    status,
    sync,
    up,
    watch,
)
from ragloop.cli.output import fail, open_streams
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
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(__import__("ragloop").__doc__ or "").splitlines()[0],
    epilog="--home DIR and --config FILE may stand before or after the command.",
)
_COMMANDS = (
    *(sync.sync, search.search, status.status, doctor.doctor, maintain.maintain, restore.restore, watch.watch),
    *(ask.ask, feedback.feedback, drift.drift, retrain.retrain, evaluate.evaluate, init.init, up.up, demo.demo),
)
_GROUPS = {
    "documents": documents.documents,
    "index": index.index,
    "backup": backup.backup,
    "log": log.log,
    "dataset": dataset.dataset,
    "adapters": adapters.adapters,
    "models": models.models,
    "automations": automations.automations,
}
for command in _COMMANDS:
    app.command()(command)
for name, group in _GROUPS.items():
    app.add_typer(group, name=name)


@app.callback()
def _globals(
    ctx: typer.Context,
    home: str = typer.Option(
        None, metavar="DIR", help="Folder that keeps all state; default .ragloop.", envvar="RAGLOOP_HOME"
    ),
    config: str = typer.Option(
        None, metavar="FILE", help="Configuration file; default ragloop.toml.", envvar="RAGLOOP_CONFIG"
    ),
) -> None:
    """Keep the options that every command has; `ragloop.cli.options` reads them."""
    options.remember(home, config, ctx.invoked_subcommand)


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


def hoisted(arguments: list[str]) -> list[str]:
    """Return the arguments with --home and --config moved in front of the command, where Typer reads them."""
    front, rest = [], list(arguments)
    literal = rest.index("--") if "--" in rest else len(rest)
    rest, after = rest[:literal], rest[literal:]
    position = 0
    while position < len(rest):
        name = rest[position].split("=", 1)[0]
        if name not in ("--home", "--config"):
            position += 1
            continue
        taken = 1 if "=" in rest[position] else 2
        front += rest[position : position + taken]
        del rest[position : position + taken]
    return front + rest + after
