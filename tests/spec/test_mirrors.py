"""A mirror of the registry holds what the registry keeps, whatever it is made of, and whatever stopped a run."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from ragloop.errors import UsageError
from ragloop.registry import Canaries, retire
from ragloop.registry.mirroring.plan import MirrorPlan, Move
from ragloop.registry.succession import Alias
from tests.support.dying import Dying, Killed
from tests.support.mirrored import (
    MirroredHome,
    database_home,
    empty_database,
    files_home,
    folder_home,
    judged,
    mlflow_home,
    mlflow_server,
)
from tests.support.registered import AT, register

FILES = ["adapter_config.json", "adapter_model.safetensors", "ragloop.json"]
LANE = "closed-book"
_HOMES = count()
"""Homes that share a server have different names."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_database(tmp_path_factory.mktemp("mlflow") / "mlflow.db")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Iterator[tuple[str, Path]]:
    with mlflow_server(tmp_path_factory.mktemp("server"), empty) as served:
        yield served


@pytest.fixture(params=["folder", "bucket", "database", pytest.param("server", marks=pytest.mark.long)])
def make(request: pytest.FixtureRequest, empty: Path) -> Callable[[Path], MirroredHome]:
    match request.param:
        case "folder":
            return folder_home
        case "bucket":
            bucket = request.getfixturevalue("bucket")
            return lambda place: files_home(place, bucket.uri(f"mirrors/{place.name}"))
        case "database":
            return lambda place: database_home(place, empty)
    uri, files = request.getfixturevalue("server")
    return lambda place: mlflow_home(place, uri, files, f"house-{next(_HOMES)}")


@pytest.fixture
def home(make: Callable[[Path], MirroredHome], tmp_path: Path) -> MirroredHome:
    return make(tmp_path)


def test_a_mirror_follows_the_registry_through_a_promotion_a_rollback_and_a_retirement(
    home: MirroredHome, capsys: pytest.CaptureFixture[str]
) -> None:
    home.registry.promote("a", "test")
    Canaries(home.registry).start("b", 0.1, "test")
    looked = home.mirroring().look()
    assert home.mirroring().run() == looked
    assert looked.plan.added == ("a", "b", "c")
    assert home.seen() == {
        "files": dict.fromkeys("abc", FILES), "aliases": {LANE: {"champion": "a", "challenger": "b"}},
    }  # fmt: skip
    assert home.mirroring().run().plan == MirrorPlan()

    home.registry.promote("b", "test")
    moved = (Move(LANE, Alias.CHALLENGER, None), Move(LANE, Alias.CHAMPION, "b"))
    assert home.mirroring().run().plan == MirrorPlan(moved=moved)
    home.registry.rollback("test")
    retire(home.registry, "c", "test")
    done = home.mirroring().run().plan
    assert (done.moved, done.removed) == ((Move(LANE, Alias.CHAMPION, "a"),), ("b", "c"))
    assert home.seen() == {"files": {"a": FILES}, "aliases": {LANE: {"champion": "a"}}}
    assert home.mirroring().run().plan.is_empty
    assert capsys.readouterr().out == ""


def test_an_adapter_without_files_or_row_is_removed_and_one_that_is_judged_is_updated(home: MirroredHome) -> None:
    home.mirroring().run()
    judged(home.registry, "a")
    home.registry.update("b", lambda one: replace(one, sha256=""))
    home.store.delete("adapters", "adapter_id = 'c'")
    done = home.mirroring().run().plan
    assert (done.updated, done.removed) == (("a",), ("b", "c"))
    assert home.seen()["files"] == {"a": FILES}
    assert home.mirroring().run().plan.is_empty
    assert home.mirroring().left("abc") == [(str(home.mirroring().mirror), "adapter a in the mirror")]


def test_damaged_files_are_not_mirrored_and_what_was_is_taken_away(home: MirroredHome) -> None:
    home.registry.promote("a", "test")
    (home.store.home / "artifacts" / "adapters" / "a" / "adapter_model.safetensors").write_bytes(b"other")
    done = home.mirroring().run()
    assert (done.plan.added, len(done.problems), "were changed" in done.problems[0]) == (("b", "c"), 1, True)
    assert home.seen() == {"files": dict.fromkeys("bc", FILES), "aliases": {}}


@pytest.mark.parametrize("make", ["folder"], indirect=True)
def test_a_run_that_was_killed_half_way_is_completed_by_the_next(
    make: Callable[[Path], MirroredHome], tmp_path: Path
) -> None:
    steps = _steps(make(tmp_path / "whole"))
    _killed_and_completed(make(tmp_path / "killed"), Dying(len(steps) // 2))


@pytest.mark.long
@pytest.mark.parametrize("make", ["folder", "bucket", "database"], indirect=True)
def test_a_run_that_was_killed_at_any_step_is_completed_by_the_next(
    make: Callable[[Path], MirroredHome], tmp_path: Path
) -> None:
    steps = _steps(make(tmp_path / "whole"))
    for step in range(len(steps)):
        _killed_and_completed(make(tmp_path / str(step)), Dying(step))


def _steps(home: MirroredHome) -> list[str]:
    dying = Dying()
    _begin(home)
    home.mirroring(dying).run()
    return dying.made


def _killed_and_completed(home: MirroredHome, dying: Dying) -> None:
    _begin(home)
    with pytest.raises(Killed):
        home.mirroring(dying).run()
    # What was being added may be there already: an erasure must know, also where the settings name no mirror any more.
    assert [what for _, what in replace(home.mirroring(), mirror=None).left("abcd")] == [
        "adapters a, b, c, d in a mirror that registry.mirror named before"
    ]
    home.mirroring().run()
    assert home.seen() == {"files": {"a": FILES, "b": FILES, "d": FILES}, "aliases": {LANE: {"champion": "d"}}}
    assert home.mirroring().run().plan.is_empty


def _begin(home: MirroredHome) -> None:
    """Let a mirror hold a, b and c, of which a is the champion; d is to be added and promoted, c to be removed."""
    home.registry.promote("a", "test")
    home.mirroring().run()
    register(home.registry, "d", at=AT + timedelta(days=9))
    judged(home.registry, "b")
    home.registry.promote("d", "test")
    retire(home.registry, "c", "test")


def test_the_mirror_of_another_store_is_left_alone(home: MirroredHome) -> None:
    home.mirroring().run()
    strange = replace(home.mirroring(), mirror=home.opened("0" * 16, pytest.fail))
    with pytest.raises(UsageError, match=r"another store|not of this home"):
        strange.run()
    assert home.mirroring().run().plan.is_empty
