"""`ragloop calibrate`: find the similarity below which answers should abstain."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from ragloop.learning.calibration.floor import Calibration, Share

_DONE_IN_PART = 1


def calibrate(
    golden: Annotated[
        Path | None,
        typer.Option("--golden", metavar="FILE", help="Golden questions; default: all that this home has."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=50, help="Most questions of each kind.")] = 200,
    write: Annotated[bool, typer.Option("--write", help="Keep the floor for this embedder.")] = False,
    json: Json = False,
) -> None:
    """Find the similarity below which answers should abstain, for this embedder and these documents.

    Questions that documents answer, golden ones and those of the log that people confirmed or corrected, are held
    against the same questions without these documents, golden questions without an answer, and questions of other
    subjects. Nothing is written without --write, and nothing without enough evidence (exit code 1), or
    where the floor of today may serve as well. What is written counts while retrieval.min_similarity is "auto".
    """
    from ragloop.cli.progress import progress

    with progress("looking", "questions") as advance:
        found = open_app().evaluation.calibrate(golden, most, write=write, progress=advance)
    written = write and found.is_better
    if json:
        print_json({**asdict(found), "written": written})
    else:
        _show(found)
        if written:
            say("kept; it counts within a minute, while retrieval.min_similarity is auto")
    if not found.is_sure:
        raise typer.Exit(_DONE_IN_PART)


def _show(found: "Calibration") -> None:
    rows = []
    for group, now in found.now.items():
        kind = found.wrongly_abstained if group == "answered" else found.wrongly_answered.get(group)
        wrong = "wrongly abstained" if group == "answered" else "wrongly answered"
        rows.append({"questions": group, "n": now.n, "": wrong, "now": _told(now), "expected": kind and _told(kind)})
    print_table(f"Floor of today: {found.floor_now:g}", rows, ["questions", "n", "", "now", "expected"])
    if found.floor is not None:
        say(f"floor: {found.floor:.3f} ({found.low:.3f} to {found.high:.3f})")
        if not found.is_better:
            say(f"the floor of today, {found.floor_now:g}, may serve as well, and stays")
    else:
        say(f"not enough evidence: {found.why}")


def _told(share: "Share") -> str:
    return f"{share.share:.3f} ({share.low:.2f} to {share.high:.2f})"
