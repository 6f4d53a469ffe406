"""`ragloop documents`: what ragloop read of each document."""

from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

import typer

from ragloop.cli.options import Json, encodable, open_app
from ragloop.cli.output import print_facts, print_json, print_table, write
from ragloop.errors import UsageError
from ragloop.wording import counted, first_few

if TYPE_CHECKING:
    from ragloop.corpus.index.readings import Quality, ReadChunk, Reading

documents = typer.Typer(no_args_is_help=True, help="What was read of each document: list them, show one.")

_FEW_SENTENCES = 2


@documents.command("list")
def list_(
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Only documents of this source.")] = None,
    quality: Annotated[str | None, typer.Option(help="Only those that are: read, in-part, quarantined.")] = None,
    format: Annotated[str | None, typer.Option(metavar="SUFFIX", help="Only this format, such as pdf.")] = None,
    planted: Annotated[bool, typer.Option("--planted", help="Only those that speak to a model.")] = False,
    json: Json = False,
) -> None:
    """Show every document: how well it was read, in which encoding, how many chunks it has, what was left out, and in
    how many places it speaks to a model."""
    wanted = _quality(quality)
    listed = open_app().documents(source and encodable(source), wanted, format and encodable(format))
    found = [one for one in listed if one.planted] if planted else listed
    if json:
        print_json({"documents": [asdict(one) for one in found]})
        return
    by_source = groupby(sorted(found, key=attrgetter("source", "key")), attrgetter("source"))
    for name, readings in by_source:
        rows = [{**asdict(one), "left out": first_few(one.left_out, _FEW_SENTENCES)} for one in readings]
        speaking = ["planted"] * any(one["planted"] for one in rows)
        print_table(name, rows, ["key", "format", "quality", "encoding", "chunks", *speaking, "left out"])
    if not found:
        write("no documents")


@documents.command()
def show(
    uri: Annotated[str, typer.Argument(help="Its URI, its key, or the end of one that no other document has.")],
    original: Annotated[bool, typer.Option("--original", help="Print its text as it is parsed now, too.")] = False,
    json: Json = False,
) -> None:
    """Show what was read of a document: how well, what was left out, and each chunk as it is searched."""
    app = open_app()
    document, chunks = app.document(encodable(uri))
    text = app.corpus.original(document) if original else None
    if json:
        shown = {**asdict(document), "chunks": [asdict(one) for one in chunks]}
        print_json({**shown, "original": text} if original else shown)
        return
    _show(document, chunks)
    if text is not None:
        write(f"--- the text, {counted(len(text), 'character')} ---\n{text}")


def _show(document: "Reading", chunks: "list[ReadChunk]") -> None:
    facts = asdict(document)
    left_out = facts.pop("left_out")
    print_facts(document.title or document.key, {**facts, "quality": str(document.quality)})
    for sentence in left_out:
        write(f"left out: {sentence}")
    for number, one in enumerate(chunks, start=1):
        recognised = "" if one.confidence is None else f", recognised with confidence {one.confidence:.2f}"
        speaks = f", speaks to a model in {counted(one.planted, 'place')}" if one.planted else ""
        where = f"chunk {number}, characters {one.start:,} to {one.end:,}{recognised}{speaks}: {one.heading}"
        write(f"\n--- {where} ---\n{one.text}")


def _quality(given: str | None) -> "Quality | None":
    from ragloop.corpus.index.readings import Quality

    if given is None:
        return None
    try:
        return Quality(given.replace("-", " ").replace("_", " "))
    except ValueError:
        raise UsageError(f"found the quality {given}, expected read, in-part or quarantined") from None
