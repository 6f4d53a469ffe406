"""What is trained after an erasure is, byte for byte, what a home trains that never had the document."""

from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.erasure.asked import Asked
from ragloop.learning.examples.example import examples_of
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.tiny_model import FACTS, save_tiny_model
from tests.support.trainable import ANSWER, write_trainable

ERASED = "2.md"
QUESTIONS = (*FACTS, "Where does the fox sleep?", "How old is the mill?", "Whose is the boat?")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_trainable(tmp_path, tmp_path / "model", QUESTIONS)
    return tmp_path


def app_of(place: Path, name: str, *, without: str = "") -> App:
    """A home whose answers were all corrected, one after the other."""
    app = App(load_settings(place / "ragloop.toml", place / name), embedder=ConstantEmbedder())
    folder = place / f"{name} documents"
    folder.mkdir()
    asked = [(f"{at}.md", one) for at, one in enumerate(QUESTIONS) if f"{at}.md" != without]
    for key, question in asked:
        (folder / key).write_text(f"# {question}\n\n{question} Nobody knows but Ada.\n")
    app.corpus.sync(folder)
    given = [app.answering.answerer.ask(question) for _, question in asked]
    app.journal.give_all_feedback([(one.interaction_id, "correction", ANSWER) for one in given])
    return app


def trained_on(app: App, dataset_id: str) -> list[tuple[str, str]]:
    return [(one.question, one.answer) for one in examples_of(app.learning.retraining.parts.dataset(dataset_id).train)]


def test_rows_after_an_erasure_are_those_of_a_home_that_never_had_the_document(place: Path) -> None:
    had, never = app_of(place, "had"), app_of(place, "never", without=ERASED)
    before = trained_on(had, had.learning.retraining.build_dataset().dataset_id)
    assert had.erasing.run(Asked((ERASED,))).found == ()
    after, twin = (trained_on(app, app.learning.retraining.build_dataset().dataset_id) for app in (had, never))
    assert after == twin
    assert len(before) > len(after) > 1


@pytest.mark.long
def test_an_adapter_after_an_erasure_is_its_twin_that_never_saw_the_document(place: Path) -> None:
    save_tiny_model(place / "model")
    had, never = app_of(place, "had"), app_of(place, "never", without=ERASED)
    before = weights(had)
    done = had.erasing.run(Asked((ERASED,)))
    assert (done.found, done.retraining_is_due) == ((), True)
    after, twin = weights(had), weights(never)
    assert after == twin != before


def weights(app: App) -> str:
    """Train on what the log has now, and return the SHA-256 of the weights."""
    retraining = app.learning.retraining
    adapter_id = retraining.train(retraining.build_dataset().dataset_id)
    return app.registry.adapter(adapter_id).sha256
