"""Commands that set up: init, models prepare."""

from pathlib import Path
from typing import Annotated

import typer

from ragloop.cli.context import open_app
from ragloop.cli.corpus import Json
from ragloop.cli.output import print_json, say

models = typer.Typer(no_args_is_help=True, help="Models that are prepared once and kept in the cache.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(init)
    app.add_typer(models, name="models")


def init(
    file: Annotated[Path, typer.Argument(help="Where to write.")] = Path("ragloop.toml"),
    json: Json = False,
) -> None:
    """Write a commented configuration file with every setting at its default."""
    from ragloop.config import template
    from ragloop.errors import UsageError

    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(template())
    except FileExistsError:
        raise UsageError(f"{file} is there already and was left as it is; name another file") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None
    print_json({"file": str(file)}) if json else say(
        f"wrote {file}; every line is a default, uncomment what you change"
    )


@models.command("prepare")
def prepare(json: Json = False) -> None:
    """Export the embedder and convert the local model, where that was not done before."""
    app = open_app()
    report = {"embedder": app.embedder.fingerprint, "model": str(app.models.base), "cache": str(app.models.cache)}
    print_json(report) if json else say(
        f"ready: {report['embedder']} and {app.settings.model.base} in {app.models.cache}"
    )
