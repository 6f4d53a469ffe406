"""Base models as they come: an architecture, its stock template and tokens, from a first question to an adapter."""

import json
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.models.chat import load_chat
from ragloop.models.generation.local import LocalGenerator
from ragloop.records import Prompt
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.stock_model import STOCK, save_stock_model
from tests.support.tiny_model import FACTS, chat
from tests.support.trainable import ANSWER, write_trainable

QUESTIONS = (*FACTS, "Where does the fox sleep?", "How old is the mill?", "Whose is the boat?")

pytestmark = pytest.mark.long


@pytest.fixture(params=sorted(STOCK))
def app(request: pytest.FixtureRequest, tmp_path: Path) -> App:
    """A home over eight documents, with a tiny model of a family as its base."""
    save_stock_model(request.param, tmp_path / "model", QUESTIONS)
    given = {"answers": {"generator": "local"}, "training": {"frozen_share": 0.5, "checkpoint_steps": 100}}
    write_trainable(tmp_path, tmp_path / "model", QUESTIONS, given)
    (tmp_path / "documents").mkdir()
    for number, question in enumerate(QUESTIONS):
        (tmp_path / "documents" / f"{number}.md").write_text(f"# {question}\n\n{question} It is Ada.\n")
    made = App(load_settings(tmp_path / "ragloop.toml", tmp_path / "home"), embedder=ConstantEmbedder())
    made.corpus.sync(tmp_path / "documents")
    return made


def test_it_is_asked_retrained_promoted_and_answers_through_its_adapter(app: App) -> None:
    asked = app.answering.answerer.ask_all(QUESTIONS)
    assert all(one.prompt_tokens for one in asked)
    app.journal.give_all_feedback([(one.interaction_id, "correction", ANSWER) for one in asked])
    report = app.learning.retraining.run()
    assert (report.verdict, report.promoted) == ("promote", True), report
    adapter = app.registry.champion()
    assert adapter is not None
    assert adapter.evidence.training is not None
    assert adapter.evidence.training.notes == ()
    record = json.loads((app.registry.folder(adapter) / "training.json").read_text())
    assert record["spec"]["chat"] == record["result"]["chat"] == load_chat(app.models.base).fingerprint
    answered = app.answering.answerer.ask_all(QUESTIONS, "closed-book")
    assert {(one.lane, one.answer, one.adapter) for one in answered} == {
        ("closed-book", f"{ANSWER} [1]", adapter.adapter_id)
    }
    base = app.models.local_generator
    assert isinstance(base, LocalGenerator)
    worn = base.wearing(adapter.adapter_id, app.registry.folder(adapter))
    drafts = worn.generate([Prompt(question, (), chat(question)) for question in QUESTIONS])
    assert all(draft.completion_tokens < 12 for draft in drafts), "it ends its answers itself"

    template = Path(app.models.base) / "chat_template.jinja"
    template.write_text("Be kind. " + template.read_text())
    later = App(app.settings, embedder=ConstantEmbedder())
    serving, trouble = later.registry.serving()
    assert serving is None
    assert f"adapter {adapter.adapter_id} was trained in chat format {record['result']['chat']}" in trouble
    assert any(
        "the base model stands in for the champion" in warning for warning in later.learning.retraining.warnings()
    )
    template.write_text(template.read_text().removeprefix("Be kind. "))
    assert App(app.settings, embedder=ConstantEmbedder()).registry.serving() == (adapter, "")
