"""With an embedder that reads questions in another way than passages, every question is embedded as one."""

from pathlib import Path

import numpy as np
import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.index.vectors import VectorStore
from ragloop.learning.examples import outdated
from ragloop.learning.examples.lineage import TrainedRow
from ragloop.learning.steps import evaluate
from ragloop.migration.topics.centres import centres_of
from ragloop.models.generation.extractive import ExtractiveGenerator
from ragloop.records import Prompt
from tests.support.asking_embedder import ASKS, MEANT, AskingEmbedder
from tests.support.word_embedder import WordEmbedder

DOCUMENTS = {"a.md": f"A {MEANT} stands by itself.", "b.md": "Frogs are green.", "c.md": "Fish swim in water."}
QUESTION = f"{ASKS}?"


def app_over(tmp_path: Path, embedder: WordEmbedder) -> App:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    app = App(Settings(home=tmp_path / "home", retrieval={"reranker": "none", "min_similarity": -1}), embedder=embedder)
    app.corpus.sync(folder)
    return app


def test_a_search_and_an_answer_embed_the_question_as_a_question(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    app = app_over(tmp_path, embedder)
    assert embedder.asked == []
    assert app.answering.search(QUESTION).passages[0].uri.endswith("a.md")
    assert embedder.asked == [QUESTION]

    answer = app.answering.answerer.ask(QUESTION)
    assert MEANT in answer.answer
    assert set(embedder.asked) == {QUESTION}
    assert QUESTION not in embedder.embedded


def test_passages_are_never_embedded_as_questions(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    app_over(tmp_path, embedder)
    assert len(embedder.embedded) == len(DOCUMENTS)
    assert embedder.asked == []


def test_vectors_of_questions_are_kept_apart_from_those_of_passages(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    store = app_over(tmp_path, embedder).parts.store
    asked, told = (VectorStore(store, embedder, asked=one) for one in (True, False))
    question, passage = asked.of_texts([QUESTION])[0], told.of_texts([QUESTION])[0]
    assert not np.allclose(question, passage)
    embedder.asked.clear()
    embedder.embedded.clear()
    np.testing.assert_array_equal(asked.of_texts([QUESTION])[0], question)
    np.testing.assert_array_equal(told.of_texts([QUESTION])[0], passage)
    assert embedder.asked == embedder.embedded == []


def test_where_both_are_read_alike_they_share_a_table(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    store = app_over(tmp_path, embedder).parts.store
    text = DOCUMENTS["b.md"]
    VectorStore(store, embedder).of_texts([text])
    embedder.embedded.clear()
    VectorStore(store, embedder, asked=True).of_texts([text])
    assert embedder.embedded == []


def test_a_quoted_sentence_is_chosen_by_the_question_as_it_is_asked(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    passages = app_over(tmp_path, embedder).answering.search("green", 3).passages
    embedder.asked.clear()
    drafts = ExtractiveGenerator(embedder).generate([Prompt(QUESTION, passages), Prompt(QUESTION, passages[:2])])
    assert embedder.asked == [QUESTION]
    assert MEANT in drafts[0].text


def test_topics_and_drift_compare_questions_as_they_are_asked(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    app = app_over(tmp_path, embedder)
    app.answering.answerer.ask(QUESTION)
    grouping = app.migration.finder.find().grouping
    (centre,) = centres_of(app.parts.store, embedder, grouping).vectors
    np.testing.assert_allclose(centre, embedder.embed_questions([QUESTION])[0], atol=1e-6)
    app.learning.measure_drift()
    assert QUESTION not in embedder.embedded


def test_drift_embeds_the_questions_that_no_topic_has(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    app = app_over(tmp_path, embedder)
    app.answering.answerer.ask(QUESTION)
    embedder.asked.clear()
    app.learning.measure_drift()
    assert QUESTION in embedder.asked
    assert QUESTION not in embedder.embedded


def test_a_question_is_held_against_those_that_an_adapter_learned_as_they_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = AskingEmbedder()
    app = app_over(tmp_path, embedder)
    monkeypatch.setattr(outdated, "read_rows", lambda *_: [TrainedRow(QUESTION, "by itself", ())])
    active = app.answering.newest.active()
    known = outdated.OutdatedRows(app.registry)
    asked = f"{ASKS}, please, of all?"
    (why,) = known.why("a1", active, [asked], embedder.embed_questions([QUESTION]))
    assert "what it was trained on changed" in why
    assert QUESTION not in embedder.embedded


def test_a_golden_question_is_searched_as_a_question(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    app = app_over(tmp_path, embedder)
    (found,) = evaluate._retrieved(app.learning.retraining.parts, [QUESTION], 1)
    assert found[0].uri.endswith("a.md")
    assert QUESTION not in embedder.embedded


def test_a_passage_that_another_service_showed_is_looked_up_as_a_passage(tmp_path: Path) -> None:
    embedder = AskingEmbedder()
    app = app_over(tmp_path, embedder)
    app.answering.log("What stands?", "It stands.", [f"A {MEANT} stands by itself, they say."])
    assert embedder.asked == []
