"""`ragloop sources`: where documents come from, and what is known of each source."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json, config_file, encodable, open_app, settings
from ragloop.cli.output import print_json, print_table, say, write
from ragloop.errors import ConfigError, NotFoundError, UsageError
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.corpus.sync.source_states import SourceState

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
sources = typer.Typer(no_args_is_help=True, help="Where documents come from: list, add, remove.")


@sources.command("list")
def list_(json: Json = False) -> None:
    """Show every source: documents, last scan, lag (p95, until a change is searchable), and what is wrong with it."""
    found = open_app().sources.states()
    if json:
        print_json({"sources": [asdict(one) for one in found]})
        return
    show_sources(found)
    if not found:
        write(
            "no sources yet: `ragloop sync DIR` indexes a folder, `ragloop sources add URI` keeps one in ragloop.toml"
        )


def show_sources(found: "list[SourceState]") -> None:
    """Print a table of sources; problems in full below it."""
    from ragloop.cli.output import ago, duration

    rows = [
        {
            "source": one.name,
            "documents": one.documents,
            "last scan": ago(one.last_scan) if one.last_scan else "never",
            "lag": None if one.lag_s is None else duration(one.lag_s),
            "uri": None if one.uri == one.name else one.uri,
        }
        for one in found
    ]
    if rows:
        print_table("Sources", rows, ["source", "documents", "last scan", "lag", "uri"])
    for one in found:
        if one.problem:
            write(f"{one.name}: {one.problem}")


@sources.command()
def add(
    uri: Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix.")],
    name: Annotated[str | None, typer.Option(help="Short name. Default: the last part of the URI.")] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Files to take, as in .gitignore; may be given several times."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Files to leave out, after include.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="LABEL", help="Only callers with a label find its documents.")
    ] = None,
    queue: Annotated[str | None, typer.Option(metavar="URL", help="The SQS queue that the bucket notifies.")] = None,
    json: Json = False,
) -> None:
    """Add a source to ragloop.toml, which keeps its comments; the next `ragloop sync` indexes it.

    Examples: ragloop sources add handbook/ · ragloop sources add s3://acme-docs/handbook --label staff
    """
    file = config_file() or Path("ragloop.toml")
    uri = encodable(uri)
    given = {"include": include, "exclude": exclude, "labels": labels, "queue": queue}
    source = {"name": name or _name_of(uri), "uri": _placed(uri, file), **{k: v for k, v in given.items() if v}}
    _refuse_wrong(source)
    _write(file, _with(file, source))
    report = {"file": str(file), **source}
    if json:
        print_json(report)
    else:
        say(f"added the source {source['name']} ({source['uri']}) to {file}; `ragloop sync` indexes it")


@sources.command()
def remove(
    name: Annotated[str, typer.Argument(help="Its name, as `ragloop sources list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it. Without this option nothing is changed.")] = False,
    confirm_deletes: Annotated[
        bool, typer.Option("--confirm-deletes", help="Delete more documents than the guard of deletes allows, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove a source: its documents leave the index, and its table leaves ragloop.toml.

    Without --yes it only says what would be deleted. The files of the source itself are never touched.
    """
    app = open_app()
    found = app.sources.removal(encodable(name))
    name, count, file = found.source.name, found.source.documents, config_file()
    done = yes or confirm_deletes
    report = {"name": name, "documents": count, "withheld": found.withheld, "removed": done, "file": None}
    if done and found.withheld and not confirm_deletes:
        raise UsageError(
            f"{name} has {counted(count, 'document')}, more than sync.guard_documents and sync.guard_share allow; "
            f"nothing was changed: `ragloop sources remove {name} --confirm-deletes` deletes them"
        )
    configured = any(one.name == name for one in app.settings.sources)
    if done:
        if configured:
            report["file"] = str(_take_out(file, name))
        app.sources.delete_documents(name, confirm_deletes=confirm_deletes)
    if json:
        print_json(report)
        return
    where = f", and its table from {file}" if configured else ""
    if done:
        say(f"removed {name}: {counted(count, 'document')} deleted from the index{where}")
    else:
        option = "--confirm-deletes" if found.withheld else "--yes"
        say(f"this would delete {counted(count, 'document')} of {name} from the index{where}; nothing was changed.")
        say(f"To do it: ragloop sources remove {name} {option}")


def _name_of(uri: str) -> str:
    """Make a name of the last part of a folder's path or of a prefix; the bucket's name where there is none."""
    last = (Path(uri).expanduser().resolve().name if "://" not in uri else uri.rstrip("/").rpartition("/")[2]) or uri
    return _NOT_IN_NAMES.sub("-", last).strip("-._")[:64] or "documents"


def _placed(uri: str, file: Path) -> str:
    """Return the URI as the file should name it: a folder below that of the file by its relative path."""
    if "://" in uri:
        return uri
    folder = Path(uri).expanduser().absolute()
    if folder.is_file():
        raise UsageError(
            f"found a file at {uri}, expected a folder; add {folder.parent} with --include '{folder.name}'"
        )
    if not folder.is_dir():
        raise NotFoundError(
            f"found no folder at {uri}; nothing was changed: correct the path, or give s3://bucket/prefix"
        )
    base = file.absolute().parent
    return folder.relative_to(base).as_posix() if folder.is_relative_to(base) else str(folder)


def _refuse_wrong(source: Mapping[str, Any]) -> None:
    """Raise UsageError for what the settings would not take, ConfigError for a place that is a source already."""
    from pydantic import ValidationError

    from ragloop.config import SourceSettings
    from ragloop.corpus.sources.opening import open_sources

    known = settings()
    if any(one.name == source["name"] for one in known.sources):
        raise UsageError(f"a source {source['name']} exists already; give another name with --name")
    try:
        new = SourceSettings(**source)
    except ValidationError as error:
        said = "; ".join(f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise UsageError(f"cannot add {source['uri']}: {said}") from None
    open_sources([*known.sources, new], known.home)


def _with(file: Path, source: Mapping[str, Any]) -> str:
    from ragloop.config.sources_file import with_source

    return with_source(file.read_text(encoding="utf-8-sig") if file.exists() else "", source)


def _take_out(file: Path | None, name: str) -> Path:
    from ragloop.config.sources_file import without_source

    if file is None:
        raise ConfigError(f"{name} is configured by a variable RAGLOOP_SOURCES; take it out there")
    _write(file, without_source(file.read_text(encoding="utf-8-sig"), name))
    return file


def _write(file: Path, text: str) -> None:
    from ragloop.durable import whole_file

    with whole_file(file) as part:
        part.write_text(text, encoding="utf-8")
