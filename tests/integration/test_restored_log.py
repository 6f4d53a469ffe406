"""A restore in place of a store keeps what was answered, voted, trained and promoted since the backup, and says so."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.cli import main
from ragloop.errors import MismatchError, UsageError
from ragloop.models.registry import Adapter, adapter_sha256
from ragloop.store.files import RESTORING
from tests.backed_up import BackedUp, backed_up_in
from tests.indexed_folder import IndexedFolder, document


@pytest.fixture(params=["folder", "bucket"])
def made(request: pytest.FixtureRequest, indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    return backed_up_in(request, indexed, tmp_path)


@pytest.fixture
def folder(tmp_path: Path, indexed: IndexedFolder) -> BackedUp:
    return BackedUp(indexed, str(tmp_path / "backups"))


def add_adapter(app: App, name: str) -> None:
    place = app.registry.artifacts / "adapters" / name
    place.mkdir(parents=True)
    (place / "adapter_model.safetensors").write_bytes(name.encode() * 100)
    (place / "adapter_config.json").write_text('{"r": 8}')
    sha256 = adapter_sha256(place)
    at = datetime.now(UTC)
    app.registry.register(Adapter(name, at, "base", "d", f"adapters/{name}", sha256, "registered", "", (), {}))


def goes_on(made: BackedUp) -> dict[str, Any]:
    """Answers, votes and promotions after the backup, folded and not; and what there is of each then."""
    app = made.app
    known = app.journal.interactions()["interaction_id"].to_pylist()
    answers = [app.answerer.ask(f"What was asked after the backup, {number}?") for number in range(3)]
    app.journal.give_feedback(answers[0].interaction_id, "correction", "the right answer")
    app.journal.give_feedback(known[0], "down")
    add_adapter(app, "late")
    app.registry.promote("late", "after the backup")
    app.registry.rollback("it was worse")
    app.registry.promote("late", "it was not")
    app.journal.fold()
    app.answerer.ask("And what is in the journal only?")
    made.indexed.write("new.md", document("new"))
    made.indexed.sync()
    return log_of(made)


def log_of(made: BackedUp) -> dict[str, Any]:
    app = made.app
    app.journal.fold()
    champion = app.registry.champion()
    return {
        **{table: rows(app, table) for table in ("interactions", "feedback", "adapters", "aliases")},
        "champion": champion and (champion.adapter_id, champion.state, app.registry.is_whole(champion)),
    }


def rows(app: App, table: str) -> list[str]:
    return sorted(json.dumps(row, default=str) for row in app.store.rows(table).to_pylist())


def test_what_came_after_the_backup_is_kept_and_said(made: BackedUp) -> None:
    made.fill(3)
    made.app.back_up(made.uri)
    index = made.indexed.contents()
    app = made.app
    before = {table: app.store.count(table) for table in ("interactions", "feedback", "aliases")}
    app.journal.fold()
    unfolded = app.store.count("interactions") - before["interactions"]
    log = goes_on(made)
    planned = made.app.restore(made.uri, dry_run=True)
    assert made.indexed.contents() != index, "a dry run changes nothing"
    done = made.app.restore(made.uri, replace=True)
    assert log_of(made) == log
    assert log["champion"] == ("late", "promoted", True)
    assert made.indexed.contents() == index
    added = len(log["interactions"]) - before["interactions"]
    assert done.kept == planned.kept
    assert (done.kept["interactions"], done.kept["feedback"]) == (added, 2)
    assert unfolded == 1
    assert (done.kept["aliases"], done.kept["adapters"]) == (3, 1)
    assert done.gone.keys() == {"reports"}
    assert done.unreadable == {}
    assert made.app.diagnose(offline=True).healthy
    again = made.app.restore(made.uri, replace=True)
    assert log_of(made) == log
    assert again.kept == {name: count for name, count in done.kept.items() if name != "journal"}
    assert [name for name in made.database().list() if name.startswith("restoring")] == []


def test_answers_in_the_journal_are_counted_and_kept(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.back_up(folder.uri)
    answer = folder.app.answerer.ask("What is in the journal only?")
    assert folder.app.restore(folder.uri, replace=True, dry_run=True).kept == {"journal": 1}
    assert folder.app.restore(folder.uri, replace=True).kept == {"journal": 1}
    assert answer.interaction_id in folder.app.journal.interactions()["interaction_id"].to_pylist()


def test_nothing_newer_is_nothing_kept(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.back_up(folder.uri)
    before = folder.state()
    done = folder.app.restore(folder.uri, replace=True)
    assert (done.kept, done.gone, done.unreadable) == ({}, {}, {})
    assert folder.state() == before


def test_what_no_row_can_be_read_of_is_said_and_the_rest_is_kept(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.back_up(folder.uri)
    log = goes_on(folder)
    for file in (folder.indexed.home / "store" / "feedback.lance" / "_versions").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    (folder.indexed.home / "store" / "migrations.lance").rename(folder.indexed.home / "no-migrations")
    planned = folder.app.restore(folder.uri, dry_run=True)
    done = folder.app.restore(folder.uri, replace=True)
    assert planned.unreadable.keys() == done.unreadable.keys() == {"feedback"}
    found = log_of(folder)
    assert found["interactions"] == log["interactions"]
    assert found["champion"] == log["champion"]
    assert len(found["feedback"]) == 1


def test_the_log_of_another_store_goes_and_is_counted(folder: BackedUp, tmp_path: Path) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.back_up(folder.uri)
    other = BackedUp(IndexedFolder(tmp_path / "other", folder.indexed.folder), folder.uri)
    other.indexed.sync()
    other.app.answerer.ask("What does another store answer?")
    other.app.journal.fold()
    done = other.app.restore(other.uri, replace=True)
    assert done.kept == {}
    assert done.gone["interactions"] == 1
    assert other.app.store.count("interactions") == folder.app.store.count("interactions")


def test_an_adapter_that_was_trained_again_keeps_its_files_and_a_damaged_one_gets_those_of_the_backup(
    folder: BackedUp,
) -> None:
    folder.fill(2)
    add_adapter(folder.app, "anew")
    add_adapter(folder.app, "broken")
    folder.app.back_up(folder.uri)
    app = folder.app
    for name, wanted in (("anew", b"trained again"), ("broken", b"lost")):
        weights = app.registry.artifacts / "adapters" / name / "adapter_model.safetensors"
        weights.write_bytes(wanted)
        known = app.registry.adapter(name)
        app.registry.register(Adapter(**{**known.__dict__, "sha256": adapter_sha256(weights.parent)}))
    weights.write_bytes(b"damaged after that")
    done = folder.app.restore(folder.uri, replace=True)
    registry = folder.app.registry
    assert registry.is_whole(registry.adapter("anew"))
    assert (registry.artifacts / "adapters" / "anew" / "adapter_model.safetensors").read_bytes() == b"trained again"
    assert registry.is_whole(registry.adapter("broken"))
    assert weights.read_bytes() == b"broken" * 100
    assert (done.kept["adapters"], done.gone["adapters"]) == (1, 1)


def test_lines_that_could_not_be_read_are_gathered(folder: BackedUp) -> None:
    folder.fill(1)
    lines = folder.indexed.home / "journal" / "unreadable.lines"
    lines.write_bytes(b"one\ntwo\n")
    folder.app.back_up(folder.uri)
    lines.write_bytes(b"two\nthree\n")
    folder.app.restore(folder.uri, replace=True)
    assert sorted(lines.read_bytes().splitlines()) == [b"one", b"three", b"two"]


def test_a_store_of_a_newer_schema_is_not_replaced(folder: BackedUp, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.fill(1)
    folder.app.back_up(folder.uri)
    table = folder.app.store.table("migrations")
    newest = table.to_arrow().to_pylist()[-1]
    import pyarrow as pa

    table.add(pa.Table.from_pylist([{**newest, "number": 99}], schema=table.schema))
    with pytest.raises(MismatchError, match="has schema 99"):
        folder.app.restore(folder.uri, replace=True)
    assert RESTORING not in folder.database().list()


def test_another_backup_does_not_complete_an_interrupted_restore_unasked(folder: BackedUp) -> None:
    folder.fill(1)
    first = folder.app.back_up(folder.uri)
    goes_on(folder)
    second = folder.app.back_up(folder.uri)
    folder.database().write(RESTORING, [json.dumps({"backup": second.backup_id, "then": "…"}).encode()])
    with pytest.raises(UsageError, match=f"found an interrupted restore of {second.backup_id}"):
        folder.app.restore(folder.uri, first.backup_id)
    folder.app.restore(folder.uri, second.backup_id)
    assert folder.healthy()


def test_the_command_says_what_goes_and_what_is_kept(
    folder: BackedUp, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.fill(2)
    folder.app.back_up(folder.uri)
    goes_on(folder)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(folder.indexed.home), "restore", "--from", folder.uri, *arguments])
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.out, said.err

    told: Mapping[str, Any] = json.loads(run("--dry-run", "--json")[0])
    assert told["kept"]["feedback"] == 2
    assert told["gone"].keys() == {"reports"}
    _, err = run("--dry-run")
    assert "newer than the backup and kept: " in err
    assert "newer than the backup and gone: " in err
    shutil.rmtree(folder.indexed.home / "store" / "feedback.lance")
    _, err = run("--replace")
    assert "feedback" not in err.partition("and kept: ")[2].splitlines()[0]
