"""A store that is lost comes back from its backup: in a folder and in a bucket, with counts of what is copied."""

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.backup import Entry, manifest
from ragloop.backup.backups import TRIES
from ragloop.cli.main import main
from ragloop.errors import ConfigError, MismatchError, NotFoundError, StoreBusyError, StoreChangedError, UsageError
from ragloop.store.aws.client import CONNECTIONS
from ragloop.store.files import RESTORING, BucketFiles, FolderFiles
from tests.support.backed_up import BackedUp, backed_up_in
from tests.support.indexed_folder import IndexedFolder, document

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket, S3Server


@pytest.fixture
def folder(tmp_path: Path, indexed: IndexedFolder) -> BackedUp:
    return BackedUp(indexed, str(tmp_path / "backups"))


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.long)])
def made(request: pytest.FixtureRequest, indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    return backed_up_in(request, indexed, tmp_path)


def test_a_store_that_is_lost_is_restored_as_it_was(made: BackedUp) -> None:
    made.fill()
    done = made.app.safekeeping.back_up(made.uri)
    assert (done.files_copied, done.bytes_copied) == (done.files, done.bytes)
    again = made.app.safekeeping.back_up(made.uri)
    assert (again.files, again.files_copied, again.bytes_copied) == (done.files, 0, 0)
    contents = made.indexed.contents()
    assert {one.name for one in made.app.corpus.maintain().tables} == set(made.app.store.tables.names(""))
    assert made.indexed.contents() == contents
    made.app.safekeeping.back_up(made.uri)
    before = made.state()
    made.lose()
    restored = made.app.safekeeping.restore(made.uri)
    assert (restored.files_written, restored.bytes_written) == (restored.files, restored.bytes)
    assert restored.files_removed == 0
    assert made.state() == before
    assert made.healthy()
    synced = made.indexed.sync()
    assert (synced.chunks_embedded, synced.documents_read, synced.commits) == (0, 0, 0)
    made.indexed.write("new.md", document("new"))
    assert made.indexed.sync().added == 1
    assert made.app.safekeeping.back_up(made.uri).tries == 1, (
        "the store that was restored is still the one that was backed up"
    )


def test_a_backup_copies_only_what_is_new(folder: BackedUp) -> None:
    folder.fill()
    first = folder.app.safekeeping.back_up(folder.uri)
    assert (first.files_copied, first.bytes_copied) == (first.files, first.bytes)
    again = folder.app.safekeeping.back_up(folder.uri)
    assert (again.files_copied, again.bytes_copied) == (0, 0)
    assert (again.files, again.bytes) == (first.files, first.bytes)
    folder.app.journal.fold()
    folder.indexed.write("new.md", document("new"))
    folder.indexed.sync()
    third = folder.app.safekeeping.back_up(folder.uri)
    backups = folder.app.safekeeping.backups(folder.uri).all()
    new = {one.name for one in backups[0].entries} - {one.name for one in backups[1].entries}
    assert third.files_copied == len(new)
    # A fold, a sync and its search indexes write about half of the files of a store this small.
    assert third.files_copied < 0.6 * third.files
    nothing_new = folder.app.safekeeping.back_up(folder.uri)
    assert (nothing_new.files_copied, nothing_new.bytes_copied) == (0, 0)


def test_of_a_table_one_version_is_copied_with_its_own_files_alone(folder: BackedUp) -> None:
    folder.fill()
    for number in range(5):
        folder.indexed.write("00.md", document(f"edit{number}"))
        folder.indexed.sync()
    done = folder.app.safekeeping.back_up(folder.uri)
    listed = folder.database().list()
    manifests = [
        one for one in folder.app.safekeeping.backups(folder.uri).all()[0].entries if "/_versions/" in one.path
    ]
    assert len(manifests) == len(done.tables)
    assert sum("/_versions/" in name for name in listed) > 2 * len(manifests)
    index = next(one for one in done.tables if one.name.startswith("index_"))
    assert index.rows == folder.app.store.count(index.name)
    assert index.files < sum(name.startswith(f"{index.name}.lance/") for name in listed)


def test_what_only_an_unfinished_training_needs_is_left_out(folder: BackedUp) -> None:
    folder.fill(2)
    folder.add_adapter("0123456789abcdef")
    adapter = folder.app.registry.artifacts.folder / "adapters" / "0123456789abcdef"
    (adapter / "checkpoints" / "checkpoint-1").mkdir(parents=True)
    for name in ("checkpoints/checkpoint-1/optimizer.pt", "lock", "rows.parquet"):
        (adapter / name).write_bytes(b"of a training")
    made = folder.app.safekeeping.back_up(folder.uri)
    entries = folder.app.safekeeping.backups(folder.uri).backup(made.backup_id).entries
    held = {one.path.rpartition("0123456789abcdef/")[2] for one in entries if "0123456789abcdef" in one.path}
    assert held == {"adapter_model.safetensors", "adapter_config.json", "rows.parquet"}


@pytest.mark.long
def test_old_backups_go_and_those_that_stay_are_whole(folder: BackedUp) -> None:
    folder.fill(2)
    states = []
    for number in range(4):
        folder.indexed.write("00.md", document(f"edit{number}"))
        folder.indexed.sync()
        folder.app.corpus.maintain()
        done = folder.app.safekeeping.backups(folder.uri).make(folder.app.store, keep=2)
        states.append((done.backup_id, folder.state()))
    backups = folder.app.safekeeping.backups(folder.uri)
    assert [one.backup_id for one in backups.all()] == [states[3][0], states[2][0]]
    assert len(done.expired) == 1
    assert done.files_removed > 0
    named = {name for one in backups.all() for name in one.names}
    assert backups.files.list("files/").keys() == named
    for backup_id, state in states[2:]:
        folder.app.safekeeping.restore(folder.uri, backup_id, replace=True)
        assert folder.state() == state


def test_a_removed_backup_leaves_no_file_of_its_own(folder: BackedUp) -> None:
    folder.fill(2)
    first = folder.app.safekeeping.back_up(folder.uri)
    folder.indexed.write("00.md", document("edit"))
    folder.indexed.sync()
    second = folder.app.safekeeping.back_up(folder.uri)
    backups = folder.app.safekeeping.backups(folder.uri)
    only_in_first = backups.backup(first.backup_id).names - backups.backup(second.backup_id).names
    assert backups.delete(folder.app.store, [first.backup_id]) == len(only_in_first) > 0
    assert [one.backup_id for one in backups.all()] == [second.backup_id]
    folder.app.safekeeping.restore(folder.uri, replace=True, dry_run=True)


class Requests:
    """The requests for objects of backups, by method, in the order in which they came."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def __call__(self, server: "S3Server", environ: dict[str, Any]) -> None:
        self.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"].partition("/backups/")[2]))

    def of(self, method: str) -> list[str]:
        return [name for one, name in self.seen if one == method and name]


def test_an_object_is_written_once_and_read_twice_though_several_are_copied_at_once(
    bucket: "Bucket", indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = BackedUp(indexed, bucket.uri("backups"))
    made.fill(2)
    for name in ("one", "two"):  # of equal bytes: copied once
        (made.app.registry.artifacts.folder / "adapters" / "early" / name).write_bytes(b"the same")
    bucket.server.weather = requests = Requests()
    done = made.app.safekeeping.back_up(made.uri)
    *copied, last = requests.of("PUT")
    entries = made.app.safekeeping.backups(made.uri).all()[0].entries
    by_name = {one.name: one for one in entries}
    assert (sorted(copied), last) == (sorted(by_name), f"backups/{done.backup_id}.json"), "each once, the manifest last"
    assert (done.files_copied, done.bytes_copied) == (len(by_name), sum(one.bytes for one in by_name.values()))
    tables = [one.path.partition(".lance/")[0] for one in entries if one.path.startswith("store/")]
    assert tables == sorted(tables), "in the order of the snapshot"
    made.lose()
    requests.seen.clear()
    brought, write = list[str](), FolderFiles.write

    def noted(self: FolderFiles, name: str, parts: Any) -> None:
        brought.append(name)
        write(self, name, parts)

    monkeypatch.setattr(FolderFiles, "write", noted)
    made.app.safekeeping.restore(made.uri)
    assert Counter(name for name in requests.of("GET") if name.startswith("files/")) == {
        name: 2 * count for name, count in Counter(one.name for one in entries).items()
    }, "once to verify, once to write"
    brought = [name for name in brought if ".lance/" in name]
    stages = [("migrations." in name, "/_versions/" in name) for name in brought]
    assert stages == sorted(stages), "a table's versions after its files, and the table of migrations last"
    assert len(brought) == len(tables)


def test_objects_of_a_bucket_are_copied_side_by_side(
    bucket: "Bucket", indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = BackedUp(indexed, bucket.uri("backups"))
    made.fill(1)
    write, lock, another = BucketFiles.write, threading.Lock(), threading.Event()
    begun = under_way = most = 0

    def beside_another(self: BucketFiles, name: str, parts: Any) -> None:
        nonlocal begun, under_way, most
        with lock:
            begun, under_way = begun + 1, under_way + 1
            most = max(most, under_way)
        if begun > 1:
            another.set()
        assert another.wait(60), "nothing else begins while the first object is written"
        write(self, name, parts)
        with lock:
            under_way -= 1

    monkeypatch.setattr(BucketFiles, "write", beside_another)
    made.app.safekeeping.back_up(made.uri)
    assert 1 < most <= CONNECTIONS
    made.app.safekeeping.restore(made.uri, dry_run=True)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_backup_of_which_a_file_was_changed_is_refused_and_the_store_untouched(folder: BackedUp) -> None:
    folder.fill(3)
    folder.app.safekeeping.back_up(folder.uri)
    backups = folder.app.safekeeping.backups(folder.uri)
    before, files = folder.state(), folder.database().list().keys()
    entry = next(one for one in backups.all()[0].entries if "/data/" in one.path)
    whole = b"".join(backups.files.read(entry.name))
    for damage in ([whole[:-1] + bytes([whole[-1] ^ 1])], [whole[:-1]], None):
        backups.files.write(entry.name, damage) if damage else backups.files.remove([entry.name])
        with pytest.raises(MismatchError, match=rf"{entry.name} (was changed|is gone); nothing was restored"):
            folder.app.safekeeping.restore(folder.uri, replace=True)
        assert folder.database().list().keys() == files
    assert folder.state() == before


def test_a_damaged_manifest_is_said_and_keeps_files_from_being_removed(folder: BackedUp) -> None:
    folder.fill(2)
    first = folder.app.safekeeping.back_up(folder.uri)
    file = Path(folder.uri) / "backups" / f"{first.backup_id}.json"
    file.write_text(file.read_text().replace('"rows": 1', '"rows": 7', 1))
    folder.indexed.write("00.md", document("edit"))
    folder.indexed.sync()
    second = folder.app.safekeeping.backups(folder.uri).make(folder.app.store, keep=1)
    assert (second.expired, second.files_removed) == ((), 0)
    assert f"{first.backup_id}.json is damaged (its SHA-256 is another)" in second.problems[0]
    with pytest.raises(MismatchError, match="is damaged"):
        folder.app.safekeeping.restore(folder.uri, first.backup_id, replace=True)


def test_a_store_that_is_there_is_replaced_only_when_asked(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.safekeeping.back_up(folder.uri)
    before = folder.state()
    folder.indexed.write("new.md", document("new"))
    folder.indexed.sync()
    changed = folder.state()
    with pytest.raises(UsageError, match=r"found a store in .*; expected none: name another --home, or say --replace"):
        folder.app.safekeeping.restore(folder.uri)
    dry = folder.app.safekeeping.restore(folder.uri, dry_run=True)
    assert (dry.dry_run, dry.files_written, dry.files_removed) == (True, 0, 0)
    assert folder.state() == changed
    replaced = folder.app.safekeeping.restore(folder.uri, replace=True)
    assert 0 < replaced.files_written < replaced.files, "what is there already is not written again"
    assert folder.state() == before
    assert folder.app.corpus.diagnose(offline=True).healthy


def test_answers_that_are_logged_after_the_backup_outlive_a_restore_in_the_journal(folder: BackedUp) -> None:
    folder.fill(2)
    folder.app.safekeeping.back_up(folder.uri)
    answer = folder.app.answering.answerer.ask("What came after the backup?")
    folder.app.safekeeping.restore(folder.uri, replace=True)
    assert answer.interaction_id in folder.app.journal.interactions()["interaction_id"].to_pylist()


def test_a_place_is_for_one_store_and_lies_outside_of_it(folder: BackedUp, tmp_path: Path) -> None:
    folder.fill(1)
    folder.app.safekeeping.back_up(folder.uri)
    other = IndexedFolder(tmp_path / "other", folder.indexed.folder)
    other.sync()
    with pytest.raises(UsageError, match="holds backups of another store"):
        other.app().safekeeping.back_up(folder.uri)
    with pytest.raises(UsageError, match="would be lost with it"):
        folder.app.safekeeping.back_up(str(folder.indexed.home / "backups"))
    with pytest.raises(UsageError, match="would be lost with it"):
        folder.indexed.app(store="s3://b/home").safekeeping.backups("s3://b/home/backups")
    with pytest.raises(ConfigError, match="no backup location"):
        folder.app.safekeeping.backups()


def test_what_there_is_not_is_not_found(folder: BackedUp) -> None:
    folder.fill(1)
    with pytest.raises(NotFoundError, match=r"found 0 backups named 'latest'"):
        folder.app.safekeeping.restore(folder.uri)
    folder.app.safekeeping.back_up(folder.uri)
    with pytest.raises(NotFoundError, match=r"found 0 backups named '1999'"):
        folder.app.safekeeping.restore(folder.uri, "1999")


def test_a_manifest_names_no_file_outside_of_a_home() -> None:
    for path in ("store/../../etc/passwd", "/etc/passwd", "leases/index", "store/"):
        with pytest.raises(ValueError, match="found the path"):
            Entry(path, 1, "", "")


def test_a_clock_that_was_set_back_makes_no_backup_older_than_the_one_before(
    folder: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.fill(1)
    ids = [folder.app.safekeeping.back_up(folder.uri).backup_id for _ in range(3)]
    assert ids == sorted(set(ids)), "three in a second"
    assert folder.app.safekeeping.backups(folder.uri).backup("latest").backup_id == ids[-1]


# --- beside other writers ---------------------------------------------------------------------------------------------


def test_a_backup_while_a_sync_writes_holds_one_state(made: BackedUp) -> None:
    made.indexed.settings = {**made.indexed.settings, "sync": {"batch_documents": 1}}
    made.fill(2)
    on_disk = made.uri.startswith("/")
    for number in range(12 if on_disk else 4):
        made.indexed.write(f"more{number}.md", document(f"more{number}"))
    syncing = threading.Thread(target=made.indexed.app().corpus.sync, args=[made.indexed.folder])
    syncing.start()
    ids = []
    while syncing.is_alive():
        try:
            ids.append(made.app.safekeeping.backups(made.uri).make(made.app.store, keep=100).backup_id)
        except StoreChangedError:  # as a command that is run again
            time.sleep(0.1)
    syncing.join()
    assert made.indexed.sync().added == 0
    whole = made.indexed.contents()
    for backup_id in {ids[0], ids[len(ids) // 2]} if on_disk else {ids[len(ids) // 2]}:
        made.app.safekeeping.restore(made.uri, backup_id, replace=True)
        assert made.indexed.contents().items() <= whole.items(), "whole documents, each as it was committed"
        assert [one for one in made.app.corpus.diagnose(offline=True).findings if one.check != "indexes"] == []
        report = made.indexed.sync()
        assert report.complete
        assert made.indexed.contents() == whole


@pytest.mark.long
def test_a_backup_whose_files_are_compacted_away_begins_again_and_at_last_holds_the_lease(folder: BackedUp) -> None:
    folder.fill(3)
    edits: list[str] = []

    def edit_and_compact(done: int, total: int, copied: int) -> None:
        """After the first file of a try, as often as the lease is to be had."""
        if done != 1:
            return
        folder.indexed.write("00.md", document(f"edit{len(edits)}"))
        try:
            folder.indexed.sync()
        except StoreBusyError:
            edits.append("refused")
            return
        edits.append("made")
        table = folder.app.index.generation.table
        folder.app.store.table(table).optimize(cleanup_older_than=timedelta(milliseconds=1))

    done = folder.app.safekeeping.back_up(folder.uri, edit_and_compact)
    assert edits == ["made"] * (TRIES - 1) + ["refused"]
    assert done.tries == TRIES
    state = folder.state()
    folder.lose()
    folder.app.safekeeping.restore(folder.uri)
    assert folder.state() == state
    assert folder.app.corpus.diagnose(offline=True).healthy


def test_one_backup_of_a_store_is_taken_at_a_time(folder: BackedUp) -> None:
    folder.fill(1)
    with folder.app.store.lease("backup"), pytest.raises(StoreBusyError, match="backup is being written by"):
        folder.app.safekeeping.back_up(folder.uri)


def test_a_restore_waits_for_no_writer_and_changes_nothing(folder: BackedUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragloop.backup.restoring._LEASE_WAIT_S", 0)
    folder.fill(1)
    folder.app.safekeeping.back_up(folder.uri)
    before = folder.state()
    with folder.app.store.lease("index"), pytest.raises(StoreBusyError, match="index is being written by"):
        folder.app.safekeeping.restore(folder.uri, replace=True)
    assert folder.state() == before
    assert RESTORING not in folder.database().list()


def test_a_backup_of_a_newer_schema_or_format_is_refused(folder: BackedUp, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.fill(1)
    backups = folder.app.safekeeping.backups(folder.uri)
    made = backups.backup(folder.app.safekeeping.back_up(folder.uri).backup_id)
    backups.files.write(
        "backups/30000101T000000Z.json", [replace(made, backup_id="30000101T000000Z", schema=99).encoded()]
    )
    with pytest.raises(MismatchError, match="has schema 99, this ragloop knows schemas up to"):
        folder.app.safekeeping.restore(folder.uri, "3000", replace=True)
    monkeypatch.setattr(manifest, "FORMAT", 2)
    newer = made.encoded()
    monkeypatch.undo()
    backups.files.write("backups/40000101T000000Z.json", [newer])
    with pytest.raises(MismatchError, match="has format 2, this ragloop reads formats up to 1"):
        folder.app.safekeeping.restore(folder.uri, replace=True)


# --- the status -------------------------------------------------------------------------------------------------------


def test_status_shows_the_last_backup_or_that_there_is_none_or_the_problem(folder: BackedUp) -> None:
    folder.fill(1)
    assert folder.app.status()["last_backup"] is None
    app = folder.indexed.app(backup={"uri": folder.uri})
    assert str(app.status()["last_backup"]) == f"none in {folder.uri}"
    done = [app.safekeeping.back_up() for _ in range(2)][-1]
    last = app.status()["last_backup"]
    assert (last.place, last.backup_id, last.problem) == (folder.uri, done.backup_id, None)
    assert str(last) == f"{last.at:%Y-%m-%d %H:%M:%S}+0000, {done.backup_id} in {folder.uri}"
    (Path(folder.uri) / "backups" / f"{done.backup_id}.json").write_text("{}")
    assert "is damaged" in str(app.status()["last_backup"].problem)
    inside = folder.indexed.app(backup={"uri": str(folder.indexed.home / "backups")})
    assert str(inside.status()["last_backup"]).startswith("unknown: ")


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_commands_report_as_json_and_refuse_in_one_line(
    folder: BackedUp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(*arguments: str) -> tuple[int, Any, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(folder.indexed.home), *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(said.out) if said.out.startswith("{") else said.out, said.err

    monkeypatch.chdir(tmp_path)
    folder.fill(2)
    assert run("backup", "--json")[2].startswith("ragloop: no backup location: set backup.uri in ragloop.toml")
    code, done, _ = run("backup", "--to", folder.uri, "--json")
    assert (code, done["files_copied"], done["problems"]) == (0, done["files"], [])
    code, listed, _ = run("backup", "list", "--from", folder.uri, "--json")
    assert (code, [one["backup_id"] for one in listed["backups"]]) == (0, [done["backup_id"]])
    code, _, said = run("restore", "--from", folder.uri)
    assert (code, said.count("\n")) == (2, 1)
    assert "say --replace" in said
    code, dry, _ = run("restore", "latest", "--from", folder.uri, "--dry-run", "--json")
    assert (code, dry["dry_run"], dry["files_written"]) == (0, True, 0)
    folder.lose()
    code, restored, _ = run("restore", "--from", folder.uri, "--json")
    assert (code, restored["files_written"]) == (0, done["files"])
    code, maintained, _ = run("maintain", "--json")
    assert (code, maintained["problems"]) == (0, [])
    for arguments in (["maintain"], ["backup", "--to", folder.uri], ["backup", "list", "--from", folder.uri]):
        assert run(*arguments)[0] == 0
    assert run("restore", "--from", folder.uri, "--dry-run")[0] == 0
