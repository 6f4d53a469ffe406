"""Several questions in one text: each answered by its own passages, and all one answer and one row of the log."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, sleep

import pytest

from ragloop.answering.conversation.joined import UNANSWERED
from ragloop.answering.stages import timed
from ragloop.answering.turn import Turn
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.language.citations import cited_numbers
from ragloop.records import LaneName
from tests.support.word_embedder import WordEmbedder

FERRY, MILL = "When does the ferry leave the pier?", "Who keeps the bees behind the mill?"


@pytest.fixture
def app(tmp_path: Path) -> App:
    for name, text in {
        "ferry.md": "# Ferry\n\nThe ferry leaves the pier at nine.\n",
        "mill.md": "# Mill\n\nAda keeps the bees behind the mill.\n",
        "lamp.md": "# Lamp\n\nThe lamp of the tower burns oil.\n",
    }.items():
        (tmp_path / "documents").mkdir(exist_ok=True)
        (tmp_path / "documents" / name).write_text(text)
    settings = load_settings(home=tmp_path / "home")
    few = settings.retrieval.model_copy(update={"top_k": 1, "top_n": 1})
    app = App(settings.model_copy(update={"retrieval": few}), embedder=WordEmbedder())
    assert app.corpus.sync(tmp_path / "documents").complete
    return app


def test_each_is_answered_and_cited_and_all_are_one_row(app: App) -> None:
    asked = f"{FERRY} {MILL}"
    answer = app.answering.answerer.ask(asked)
    ferry, mill = answer.answer.split("\n\n")
    assert ("nine" in ferry, "Ada" in mill) == (True, True)
    (first,), (second,) = cited_numbers(ferry), cited_numbers(mill)
    found = {one.n: one.uri.rpartition("/")[2] for one in answer.citations}
    assert (found[first], found[second]) == ("ferry.md", "mill.md")
    assert (answer.question, answer.rewritten) == (asked, f"{FERRY}\n{MILL}")
    app.journal.fold()
    (row,) = app.journal.interactions().to_pylist()
    assert (row["interaction_id"], row["question"], row["answer"]) == (answer.interaction_id, asked, answer.answer)
    assert {one["document_id"] for one in row["support"]} == {one.document_id for one in answer.citations}


def test_questions_of_one_batch_keep_their_order(app: App) -> None:
    answers = app.answering.answerer.ask_all([MILL, f"{FERRY} {MILL}", FERRY])
    assert [one.question for one in answers] == [MILL, f"{FERRY} {MILL}", FERRY]
    assert ["Ada" in one.answer for one in answers] == [True, True, False]


def test_a_part_that_nothing_answers_is_named_and_its_marks_are_no_citations(app: App) -> None:
    asked = f"{FERRY} Who is the mayor of [1] Atlantis?"
    answer = app.answering.answerer.ask(asked)
    ferry, mayor = answer.answer.split("\n\n")
    assert "nine" in ferry
    assert mayor.startswith(UNANSWERED)
    assert cited_numbers(mayor) == []
    assert not answer.abstained
    nothing = app.answering.answerer.ask("Who is the mayor of Atlantis? Which zebra sings the anthem?")
    assert (nothing.abstained, nothing.citations) == (True, ())


def test_an_evaluation_sees_what_was_found_for_every_part(app: App) -> None:
    (turn,) = app.answering.answerer.try_all([f"{FERRY} {MILL}"])
    assert [one.uri.rpartition("/")[2] for one in turn.ranked][:2] == ["ferry.md", "mill.md"]
    assert [one.rank for one in turn.ranked] == list(range(1, len(turn.ranked) + 1))


def test_the_time_of_a_stage_is_shared_by_the_turns_that_it_makes() -> None:
    turn = Turn("i", "q", LaneName.BASE_RAG)

    def parted(turns: Sequence[Turn]) -> Sequence[Turn]:
        sleep(0.05)
        return [turn] * 4

    began = perf_counter()
    parts = timed("rewrite", parted)([turn])
    assert sum(one.latency_ms["rewrite"] for one in parts) <= (perf_counter() - began) * 1000
