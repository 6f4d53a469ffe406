"""`ragloop topics`: what is asked, by topic: volume, documents, cost, lane; rename, merge, split and pin topics."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, encodable, open_app, user
from ragloop.cli.output import print_json, print_table, say
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.migration.topics.report import TopicRow
    from ragloop.migration.topics.topic import Grouping

topics = typer.Typer(
    invoke_without_command=True,
    help="Topics of the log: what each is asked, rests on and costs; rename, merge, split, pin.",
)
TopicId = Annotated[str, typer.Argument(metavar="TOPIC", help="Its id, the beginning of one, or its name.")]


@topics.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    anew: Annotated[
        bool, typer.Option("--anew", help="Group all questions again; topics keep their ids by what they share.")
    ] = False,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Most topics in the table.")] = 20,
    json: Json = False,
) -> None:
    """Show the topics of the log, those asked most first, with the next lane of each and what holds it back from it.

    New questions join the topics that they are like, or make new ones.
    """
    if context.invoked_subcommand:
        return
    report, found = open_app().migration.topics(anew=anew)
    if json:
        print_json({**report.as_row(), "joined": found.joined, "new": found.new})
        return
    columns = ["topic", "name", "asked", "repeats", "lane", "next", "held back by", "documents", "usd"]
    if report.topics:
        print_table("Topics", [_shown(one) for one in report.topics[:count]], columns)
    say(
        f"{counted(report.answers, 'answer')} of {counted(report.window_days, 'day')}, "
        f"{counted(len(report.topics), 'topic')}; {counted(found.joined, 'question')} joined one now"
    )


@topics.command("rename")
def rename(
    topic: TopicId, name: Annotated[str, typer.Argument(help="The name, in quotes.")], json: Json = False
) -> None:
    """Give a topic a name that no other one has; no regrouping takes it from the topic."""
    from ragloop.migration.topics.editing import renamed

    by = user()
    _print(open_app().migration.edit(lambda now: renamed(now, encodable(topic), encodable(name), by), by), json)


@topics.command("merge")
def merge(
    topic: TopicId,
    others: Annotated[list[str], typer.Argument(help="Topics whose questions it gets.")],
    json: Json = False,
) -> None:
    """Move the questions of other topics into one, and pin it; it comes back to base+rag."""
    from ragloop.migration.topics.editing import merged

    gone = [encodable(one) for one in others]
    _print(open_app().migration.edit(lambda now: merged(now, encodable(topic), gone), user()), json)


@topics.command("split")
def split(topic: TopicId, json: Json = False) -> None:
    """Part a topic into two by the questions that are least alike, and pin both; both come back to base+rag."""
    _print(open_app().migration.split(encodable(topic), user()), json)


@topics.command("pin")
def pin(
    topic: TopicId,
    off: Annotated[bool, typer.Option("--off", help="Let it be grouped anew again.")] = False,
    json: Json = False,
) -> None:
    """Keep the questions of a topic together when all are grouped anew."""
    from ragloop.migration.topics.editing import pinned

    _print(open_app().migration.edit(lambda now: pinned(now, encodable(topic), on=not off), user()), json)


def _print(grouping: "Grouping", json: bool) -> None:
    sizes = {one.topic_id: len(grouping.questions(one.topic_id)) for one in grouping.topics}
    rows = [
        {"topic_id": one.topic_id, "name": one.name, "questions": sizes[one.topic_id], "pinned": one.pinned}
        for one in grouping.topics
    ]
    if json:
        print_json({"topics": rows})
    else:
        shown = [
            {**one, "topic": str(one["topic_id"])[:SHOWN], "different questions": one["questions"]} for one in rows
        ]
        print_table("Topics", shown, ["topic", "name", "different questions", "pinned"])


def _shown(one: "TopicRow") -> dict[str, Any]:
    row = one.as_row()
    return {
        "topic": row["topic_id"][:SHOWN],
        "name": row["name"],
        "asked": row["questions"],
        "repeats": f"{row['repeat_share']:.0%}",
        "lane": row["lane"] if row["share"] == 1 else f"{row['lane']} {row['share']:.0%}",
        "next": row["next"],
        "held back by": "; ".join(row["held_back_by"]),
        "documents": [document["key"] or "gone" for document in row["documents"][:3]],
        "usd": row["cost_usd"],
    }
