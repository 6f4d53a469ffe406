"""What an operator is asked before something is done that cannot be undone without effort."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prefect import runtime
from pydantic import Field

from ragloop.markdown import bullets, code_block, paragraphs, table
from ragloop.orchestrator.names import Names
from ragloop.reports import Reports
from ragloop.wording import counted, counted_with, few
from tasks.learning_reports import criteria_table
from tasks.questions import Answer, Question, ask
from tasks.reporting import MOST_ROWS, publish
from tasks.running import open_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragloop.corpus.sync.decided_deletes import DeleteDecision
    from ragloop.corpus.sync.report import Change, SyncReport
    from ragloop.learning.evaluation.gate import Verdict
    from ragloop.learning.steps.promote import Approved

_SHOWN = 6
"""Keys of documents in a form: it is to fit a screen."""
_LISTED = 5_000
"""Keys of documents in an artifact."""


class DeleteAnswer(Answer):
    """Whether documents that are gone from their source are deleted from the index."""

    decision: Literal["approve", "refuse"] = Field(description="approve deletes these documents from the index.")
    days: int = Field(
        default=7,
        ge=0,
        le=3650,
        description="After a refusal: do not ask again about these documents for so many days. 0 asks at the next "
        "sync.",
    )


class PromotionAnswer(Answer):
    """Whether an adapter that the gate would promote becomes the champion."""

    decision: Literal["approve", "refuse"] = Field(description="approve makes this adapter the champion.")


# --- deletes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deletes:
    """What an operator said of withheld deletes: the documents that may go, those that stay, and in words what became
    of the question, in short and whole; empty where nobody was asked."""

    approved: frozenset[tuple[str, str]] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()
    in_short: str = ""
    outcome: str = ""


NOT_ASKED = Deletes()


def ask_about_deletes(report: "SyncReport", home: Path | None, config: Path | None) -> Deletes:
    """Ask an operator about the documents whose deletion is withheld, if any.

    No answer within sync.approval_minutes deletes nothing, and neither does a cancelled question.
    """
    from ragloop.corpus.sync.decided_deletes import decide, decisions

    app = open_app(home, config)
    wait_s = int(60 * app.settings.sync.approval_minutes)
    gone = frozenset((one.source, one.key) for one in report.withheld)
    if not gone or not wait_s:
        return NOT_ASKED
    asked = ask(DeleteAnswer, _about_deletes(report, wait_s), app)
    if (answer := asked.answer) is None:
        return Deletes(in_short="deletes not answered", outcome=asked.outcome)
    by, why, key = answer.name, answer.reason, asked.run_id
    decide(app.store, gone, approved=answer.approves, by=by, reason=why, days=answer.days, key=key)
    publish_decisions(Names.of(app.settings), decisions(Reports(app.store)))
    short = f"deletes {answer.in_short}"
    if answer.approves:
        return Deletes(approved=gone, in_short=short, outcome=answer.sentence)
    return Deletes(refused=gone, in_short=short, outcome=answer.sentence)


def publish_confirmation(report: "SyncReport", name: str, reason: str, home: Path | None, config: Path | None) -> None:
    """Keep who confirmed the deletes of a run beforehand, and why, if it deleted something, and show it."""
    from ragloop.corpus.sync.decided_deletes import decisions, keep_confirmation

    app, run = open_app(home, config), str(runtime.flow_run.id)
    if keep_confirmation(app.store, report.changes, by=name or "confirm_deletes", reason=reason, key=run):
        publish_decisions(Names.of(app.settings), decisions(Reports(app.store)))


def publish_decisions(names: Names, made: "Sequence[DeleteDecision]") -> None:
    """Publish every decision about deletes, newest first."""
    newest_first = made[::-1][:MOST_ROWS]
    rows = [
        (
            one.at,
            "approved" if one.approved else "refused",
            sum(one.counts.values()),
            ", ".join(one.counts),
            one.by,
            one.reason,
            one.until,
        )
        for one in newest_first
    ]
    last = newest_first[0]
    told = f"{counted(sum(last.counts.values()), 'delete')} {last.sentence}"
    columns = ("at (UTC)", "", "documents", "sources", "by", "why", "not asked again until")
    publish(names, "deletes", told, table(columns, rows))


def _about_deletes(report: "SyncReport", wait_s: int) -> Question:
    """Show the figures and the keys of the documents."""
    gone = counted_with(report.withheld_deletes, "document", "is", "are")
    text = (
        f"**{gone} gone from the source**, too many to delete without asking. An empty mount or a wrong prefix looks "
        "like this. Until you approve, they stay searchable; if more are gone by then, those are withheld again."
    )
    lines = [f"{one.source}: {one.key} ({counted(one.chunks, 'chunk')})" for one in report.withheld]
    return Question(
        f"delete {counted(report.withheld_deletes, 'document')}?",
        paragraphs(text, bullets(few(lines, _SHOWN))),
        _listing(report.withheld),
        "nothing more is deleted",
        wait_s,
    )


def _listing(documents: "tuple[Change, ...]") -> str:
    lines = few([f"{one.source}  {one.key}  ({counted(one.chunks, 'chunk')})" for one in documents], _LISTED)
    return f"## All of them\n\n{code_block(lines)}"


# --- promotion -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decided:
    """The verdict on an adapter as it stands after a person was asked, and who approved, if a person did."""

    verdict: "Verdict"
    approved: "Approved | None" = None
    in_short: str = ""


def ask_about_promotion(adapter_id: str, verdict: "Verdict", home: Path | None, config: Path | None) -> Decided:
    """Return the verdict, inconclusive where an operator was asked about the promotion and did not allow it.

    Asked is only about what the gate would promote, and only with retrain.approve_promotion. No answer within
    retrain.approval_minutes promotes nothing. The adapter stays in the registry: promote-adapter makes it the champion
    by hand.
    """
    from ragloop.learning.evaluation.gate import withheld
    from ragloop.learning.steps.promote import Approved
    from ragloop.registry import VerdictKind

    app = open_app(home, config)
    wanted = app.settings.retrain
    if verdict.verdict != VerdictKind.PROMOTE or not wanted.approve_promotion:
        return Decided(verdict)
    champion = app.registry.champion(app.registry.adapter(adapter_id).lane)
    serving = champion.adapter_id if champion else "the base model"
    question = _about_promotion(adapter_id, serving, verdict, int(60 * wanted.approval_minutes))
    answer = ask(PromotionAnswer, question, app).answer
    if answer is None:
        why = "nobody answered whether to promote it; promote-adapter does it by hand."
        return Decided(withheld(verdict, why), in_short="nobody answered")
    if not answer.approves:
        return Decided(withheld(verdict, f"{answer.sentence}."), in_short=answer.in_short)
    return Decided(verdict, Approved(answer.name, answer.reason), answer.in_short)


def _about_promotion(adapter_id: str, champion: str, verdict: "Verdict", wait_s: int) -> Question:
    """Show who would serve in whose place, and the figures of the gate."""
    text = (
        f"**Adapter {adapter_id} passed the gate** against {champion}, which keeps serving until you approve. "
        "Then the adapter answers, and `roll-back` undoes that. If you refuse or do not answer, the adapter stays in "
        "the registry and is not promoted."
    )
    title = f"promote adapter {adapter_id}?"
    return Question(title, paragraphs(text, criteria_table(verdict)), "", "the champion stays", wait_s)
