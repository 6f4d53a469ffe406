"""kill -9 in the middle of a sync, and a disk that runs full: the next run ends where an undisturbed one would have."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragloop.errors import StorageFullError
from ragloop.store import Store
from tests.faults.conftest import SmallDisk
from tests.support.indexed_folder import IndexedFolder, document

REPOSITORY = Path(__file__).parent.parent.parent

SYNC = """
import sys, time
from pathlib import Path
from contextlib import contextmanager
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder

class Slow(ConstantEmbedder):
    def embed(self, texts):
        time.sleep(0.02)
        return super().embed(texts)

@contextmanager
def said(step):
    print(step.split("_")[0], "begins", flush=True)
    yield
    print(step.split("_")[0], "ended", flush=True)

indexed = IndexedFolder(Path(sys.argv[1]), Path(sys.argv[2]), Slow(), {"sync": {"batch_documents": 5}}, said)
print("ready", flush=True)
indexed.sync()
print("done", flush=True)
"""


@pytest.fixture
def killed(indexed: IndexedFolder) -> Iterator["KilledSync"]:
    indexed.settings = {"sync": {"batch_documents": 5}}
    run = KilledSync(indexed)
    yield run
    run.end()


class KilledSync:
    """A sync in a process of its own."""

    def __init__(self, indexed: IndexedFolder) -> None:
        self._indexed = indexed
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        arguments = [sys.executable, "-c", SYNC, str(self._indexed.home), str(self._indexed.folder)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        self.wait_for("ready")

    def wait_for(self, line: str, times: int = 1) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while times:
            said = self._process.stdout.readline()
            assert said, f"the sync ended before it said {line!r}"
            times -= said.strip() == line

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


def _stored(indexed: IndexedFolder) -> set[str]:
    """The hashes of every string whose vector is stored."""
    if not (indexed.home / "store").is_dir():
        return set()
    store = Store.open(indexed.home)
    names = [one.stem for one in (indexed.home / "store").glob("vectors_*.lance")]
    return {one for name in names if store.tables.has(name) for one in store.rows(name)["text_hash"].to_pylist()}


def _finish_and_compare(indexed: IndexedFolder, other: Path) -> None:
    stored = _stored(indexed)
    indexed.sync()
    contents = indexed.contents()
    embedded = {row["text_hash"] for row in contents.values() if row["kind"] == "chunk"} - stored
    assert len(indexed.embedder.embedded) == len(embedded), "a vector that was stored was embedded again"
    assert contents == indexed.from_scratch(other)
    again = indexed.sync()
    assert (again.documents_read, again.commits) == (0, 0)
    assert indexed.found("Paragraph 1 of 1")


def _write_and_edit(indexed: IndexedFolder) -> None:
    """An indexed folder with edits, adds, renames and deletes that no sync has seen."""
    indexed.write_numbered(20)
    indexed.sync()
    for number in range(5):
        indexed.write(f"{number:02}.md", document(f"edited{number}", paragraphs=5))
        indexed.write(f"new{number}.md", document(f"new{number}"))
        (indexed.folder / f"{number + 5:02}.md").rename(indexed.folder / f"renamed{number}.md")
    for number in range(15, 20):
        (indexed.folder / f"{number:02}.md").unlink()


@pytest.mark.parametrize(
    "line",
    ["insert vectors ended", "upsert index begins", "upsert index ended"],
    ids=["stored", "committing", "committed"],
)
def test_a_sync_killed_at_a_chosen_point_is_completed_by_the_next(
    indexed: IndexedFolder, killed: KilledSync, tmp_path: Path, line: str
) -> None:
    _write_and_edit(indexed)
    killed.start()
    killed.wait_for(line, times=2)
    killed.kill()
    if line == "insert vectors ended":
        assert len(_stored(indexed)) > 20 * 3, "vectors that were stored outlive the kill"
    _finish_and_compare(indexed, tmp_path / "other")


def test_a_first_index_killed_at_any_moment_is_completed_by_the_next(
    indexed: IndexedFolder, killed: KilledSync, tmp_path: Path
) -> None:
    indexed.write_numbered(40)
    pick = random.Random(7)
    for _ in range(3):
        killed.start()
        time.sleep(pick.uniform(0, 0.6))
        killed.kill()
    _finish_and_compare(indexed, tmp_path / "other")


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_disk_that_runs_full_in_a_sync_loses_nothing_and_the_next_run_completes(
    small_disk: SmallDisk, tmp_path: Path
) -> None:
    indexed = IndexedFolder(
        small_disk.place / "home", tmp_path / "documents", settings={"sync": {"batch_documents": 2}}
    )
    indexed.write_numbered(10)
    indexed.sync()
    before = indexed.contents()
    small_disk.fill(leave=256 * 1024)
    indexed.write_numbered(60, prefix="new")
    with pytest.raises(StorageFullError, match=r"no space left .* nothing was lost: free some space"):
        indexed.sync()
    assert before.items() <= indexed.contents().items()
    assert indexed.found("Paragraph 1 of 1"), "the index answers on a full disk"
    small_disk.make_room()
    _finish_and_compare(indexed, tmp_path / "other")
