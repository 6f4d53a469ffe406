"""`ragloop init`: write a configuration file, or a project of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from ragloop.cli.options import Json
from ragloop.cli.output import print_json, say
from ragloop.errors import UsageError


def init(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("ragloop.toml"),
    project: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write ragloop.toml, prefect.yaml and .gitignore into."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a commented configuration file with every setting at its default, or with --project a whole project."""
    if project is not None:
        _write_project(project, json)
    else:
        _write_config(file, json)


def _write_project(folder: Path, json: bool) -> None:
    from ragloop.orchestrator.project import write_project

    files = write_project(folder)
    if json:
        print_json({"files": [str(one) for one in files]})
        return
    for one in files:
        say(f"wrote {one}")
    say(f"next: add your sources to {files[0]}, then run `ragloop sync` and `ragloop up` in {folder}")


def _write_config(file: Path, json: bool) -> None:
    from ragloop.config import template

    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(template())
    except FileExistsError:
        raise UsageError(f"{file} exists and was not changed; name another file") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None
    print_json({"file": str(file)}) if json else say(f"wrote {file}; it shows the defaults: uncomment what you change")
