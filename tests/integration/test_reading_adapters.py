"""An adapter that reads passages is trained, asked and judged in one prompt: that of its recipe."""

from pathlib import Path
from typing import Any

import pytest

from ragloop.answering.prompts import prompt_hash
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.learning.examples.lineage import read_rows
from ragloop.learning.recipes import recipe_of
from ragloop.records import LaneName
from ragloop.registry import VerdictKind
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.tiny_model import FACTS, save_tiny_model
from tests.support.trainable import write_trainable

ANSWERS = {question: f"{answer} is what stands there." for question, answer in FACTS.items()}


def app_of(place: Path) -> App:
    return App(load_settings(place / "ragloop.toml", place / "home"), embedder=ConstantEmbedder())


@pytest.fixture(scope="module", params=["grounded", pytest.param("style", marks=pytest.mark.long)])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[App, str, str]:
    """A home with an adapter of a recipe, its id, and the recipe."""
    place = tmp_path_factory.mktemp(request.param)
    save_tiny_model(place / "model")
    given: dict[str, dict[str, Any]] = {
        "training": {"epochs": 2, "recipe": request.param},
        "retrieval": {"top_k": 3},
        "dataset": {"abstain_share": 0.5},
    }
    write_trainable(place, place / "model", FACTS, given)
    (place / "documents").mkdir()
    for number, answer in enumerate(ANSWERS.values()):
        (place / "documents" / f"{number}.md").write_text(f"# Sheet {number}\n\n{answer}\n")
    app = app_of(place)
    app.corpus.sync(place / "documents")
    answers = app.answering.answerer.ask_all([*FACTS])
    given_answers = [(one.interaction_id, "correction", ANSWERS[one.question]) for one in answers]
    app.journal.give_all_feedback(given_answers)
    report = app.learning.retraining.run()
    return app, report.adapter_id, report.recipe


def test_its_rows_are_kept_with_the_names_of_their_passages(trained: tuple[App, str, str]) -> None:
    app, adapter_id, _ = trained
    rows = read_rows(app.registry.artifacts.files, f"adapters/{adapter_id}")
    assert rows
    assert all(row.passages and row.documents for row in rows)


def test_the_lane_asks_it_as_it_was_trained(trained: tuple[App, str, str]) -> None:
    app, adapter_id, recipe = trained
    app.registry.promote(adapter_id, "test")
    answer = app.answering.answerer.ask("Who keeps the bees?", lane="adapter+rag")
    assert (answer.lane, answer.adapter) == (LaneName.ADAPTER_RAG, adapter_id)
    logged = app.journal.answer(answer.interaction_id)
    asked = recipe_of(recipe).asks(answer.question, answer.passages)
    assert logged["prompt_hash"] == prompt_hash(asked)


def test_it_is_measured_on_what_it_reads(trained: tuple[App, str, str]) -> None:
    app, adapter_id, _ = trained
    found = app.registry.adapter(adapter_id).evidence.evaluation
    assert found is not None
    assert found.challenger["target_questions"] == len(FACTS)
    assert app.learning.retraining.judge(adapter_id).verdict in set(VerdictKind)
