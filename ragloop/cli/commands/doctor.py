"""`ragloop doctor`: find and repair what is wrong with a store."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ragloop.cli.mirrors import follow_mirror
from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say
from ragloop.cli.progress import progress
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.corpus.doctor.diagnosis import Diagnosis


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what is found; otherwise nothing is written.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not contact the sources.")] = False,
    json: Json = False,
) -> None:
    """Check ledger, chunks, vectors, indexes and files of the store against each other and against the sources.

    Without --repair nothing is changed. Exit code 1 when something is wrong, or is still wrong after a repair.
    """
    app = open_app()
    with progress("doctor", "rows") as advance:
        found = app.corpus.diagnose(
            repair=repair, offline=offline, progress=lambda done, total: advance(done, total, "")
        )
    if repair:
        follow_mirror(app)
    if json:
        print_json({"healthy": found.healthy, **asdict(found)})
    else:
        _show(found)
    if not found.healthy:
        raise typer.Exit(1)


def _show(found: "Diagnosis") -> None:
    if found.findings:
        rows = [asdict(one) for one in found.findings]
        print_table("Findings", rows, ["check", "state", "count", "detail", "repair"])
    looked = f"{counted(found.documents, 'document')} and {counted(found.chunks, 'chunk')} in {found.seconds:.1f} s"
    say(f"{looked}; {counted(found.embedded, 'chunk')} embedded" if found.embedded else looked)
    for note in found.notes:
        say(note)
    if not found.findings:
        say("found nothing wrong")
    elif any(one.state == "found" for one in found.findings):
        say("`ragloop doctor --repair` repairs what can be repaired")
