"""What is learned from the log goes by documents and their revisions, which outlive a cut-over."""

from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.corpus.index import inventory
from tests.support.indexed_folder import EmbeddedByName, document

SETTINGS = {"retrieval": {"min_similarity": -1.0, "top_k": 1}}


@pytest.fixture
def indexed(tmp_path: Path) -> EmbeddedByName:
    """Twelve documents about which twelve questions were asked and corrected, indexed by the narrow embedder."""
    made = EmbeddedByName(tmp_path / "home", tmp_path / "documents", settings=SETTINGS)
    made.write_numbered(12)
    made.sync()
    ask_and_correct(made.app())
    return made


def ask_and_correct(app: App) -> None:
    answers = app.answering.answerer.ask_all([f"What speaks of {number}-1?" for number in range(12)])
    app.journal.give_all_feedback(
        [(one.interaction_id, "correction", one.passages[0].text.split(".")[0]) for one in answers]
    )


def test_a_row_stays_eligible_when_only_the_generation_changed(indexed: EmbeddedByName) -> None:
    before = indexed.app().learning.retraining.curated()
    assert len(before.examples) == 12
    dataset = indexed.app().learning.retraining.build_dataset()
    indexed.chosen = {"embedder": "wide", "chunk_tokens": 50}
    assert indexed.sync().state == "active"
    assert indexed.app().learning.retraining.curated() == before
    assert indexed.app().learning.retraining.build_dataset().dataset_id == dataset.dataset_id

    rested_on = before.examples[0].documents[0].document_id
    key = inventory.keys(indexed.app().index)[rested_on]
    indexed.write(key, document("edited"))
    indexed.sync()
    after = indexed.app().learning.retraining.curated()
    assert after.funnel["passage changed or gone"] == sum(
        rested_on in {one.document_id for one in example.documents} for example in before.examples
    )


def test_an_application_that_stays_open_learns_from_what_answers_now(indexed: EmbeddedByName) -> None:
    app = indexed.app()
    retraining, answerer = app.learning.retraining, app.answering.answerer
    assert len(retraining.curated().examples) == 12
    for number in range(12):
        indexed.write(f"{number:02}.md", document(f"edited{number}"))
    indexed.chosen = {"embedder": "wide"}
    indexed.sync()
    assert retraining.curated().examples == ()
    assert "edited" in answerer.ask("What speaks of edited3-1?").passages[0].text


def test_cosines_of_two_generations_are_not_compared(indexed: EmbeddedByName) -> None:
    def similarity() -> tuple[int, int]:
        signals = {one.name: one for one in indexed.app().learning.measure_drift().report.signals}
        return signals["top_similarity"].n_reference, signals["top_similarity"].n_current

    assert similarity() == (6, 6)
    indexed.chosen = {"embedder": "wide"}
    indexed.sync()
    ask_and_correct(indexed.app())
    assert similarity() == (0, 12)


def test_the_log_names_the_generation_that_each_answer_came_from(indexed: EmbeddedByName) -> None:
    before = indexed.app().index.generation.fingerprint
    app = indexed.app()
    indexed.chosen = {"embedder": "wide"}
    indexed.sync()
    after = indexed.app().index.generation.fingerprint
    app.answering.answerer.ask("What speaks of 3-1?")
    assert app.journal.interactions()["generation"].to_pylist() == [before] * 12 + [after]
