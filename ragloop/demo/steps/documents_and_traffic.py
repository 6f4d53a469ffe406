"""The first half of the story: documents are indexed, questions come in, documents change."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragloop.answering.places import place
from ragloop.corpus.index import inventory
from ragloop.corpus.index.searching.search import Search
from ragloop.demo.documents import Edits, change_documents, write_documents
from ragloop.demo.facts import Fact, question
from ragloop.demo.flows import SYNC
from ragloop.demo.scale import GOLDEN
from ragloop.demo.stage import Stage
from ragloop.demo.traffic import TOPICS, UNSEEN_WORDING, Asked, Vote, is_right, to_change, write_golden

if TYPE_CHECKING:
    from ragloop.learning.examples.example import Curated, Example
    from ragloop.records import Answer

LONGEST_SHOWN = 300
"""Characters of an answer that are shown."""
QUESTIONS = {
    "Which package shows progress bars and tables in a terminal?": "rich",
    "How do I add colours to logging?": "colorlog",
}
"""Questions in a reader's words, and the package whose document answers each."""


def write(stage: Stage) -> None:
    """Write one document per installed package, and the golden questions for the gate."""
    with stage.step(1, "Write the documents") as figures:
        figures["packages"] = len(stage.packages)
        figures["characters"] = write_documents(stage.documents, stage.packages)
        figures["golden_questions"] = write_golden(stage.folder / GOLDEN, stage.traffic, stage.packages)
        stage.say(
            f"   {figures['packages']} READMEs and metadata of installed packages, {figures['characters']:,} characters"
        )


def first_sync(stage: Stage) -> None:
    """Index everything; the first question is asked as soon as the first commit is in."""
    with stage.step(1, "Sync them; ask while it runs") as figures:
        stage.say(f"   embedder: {stage.app.embedder.fingerprint}")

        def progress(done: int, total: int, embedded: int) -> None:
            stage.say(f"   {done:>3} of {total} documents are searchable, {embedded:,} chunks embedded")
            # A slow machine tells of chunks before the first document is committed.
            if done and "first_cited_answer_s" not in figures:
                _ask_first(stage, figures)

        report = stage.app.corpus.sync(progress=progress)
        names = ("added", "failed", "chunks_total", "chunks_embedded", "chunks_reused", "commits", "embed_seconds")
        figures |= {name: getattr(report, name) for name in names}


def _ask_first(stage: Stage, figures: dict[str, Any]) -> None:
    """Ask a question about a document that has just been committed; then the server may take its share of the cores."""
    there = set(inventory.keys(stage.app.index).values())
    package = next(one for one in stage.packages if any(key.rsplit(".", 1)[0] == one.name.lower() for key in there))
    answer = stage.app.answering.answerer.ask(question(Fact(package.name, "version", package.version), 0))
    if answer.citations:
        figures["first_cited_answer_s"] = stage.meter.seconds
        stage.say(f"   first cited answer after {stage.meter.seconds} s:")
    tell_answer(stage, answer)
    if stage.flows is not None:
        stage.flows.start()


def ask(stage: Stage) -> None:
    """Ask three questions, with what their answers cite."""
    with stage.step(1, "Ask three questions") as figures:
        first = stage.packages[0]
        asked = [*QUESTIONS, question(Fact(first.name, "licence", first.licence), 1)]
        answers = [stage.app.answering.answerer.ask(text) for text in asked]
        for answer in answers:
            tell_answer(stage, answer)
        figures["questions"] = len(answers)
        figures["cited"] = sum(bool(answer.citations) for answer in answers)
        figures["abstained"] = sum(answer.abstained for answer in answers)
        figures["asked"] = next((answer.question for answer in answers if answer.citations), asked[0])


def tell_answer(stage: Stage, answer: "Answer") -> None:
    """Print a question, its answer, and where each citation stands."""
    stage.say(f"   ? {answer.question}")
    stage.say(textwrap.indent(_beginning(answer.answer), "     "))
    texts = {one.chunk_id: one.text for one in answer.passages}
    for one in answer.citations:
        where = place(one.uri, one.start, one.end, texts.get(one.chunk_id, ""))
        stage.say(f"     [{one.n}] {_name(where)}  {one.heading}")
    adapter = f", adapter {answer.adapter}" if answer.adapter else ""
    stage.say(f"     lane {answer.lane}, {answer.model}{adapter}, {sum(answer.latency_ms.values()):.0f} ms")


def _beginning(text: str) -> str:
    """Return a text up to the word before LONGEST_SHOWN, with a mark where more follows."""
    if len(text) <= LONGEST_SHOWN:
        return text
    return text[:LONGEST_SHOWN].rsplit(maxsplit=1)[0] + " …"


def replay(stage: Stage) -> None:
    """Ask every fact in two wordings, one topic after the other, and send the votes of those who asked. Drift is
    measured in between, where nothing has moved."""
    with stage.step(2, "Replay traffic and collect feedback") as figures:
        given, votes = _ask_and_vote(stage, stage.traffic.first)
        stage.say(f"   that was {' and '.join(TOPICS[0])}; is there drift among them?")
        figures |= _no_shift_yet(stage)
        stage.say(f"   from here on people ask for {' and '.join(TOPICS[1])}")
        later, more = _ask_and_vote(stage, stage.traffic.later)
        given, votes = given + later, votes + more
        figures |= _traffic_figures(given, votes)
        stage.say(
            f"   {figures['answers_with_known_answer']} of {figures['questions']} answers hold the known answer; "
            f"feedback: {figures['correction']} corrections, which say the same in a word or two, {figures['up']} up, "
            f"{figures['down']} down"
        )


def _ask_and_vote(stage: Stage, asked: Sequence[Asked]) -> "tuple[list[tuple[Asked, Answer]], list[Vote]]":
    """Have questions answered and logged in batches, and vote on the answers."""
    given: list[tuple[Asked, Answer]] = []
    for start in range(0, len(asked), stage.scale.batch):
        batch = asked[start : start + stage.scale.batch]
        given += zip(batch, stage.readers.answering.answerer.ask_all([one.question for one in batch]), strict=True)
        stage.say(f"   {len(given)} of {len(asked)} questions answered and logged")
    votes = stage.traffic.votes(given)
    stage.app.journal.give_all_feedback(votes)
    return given, votes


def _no_shift_yet(stage: Stage) -> dict[str, Any]:
    """Measure drift within the first topic."""
    decision = stage.app.learning.measure_drift().decision
    for reason in decision.reasons:
        stage.say(f"   {reason}")
    return {"due_before_the_shift": decision.due, "reasons_before_the_shift": list(decision.reasons)}


def _traffic_figures(
    given: Sequence[tuple[Asked, "Answer"]], votes: Sequence[tuple[str, str, str | None]]
) -> dict[str, Any]:
    kinds = Counter(kind for _, kind, _ in votes)
    return {
        "questions": len(given),
        "facts": len({one.fact for one, _ in given}),
        "answers_with_known_answer": sum(is_right(answer.answer, one.fact) for one, answer in given),
        "cited": sum(bool(answer.citations) for _, answer in given),
        "abstained": sum(answer.abstained for _, answer in given),
        **{kind: kinds[kind] for kind in ("correction", "up", "down")},
        "no_feedback": len(given) - len(votes),
    }


def change(stage: Stage) -> None:
    """Edit three documents, rename one, delete one, sync; show what was embedded and what the log lost by it."""
    with stage.step(3, "Change five documents and sync again") as figures:
        before = _chunks(stage)
        eligible = stage.app.learning.retraining.curated()
        owners = inventory.keys(stage.app.index)
        changing = to_change(stage.traffic, stage.packages)
        asked = question(Fact(changing[0].name, "version", changing[0].version), UNSEEN_WORDING)
        figures["answer_before"] = stage.app.answering.answerer.ask(asked).answer
        edits = change_documents(stage.documents, changing)
        stage.say(f"   edited {', '.join(edits.edited)}; renamed {' to '.join(edits.renamed)}; deleted {edits.deleted}")
        _sync_again(stage)
        figures |= _show_chunks(stage, before, _chunks(stage), edits)
        figures |= _show_rows(stage, eligible, stage.app.learning.retraining.curated(), owners, edits)
        answer = stage.app.answering.answerer.ask(asked)
        figures["new_version"], figures["answer_after"] = edits.new_version, answer.answer
        stage.say(f"   before, {asked!r} was answered with {figures['answer_before']!r}; now:")
        tell_answer(stage, answer)


def _sync_again(stage: Stage) -> None:
    if stage.flows is None:
        stage.app.corpus.sync()
        return
    stage.say("   waiting for the Prefect server and its worker, which started in the meantime")
    stage.flows.wait_until_up()
    stage.tell(stage.flows.run(SYNC))


def _chunks(stage: Stage) -> dict[str, dict[str, Any]]:
    """Read every chunk by id."""
    return Search(stage.app.index).passages(list(inventory.text_hashes(stage.app.index)))


def _show_chunks(
    stage: Stage, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], edits: Edits
) -> dict[str, Any]:
    """Chunk by chunk, what the second sync embedded and what it reused. A string that was there before is reused."""
    known = {row["text_hash"] for row in before.values()}
    touched = [
        {
            "document": _name(row["uri"]),
            "chunk": f"{row['start']}-{row['end']}",
            "state": "reused" if row["text_hash"] in known else "EMBEDDED",
            "text": " ".join(row["text"].split())[:27],
        }
        for row in sorted(after.values(), key=lambda row: (row["uri"], row["start"]))
        if _name(row["uri"]) in (*edits.edited, edits.renamed[1])
    ]
    stage.show("Chunks of the changed documents", touched, ("document", "chunk", "state", "text"))
    gone = sorted(_name(row["uri"]) for chunk_id, row in before.items() if chunk_id not in after)
    report = stage.app.status()["last_sync"]
    names = ("updated", "renamed", "deleted", "unchanged", "chunks_embedded", "chunks_reused", "commits")
    figures = {name: report[name] for name in names}
    figures["chunks_gone"] = len(gone)
    figures["embedded"] = [f"{row['document']}:{row['chunk']}" for row in touched if row["state"] == "EMBEDDED"]
    stage.say(
        f"   embedded {figures['chunks_embedded']} chunks and reused {figures['chunks_reused']}; {len(gone)} are gone"
    )
    return figures


def _show_rows(
    stage: Stage, before: "Curated", after: "Curated", owners: Mapping[str, str], edits: Edits
) -> dict[str, Any]:
    """Show the answers of the log that could have been trained on and no longer can, with the document that changed."""
    kept = {one for example in after.examples for one in example.interaction_ids}

    def rests_on(example: "Example") -> list[str]:
        return [owners[document.document_id] for document in example.documents]

    rows = [
        {
            "interaction": example.interaction_ids[-1][:12],
            "question": example.question,
            "because of": ", ".join(dict.fromkeys(one for one in rests_on(example) if one in edits.touched)),
        }
        for example in before.examples
        if kept.isdisjoint(example.interaction_ids)
    ]
    stage.show("Answers that no training may use any more", rows, ("interaction", "question", "because of"))
    reason = "passage changed or gone"
    stage.say(
        f"   {len(rows)} of {len(before.examples)} eligible answers were dropped; the funnel now has "
        f"{after.funnel[reason]} under “{reason}” (before: {before.funnel[reason]})"
    )
    return {
        "eligible_before": len(before.examples),
        "eligible_after": len(after.examples),
        "ineligible_rows": len(rows),
        "funnel_before": {name: n for name, n in before.funnel.items() if n},
        "funnel_after": {name: n for name, n in after.funnel.items() if n},
    }


def _name(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]
