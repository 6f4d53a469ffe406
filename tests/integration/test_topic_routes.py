"""A topic that moved is answered in its lane, for a share of its questions, and by base+rag once a document changes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.migration.routes.evidence import evidence, keep, paired
from ragloop.migration.routes.kept import KeptRoutes
from ragloop.migration.routes.planning import Move
from ragloop.migration.routes.route import MoveKind, RestsOn
from ragloop.migration.topics.editing import merged
from ragloop.records import LaneName, Origin
from tests.support import adapter_home
from tests.support.adapter_home import QUESTION

BASE, ADAPTER, CLOSED = LaneName
SETTINGS = """
[answers]
lane = "base+rag"
[topics]
likeness = 0.3
[migration]
min_answers = 4
min_repeat_share = 0.0
min_pairs = 3
rest_days = 0
step_days = 0
margin = 0.05
[costs]
compute_usd_per_hour = 1.0
[cadence]
every_days = 0
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapter_home.make_home(tmp_path_factory.mktemp("topic-routes"))


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """The home with `later` as its champion, and settings under which its one topic may climb."""
    place = adapter_home.promoted(made, tmp_path / "place")
    (place / "topics.toml").write_text(
        adapter_home.CONFIG.format(base=place / "model").replace('[answers]\nlane = "adapter+rag"\n', "") + SETTINGS
    )
    return place


@pytest.fixture
def document(made: Path) -> Iterator[Path]:
    """The document that the topic rests on, which every copy of the home has from one folder."""
    document = made / "documents" / "bees.md"
    text = document.read_text()
    yield document
    document.write_text(text)


def app_of(place: Path) -> App:
    return App(load_settings(place / "topics.toml", place / "home"))


def route(app: App, lane: LaneName, share: float = 1.0, adapter_id: str = "later", among: int = 1) -> str:
    """Route the topic of the question by hand."""
    app.answering.answerer.ask(QUESTION)
    rows = app.migration.topics()[0].topics
    assert len(rows) == among
    (row,) = (one for one in rows if one.topic.name == QUESTION)
    documents = [RestsOn(one.document_id, one.revision or "") for one in row.state.figures.documents]
    topic = row.topic.topic_id
    move = Move(topic, MoveKind.UP, lane, share, adapter_id, "by hand")
    KeptRoutes(app.store).append([move], {topic: documents}, "a test")
    return topic


def asked(app: App, question: str = QUESTION, **given: Any) -> Mapping[str, Any]:
    answer = app.answering.answerer.ask(question, **given)
    return app.journal.answer(answer.interaction_id)


def tried(row: Mapping[str, Any]) -> str:
    """The lane that a question was in, also where its adapter had no answer."""
    return str(row["decisions"].get("topic", ""))


def test_a_question_of_a_routed_topic_is_in_its_lane_and_the_log_says_so(place: Path) -> None:
    app = app_of(place)
    assert tried(asked(app)) == ""
    topic = route(app, ADAPTER)
    row = asked(app, "Who is it that keeps the bees?")
    assert (row["lane"], row["adapter"]) == ("adapter+rag", "later")
    assert tried(row) == f"topic {topic} is in adapter+rag at 100%"


def test_a_lane_that_the_caller_names_and_a_question_of_another_topic_are_left_alone(place: Path) -> None:
    app = app_of(place)
    route(app, ADAPTER)
    assert tried(asked(app, lane="base+rag")) == ""
    assert tried(asked(app, "Which quantum numbers does an electron have?")) == ""


def test_a_topic_is_back_at_once_when_its_document_changes_goes_or_its_adapter_is_rolled_back(
    place: Path, document: Path
) -> None:
    app = app_of(place)
    route(app, ADAPTER)
    assert tried(asked(app))
    text = document.read_text()
    document.write_text(text + "\nBo helps.\n")
    app.corpus.sync(document.parent)
    assert tried(asked(app)) == ""
    document.write_text(text)
    app.corpus.sync(document.parent)
    assert tried(asked(app))
    app.registry.rollback("a test")
    row = asked(app)
    assert (tried(row), row["lane"]) == ("", "base+rag")


def test_a_topic_is_not_in_a_lane_whose_champion_is_that_of_another_one(place: Path) -> None:
    app = app_of(place)
    assert app.migration.adapters() == {ADAPTER: "later"}
    route(app, CLOSED)
    row = asked(app)
    assert (tried(row), row["lane"]) == ("", "base+rag")


def test_every_lane_has_a_champion_of_its_own(place: Path) -> None:
    app = app_of(place)
    app.registry.register(replace(app.registry.adapter("early"), adapter_id="book", lane=CLOSED))
    app.registry.promote("book", "test")
    assert app.migration.adapters() == {ADAPTER: "later", CLOSED: "book"}
    route(app, ADAPTER)
    assert asked(app)["adapter"] == "later"
    route(app, CLOSED, adapter_id="book")
    assert "in closed-book" in tried(asked(app))


def test_a_document_that_gets_labels_takes_its_topic_back_to_base_rag(place: Path, document: Path) -> None:
    settings = place / "topics.toml"
    source = f'{settings.read_text()}[[sources]]\nname = "own"\nuri = "{document.parent}"\n'
    settings.write_text(source)
    app = app_of(place)
    app.corpus.sync()
    route(app, ADAPTER)
    assert tried(asked(app))
    settings.write_text(f'{source}labels = ["board"]\n')
    labelling = app_of(place)
    labelling.corpus.sync()
    assert tried(asked(app)) == ""
    assert labelling.routing.plan().downs


def test_a_conversation_stays_on_its_side_of_a_share(place: Path) -> None:
    app = app_of(place)
    route(app, ADAPTER, share=0.5)
    lanes = {}
    for n in range(12):
        rows = [asked(app, origin=Origin(conversation=f"talk {n}")) for _ in range(2)]
        assert len({row["lane"] for row in rows}) == 1
        lanes[n] = rows[0]["lane"]
    assert set(lanes.values()) == {"adapter+rag", "base+rag"}


def test_a_plan_moves_up_only_on_evidence_and_comes_back_by_itself(place: Path, document: Path) -> None:
    app = app_of(place)
    answers = [app.answering.answerer.ask(f"Who keeps the bees, question {n}?") for n in range(5)]
    app.journal.give_all_feedback([(one.interaction_id, "correction", "Ada keeps the bees") for one in answers[:4]])
    planned = app.routing.plan()
    (row,) = planned.report.topics
    ((key, found),) = evidence(app.store).items()
    assert key == (row.topic.topic_id, ADAPTER, "later")
    assert found.n == 4
    costs = app.migration.costs()
    assert 0 < costs.shadow_usd < costs.total_usd
    refused = app.routing.plan()
    assert refused.moves == ()
    assert "not shown to be as good" in refused.report.topics[0].prospect.held_back_by[0]
    keep(app.store, row.topic.topic_id, ADAPTER, "later", paired([0.0] * 100, 0.95))
    (up,) = app.routing.plan().moves
    assert (up.kind, up.lane, up.share, up.adapter_id) == (MoveKind.UP, ADAPTER, 0.01, "later")
    planned = app.routing.plan()
    keep(app.store, row.topic.topic_id, ADAPTER, "later", paired([-0.5] * 100, 0.95))
    assert app.routing.move(planned, planned.ups, "ada", "run-1") == [], "it is not due any more"
    keep(app.store, row.topic.topic_id, ADAPTER, "later", paired([0.0] * 100, 0.95))
    (made,) = app.routing.move(planned, planned.ups, "ada", "run-1")
    assert app.routing.move(planned, planned.ups, "ada", "run-1") == []
    assert [one.document_id for one in made.documents] == [row.state.figures.documents[0].document_id]
    document.write_text("# Bees\n\nBo keeps the bees.\n")
    app.corpus.sync(document.parent)
    planned = app.routing.plan()
    (down,) = planned.downs
    app.routing.move(planned, planned.downs, "a plan")
    history = KeptRoutes(app.store).history()
    assert [(one.kind, one.lane, one.by) for one in history] == [
        (MoveKind.UP, ADAPTER, "ada"),
        (MoveKind.DOWN, BASE, "a plan"),
    ]
    assert "changed or went" in down.reason
    shown = app.safekeeping.auditor.audit("bees.md").approvals
    assert any("moved up to adapter+rag" in one.what and one.by == "ada" for one in shown)


def test_a_topic_whose_questions_are_others_comes_back_and_loses_its_evidence(place: Path) -> None:
    app = app_of(place)
    app.answering.answerer.ask("Which quantum numbers does an electron have?")
    app.migration.topics()
    (other,) = app.migration.kept.read().topics
    topic = route(app, ADAPTER, among=2)
    keep(app.store, topic, ADAPTER, "later", paired([0.0] * 100, 0.95))
    asked(app, "Who is it that keeps the bees?")
    app.migration.topics()
    assert KeptRoutes(app.store).now()[topic].lane == ADAPTER  # a question that joins changes nothing
    app.migration.edit(lambda now: merged(now, topic, [other.topic_id]), "ada")
    assert evidence(app.store) == {}
    last = KeptRoutes(app.store).now()[topic]
    assert (last.kind, last.lane, last.by) == (MoveKind.DOWN, BASE, "ada")
    assert tried(asked(app)) == ""


def test_what_was_judged_before_the_adapter_was_trained_is_no_evidence(place: Path) -> None:
    app = app_of(place)
    answers = [app.answering.answerer.ask(f"Who keeps the bees, question {n}?") for n in range(5)]
    app.journal.give_all_feedback([(one.interaction_id, "correction", "Ada") for one in answers])
    app.registry.update("later", lambda one: _trained_at(app, one))
    app.routing.plan()
    assert [one.n for one in evidence(app.store).values()] == [0]


def _trained_at(app: App, adapter: Any) -> Any:
    return replace(adapter, created_at=app.store.now() + timedelta(hours=1))


def test_evidence_has_the_bounds_of_the_gate(place: Path) -> None:
    app = app_of(place)
    keep(app.store, "t", CLOSED, "a", paired([0.0] * 100, 0.95))
    found = evidence(app.store)["t", CLOSED, "a"]
    assert (found.n, found.estimate) == (100, 0.0)
    assert -0.04 < found.low < 0 < found.high < 0.04
    assert paired([], 0.95).low == -1
