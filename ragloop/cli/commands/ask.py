"""`ragloop ask`: answer a question."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.ids import SHOWN
from ragloop.cli.options import Json, Labels, encodable, labels_of, open_app
from ragloop.cli.output import print_json, say, write

if TYPE_CHECKING:
    from ragloop.records import Answer


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    lane: Annotated[
        str | None,
        typer.Option(
            help="Who answers: base+rag (the model reads passages), adapter+rag (a trained adapter reads them) or "
            "closed-book (the adapter alone). Default: answers.lane."
        ),
    ] = None,
    labels: Labels = None,
    json: Json = False,
) -> None:
    """Answer a question from the documents, citing them, or abstain. The answer is logged before it is shown."""
    answer = open_app().answering.answerer.ask(encodable(question), lane and encodable(lane), labels_of(labels))
    if json:
        print_json(_answer(answer))
        _say_fallback(answer)
        return
    write(answer.answer)
    for line in cited(answer):
        write(f"  {line}")
    _say_fallback(answer)
    total = sum(answer.latency_ms.values())
    say(f"{answer.interaction_id[:SHOWN]} · {answer.lane} · {answer.adapter or answer.model} · {total:.0f} ms")
    say("right or wrong? ragloop feedback last --up, --down, or --correction TEXT")


def cited(answer: "Answer") -> list[str]:
    """Write each citation of an answer with the place where it stands."""
    from ragloop.answering.places import place

    texts = {one.chunk_id: one.text for one in answer.passages}
    return [
        f"[{one.n}] {place(one.uri, one.start, one.end, texts.get(one.chunk_id, ''))}  {one.heading}".rstrip()
        for one in answer.citations
    ]


def _say_fallback(answer: "Answer") -> None:
    if answer.fallback:
        say(f"warning: {answer.lane} answered with {answer.adapter or answer.model}: {answer.fallback}")


def _answer(answer: "Answer") -> dict[str, Any]:
    report = asdict(answer)
    report["latency_ms"] = {**answer.latency_ms, "total": round(sum(answer.latency_ms.values()), 2)}
    return report
