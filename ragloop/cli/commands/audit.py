"""`ragloop audit`: who saw a document, who approved what about it, and all that there is of a person."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, encodable, open_app
from ragloop.cli.output import print_json, print_table, say, write
from ragloop.errors import UsageError
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.erasure.audit import Seen


def audit(
    uri: Annotated[str | None, typer.Argument(help="A document: its URI, its key, or an end of one.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Of this source.")] = None,
    subject: Annotated[
        list[str] | None, typer.Option(metavar="TERM", help="Export what has this term, such as a name, as JSON Lines.")
    ] = None,
    json: Json = False,
) -> None:
    """Show who saw a document in which answer, cited or only retrieved, and who approved what about it.

    With --subject it prints a line of JSON for every document and every answer, with its feedback, that has the term:
    what a person may ask for.
    """
    if (uri is None) == (not subject):
        raise UsageError("give either a document or --subject TERM")
    app = open_app()
    if uri is None:
        _export([encodable(one) for one in subject or ()])
        return
    found = app.safekeeping.auditor.audit(encodable(uri), source and encodable(source))
    if json:
        print_json(found.as_row())
        return
    columns = ["answer", "when", "asked by", "conversation", "lane", "cited"]
    if found.seen:
        print_table("Answers that saw it", [_shown(one) for one in found.seen], columns)
    approvals = [{"when": one.at[:16], "what": one.what, "by": one.by, "why": one.reason} for one in found.approvals]
    if approvals:
        print_table("Decisions about it", approvals, ["when", "what", "by", "why"])
    cited = sum(one.cited for one in found.seen)
    about = ", ".join(one.uri for one in found.documents)
    say(f"{about}: in {counted(len(found.seen), 'answer')}, {cited:,} of which cite it")
    for one in found.unreadable:
        say(f"the rows of adapter {one} cannot be read: nobody can tell whether it was trained on it")


def _export(subjects: list[str]) -> None:
    import json as lines

    for one in open_app().safekeeping.subject_access.lines(subjects):
        write(lines.dumps(one, ensure_ascii=False, default=str))


def _shown(one: "Seen") -> dict[str, Any]:
    return {
        "answer": one.interaction_id[:SHOWN],
        "when": f"{one.asked_at:%Y-%m-%d %H:%M}",
        "asked by": one.asked_by,
        "conversation": one.conversation,
        "lane": one.lane,
        "cited": one.cited,
    }
