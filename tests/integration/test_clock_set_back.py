"""A clock that is set back changes times that are shown, never which of two things came later."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop.corpus.index import documents, inventory
from ragloop.corpus.index.generations.builds import Builds
from ragloop.corpus.index.generations.generation import Generation
from ragloop.corpus.index.generations.switches import roll_back
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.retention import drop_ended
from ragloop.journal import Journal
from ragloop.registry import Registry
from ragloop.store import Store
from tests.support.indexed_folder import EmbeddedByName
from tests.support.registered import register


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 29, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def set(self, hours: float) -> None:
        self.at += timedelta(hours=hours)


def made(name: str) -> Generation:
    return Generation("parser 1", "chunker 1/256", name, 8)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store.open(tmp_path / "home", now=clock)


def cut_over(generations: Generations, name: str) -> None:
    builds = Builds(generations)
    aim = builds.begin(made(name))
    if aim.building is not None:
        builds.mark(aim.building, ready=True)
        builds.cut_over(aim.building)


def test_a_rollback_goes_back_to_the_generation_that_answered_last(store: Store, clock: Clock) -> None:
    generations = Generations(store)
    for name, hours in (("a", 0), ("b", 1), ("c", -5)):
        clock.set(hours)
        cut_over(generations, name)
    active, was = roll_back(generations)
    assert (active.embedder, was.embedder) == ("b", "c")


def test_a_promotion_that_came_later_serves_though_the_clock_was_set_back(store: Store, clock: Clock) -> None:
    registry = Registry(store)
    for name, hours in (("early", 0), ("later", -5)):
        clock.set(hours)
        register(registry, name, at=clock())
        registry.promote(name, "test")
    assert registry.champion_id() == "later"
    assert [one["at"] - clock() for one in registry.history()] == [
        timedelta(hours=5),
        timedelta(hours=5, microseconds=1),
    ]
    registry.rollback("it was worse")
    assert registry.champion_id() == "early"


def test_retention_keeps_the_generation_that_answered_last(store: Store, clock: Clock) -> None:
    generations = Generations(store)
    for name, hours in (("a", 0), ("b", 1), ("c", -5)):
        clock.set(hours)
        cut_over(generations, name)
    clock.set(24)
    with store.lease("index"):
        drop_ended(generations, timedelta(days=7), clock())
    assert {one.generation.embedder for one in generations.all()} == {"b", "c"}


def test_generations_are_listed_in_the_order_in_which_they_were_made(store: Store, clock: Clock) -> None:
    generations = Generations(store)
    for name, hours in (("a", 0), ("b", -1), ("c", -1), ("d", 0)):
        clock.set(hours)
        cut_over(generations, name)
    assert [one.generation.embedder for one in generations.all()] == ["d", "c", "b", "a"]


def interaction(clock: Clock) -> dict[str, object]:
    return {"interaction_id": "i", "asked_at": clock(), "question": "How long?", "answer": "Two weeks."}


def test_the_correction_that_was_given_last_counts(store: Store, clock: Clock) -> None:
    journal = Journal(store)
    journal.append("interactions", [interaction(clock)])
    for correction, hours in (("Three weeks", 1), ("Four weeks", -5), ("Five weeks", 0)):
        clock.set(hours)
        journal.give_feedback("i", "correction", correction)
    assert journal.feedback()["correction"].to_pylist() == ["Three weeks", "Four weeks", "Five weeks"]
    journal.give_all_feedback([("i", "up", None), ("i", "correction", "Six weeks"), ("i", "down", None)])
    assert journal.feedback()["kind"].to_pylist()[-3:] == ["up", "correction", "down"]


def test_feedback_is_given_after_the_answer_that_it_is_on(store: Store, clock: Clock) -> None:
    journal = Journal(store)
    journal.append("interactions", [interaction(clock)])
    asked = clock()
    clock.set(-5)
    journal.give_feedback("i", "up")
    assert journal.feedback()["given_at"].to_pylist()[0] > asked


def test_a_document_whose_time_of_change_is_unknown_is_dated_by_the_stores_clock(tmp_path: Path, clock: Clock) -> None:
    indexed = EmbeddedByName(tmp_path / "home", tmp_path / "documents", now=clock)
    indexed.write_numbered(1)
    (indexed.folder / "no-status.md").symlink_to("x" * 300)  # a name that no file system looks up
    indexed.sync()
    index = indexed.app().index
    (source,) = inventory.sources(index)
    row = documents.ledger(index, source)["no-status.md"]
    assert (row.status, row.changed_at) == ("quarantined", int(clock.at.timestamp() * 1e6))
