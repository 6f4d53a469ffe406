"""The canaries of the demonstration with adapters that truly learned: a good one comes to serve, a bad one goes."""

from pathlib import Path
from typing import Any, cast

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.demo.facts import Fact, question, statement
from ragloop.demo.stage import Stage
from ragloop.demo.steps.canary import live_questions, try_adapter, try_planted
from ragloop.demo.traffic import Traffic
from ragloop.records import FeedbackKind, LaneName
from ragloop.registry import PROMOTED, RETIRED
from tests.support.tiny_model import save_tiny_model
from tests.support.trainable import ANSWER, write_trainable
from tests.support.word_embedder import WordEmbedder

pytestmark = [pytest.mark.realmodel, pytest.mark.long, pytest.mark.timeout(1800)]

WRONG = "Ida"
FACTS = tuple(Fact(name, "version", ANSWER) for name in ("apiary", "barge", "cellar", "dike", "eaves", "forge"))
SETTINGS = {
    "training": {"epochs": 30},
    "answers": {"cache": "off"},
    "canary": {"when": "always", "shares": [0.25, 0.5], "questions": 100, "slow_seconds": 3600},
}


class Scene:
    """What the two steps use of a stage: the application, its traffic, and what was said."""

    def __init__(self, place: Path) -> None:
        save_tiny_model(place / "model")
        write_trainable(place, place / "model", [FACTS[0].package], SETTINGS)
        for fact in FACTS:
            (place / "documents").mkdir(exist_ok=True)
            (place / "documents" / f"{fact.package}.md").write_text(f"# {fact.package}\n\n{statement(fact)}\n")
        self.app = App(load_settings(place / "ragloop.toml", place / "home"), embedder=WordEmbedder())
        self.app.corpus.sync(place / "documents")
        self.said: list[str] = []
        scale = type("Scale", (), {"canary_questions": 100})
        traffic = Traffic(corrected=FACTS, others=())
        self.stage = Stage(place, cast("Any", scale), self.app, [], traffic, self.said.append, lambda *table: None)

    def trained(self) -> tuple[str, str]:
        """Train an adapter on what is right, and one on what is wrong; return their ids."""
        asked = [question(fact, wording) for fact in FACTS for wording in (0, 1)]
        answers = self.app.answering.answerer.ask_all(asked)
        given = [(one.interaction_id, FeedbackKind.CORRECTION, ANSWER) for one in answers]
        self.app.journal.give_all_feedback(given)
        retraining = self.app.learning.retraining
        made = retraining.build_dataset()
        wrong = retraining.train_rows([(one, WRONG) for one in asked], made.dataset_id, epochs=30)
        return retraining.train(made.dataset_id), wrong

    def figures(self) -> list[dict[str, Any]]:
        return [step.figures for step in self.stage.meter.steps]


def test_readers_promote_a_good_adapter_and_send_a_planted_one_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    right, wrong = scene.trained()
    registry, live = scene.app.registry, live_questions(scene.stage)
    try_adapter(scene.stage, registry.adapter(right), live)
    try_planted(scene.stage, registry.adapter(wrong), live)
    good, bad = scene.figures()
    assert (good["ended"], good["promoted"], good["champion_after"]) == ("promote", True, right), scene.said
    assert [look["share"] for look in good["looks"] if look["action"] == "ramp up"] == [0.25]
    assert (bad["ended"], bad["promoted"], bad["champion_after"]) == ("roll back", False, right), scene.said
    assert bad["questions"] <= 75
    assert (registry.adapter(right).state, registry.adapter(wrong).state) == (PROMOTED, RETIRED)
    assert registry.aliases.history(LaneName.CLOSED_BOOK)[-1]["by"] == "the canary"
