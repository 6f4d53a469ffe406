"""Tasks about topics: plan their moves between lanes, ask about those up, carry them out, show them.

The topics are shown by their ids, figures and the names that people gave: a name that ragloop gave is a question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prefect import runtime, task
from pydantic import Field

from ragloop.markdown import paragraphs, table
from ragloop.orchestrator.names import Names
from ragloop.wording import counted
from tasks.questions import Answer, Question, ask
from tasks.reporting import MOST_ROWS, publish
from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.app.migration.routing import Planned
    from ragloop.migration.routes.planning import Move
    from ragloop.migration.topics.report import TopicRow


class MoveAnswer(Answer):
    """Whether topics move to the next lane."""

    decision: Literal["approve", "refuse"] = Field(description="approve moves these topics a step further.")


@dataclass(frozen=True)
class Approved:
    """The moves that may be made, who allowed them, and in words what became of the question."""

    moves: "tuple[Move, ...]" = ()
    by: str = ""
    in_short: str = ""


@task(name="plan moves", **TRANSIENT_ONLY)
def plan_moves(home: Path | None, config: Path | None) -> "Planned":
    """Look for new topics, pair answers of those that only evidence holds back, and plan."""
    app = open_app(home, config)
    planned = app.routing.plan()
    _publish(Names.of(app.settings), planned)
    return planned


def approved_moves(planned: "Planned", home: Path | None, config: Path | None) -> Approved:
    """Ask an operator about the moves up; with migration.approve off none is asked."""
    app = open_app(home, config)
    wanted = app.settings.migration
    if not planned.ups or not wanted.approve:
        return Approved(planned.ups, "plan-migration")
    given = ask(MoveAnswer, _about(planned.ups, int(60 * wanted.approval_minutes)), app)
    if (answer := given.answer) is None:
        return Approved(in_short="moves up not answered")
    return Approved(planned.ups if answer.approves else (), answer.name, f"moves up {answer.in_short}")


@task(name="move topics", **TRANSIENT_ONLY)
def move_topics(planned: "Planned", moves: "Sequence[Move]", by: str, home: Path | None, config: Path | None) -> int:
    """Carry out moves; returns how many. Tried again, each is made once."""
    return len(open_app(home, config).routing.move(planned, moves, by, str(runtime.flow_run.id)))


def _about(moves: "Sequence[Move]", wait_s: int) -> Question:
    text = (
        f"**{counted(len(moves), 'topic')} may move a step further**: the next lane then answers a share of their "
        "questions. They come back by themselves when a document that they rest on changes."
    )
    rows = [(one.topic_id, one.lane, f"{one.share:.0%}", one.adapter_id, one.reason) for one in moves]
    shown = table(("topic", "lane", "share", "adapter", "evidence"), rows)
    return Question(f"move {counted(len(moves), 'topic')} up?", paragraphs(text, shown), "", "they stay", wait_s)


def _publish(names: Names, planned: "Planned") -> None:
    """Publish the topics with what holds each back."""
    found = planned.report
    told = f"{counted(len(found.topics), 'topic')}, {len(planned.ups)} may move up, {len(planned.downs)} come back"
    columns = ("topic", "name", "asked", "repeats", "lane", "next", "held back by", "documents", "US dollars")
    publish(names, "topics", told, table(columns, [_row(one) for one in found.topics[:MOST_ROWS]]))


def _row(one: "TopicRow") -> tuple[object, ...]:
    figures = one.state.figures
    return (
        one.topic.topic_id,
        one.topic.name if one.topic.named_by else "",
        figures.questions,
        f"{figures.repeat_share:.0%}",
        one.state.lane,
        one.prospect.lane or "",
        "; ".join(one.prospect.held_back_by),
        len(figures.documents),
        figures.cost_usd,
    )
