"""`ragloop ask`: answer a question."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.ids import SHOWN, interaction_id
from ragloop.cli.options import Json, Labels, encodable, labels_of, open_app
from ragloop.cli.output import print_json, say, write
from ragloop.errors import UsageError
from ragloop.records import NOWHERE, Earlier, Origin

if TYPE_CHECKING:
    from ragloop.app import App
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
    follow: Annotated[
        str | None,
        typer.Option(
            metavar="ID|last",
            help="Ask on after this answer: its id as `ragloop ask` prints it, its beginning, or last.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Answer a question from the documents, citing them, or abstain. The answer is logged before it is shown."""
    app = open_app()
    asked, named, seen = encodable(question), lane and encodable(lane), labels_of(labels)
    origin, conversation = _followed(app, encodable(follow), seen) if follow else (NOWHERE, ())
    answer = app.answering.answerer.ask(asked, named, seen, origin, conversation)
    if json:
        print_json(_answer(answer))
        _say_fallback(answer)
        return
    for line in answer.rewritten.splitlines():
        say(f"looked for: {line}")
    write(answer.answer)
    if answer.abstained and not answer.passages:
        say("no passage was found at all: `ragloop status` shows what is indexed, --as names the labels of the caller")
    for line in cited(answer):
        write(f"  {line}")
    _say_fallback(answer)
    total = sum(answer.latency_ms.values())
    say(f"{answer.interaction_id[:SHOWN]} · {answer.lane} · {answer.adapter or answer.model} · {total:.0f} ms")
    say("right or wrong? ragloop feedback last --up, --down, or --correction TEXT")


def _followed(app: "App", given: str, labels: list[str]) -> tuple[Origin, tuple[Earlier, ...]]:
    """Return the conversation that an answer is in, and what was said in it.

    Raises NotFoundError, and UsageError where who asked saw more than these labels show.
    """
    from ragloop.app.policies import retrieval_policy
    from ragloop.service.visible import covers

    row, policy = app.journal.answer(interaction_id(app, given)), retrieval_policy(app.settings)
    # Of an answer that another service gave nobody knows who saw what.
    if row["labels"] is not None and not covers(policy.view_of(labels), policy.view_of(row["labels"])):
        named = " ".join(f"--as {one}" for one in row["labels"]) or "no --as"
        raise UsageError(f"found an answer to who sees more than these labels show; expected {named} to follow it")
    said = Earlier(row["rewritten"] or row["question"], row["answer"] or "")
    return Origin(conversation=row["conversation"] or row["interaction_id"]), (said,)


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
    report["route"] = {"lane": answer.lane, "adapter": answer.adapter, "why": answer.fallback or None}
    report["rewritten"] = answer.rewritten or None
    report["latency_ms"] = {**answer.latency_ms, "total": round(sum(answer.latency_ms.values()), 2)}
    return report
