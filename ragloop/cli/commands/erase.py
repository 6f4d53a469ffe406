"""`ragloop erase`: remove documents and everything that rests on them, and prove it."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ragloop.cli import ids
from ragloop.cli.options import Json, encodable, open_app, user
from ragloop.cli.output import print_facts, print_json, print_table, say, write
from ragloop.cli.progress import progress
from ragloop.errors import UsageError
from ragloop.wording import counted, counted_with, first_few

if TYPE_CHECKING:
    from ragloop.erasure.asked import Asked
    from ragloop.erasure.erasing import Erased, Erasing
    from ragloop.erasure.finding import Plan

_SHOWN = 20
"""Documents that the plan names; all of them with --json."""
_TERMS_SHOWN = 5


class _DocumentsFirst(TyperGroup):
    """Takes what is no command for documents: `ragloop erase handbook.md`."""

    first = "documents"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = [self.first, *args]
        return super().parse_args(ctx, args)


erase = typer.Typer(
    no_args_is_help=True,
    cls=_DocumentsFirst,
    help="Remove documents, and everything that rests on them: `ragloop erase URI…`; verify its certificate.",
)


@erase.command()
def documents(
    uris: Annotated[
        list[str] | None, typer.Argument(help="Their URIs, keys, or ends of them that no other document has.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of this source; without a document, all of it.")
    ] = None,
    subject: Annotated[
        list[str] | None, typer.Option(metavar="TERM", help="Every document and answer that has this term.")
    ] = None,
    interaction: Annotated[list[str] | None, typer.Option(metavar="ID", help="A logged answer.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be erased; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    reason: Annotated[str, typer.Option(help="Reason, kept in the certificate.")] = "",
    json: Json = False,
) -> None:
    """Erase documents: from every index, the log, datasets, adapters and backups; no sync brings them back.

    Answers that cite them go, adapters that were trained on such answers are retired, and every older backup is removed
    after a new one was taken. An erasure that was killed is completed first. Exit code 1 where a trace is left.
    """
    from ragloop.erasure.asked import Asked

    app = open_app()
    erasing = app.erasing
    if not dry_run:
        _complete(erasing)
    wanted = Asked(
        tuple(map(encodable, uris or ())),
        source and encodable(source),
        tuple(map(encodable, subject or ())),
        tuple(ids.interaction_id(app, encodable(one)) for one in interaction or ()),
        user(),
        encodable(reason),
    )
    plan = erasing.plan(wanted)
    if dry_run and json:
        print_json({"plan": plan.as_row()})
        return
    if not json:
        _show_plan(plan)
    if not dry_run:
        _must_be_confirmed(asked_for=yes)
        _run(erasing, wanted, json)


def _complete(erasing: "Erasing") -> "list[Erased]":
    with progress("erase", "steps") as advance:
        done = erasing.complete(advance)
    for one in done:
        say(f"the erasure {one.certificate_id}, which was interrupted, is {_state(one)}")
    return done


def _must_be_confirmed(*, asked_for: bool) -> None:
    """Ask the person at the terminal. Raises UsageError where nobody is there to answer."""
    if asked_for:
        return
    if not sys.stdin.isatty():
        raise UsageError("found nobody to ask; look at --dry-run, then say --yes: nothing was changed")
    if not typer.confirm("Erase all of this? Nothing brings it back", err=True):
        raise typer.Exit(0)


def _run(erasing: "Erasing", wanted: "Asked", json: bool) -> None:
    with progress("erase", "steps") as advance:
        done = erasing.run(wanted, advance)
    if json:
        print_json({**_row(done), "found": [asdict(one) for one in done.found]})
    else:
        print_facts(f"Erased, certificate {done.certificate_id}", done.removed)
        say(f"certificate: {done.certificate}")
        if done.retraining_is_due:
            say("adapters were retired: `ragloop retrain` trains one without what was erased")
    for one in done.found:
        say(f"still there: {one.what}, {one.where}")
    if not done.is_done:
        raise typer.Exit(1)


def _row(done: "Erased") -> dict[str, object]:
    return {
        "erased": done.removed,
        "certificate": done.certificate_id,
        "path": done.certificate,
        "backups_removed": list(done.backups_removed),
        "retraining_is_due": done.retraining_is_due,
    }


def _state(done: "Erased") -> str:
    return (
        "complete"
        if done.is_done
        else f"not complete: {counted_with(len(done.found), 'trace', 'is', 'are')} still there"
    )


def _nothing(plan: "Plan") -> str:
    """Say that nothing rests on what is asked for: only terms come so far, since any other name is refused."""
    terms = first_few([repr(one) for one in plan.asked.subjects], _TERMS_SHOWN)
    documents, answers = counted(plan.searched_documents, "document"), counted(plan.searched_answers, "logged answer")
    return (
        f"nothing rests on {terms}: searched were names and text of {documents} in every index, {answers} with "
        "questions and corrections, datasets and adapters"
    )


def _show_plan(plan: "Plan") -> None:
    if plan.is_empty:
        write(_nothing(plan))
        if plan.aside:
            say(f"tables set aside, which any erasure removes: {plan.aside:,}")
    else:
        _show_found(plan)
    if plan.champion:
        say(f"the champion {plan.champion} rests on them: it is rolled back from")
    if plan.backups:
        older = "the older one is" if len(plan.backups) == 1 else f"{len(plan.backups):,} older ones are"
        say(f"a backup is taken, then {older} removed: {', '.join(plan.backups)}")
    for one in plan.shared:
        say(f"stays, since {one.kept_by} has this text, too: a passage of {one.uri}")


def _show_found(plan: "Plan") -> None:
    row = plan.as_row()
    print_table("Documents", row["documents"][:_SHOWN], ["uri", "source", "key"])
    if len(plan.documents) > _SHOWN:
        say(f"and {len(plan.documents) - _SHOWN:,} more")
    counts = {name: row[name] for name in ("chunks", "interactions", "feedback", "aside")}
    facts = {**counts, "answers that lose a passage": plan.trimmed, "datasets": len(row["datasets"])}
    print_facts("Erased with them", {**facts, "adapters": ", ".join(row["adapters"]) or "none"})


@erase.command()
def verify(
    certificate: Annotated[str, typer.Argument(help="Its id, the beginning of it, last, or the path of its file.")],
    json: Json = False,
) -> None:
    """Search every file of the home, and its backups, for what a certificate says was erased.

    Exit code 1 where something is found, or the signature does not hold.
    """
    with progress("verify", "steps"):
        app = open_app()
        done = app.erasing.verify(ids.certificate_id(app, encodable(certificate)))
    if json:
        print_json(asdict(done))
    else:
        shown = {"found": len(done.found), "signed": done.signed, "signed by this home": done.is_ours}
        counts = {name: value for name, value in asdict(done.searched).items() if isinstance(value, int)}
        print_facts(f"Certificate {done.certificate_id}", {**shown, **counts})
        for one in done.searched.left_out:
            say(f"not searched: {one}")
    for found in done.found:
        say(f"found: {found.what}, {found.where}")
    if done.found or not done.signed:
        raise typer.Exit(1)


@erase.command()
def resume(json: Json = False) -> None:
    """Complete the erasures that were interrupted, and erase again what a restore brought back.

    Exit code 1 where a trace is left.
    """
    erasing = open_app().erasing
    done = [*_complete(erasing), *erasing.erase_what_returned()]
    if json:
        print_json({"completed": [_row(one) for one in done]})
    elif not done:
        write("no erasure was interrupted, and nothing that was erased is there again")
    if not all(one.is_done for one in done):
        raise typer.Exit(1)


@erase.command()
def lift(
    certificate: Annotated[str, typer.Argument(help="Its id, the beginning of it, last, or the path of its file.")],
    json: Json = False,
) -> None:
    """Let the documents of an erasure be indexed again, by the next sync."""
    app = open_app()
    lifted = app.erasing.lift(ids.certificate_id(app, encodable(certificate)))
    print_json({"lifted": lifted}) if json else write(
        f"{lifted} {'hash is' if lifted == 1 else 'hashes are'} suppressed no more"
    )
