"""A build beside the active index, killed at every durable step up to the cut-over: what answers is whole.

All of them are tried in one process, where an exception stands for the kill; some with a SIGKILL.
A disk that runs full in a rebuild loses nothing either.
"""

import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ragloop.errors import StorageFullError
from ragloop.store import Store
from tests.faults.conftest import SmallDisk
from tests.support.dying import Dying, Killed
from tests.support.indexed_folder import EmbeddedByName

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).parent.parent.parent
CHANGES: dict[str, tuple[dict[str, Any], bool]] = {
    "embedder": ({"embedder": "wide"}, False),
    "chunker": ({"embedder": "narrow", "chunk_tokens": 50}, False),
    "rebuild": ({"embedder": "narrow"}, True),
}


@pytest.fixture
def indexed(tmp_path: Path) -> EmbeddedByName:
    made = EmbeddedByName(tmp_path / "home", tmp_path / "documents", settings={"sync": {"batch_documents": 3}})
    made.write_numbered(5)
    made.sync()
    return made


def _stored(indexed: EmbeddedByName) -> dict[str, int]:
    store = Store.open(indexed.home)
    return {name: store.table(name).count_rows() for name in store.tables.names("vectors_") if store.tables.has(name)}


def _ends_equal(indexed: EmbeddedByName, whole: dict[str, Any], *, rebuild: bool = False) -> None:
    """The next sync ends in what an undisturbed build makes, and embeds what no killed run had stored."""
    before = _stored(indexed)
    report = indexed.sync(rebuild=rebuild)
    assert report.state == "active"
    assert indexed.contents() == whole
    app = indexed.app()
    assert {one.state for one in app.generations.all()} <= {"active", "retired"}
    assert set(app.store.tables.names("index_")) == {one.table for one in app.generations.all()}
    embedded = len(indexed.embedder.embedded) + len(indexed.wide.embedded)
    assert sum(_stored(indexed).values()) - sum(before.values()) == embedded == report.chunks_embedded
    again = indexed.sync()
    assert (again.documents_read, again.commits, again.notices) == (0, 0, ())


@pytest.mark.parametrize("change", CHANGES)
def test_a_build_killed_at_any_write_leaves_what_answers_whole_and_is_completed_by_the_next(
    indexed: EmbeddedByName, tmp_path: Path, change: str
) -> None:
    chosen, rebuild = CHANGES[change]
    old, home = indexed.contents(), indexed.home
    indexed.home, indexed.chosen = shutil.copytree(home, tmp_path / "undisturbed"), chosen
    indexed.boundary = undisturbed = Dying()
    indexed.sync(rebuild=rebuild)
    whole = indexed.contents()
    assert len(undisturbed.made) > 8
    for steps in range(len(undisturbed.made)):
        indexed.home = shutil.copytree(home, tmp_path / f"killed-{steps}")
        indexed.boundary = killed = Dying(steps)
        with pytest.raises(Killed):
            indexed.sync(rebuild=rebuild)
        indexed.boundary = nullcontext
        assert indexed.contents() in (old, whole), f"{killed.made} left a mixture"
        assert indexed.found("alpha")
        _ends_equal(indexed, whole)


# --- SIGKILL -------------------------------------------------------------------------------------------------------

SYNC = """
import sys
from contextlib import contextmanager
from pathlib import Path
from tests.support.dying import Dying, Killed
from tests.support.indexed_folder import EmbeddedByName

names = {"insert": "write", "upsert": "write"}

@contextmanager
def said(step):
    verb, table = step.split()
    what = f"{names.get(verb, verb)} {table.split('_')[0]}"
    print(what, "begins", flush=True)
    sys.stdin.readline()
    yield
    print(what, "ended", flush=True)
    sys.stdin.readline()

given = {"settings": {"sync": {"batch_documents": 3}}, "chosen": {"embedder": "wide"}, "boundary": said}
EmbeddedByName(Path(sys.argv[1]), Path(sys.argv[2]), **given).sync()
"""


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("write generations ended", 1),
        ("write vectors ended", 2),
        ("write index begins", 2),
        ("index index begins", 1),
        ("write generations begins", 2),
        ("write generations ended", 2),
    ],
    ids=["begun", "stored", "committing", "indexing", "cutting-over", "cut-over"],
)
def test_a_build_killed_at_a_chosen_point_is_completed_by_the_next(
    indexed: EmbeddedByName, tmp_path: Path, line: str, times: int
) -> None:
    old = indexed.contents()
    indexed.chosen = {"embedder": "wide"}
    whole = indexed.from_scratch(tmp_path / "other")
    arguments = [sys.executable, "-c", SYNC, str(indexed.home), str(indexed.folder)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=REPOSITORY
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while times and (said := process.stdout.readline()):
            times -= said.strip() == line
            if times:
                process.stdin.write("go on\n")
        process.send_signal(signal.SIGKILL)
    assert not times, f"the sync ended before it said {line!r}"
    assert indexed.contents() in (old, whole)
    assert indexed.found("alpha")
    _ends_equal(indexed, whole)


def test_a_disk_that_runs_full_in_a_rebuild_loses_nothing(small_disk: SmallDisk, tmp_path: Path) -> None:
    settings = {"sync": {"batch_documents": 2}}
    indexed = EmbeddedByName(small_disk.place / "home", tmp_path / "documents", settings=settings)
    indexed.write_numbered(40)
    indexed.sync()
    before = indexed.contents()
    small_disk.fill(leave=256 * 1024)
    with pytest.raises(StorageFullError, match=r"no space left .* nothing was lost: free some space"):
        indexed.sync(rebuild=True)
    assert indexed.contents() == before
    assert indexed.found("Paragraph 1 of 1"), "the index answers on a full disk"
    small_disk.make_room()
    _ends_equal(indexed, before)
