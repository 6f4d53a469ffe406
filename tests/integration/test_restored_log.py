"""A restore in place of a store keeps what was answered, voted, trained and promoted since the backup, and says so."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ragloop.cli.main import main
from ragloop.errors import MismatchError, UsageError
from ragloop.registry import Adapter, adapter_sha256, lost_adapters
from ragloop.store.files import RESTORING
from tests.support.backed_up import BackedUp, backed_up_in
from tests.support.indexed_folder import IndexedFolder


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.long)])
def made(request: pytest.FixtureRequest, indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    return backed_up_in(request, indexed, tmp_path)


@pytest.fixture
def folder(tmp_path: Path, indexed: IndexedFolder) -> BackedUp:
    return BackedUp(indexed, str(tmp_path / "backups"))


def test_what_came_after_the_backup_is_kept_and_said(made: BackedUp) -> None:
    made.fill(3)
    made.app.journal.fold()
    made.app.safekeeping.back_up(made.uri)
    index = made.indexed.contents()
    before = made.app.store.count("interactions")
    log = made.goes_on()
    planned = made.app.safekeeping.restore(made.uri, dry_run=True)
    assert made.indexed.contents() != index, "a dry run changes nothing"
    done = made.app.safekeeping.restore(made.uri, replace=True)
    assert made.log() == log
    assert log["champion"] == ("late", "promoted", True)
    assert made.indexed.contents() == index
    added = len(log["interactions"]) - before
    assert done.kept == planned.kept
    assert (done.kept["interactions"], done.kept["feedback"]) == (added, 2)
    assert (done.kept["aliases"], done.kept["adapters"]) == (3, 1)
    assert done.gone.keys() == {"reports"}
    assert done.unreadable == {}
    assert made.app.corpus.diagnose(offline=True).healthy
    again = made.app.safekeeping.restore(made.uri, replace=True)
    assert made.log() == log
    assert again.kept == done.kept
    assert [name for name in made.database().list() if name.startswith("restoring")] == []


def test_answers_in_the_journal_are_counted_and_kept(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.safekeeping.back_up(folder.uri)
    answer = folder.app.answering.answerer.ask("What is in the journal only?")
    assert folder.app.safekeeping.restore(folder.uri, replace=True, dry_run=True).kept == {"journal": 1}
    assert folder.app.safekeeping.restore(folder.uri, replace=True).kept == {"journal": 1}
    assert answer.interaction_id in folder.app.journal.interactions()["interaction_id"].to_pylist()


def test_nothing_newer_is_nothing_kept(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.safekeeping.back_up(folder.uri)
    before = folder.state()
    done = folder.app.safekeeping.restore(folder.uri, replace=True)
    assert (done.kept, done.gone, done.unreadable) == ({}, {}, {})
    assert folder.state() == before


def test_what_no_row_can_be_read_of_is_said_and_the_rest_is_kept(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.safekeeping.back_up(folder.uri)
    log = folder.goes_on()
    for file in (folder.indexed.home / "store" / "feedback.lance" / "_versions").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    (folder.indexed.home / "store" / "migrations.lance").rename(folder.indexed.home / "no-migrations")
    planned = folder.app.safekeeping.restore(folder.uri, dry_run=True)
    done = folder.app.safekeeping.restore(folder.uri, replace=True)
    assert planned.unreadable.keys() == done.unreadable.keys() == {"feedback"}
    found = folder.log()
    assert found["interactions"] == log["interactions"]
    assert found["champion"] == log["champion"]
    assert len(found["feedback"]) == 1


def test_the_log_of_another_store_goes_and_is_counted(folder: BackedUp, tmp_path: Path) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.safekeeping.back_up(folder.uri)
    other = BackedUp(IndexedFolder(tmp_path / "other", folder.indexed.folder), folder.uri)
    other.indexed.sync()
    other.app.answering.answerer.ask("What does another store answer?")
    other.app.journal.fold()
    done = other.app.safekeeping.restore(other.uri, replace=True)
    assert done.kept == {}
    assert done.gone["interactions"] == 1
    assert other.app.store.count("interactions") == folder.app.store.count("interactions")


def test_an_adapter_that_was_trained_again_keeps_its_files_and_a_damaged_one_gets_those_of_the_backup(
    folder: BackedUp,
) -> None:
    folder.fill(2)
    folder.add_adapter("anew")
    folder.add_adapter("broken")
    folder.app.safekeeping.back_up(folder.uri)
    app = folder.app
    for name, wanted in (("anew", b"trained again"), ("broken", b"lost")):
        weights = app.registry.artifacts.folder / "adapters" / name / "adapter_model.safetensors"
        weights.write_bytes(wanted)
        known = app.registry.adapter(name)
        app.registry.register(Adapter(**{**known.__dict__, "sha256": adapter_sha256(weights.parent)}))
    weights.write_bytes(b"damaged after that")
    done = folder.app.safekeeping.restore(folder.uri, replace=True)
    registry = folder.app.registry
    assert "anew" not in lost_adapters(registry)
    assert (
        registry.artifacts.folder / "adapters" / "anew" / "adapter_model.safetensors"
    ).read_bytes() == b"trained again"
    assert "broken" not in lost_adapters(registry)
    assert weights.read_bytes() == b"broken" * 100
    assert (done.kept["adapters"], done.gone["adapters"]) == (1, 1)


def test_lines_that_could_not_be_read_are_gathered(folder: BackedUp) -> None:
    folder.fill(1)
    lines = folder.indexed.home / "journal" / "unreadable.lines"
    lines.write_bytes(b"one\ntwo\n")
    folder.app.safekeeping.back_up(folder.uri)
    lines.write_bytes(b"two\nthree\n")
    folder.app.safekeeping.restore(folder.uri, replace=True)
    assert sorted(lines.read_bytes().splitlines()) == [b"one", b"three", b"two"]


def test_a_store_of_a_newer_schema_is_not_replaced(folder: BackedUp, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.fill(1)
    folder.app.safekeeping.back_up(folder.uri)
    table = folder.app.store.table("migrations")
    newest = table.to_arrow().to_pylist()[-1]
    import pyarrow as pa

    table.add(pa.Table.from_pylist([{**newest, "number": 99}], schema=table.schema))
    with pytest.raises(MismatchError, match="has schema 99"):
        folder.app.safekeeping.restore(folder.uri, replace=True)
    assert RESTORING not in folder.database().list()


@pytest.mark.long
def test_another_backup_does_not_complete_an_interrupted_restore_unasked(folder: BackedUp) -> None:
    folder.fill(1)
    first = folder.app.safekeeping.back_up(folder.uri)
    folder.goes_on()
    second = folder.app.safekeeping.back_up(folder.uri)
    folder.database().write(RESTORING, [json.dumps({"backup": second.backup_id, "then": "…"}).encode()])
    with pytest.raises(UsageError, match=f"found an interrupted restore of {second.backup_id}"):
        folder.app.safekeeping.restore(folder.uri, first.backup_id)
    folder.app.safekeeping.restore(folder.uri, second.backup_id)
    assert folder.healthy()


def test_the_command_says_what_goes_and_what_is_kept(
    folder: BackedUp, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    folder.app.safekeeping.back_up(folder.uri)
    folder.goes_on()
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


@pytest.mark.long
@pytest.mark.parametrize("at", ["before the tables", "amid the tables"])
def test_an_older_backup_in_place_of_an_interrupted_restore_keeps_what_that_one_brought_back(
    folder: BackedUp, at: str
) -> None:
    folder.fill(2)
    folder.app.journal.fold()
    first = folder.app.safekeeping.back_up(folder.uri)
    log = folder.goes_on()
    second = folder.app.safekeeping.back_up(folder.uri)
    folder.database().write(RESTORING, [json.dumps({"backup": second.backup_id, "then": "…"}).encode()])
    if at == "amid the tables":
        database = folder.database()
        database.remove([one for one in database.list() if "/_versions/" in one])
    done = folder.app.safekeeping.restore(folder.uri, first.backup_id, replace=True)
    assert folder.log() == log
    assert done.kept["feedback"] == 2
    assert folder.app.corpus.diagnose(offline=True).healthy


def test_answers_of_an_interrupted_restore_whose_backup_is_gone_are_said_to_go(folder: BackedUp) -> None:
    folder.fill(1)
    first = folder.app.safekeeping.back_up(folder.uri)
    folder.database().write(RESTORING, [json.dumps({"backup": "20200101T000000Z", "then": "…"}).encode()])
    done = folder.app.safekeeping.restore(folder.uri, first.backup_id, replace=True)
    assert "20200101T000000Z" in done.unreadable["interactions"]
    assert folder.healthy()
