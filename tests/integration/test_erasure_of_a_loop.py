"""After a whole loop and an erasure, another scanner than the product's finds nothing of what was erased."""

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.compute as pc
import pytest

from ragloop.app import App
from ragloop.app.catalogue import CATALOGUE
from ragloop.catalogue import Erasure
from ragloop.config import load_settings
from ragloop.corpus.sync.decided_deletes import decide
from ragloop.erasure.asked import Asked
from ragloop.erasure.erasing import Erased
from ragloop.erasure.removing.erasers import ERASERS
from ragloop.hashes import sha256_of_text
from ragloop.learning.evaluation.golden import GoldenQuestion
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.migration.routes.planning import Move
from ragloop.migration.routes.route import MoveKind, RestsOn
from ragloop.migration.topics.editing import renamed
from ragloop.records import LaneName
from ragloop.traffic.intake.requests import Request
from ragloop.traffic.intake.spool import Spool
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.scanner import Planted, left
from tests.support.tiny_model import FACTS, save_tiny_model
from tests.support.trainable import ANSWER, write_trainable

KEY = "vandelmorr.md"
QUESTION = "Where does the quixotrophe of old Vandelmorr keep the bright brindled glimmerstone?"
CORRECTION = "Ada says that the zanthoquill of perrimarch keeps it under a wexelbond roof"
WORDS = ("uixotrophe", "andelmorr", "glimmerstone", "zanthoquill", "perrimarch", "wexelbond")
TEXT = f"# {QUESTION}\n\n{QUESTION} Nobody knows but Ada.\n"
NOT_REACHED = {"artifacts/copies/**", "datasets"}
"""Copies are of adapters in a bucket; the row of a dataset holds numbers."""
ASKED = sha256_of_text(QUESTION)
DISABLED = [one.name for one in CATALOGUE if one.erased is not Erasure.NOTHING and one.name not in NOT_REACHED]


@dataclass
class Home:
    """A home with a document that is to be erased, and all that a loop made of it."""

    place: Path
    planted: Planted
    adapter_id: str = ""

    def app(self) -> App:
        settings = load_settings(self.place / "ragloop.toml", self.place / "home")
        return App(settings, embedder=ConstantEmbedder())

    def left(self) -> list[str]:
        return left(self.planted, self.place / "home", self.place / "backups")


def erase(app: App, *, but: str = "") -> Erased:
    """Erase the document, with one part of it left out."""
    catalogue = [one for one in CATALOGUE if one.name != but]
    return app.safekeeping.erasing(catalogue).run(Asked((KEY,), by="a test"))


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The whole loop: sync, ask, correct, train, evaluate, promote, back up; and what may be left beside it."""
    place = tmp_path_factory.mktemp("looped")
    questions = [QUESTION, *FACTS, "Where does the fox sleep?", "How old is the mill?"]
    save_tiny_model(place / "model")
    settings = {
        "training": {"epochs": 20, "report_to": ["tensorboard"]},
        "backup": {"uri": str(place / "backups")},
    }
    write_trainable(place, place / "model", questions[1:], settings)
    (place / "documents").mkdir()
    for number, question in enumerate(questions[1:]):
        (place / "documents" / f"{number}.md").write_text(f"# {question}\n\n{question} Nobody knows but Ada.\n")
    (place / "documents" / KEY).write_text(TEXT)
    home = Home(place, Planted())
    app = home.app()
    app.corpus.sync(place / "documents")
    answers = app.answering.answerer.ask_all(questions)
    app.journal.give_all_feedback([(one.interaction_id, "correction", ANSWER) for one in answers])
    learning = app.learning.retraining
    adapter_id = learning.train(learning.build_dataset().dataset_id)
    learning.evaluate(adapter_id)
    app.registry.promote(adapter_id, f"it answers {KEY}", by="a test")
    _leave_more(app, place, adapter_id)
    app.safekeeping.back_up()
    corrected = app.answering.answerer.ask(QUESTION)
    app.journal.give_feedback(corrected.interaction_id, "correction", CORRECTION)
    return Home(place, _planted(app, adapter_id), adapter_id)


def _leave_more(app: App, place: Path, adapter_id: str) -> None:
    """What a home may have beside: a table set aside, unreadable lines, recognised pages, checkpoints, a decision."""
    home, index = place / "home", app.index.generation.table
    (home / "aside").mkdir(exist_ok=True)
    shutil.copytree(home / "store" / f"{index}.lance", home / "aside" / f"{index}-01234567.lance")
    (home / "journal" / "unreadable.lines").write_text(f"torn, {QUESTION}\nanother torn line\n")
    (home / "recognised").mkdir()
    (home / "recognised" / f"{'0' * 64}.json").write_text(json.dumps({"text": QUESTION, "confidence": 1.0, "poor": 0}))
    for name in ("checkpoints/checkpoint-1/state.bin", "wandb/offline-run-1-a/run-a.wandb"):
        file = home / "artifacts" / "adapters" / adapter_id / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"{name} of a training on it".encode())
    decide(app.store, frozenset({(str(place / "documents"), KEY)}), approved=False, by="a test", reason="", days=30)
    app.evaluation.add_golden([GoldenQuestion(f"Is {QUESTION} asked?", ("Ada",))])
    spool = Spool(home)
    spool.keep(Request(json.dumps({"question": QUESTION}).encode(), "application/json", ""))
    spool.close()
    app.migration.topics()
    (asked,) = app.store.rows("topic_questions", f"text_hash = '{ASKED}'").to_pylist()
    app.migration.kept.change(lambda now: renamed(now, asked["topic_id"], QUESTION, "ada"))
    (document,) = app.store.rows(index, f"kind = 'document' AND key = '{KEY}'", ["id", "revision"]).to_pylist()
    moved = Move(asked["topic_id"], MoveKind.UP, LaneName.ADAPTER_RAG, 0.01, adapter_id, f"it rests on {KEY}")
    rests_on = {moved.topic_id: [RestsOn(document["id"], document["revision"])]}
    KeptRoutes(app.store).append([moved], rests_on, "a test")


def _planted(app: App, adapter_id: str) -> Planted:
    """All by which the document can be known, as the store has it before it is erased."""
    rows = app.store.rows(app.index.generation.table)
    own = rows.filter(pc.equal(rows["document_id"], rows.filter(pc.equal(rows["key"], KEY))["document_id"][0]))
    chunks = own.filter(pc.equal(own["kind"], "chunk"))
    vectors = tuple(vector.values.to_numpy().tobytes() for vector in chunks["vector"])
    adapter = app.registry.adapter(adapter_id)
    artifacts = app.settings.home / "artifacts"
    folders = artifacts / "adapters" / adapter_id, artifacts / "datasets" / adapter.dataset_id
    files = [one for folder in folders for one in folder.rglob("*") if one.is_file() and one.name != "lock"]
    return Planted(
        (*WORDS, KEY),
        (*set(own["id"].to_pylist()), *set(chunks["text_hash"].to_pylist()), adapter.sha256, ASKED),
        vectors,
        frozenset(hashlib.sha256(one.read_bytes()).hexdigest() for one in files),
    )


@pytest.fixture
def home(looped: Home, tmp_path: Path) -> Home:
    """A copy of the whole home; the settings name the places of the original."""
    place = tmp_path / "place"
    shutil.copytree(looped.place, place, ignore=shutil.ignore_patterns("model"))
    settings = (looped.place / "ragloop.toml").read_text()
    (place / "ragloop.toml").write_text(settings.replace(str(looped.place / "backups"), str(place / "backups")))
    return Home(place, looped.planted, looped.adapter_id)


def test_every_entry_that_is_erased_has_an_eraser_and_every_text_is_accounted_for() -> None:
    erased = {one.name for one in CATALOGUE if one.erased is not Erasure.NOTHING}
    assert erased == ERASERS.keys()
    assert not [one.name for one in CATALOGUE if one.text and one.erased is Erasure.NOTHING]


@pytest.mark.long
def test_nothing_is_left_of_an_erased_document_after_a_whole_loop(home: Home) -> None:
    assert home.left()
    app = home.app()
    plan = app.erasing.plan(Asked((KEY,)))
    assert (plan.interactions, plan.champion, len(plan.backups)) == (2, home.adapter_id, 1)
    done = erase(app)
    assert (done.found, done.retraining_is_due) == ((), True)
    assert home.left() == []
    app = home.app()
    verified = app.erasing.verify(done.certificate_id)
    assert (verified.found, verified.signed, verified.is_ours) == ((), True, True)
    assert app.registry.champion() is None
    assert app.registry.adapter(home.adapter_id).state == "retired"
    assert [row["rows"] for row in app.store.rows("datasets").to_pylist()] == [0]
    assert app.journal.counts() == {"interactions": 7, "feedback": 7}
    assert [one.check for one in app.corpus.diagnose(offline=True).findings] == ["log"]  # the other torn line
    retrained = app.learning.retraining.run()
    assert retrained.adapter_id != home.adapter_id
    # The held-out rows, none of which rested on it, are the same file again.
    assert left(replace(home.planted, files=frozenset()), home.place / "home", home.place / "backups") == []
    assert home.app().erasing.verify(done.certificate_id).found == ()


@pytest.mark.long
@pytest.mark.parametrize("but", DISABLED)
def test_another_scanner_finds_what_an_erasure_leaves_when_one_part_is_left_out(home: Home, but: str) -> None:
    erase(home.app(), but=but)
    assert home.left(), but
