"""`ragloop costs`: what answers, training and storage cost, a month's forecast, and where an adapter pays."""

from typing import TYPE_CHECKING, Any

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, open_app
from ragloop.cli.output import print_facts, print_json, print_table, say
from ragloop.wording import counted

if TYPE_CHECKING:
    from ragloop.migration.costs.report import CostReport, LaneCost


def costs(json: Json = False) -> None:
    """Show what the answers of topics.window_days cost, by lane and by topic, with training and storage.

    Endpoints charge by tokens, machines by the time of the stages; prices stand in `remote` and `costs`. A month is
    forecast from the days that were observed, and where an adapter becomes cheaper is said with its interval.
    """
    migration = open_app().migration
    report, topics = migration.costs(), migration.cost_of_topics()
    if json:
        rows = [
            {"topic_id": one, "name": name, "questions": figures.questions, "cost_usd": figures.cost_usd}
            for one, name, figures in topics
        ]
        print_json({**report.as_row(), "topics": rows})
        return
    print_facts(f"Costs of {counted(report.window_days, 'day')}, in US dollars", _facts(report))
    columns = ["lane", "answers", "usd", "an answer", "tokens in", "out"]
    if report.lanes:
        print_table("By lane", [_lane(one) for one in report.lanes], columns)
    shown = [
        {"topic": one[:SHOWN], "name": name, "asked": figures.questions, "usd": figures.cost_usd}
        for one, name, figures in topics[:20]
    ]
    if shown:
        print_table("By topic", shown, ["topic", "name", "asked", "usd"])
    for one in report.break_even:
        say(one.told)
    for note in report.notes:
        say(note)


def _facts(report: "CostReport") -> dict[str, Any]:
    return {
        "answers": report.answers_usd,
        "training": report.training_usd,
        "answers to compare lanes": report.shadow_usd,
        "storage": report.storage_usd,
        "fixed": report.fixed_usd,
        "in all": report.total_usd,
        "an answer": report.answer and report.answer.told,
        "a month": report.month.told if report.month else "not enough days",
    }


def _lane(one: "LaneCost") -> dict[str, Any]:
    return {
        "lane": one.lane,
        "answers": one.answers,
        "usd": one.total_usd,
        "an answer": one.answer and one.answer.told,
        "tokens in": one.prompt_tokens,
        "out": one.completion_tokens,
    }
