"""Options that commands share, and what --home and --config name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.config import Settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="LABEL",
        help="A label of the caller; may be given several times.",
    ),
]
BackupPlace = Annotated[
    str | None, typer.Option("--from", help="A folder or s3://bucket/prefix with backups; default backup.uri.")
]

_given: dict[str, Path | None] = {"home": None, "config": None}
_invoked = {"command": ""}


def remember(home: str | None, config: str | None, command: str | None = None) -> None:
    """Keep the values of the global options, and the name of the command."""
    _given["home"] = Path(home) if home else None
    _given["config"] = Path(config) if config else None
    _invoked["command"] = command or ""


def invoked() -> str:
    """The name of the command that runs, such as ask; empty before it does."""
    return _invoked["command"]


def given_home() -> Path | None:
    """The folder that --home or RAGLOOP_HOME names, if either does."""
    return _given["home"]


def settings() -> "Settings":
    """The settings that this command runs with. Raises ConfigError or NotFoundError."""
    from ragloop.config import load_settings

    return load_settings(_given["config"], _given["home"])


def config_file() -> Path | None:
    """The configuration file that this command reads, if there is one."""
    from ragloop.config import CONFIG_FILE

    given = _given["config"] or Path(CONFIG_FILE)
    return given if given.exists() else None


def open_app() -> "App":
    """The application that this command runs on; what takes long to prepare is said on stderr."""
    from ragloop.app import App
    from ragloop.cli.output import say

    return App(settings(), say=say)


def labels_of(given: list[str] | None) -> list[str]:
    """The labels that --as names."""
    return [encodable(one) for one in given or ()]


def encodable(text: str) -> str:
    """An argument as text that UTF-8 can hold: bytes of the command line that are no text become question marks."""
    return text.encode("utf-8", "replace").decode()
