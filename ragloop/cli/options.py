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

RecipeName = Annotated[
    str, typer.Option("--recipe", help="facts, grounded, style, distill or preference; default training.recipe.")
]

_verbose = {"on": False}
_given: dict[str, Path | None] = {"home": None, "config": None}
_invoked = {"command": ""}


def remember(home: str | None, config: str | None, command: str | None = None) -> None:
    """Keep the values of the global options, and the name of the command."""
    _given["home"] = Path(home) if home else None
    _given["config"] = Path(config) if config else None
    _invoked["command"] = command or ""


def remember_verbosity(*, verbose: bool, quiet: bool) -> None:
    """Keep whether more is to be said, or only reports and errors."""
    from ragloop.cli.output import be_quiet

    _verbose["on"] = verbose
    be_quiet(quiet and not verbose)


def is_verbose() -> bool:
    """Return whether -v was given."""
    return _verbose["on"]


def invoked() -> str:
    """Return the name of the running command, such as ask; empty before it starts."""
    return _invoked["command"]


def given_home() -> Path | None:
    """Return the folder that --home or RAGLOOP_HOME names, if any."""
    return _given["home"]


def settings() -> "Settings":
    """Load the settings of this command. Raises ConfigError or NotFoundError."""
    from ragloop.config import load_settings

    return load_settings(_given["config"], _given["home"])


def config_file() -> Path | None:
    """Return the configuration file that this command reads, if it exists."""
    from ragloop.config import find_config

    given = _given["config"] or find_config()
    return given if given and given.exists() else None


def open_app() -> "App":
    """Open the application that this command runs on; slow preparations are reported on stderr."""
    from ragloop.app import App
    from ragloop.cli.output import say
    from ragloop.telemetry import Lines, show

    show(Lines(say), verbose=_verbose["on"])
    return App(settings())


def user() -> str:
    """Return the name of who runs this command, as the system knows it; empty where it knows none."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return ""


def labels_of(given: list[str] | None) -> list[str]:
    """Return the labels that --as names."""
    return [encodable(one) for one in given or ()]


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot hold: bytes of the command line that are not text become question marks."""
    return text.encode("utf-8", "replace").decode()
