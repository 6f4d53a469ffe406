"""What a task does is done once, though it is run again after a failure that came when it was done already."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.app.catalogue import CATALOGUE
from ragloop.backup import Backups
from ragloop.config import Settings
from ragloop.errors import UnavailableError, UsageError
from ragloop.registry import Registry, Request
from ragloop.store import Store
from ragloop.store.files import FolderFiles
from tests.support.indexed_folder import IndexedFolder
from tests.support.lost_answers import LosingAnswers
from tests.support.registered import AT, register

STATES = {"a": "promoted", "b": "promoted", "c": "promoted"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the adapters a, b and c were promoted in turn; d was not."""
    home = tmp_path_factory.mktemp("made") / "home"
    registry = Registry(Store.open(home))
    for number, name in enumerate("abcd"):
        register(registry, name, at=AT + timedelta(days=number))
        if name != "d":
            registry.promote(name, "test")
    return home


def homes_that_lose_an_answer(made: Path, place: Path) -> Iterator[tuple[Path, LosingAnswers]]:
    """Copies of a home, each of which loses the answer to a later access, until one loses none."""
    lost = None
    number = 0
    while lost is None or lost.was_lost:
        number += 1
        home = place / str(number)
        shutil.copytree(made, home)
        lost = LosingAnswers(home, number)
        yield home, lost
    assert number > 5


@contextmanager
def may_fail(lost: LosingAnswers) -> Iterator[None]:
    try:
        yield
    except UnavailableError:
        assert lost.was_lost


def states(registry: Registry) -> dict[str, str]:
    return {one.adapter_id: str(one.state) for one in registry.adapters()}


def changes(registry: Registry) -> list[tuple[str, str | None]]:
    return [(change["kind"], change["adapter_id"]) for change in registry.history()][3:]


def as_a_task_runs_it(lost: LosingAnswers, home: Path, act: Callable[[Registry], object]) -> Registry:
    """The registry after an act that was tried again where it failed."""
    with may_fail(lost):
        act(Registry(Store.open(home, place=lost)))
    registry = Registry(Store.open(home))
    if lost.was_lost:
        act(registry)
    return registry


def test_a_rollback_that_is_tried_again_pops_one_adapter(made: Path, tmp_path: Path) -> None:
    for home, lost in homes_that_lose_an_answer(made, tmp_path):
        registry = as_a_task_runs_it(lost, home, lambda one: one.rollback("test", Request("c", "run 1")))
        assert changes(registry) == [("rollback", "b")]
        assert states(registry) == {**STATES, "c": "retired", "d": "registered"}


@pytest.mark.long
def test_a_rollback_that_names_no_request_pops_one_adapter_too(made: Path, tmp_path: Path) -> None:
    for home, lost in homes_that_lose_an_answer(made, tmp_path):
        registry = as_a_task_runs_it(lost, home, lambda one: one.rollback("test", Request("c")))
        assert changes(registry) == [("rollback", "b")]


def test_a_promotion_that_is_tried_again_is_made_once(made: Path, tmp_path: Path) -> None:
    for home, lost in homes_that_lose_an_answer(made, tmp_path):
        registry = as_a_task_runs_it(lost, home, lambda one: one.promote("d", "test", Request("c", "run 1")))
        assert changes(registry) == [("promote", "d")]
        assert states(registry) == {**STATES, "d": "promoted"}


def test_a_promotion_by_the_gate_that_is_tried_again_is_made_once(made: Path, tmp_path: Path) -> None:
    def promote(registry: Registry) -> None:
        assert registry.promote_if("d", "test", lambda _, serving: "" if serving else "no") == ""

    for home, lost in homes_that_lose_an_answer(made, tmp_path):
        assert changes(as_a_task_runs_it(lost, home, promote)) == [("promote", "d")]


@pytest.fixture
def registry(made: Path, tmp_path: Path) -> Registry:
    shutil.copytree(made, tmp_path / "home")
    return Registry(Store.open(tmp_path / "home"))


def test_a_request_is_not_made_again_over_what_a_person_did_since(registry: Registry) -> None:
    registry.promote("d", "test", Request("c", "run 1"))
    registry.rollback("a person saw it")
    registry.promote("d", "test", Request("c", "run 1"))
    assert (registry.champion_id(), registry.adapter("d").state) == ("c", "retired")
    registry.rollback("test", Request("c", "run 2"))
    registry.promote("c", "a person wants it")
    done = registry.rollback("test", Request("c", "run 2"))
    assert (done.left, done.changed, registry.champion_id()) == ("c", True, "c")
    again = registry.rollback("test", Request("b", "run 2"))
    assert (again.left, registry.champion_id()) == ("c", "c")


def test_what_acts_from_an_adapter_that_does_not_serve_changes_nothing_and_says_so(registry: Registry) -> None:
    done = registry.rollback("test", Request("b"))
    assert (done.changed, done.left, done.champion and done.champion.adapter_id) == (False, "b", "c")
    with pytest.raises(UsageError, match="c serves, expected b: adapter d was not promoted"):
        registry.promote("d", "test", Request("b"))
    with pytest.raises(UsageError, match="c serves, expected the base model"):
        registry.promote("d", "test", Request(None))
    with pytest.raises(UsageError, match="found 0 adapters named 'e'"):
        registry.rollback("test", Request("e"))
    assert changes(registry) == []


def test_of_two_rollbacks_from_one_adapter_at_once_one_is_made(registry: Registry, tmp_path: Path) -> None:
    def roll_back(_: int) -> bool:
        return Registry(Store.open(tmp_path / "home")).rollback("test", Request("c")).changed

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(roll_back, range(4)))
    assert (sum(done), changes(registry)) == (1, [("rollback", "b")])


# --- documents and backups -------------------------------------------------------------------------------------------


def losing_app(indexed: IndexedFolder, lost: LosingAnswers) -> App:
    """An application whose store loses an answer."""
    app = App(Settings(home=indexed.home), embedder=indexed.embedder)
    app.parts.place = lost
    return app


def generations(indexed: IndexedFolder) -> list[str]:
    """States of the generations, newest first."""
    return [one.state for one in indexed.app().generations.all()]


@pytest.mark.long
def test_a_rebuild_that_is_tried_again_is_gone_on_with_and_keeps_what_answered_before(indexed: IndexedFolder) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    fresh = indexed.home.with_name("fresh")
    shutil.copytree(indexed.home, fresh)
    straight = LosingAnswers(indexed.home, 10**6)
    losing_app(indexed, straight).corpus.sync(indexed.folder, rebuild=True, asked_at=datetime.now(UTC))
    accesses = straight.count
    assert generations(indexed) == ["active", "retired"]
    tried = 0
    for number in range(accesses, 0, -max(1, accesses // 6)):
        shutil.rmtree(indexed.home)
        shutil.copytree(fresh, indexed.home)
        asked_at, lost = datetime.now(UTC), LosingAnswers(indexed.home, number)
        with may_fail(lost):
            losing_app(indexed, lost).corpus.sync(indexed.folder, rebuild=True, asked_at=asked_at)
        tried += lost.was_lost
        indexed.app().corpus.sync(indexed.folder, rebuild=True, asked_at=asked_at)
        assert generations(indexed) == ["active", "retired"], number
    assert tried > 3
    indexed.app().corpus.sync(indexed.folder, rebuild=True, asked_at=datetime.now(UTC))
    assert generations(indexed) == ["active", "retired", "retired"], "one that is asked for now is built"


class Unremovable(FolderFiles):
    """Files that can be written and not be removed now."""

    def remove(self, names: Iterable[str]) -> None:
        if list(names):
            raise UnavailableError("cannot remove now; try again")


def test_a_backup_whose_older_ones_cannot_be_removed_is_taken_once(indexed: IndexedFolder, tmp_path: Path) -> None:
    indexed.write_numbered(3)
    indexed.sync()
    place = tmp_path / "backups"
    store = indexed.app().store
    Backups(FolderFiles(place), CATALOGUE).make(store, keep=1)
    done = Backups(Unremovable(place), CATALOGUE).make(store, keep=1)
    assert "cannot remove now" in done.problems[0]
    assert (done.expired, len(Backups(FolderFiles(place), CATALOGUE).all())) == ((), 2)
    assert len(Backups(FolderFiles(place), CATALOGUE).make(store, keep=1).expired) == 2
