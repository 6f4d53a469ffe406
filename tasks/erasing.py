"""Tasks of an erasure: complete what was interrupted, plan, ask, erase.

A server keeps what a run is given and shows: ids and names of documents, which an erasure takes out of the database of
this home's server, and never a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prefect import task
from pydantic import Field

from ragloop.markdown import bullets, code_block, paragraphs, table
from ragloop.orchestrator.names import Names
from ragloop.wording import counted, few
from tasks.questions import Answer, Question, ask
from tasks.reporting import Progress, publish
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.erasure.erasing import Erased
    from ragloop.erasure.finding import Plan

_SHOWN, _LISTED = 6, 5_000
"""URIs of documents in a form, which is to fit a screen, and in an artifact."""


class ErasureAnswer(Answer):
    """Whether documents are erased, with all that rests on them."""

    decision: Literal["approve", "refuse"] = Field(description="approve erases them; nothing brings them back.")


@task(name="complete erasures", **TRANSIENT_ONLY)
def complete_erasures(home: Path | None, config: Path | None) -> "list[Erased]":
    """Complete the erasures that were interrupted."""
    app = open_app(home, config)
    done = app.erasing.complete()
    for one in done:
        _publish(Names.of(app.settings), one)
    return done


@task(name="plan erasure", **TRANSIENT_ONLY)
def plan_erasure(
    documents: Sequence[str],
    source: str,
    interactions: Sequence[str],
    reason: str,
    name: str,
    home: Path | None,
    config: Path | None,
) -> "Plan | None":
    """Find what would be erased; nothing is changed. None where nothing is named."""
    from ragloop.erasure.asked import Asked

    if not (documents or source or interactions):
        return None
    asked = Asked(tuple(documents), source or None, (), tuple(interactions), name, reason)
    return open_app(home, config).erasing.plan(asked)


@dataclass(frozen=True)
class Approved:
    """The plan that an operator let be carried out, None for nothing, and in words what became of the question."""

    plan: "Plan | None" = None
    in_short: str = ""


def approved_erasure(plan: "Plan | None", home: Path | None, config: Path | None) -> Approved:
    """Ask an operator about an erasure; without an answer within erase.approval_minutes nothing is erased.

    Who approves is kept in the certificate, beside who asked.
    """
    if plan is None:
        return Approved()
    app = open_app(home, config)
    given = ask(ErasureAnswer, _about(plan, int(60 * app.settings.erase.approval_minutes)), app)
    if (answer := given.answer) is None:
        return Approved(in_short="not answered")
    if not answer.approves:
        return Approved(in_short=answer.in_short)
    by = f"{plan.asked.by}, {answer.in_short}" if plan.asked.by else answer.in_short
    reason = "; ".join(filter(None, (plan.asked.reason, answer.reason)))
    return Approved(replace(plan, asked=replace(plan.asked, by=by, reason=reason)), answer.in_short)


@task(name="erase", **TRANSIENT_ONLY)
def erase(plan: "Plan", home: Path | None, config: Path | None) -> "list[Erased]":
    """Erase documents and all that rests on them. Tried again, it completes what it has begun.

    What else was interrupted meanwhile is completed, too, and stands first.
    """
    app = open_app(home, config)
    names = Names.of(app.settings)
    bar = Progress(names, "erasure-progress", "steps")
    done = app.erasing.complete(bar.show)
    if not any(one.traces.cover(plan.traces) for one in done):
        done.append(app.erasing.run(plan.asked, bar.show))
    for one in done:
        _publish(names, one)
    return done


def _about(plan: "Plan", wait_s: int) -> Question:
    """Show what goes, in figures, and the documents."""
    row = plan.as_row()
    counts = {name: row[name] for name in ("chunks", "interactions", "trimmed", "feedback", "aside")}
    counts |= {name: len(row[name]) for name in ("datasets", "adapters", "backups")}
    uris = [one["uri"] for one in row["documents"]]
    champion = f"The champion {plan.champion} rests on them: it is rolled back from." if plan.champion else ""
    text = f"**{counted(len(uris), 'document')} and all that rests on them are erased**, and nothing brings them back."
    title = f"erase {counted(len(uris), 'document')}?"
    shown = paragraphs(text, champion, bullets(few(uris, _SHOWN)), table(("what goes", ""), counts.items()))
    listing = f"## All of them\n\n{code_block(few(uris, _LISTED))}"
    return Question(title, shown, listing, "nothing is erased", wait_s)


def _publish(names: Names, done: "Erased") -> None:
    """Publish what was removed, by counts, and where the certificate lies."""
    told = f"erasure {done.certificate_id} is {'complete' if done.is_done else 'not complete'}"
    left = [f"still there: {one.what}" for one in done.found]
    due = "Adapters were retired; a retraining trains one without what was erased." if done.retraining_is_due else ""
    publish(
        names,
        "erasure",
        told,
        f"The certificate is `{done.certificate}`.",
        due,
        bullets(left),
        table(("removed", ""), done.removed.items()),
    )
