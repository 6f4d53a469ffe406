"""`ragloop init`: write a configuration file."""

from pathlib import Path
from typing import Annotated

import typer

from ragloop.cli.options import Json
from ragloop.cli.output import print_json, say
from ragloop.errors import UsageError


def init(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("ragloop.toml"),
    json: Json = False,
) -> None:
    """Write a commented configuration file with every setting at its default."""
    from ragloop.config import template

    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(template())
    except FileExistsError:
        raise UsageError(f"{file} exists and was not changed; name another file") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None
    print_json({"file": str(file)}) if json else say(f"wrote {file}; it shows the defaults: uncomment what you change")
