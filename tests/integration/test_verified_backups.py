"""What backups share is read again within a stated time, mended from the store, or said to be damaged."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ragloop.app.catalogue import CATALOGUE
from ragloop.backup import BackupReport, Backups, Manifest
from ragloop.cli.main import main
from ragloop.errors import MismatchError
from ragloop.store.files import BucketFiles, FolderFiles, open_files
from tests.support.backed_up import BackedUp, backed_up_in
from tests.support.indexed_folder import IndexedFolder, document

DAYS = 7


@pytest.fixture
def folder(tmp_path: Path, indexed: IndexedFolder) -> BackedUp:
    return BackedUp(indexed, str(tmp_path / "backups"))


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.long)])
def made(request: pytest.FixtureRequest, indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    return backed_up_in(request, indexed, tmp_path)


class Clock:
    """Nights pass as the test says, from a month ago on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) - timedelta(days=60)


@pytest.fixture(autouse=True)
def clock() -> Clock:
    global NOW
    NOW = Clock()
    return NOW


NOW = Clock()


def days_pass(days: float) -> None:
    NOW.now += timedelta(days=days)


def back_up(made: BackedUp, keep: int = 100, progress: Any = lambda done, total, copied: None) -> BackupReport:
    backups = Backups(open_files(made.uri), CATALOGUE, now=lambda: NOW.now)
    return backups.make(made.app.store, keep, progress, verified_within=timedelta(days=DAYS))


def flip(made: BackedUp, name: str) -> None:
    """One bit of an object, in the middle of it."""
    files = made.app.safekeeping.backups(made.uri).files
    data = bytearray(b"".join(files.read(name)))
    data[len(data) // 2] ^= 1
    files.write(name, [bytes(data)])


def shared(made: BackedUp, part: str) -> str:
    """The largest object of the newest backup whose path in the home holds `part`."""
    entries = [one for one in made.app.safekeeping.backups(made.uri).all()[0].entries if part in one.path]
    return max(entries, key=lambda one: one.bytes).name


@contextmanager
def reads(monkeypatch: pytest.MonkeyPatch, made: BackedUp) -> Iterator[Counter[str]]:
    """Bytes that are read of each object of the place."""
    counted, top = Counter[str](), str(made.app.safekeeping.backups(made.uri).files)
    with monkeypatch.context() as patch:
        for kind in (FolderFiles, BucketFiles):
            patch.setattr(kind, "read", _counting(kind.read, top, counted))
        yield counted


def _counting(read: Any, top: str, counted: Counter[str]) -> Any:
    def counting(self: Any, name: str) -> Iterator[bytes]:
        for part in read(self, name):
            if str(self) == top and name.startswith("files/"):
                counted[name] += len(part)
            yield part

    return counting


@pytest.mark.parametrize("part", ["/data/", "artifacts/"])
def test_a_flipped_byte_is_found_in_time_and_mended_from_the_store(made: BackedUp, part: str) -> None:
    made.fill(3)
    back_up(made)
    name = shared(made, part)
    whole = b"".join(made.app.safekeeping.backups(made.uri).files.read(name))
    flip(made, name)
    mended: list[str] = []
    for _ in range(DAYS):
        days_pass(1)
        mended += back_up(made).mended
    assert mended == [name]
    assert b"".join(made.app.safekeeping.backups(made.uri).files.read(name)) == whole
    for one in made.app.safekeeping.backups(made.uri).all():
        made.app.safekeeping.restore(made.uri, one.backup_id, dry_run=True)


def test_every_file_is_read_once_in_that_time_and_no_run_reads_much_more_than_its_share(
    folder: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.fill(40)
    for number in range(30):
        folder.app.registry.artifacts.folder.joinpath("adapters", "early", f"more{number}").write_bytes(
            bytes([number]) * 5000
        )
    held = back_up(folder)
    total: Counter[str] = Counter()
    sizes = []
    for _ in range(2 * DAYS):
        days_pass(0.5)
        with reads(monkeypatch, folder) as read:
            done = back_up(folder)
        assert done.files_copied == 0
        assert (done.files_verified, done.bytes_verified) == (len(read), sum(read.values()))
        total += read
        sizes.append(sum(read.values()))
    entries = {one.name: one.bytes for one in folder.app.safekeeping.backups(folder.uri).all()[0].entries}
    assert total == {name: size for name, size in entries.items() if size}, "each once, none twice"
    assert sum(sizes) == sum(entries.values()) <= held.bytes
    largest = max(entries.values())
    assert max(sizes) <= largest + 3 * sum(entries.values()) / (2 * DAYS), sizes
    with reads(monkeypatch, folder) as read:
        back_up(folder)
    assert sum(read.values()) == 0, "a run that follows at once reads next to nothing"


def test_after_a_long_pause_everything_is_read(folder: BackedUp, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.fill(3)
    first = back_up(folder)
    days_pass(4 * DAYS)
    with reads(monkeypatch, folder) as read:
        done = back_up(folder)
    assert len(read) == len({one.name for one in folder.app.safekeeping.backups(folder.uri).all()[1].entries})
    assert done.bytes_verified == sum(read.values()) <= first.bytes


def test_a_killed_backup_takes_nothing_from_the_share_of_the_next(folder: BackedUp) -> None:
    folder.fill(3)
    back_up(folder)
    name = shared(folder, "/data/")
    days_pass(DAYS)
    flip(folder, name)

    class Killed(BaseException):
        pass

    def killing(done: int, total: int, copied: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        back_up(folder, progress=killing)
    flip(folder, name)  # mended by the killed one; so it is damaged now
    assert back_up(folder).mended == (name,)


def lost_for_good(made: BackedUp) -> tuple[str, Manifest]:
    """An object that only older backups need, damaged after the store let go of its bytes; and the newest of them."""
    made.fill(2)
    made.indexed.write("00.md", document("first"))
    made.indexed.sync()
    back_up(made)
    days_pass(1)
    back_up(made)
    old = made.app.safekeeping.backups(made.uri).all()[0]
    table = made.app.index.generation.table
    made.indexed.write("00.md", document("second"))
    made.indexed.sync()
    made.app.store.table(table).optimize(cleanup_older_than=timedelta(milliseconds=1))
    there = {f"files/store/{name}" for name in made.database().list()}
    gone = [one for one in old.entries if f"{table}.lance/data/" in one.path and one.name not in there]
    name = max(gone, key=lambda one: one.bytes).name
    flip(made, name)
    days_pass(DAYS)
    return name, made.app.safekeeping.backups(made.uri).all()[0]


def test_what_the_store_no_longer_has_marks_the_backups_that_need_it(made: BackedUp) -> None:
    name, old = lost_for_good(made)
    before = [one.backup_id for one in made.app.safekeeping.backups(made.uri).all()]
    done = back_up(made)
    assert done.mended == ()
    assert [(one.name, one.what, set(one.backups)) for one in done.damaged] == [(name, "was changed", set(before))]
    assert any(old.backup_id in one and "was changed" in one for one in done.problems)
    app = made.indexed.app(backup={"uri": made.uri})
    last = app.status()["last_backup"]
    assert set(last.damaged) == set(before)
    assert "damaged: " in str(last)
    with pytest.raises(MismatchError, match=rf"{name} was changed; .*{done.backup_id} does not need"):
        made.app.safekeeping.restore(made.uri, old.backup_id, replace=True)
    made.app.safekeeping.restore(made.uri, replace=True)
    assert made.healthy()
    again = back_up(made)
    assert [one.name for one in again.damaged] == [name], "it is said until it is mended or its backups are gone"
    whole = bytearray(b"".join(made.app.safekeeping.backups(made.uri).files.read(name)))
    whole[len(whole) // 2] ^= 1
    made.app.safekeeping.backups(made.uri).files.write(name, [bytes(whole)])
    healed = back_up(made)
    assert (healed.damaged, healed.problems) == ((), ())
    assert app.status()["last_backup"].damaged == ()


def test_a_damaged_backup_pushes_no_whole_one_out(folder: BackedUp) -> None:
    _, _old = lost_for_good(folder)
    damaged = {one.backup_id for one in folder.app.safekeeping.backups(folder.uri).all()}
    ids = [back_up(folder, keep=2).backup_id]
    for _ in range(3):
        left = {one.backup_id for one in folder.app.safekeeping.backups(folder.uri).all()}
        assert left == {*ids[-2:]} | (damaged if len(ids) < 2 else set())
        ids.append(back_up(folder, keep=2).backup_id)
    assert folder.app.safekeeping.backups(folder.uri).marked() == ()


def test_an_object_that_is_gone_or_cut_is_found_by_the_next_backup(made: BackedUp) -> None:
    made.fill(2)
    back_up(made)
    files = made.app.safekeeping.backups(made.uri).files
    data, rows = shared(made, "/data/"), shared(made, "artifacts/")
    files.remove([data])
    files.write(rows, [b"cut"])
    done = back_up(made)
    assert set(done.mended) == {data, rows}
    made.app.safekeeping.restore(made.uri, dry_run=True)


def test_a_store_whose_file_is_another_than_the_one_that_was_backed_up_is_said_and_overwrites_nothing(
    folder: BackedUp,
) -> None:
    folder.fill(2)
    first = back_up(folder)
    name = shared(folder, f"{folder.app.index.generation.table}.lance/_indices/")
    whole = b"".join(folder.app.safekeeping.backups(folder.uri).files.read(name))
    path = Path(str(folder.database()), name.removeprefix("files/store/"))
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    back_up(folder)
    assert b"".join(folder.app.safekeeping.backups(folder.uri).files.read(name)) == whole, "what was backed up stays"
    flip(folder, name)
    flipped = b"".join(folder.app.safekeeping.backups(folder.uri).files.read(name))
    days_pass(DAYS)
    done = back_up(folder)
    assert [one.name for one in done.damaged] == [name]
    assert b"".join(folder.app.safekeeping.backups(folder.uri).files.read(name)) == flipped
    entry = next(
        one for one in folder.app.safekeeping.backups(folder.uri).backup(done.backup_id).entries if one.path in name
    )
    assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest(), "the new backup is of the store as it is"
    assert first.backup_id != done.backup_id
    folder.app.safekeeping.restore(folder.uri, dry_run=True)


def test_the_commands_show_what_was_verified_mended_and_damaged(
    folder: BackedUp, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, old = lost_for_good(folder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ragloop.toml").write_text(f'[backup]\nuri = "{folder.uri}"\nverify_days = 7\n')

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(folder.indexed.home), *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    code, out, err = run("backup", "--json")
    assert out, err
    done = json.loads(out)
    assert code == 1
    assert done["files_verified"] > 0
    assert done["damaged"][0]["name"] == name
    code, out, err = run("backup")
    assert code == 1
    assert "verified" in out + err
    assert old.backup_id in err
    listed = json.loads(run("backup", "list", "--json")[1])
    assert {one["backup_id"] for one in listed["backups"] if one["damaged_files"]} == set(done["damaged"][0]["backups"])
    status = json.loads(run("status", "--json")[1])
    assert set(status["last_backup"]["damaged"]) == set(done["damaged"][0]["backups"])
