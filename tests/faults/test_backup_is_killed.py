"""A backup and a restore, killed at every file: no half backup is one, and a restore is completed by the next."""

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragloop.errors import MismatchError, NotFoundError, StorageFullError
from ragloop.store.files import RESTORING, BucketFiles, FolderFiles
from tests.faults.conftest import SmallDisk
from tests.support.backed_up import BackedUp, backed_up_in
from tests.support.dying import Killed
from tests.support.indexed_folder import IndexedFolder, document

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).parent.parent.parent


class Deadly:
    """Within the block so many writes and removals of files happen, and the next one does not begin."""

    def __init__(self, writes: int) -> None:
        self.left, self.made = writes, 0

    def __enter__(self) -> "Deadly":
        self._real = [
            (one, name, getattr(one, name)) for one in (FolderFiles, BucketFiles) for name in ("write", "remove")
        ]
        for owner, name, work in self._real:
            setattr(owner, name, self._dying(work))
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, work in self._real:
            setattr(owner, name, work)

    def _dying(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def write_or_die(*args: Any) -> None:
            if self.made >= self.left:  # several files of a bucket are written at once
                raise Killed
            self.made += 1
            work(*args)

        return write_or_die


@pytest.fixture(params=["folder", "bucket"])
def made(request: pytest.FixtureRequest, indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    return backed_up_in(request, indexed, tmp_path)


def test_a_backup_killed_at_any_file_is_no_backup_and_the_next_copies_the_rest(
    indexed: IndexedFolder, tmp_path: Path
) -> None:
    made = BackedUp(indexed, str(tmp_path / "undisturbed"))
    made.fill(3)
    whole = made.app.safekeeping.back_up(made.uri)
    for writes in [*range(0, whole.files, 5), whole.files]:
        made.uri = str(tmp_path / f"killed-{writes}")
        with Deadly(writes), pytest.raises(Killed):
            made.app.safekeeping.back_up(made.uri)
        with pytest.raises(NotFoundError, match="found 0 backups"):
            made.app.safekeeping.restore(made.uri, dry_run=True)
        again = made.app.safekeeping.back_up(made.uri)
        assert (again.files, again.files_copied) == (whole.files, whole.files - writes)
        made.app.safekeeping.restore(made.uri, dry_run=True)


def test_a_restore_killed_at_any_file_opens_for_nobody_until_the_next_completes_it(made: BackedUp) -> None:
    made.fill(2)
    made.app.journal.fold()
    made.app.safekeeping.back_up(made.uri)
    before = made.state()
    made.lose()
    with Deadly(10_000) as all_writes:
        made.app.safekeeping.restore(made.uri)
    last = all_writes.made - 1
    points = [last // 2] if made.uri.startswith("s3://") else [1, 2, *range(3, last, last // 8), last]
    for writes in points:
        made.lose()
        with Deadly(writes), pytest.raises(Killed):
            made.app.safekeeping.restore(made.uri, replace=True)
        with pytest.raises(MismatchError, match=r"a restore was interrupted: .*`ragloop restore \w+ --from "):
            made.indexed.sync()
        made.app.safekeeping.restore(made.uri)
        assert made.state() == before
    assert made.app.corpus.diagnose(offline=True).healthy


def test_a_restore_killed_before_its_note_leaves_the_store_and_after_it_opens_for_nobody(
    indexed: IndexedFolder, tmp_path: Path
) -> None:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    made.fill(2)
    made.app.safekeeping.back_up(made.uri)
    before = made.state()
    made.indexed.write("00.md", document("edit"))
    made.indexed.sync()
    changed = made.state()
    for writes in itertools.count():
        with Deadly(writes), pytest.raises(Killed):
            made.app.safekeeping.restore(made.uri, replace=True)
        if RESTORING in made.database().list():
            break
        if writes % 4 == 0:
            assert made.state() == changed
    with pytest.raises(MismatchError, match="a restore was interrupted"):
        made.indexed.sync()
    made.app.safekeeping.restore(made.uri)
    assert made.state()["index"] == before["index"]
    assert [one.name for one in made.indexed.home.glob(".restoring-*")] == []


def test_a_restore_killed_before_its_first_write_leaves_the_store(indexed: IndexedFolder, tmp_path: Path) -> None:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    made.fill(2)
    made.app.safekeeping.back_up(made.uri)
    made.indexed.write("new.md", document("new"))
    made.indexed.sync()
    before = made.state()
    with Deadly(0), pytest.raises(Killed):
        made.app.safekeeping.restore(made.uri, replace=True)
    assert made.state() == before


def test_a_restore_killed_at_any_file_loses_no_answer_vote_or_promotion_since_the_backup(made: BackedUp) -> None:
    made.fill(2)
    made.app.safekeeping.back_up(made.uri)
    log = made.goes_on()
    with Deadly(10_000) as all_writes:
        made.app.safekeeping.restore(made.uri, replace=True)
    assert made.log() == log
    last = all_writes.made - 1  # of what is there already less is written again
    points = [6] if made.uri.startswith("s3://") else [*range(8), *range(8, last, 5)]
    killed = 0
    for writes in points:
        try:
            with Deadly(writes):
                made.app.safekeeping.restore(made.uri, replace=True)
        except Killed:
            killed += 1
            made.app.safekeeping.restore(made.uri, replace=True)
        assert made.log() == log, f"killed after {writes} writes"
    assert killed >= min(len(points), 10)
    assert [name for name in made.database().list() if name.startswith("restoring")] == []


# --- SIGKILL and a full disk ------------------------------------------------------------------------------------------

WORK = """
import sys
from contextlib import contextmanager
from pathlib import Path
from ragloop.store.files import FolderFiles
from tests.support.indexed_folder import IndexedFolder

work = FolderFiles.write
def slowly(self, name, parts):
    def said():
        for part in parts:
            print(name, flush=True)
            sys.stdin.readline()
            yield part
    work(self, name, said())
FolderFiles.write = slowly
@contextmanager
def slowly_commit(step):
    print("begins " + step, flush=True)
    sys.stdin.readline()
    yield
    print("ended " + step, flush=True)
    sys.stdin.readline()
app = IndexedFolder(Path(sys.argv[1]), Path(sys.argv[2]), boundary=slowly_commit).app()
app.safekeeping.back_up(sys.argv[4]) if sys.argv[3] == "backup" else app.safekeeping.restore(sys.argv[4], replace=True)
"""


def killed_while(made: BackedUp, what: str, writes: str) -> None:
    """Run `what` in a process of its own, and kill it while it writes a file whose name holds `writes`."""
    arguments = [sys.executable, "-c", WORK, str(made.indexed.home), str(made.indexed.folder), what, made.uri]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=REPOSITORY
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while said := process.stdout.readline():
            if writes in said:
                process.send_signal(signal.SIGKILL)
                break
            process.stdin.write("go on\n")
    assert process.returncode == -signal.SIGKILL, f"the {what} ended before it wrote {writes!r}"


def test_a_backup_and_a_restore_that_get_sigkill_are_completed_by_the_next(
    indexed: IndexedFolder, tmp_path: Path
) -> None:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    made.fill(3)
    killed_while(made, "backup", "/data/")
    assert made.app.safekeeping.backups(made.uri).all() == []
    killed_while(made, "backup", "backups/")
    assert made.app.safekeeping.backups(made.uri).all() == []
    made.app.safekeeping.back_up(made.uri)
    before = made.state()
    made.indexed.write("new.md", document("new"))
    made.indexed.sync()
    for file in ("/data/", "/_versions/"):
        made.lose()
        killed_while(made, "restore", file)
        with pytest.raises(MismatchError, match="a restore was interrupted"):
            made.state()
    made.app.safekeeping.restore(made.uri)
    assert made.state() == before


def test_a_restore_that_gets_sigkill_while_it_puts_back_the_log_is_completed_with_it(
    indexed: IndexedFolder, tmp_path: Path
) -> None:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    made.fill(2)
    made.app.safekeeping.back_up(made.uri)
    log = made.goes_on()
    steps = "begins upsert feedback", "ended upsert feedback", "begins upsert aliases"
    for moment in ("restoring-plan", "restoring.json", *steps):
        killed_while(made, "restore", moment)
        if moment in steps:
            with pytest.raises(MismatchError, match="a restore was interrupted"):
                made.log()
    made.app.safekeeping.restore(made.uri, replace=True)
    assert made.log() == log
    assert list(made.indexed.home.glob(".restoring-*")) == []


def test_a_disk_that_runs_full_in_a_backup_leaves_the_backup_before(
    small_disk: SmallDisk, indexed: IndexedFolder
) -> None:
    made = BackedUp(indexed, str(small_disk.place / "backups"))
    made.fill(3)
    first = made.app.safekeeping.back_up(made.uri)
    small_disk.fill(leave=64 * 1024)
    made.indexed.write_numbered(60, prefix="more")
    made.indexed.sync()
    with pytest.raises(StorageFullError, match=r"no space left on the disk that holds .*backups"):
        made.app.safekeeping.back_up(made.uri)
    assert [one.backup_id for one in made.app.safekeeping.backups(made.uri).all()] == [first.backup_id]
    made.app.safekeeping.restore(made.uri, dry_run=True)
    small_disk.make_room()
    assert made.app.safekeeping.back_up(made.uri).files_copied > 0


def test_a_disk_that_runs_full_in_a_restore_leaves_what_the_next_completes(
    small_disk: SmallDisk, indexed: IndexedFolder, tmp_path: Path
) -> None:
    made = BackedUp(indexed, str(tmp_path / "backups"))
    made.fill(20)
    made.app.safekeeping.back_up(made.uri)
    before = made.state()
    made.indexed.home = small_disk.place / "home"
    small_disk.fill(leave=64 * 1024)
    with pytest.raises(StorageFullError, match="no space left"):
        made.app.safekeeping.restore(made.uri)
    with pytest.raises(MismatchError, match="a restore was interrupted"):
        made.state()
    small_disk.make_room()
    made.app.safekeeping.restore(made.uri)
    assert made.state() == before
