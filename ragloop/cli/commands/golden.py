"""`ragloop golden`: questions with answers that a person confirmed: list, add, remove, check them, suggest new ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, Labels, encodable, labels_of, open_app
from ragloop.cli.output import print_json, print_table, say
from ragloop.errors import UsageError
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.learning.evaluation.golden import GoldenDocument, GoldenQuestion
    from ragloop.learning.golden.standing import Checked
    from ragloop.learning.golden.suggesting import Suggestion

golden = typer.Typer(no_args_is_help=True, help="Golden questions: list, add, remove, check, suggest.")
_DONE_IN_PART = 1
Ids = Annotated[list[str], typer.Argument(help="Ids, as `ragloop golden list` shows them, or their beginnings.")]
Texts = list[str] | None


@golden.command("list")
def list_golden(json: Json = False) -> None:
    """Show the golden questions of this home: those that were added, and those of dataset.golden."""
    found = open_app().evaluation.golden()
    if json:
        print_json({"questions": [_as_json(one) for one in found]})
        return
    rows = [_row(one) for one in found]
    print_table("Golden questions", rows, ["id", "question", "answers", "documents", "should abstain", "tags"])


@golden.command("add")
def add(
    question: Annotated[str | None, typer.Argument(help="The question, in quotes.")] = None,
    answers: Annotated[Texts, typer.Option("--answer", help="A right answer; may be given several times.")] = None,
    documents: Annotated[
        Texts,
        typer.Option(
            "--document", metavar="KEY", help="A document that gives it: its key, its URI, or an end; several times."
        ),
    ] = None,
    abstain: Annotated[bool, typer.Option("--abstain", help="No document answers it: the answer abstains.")] = False,
    tags: Annotated[Texts, typer.Option("--tag", help="A slice that it belongs to; may stand several times.")] = None,
    language: Annotated[str, typer.Option(help="Its language, such as en.")] = "",
    labels: Labels = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Add the questions of a file of JSON lines.")
    ] = None,
    json: Json = False,
) -> None:
    """Keep a golden question, or those of a file, with the documents as they are today.

    A revision that a line of the file names is kept. A question of equal words and labels is replaced. When a
    document changes, the question is stale until a person confirms it: `ragloop golden check`.
    """
    from ragloop.learning.evaluation.golden import GoldenQuestion, read_golden

    app = open_app()
    if (question is None) == (file is None):
        raise UsageError("give either a question with --answer, --document or --abstain, or --file FILE")
    if question is not None:
        named = tuple(_document(app, encodable(one)) for one in documents or ())
        right = tuple(one for one in map(encodable, answers or ()) if one.strip())
        if bool(right or named) == abstain:
            raise UsageError("give either --answer and --document, or --abstain")
        asked = " ".join(encodable(question).split())
        if not asked:
            raise UsageError("found an empty question; expected words")
        tagged, known = tuple(map(encodable, tags or ())), tuple(labels_of(labels))
        found = [GoldenQuestion(asked, right, named, abstain, tagged, encodable(language), known)]
    else:
        found = read_golden(file)
    added = app.evaluation.add_golden(found)
    if json:
        print_json({"questions": [_as_json(one) for one in added]})
    else:
        say(f"kept {len(added):,} golden question{'s' if len(added) != 1 else ''}: {', '.join(_ids(added))}")


def _document(app: "App", name: str) -> "GoldenDocument":
    """Return a document as a question names it: by its key, or by its URI where that was given or sources share a
    key."""
    from ragloop.learning.evaluation.golden import GoldenDocument

    found, _ = app.corpus.document(name)
    shared = sum(one.key == found.key for one in app.corpus.documents()) > 1
    return GoldenDocument(found.uri if shared or name == found.uri else found.key)


@golden.command("remove")
def remove(ids: Ids, json: Json = False) -> None:
    """Remove golden questions that were added; those of dataset.golden stand in its file."""
    gone = open_app().evaluation.kept.remove([encodable(one) for one in ids])
    print_json({"removed": [one.golden_id for one in gone]}) if json else say(f"removed: {', '.join(_ids(gone))}")


@golden.command("check")
def check(
    confirm: Annotated[
        Texts, typer.Option("--confirm", metavar="ID", help="Note that it holds; may be given several times.")
    ] = None,
    unaffected: Annotated[
        bool, typer.Option("--confirm-unaffected", help="Note so of all whose changed documents still give the answer.")
    ] = False,
    json: Json = False,
) -> None:
    """Say which golden questions are stale, and why: a document changed or is gone since a person confirmed them.

    Exit code 1 if some are. They are left out of comparisons until they are confirmed.
    """
    evaluation = open_app().evaluation
    confirmed = evaluation.confirm_golden([encodable(one) for one in confirm]) if confirm else []
    checked = evaluation.check_golden()
    if unaffected and (ids := _unaffected(checked, evaluation.kept.all())):
        confirmed += evaluation.confirm_golden(ids)
        checked = evaluation.check_golden()
    stale = [one for one in checked if one.is_stale]
    if json:
        told = [{**_as_json(one.golden), "standing": one.standing, "why": one.why} for one in stale]
        print_json({"questions": len(checked), "stale": told, "confirmed": [one.golden_id for one in confirmed]})
    else:
        rows = [{**_row(one.golden), "standing": one.standing, "why": one.why} for one in stale]
        if rows:
            print_table("Stale golden questions", rows, ["id", "question", "standing", "why"])
        say(f"{len(checked):,} golden questions, {len(stale):,} stale, {len(confirmed):,} confirmed now")
    if stale:
        raise typer.Exit(_DONE_IN_PART)


@golden.command("suggest")
def suggest(
    file: Annotated[
        Path | None, typer.Argument(help="File to write as JSON lines, to be edited: `ragloop golden add --file FILE`.")
    ] = None,
    most: Annotated[int, typer.Option("-n", "--count", min=1, help="Most suggestions.")] = 50,
    json: Json = False,
) -> None:
    """Suggest golden questions from the log: corrected and confirmed answers, and questions that are asked often.

    Nothing is kept: a person reads the file, corrects it, and adds what is right.
    """
    import json as lines

    found = open_app().evaluation.suggest_golden(most)
    if file:
        text = "".join(lines.dumps(one.as_line(), ensure_ascii=False) + "\n" for one in found)
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror}; name another file") from None
    if json:
        print_json({"suggestions": [one.as_line() for one in found], "file": file})
    elif file:
        say(f"wrote {counted(len(found), 'suggestion')} to {file}; edit them, then `ragloop golden add --file {file}`")
    else:
        rows = [_suggested(one) for one in found]
        print_table("Suggested golden questions", rows, ["question", "answers", "why", "times", "documents"])


def _unaffected(checked: "list[Checked]", kept: "list[GoldenQuestion]") -> list[str]:
    ours = {one.golden_id for one in kept}
    return [one.golden.golden_id for one in checked if one.standing == "changed" and one.golden.golden_id in ours]


def _suggested(one: "Suggestion") -> dict[str, Any]:
    return {**_row(one.golden), "why": one.why, "times": one.times}


def _as_json(one: "GoldenQuestion") -> dict[str, Any]:
    return {"golden_id": one.golden_id, **one.as_line()}


def _row(one: "GoldenQuestion") -> dict[str, Any]:
    return {
        "id": one.golden_id[:SHOWN],
        "question": one.question,
        "answers": " | ".join(one.answers),
        "documents": ", ".join(document.name for document in one.documents),
        "should abstain": one.should_abstain or None,
        "tags": ", ".join(one.tags),
    }


def _ids(questions: "list[GoldenQuestion]") -> list[str]:
    return [one.golden_id[:SHOWN] for one in questions]
