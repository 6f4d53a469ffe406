"""SIGKILL at every boundary of a sync × {first index, edit, delete, rename}: the next run ends as a build from scratch.

Each case is a process that ends itself before or after the middle call of a boundary, so that what was committed before
it and what was not are both there, and a fresh process that syncs again.
"""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ragloop.corpus.index.vectors import table_of
from ragloop.hashes import sha256_of_text
from ragloop.store import Store
from tests.support.constant_embedder import ConstantEmbedder, WideEmbedder
from tests.support.forked_syncs import Ended, Stop, Syncs
from tests.support.indexed_folder import EmbeddedByName, document, wait_until_stamps_are_trusted

SETTINGS = {"sync": {"batch_documents": 3}}
ALWAYS = ["listing", "report"]
CHANGES = {
    "first index": [*ALWAYS, "read", "encode", "store-vectors", "commit", "index", "generation"],
    "edit": [*ALWAYS, "read", "encode", "store-vectors", "commit", "optimize"],
    "delete": [*ALWAYS, "delete"],
    "rename": [*ALWAYS, "read", "commit", "optimize"],
}
"""The boundaries that a sync of each change comes to; what deletes commits by that."""
CUT_OVERS = [("edit", "generation"), ("delete", "generation"), ("rename", "generation"), ("edit", "index")]
CASES = [(change, boundary, "narrow") for change, boundaries in CHANGES.items() for boundary in boundaries]
CASES += [(change, boundary, "wide") for change, boundary in CUT_OVERS]


@dataclass(frozen=True)
class Prepared:
    """A folder after a change, the home before it, what an index built from scratch holds, and a sync's boundaries."""

    folder: Path
    home: Path
    embedder: str
    whole: dict[str, Any]
    calls: Counter[str]

    def indexed(self, home: Path) -> EmbeddedByName:
        return EmbeddedByName(home, self.folder, settings=SETTINGS, chosen={"embedder": self.embedder})


@pytest.fixture(scope="module")
def syncs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Syncs]:
    forked = Syncs(tmp_path_factory.mktemp("logs"))
    yield forked
    forked.close()


@pytest.fixture(scope="module")
def prepared(syncs: Syncs, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Prepared]:
    @cache
    def prepare(change: str, embedder: str) -> Prepared:
        top = tmp_path_factory.mktemp("change")
        indexed = EmbeddedByName(top / "home", top / "documents", settings=SETTINGS)
        indexed.write_numbered(12)
        if change != "first index":
            indexed.sync()
        _make(change, indexed)
        chosen = {"embedder": embedder}
        scratch = shutil.copytree(top / "home", top / "undisturbed") if indexed.home.exists() else top / "undisturbed"
        undisturbed = syncs.run(scratch, indexed.folder, settings=SETTINGS, chosen=chosen)
        indexed.chosen = chosen
        whole = indexed.from_scratch(top / "other")
        return Prepared(indexed.folder, indexed.home, embedder, whole, Counter(undisturbed.calls))

    return prepare


def _make(change: str, indexed: EmbeddedByName) -> None:
    for number in range(1, 11, 2):
        file = indexed.folder / f"{number:02}.md"
        if change == "edit":
            file.write_text(file.read_text().replace("Paragraph 1", "The first paragraph") + document(f"new{number}"))
        elif change == "delete":
            file.unlink()
        elif change == "rename":
            file.rename(file.with_name(f"renamed{number}.md"))


def _stored(home: Path) -> set[tuple[str, str]]:
    """Of every stored vector, the hash of its string and the embedder that made it."""
    store, found = Store.open(home), set()
    for fingerprint in (ConstantEmbedder.fingerprint, WideEmbedder.fingerprint):
        if store.tables.has(name := table_of(fingerprint)):
            rows = store.rows(name, columns=["text_hash"])
            found |= {(one, fingerprint) for one in rows["text_hash"].to_pylist()}
    return found


def _embedded(ended: Ended) -> list[set[tuple[str, str]]]:
    return [{(sha256_of_text(text), fingerprint) for text in texts} for texts, fingerprint in ended.embedded]


def _differences(found: dict[str, Any], whole: dict[str, Any]) -> dict[str, int]:
    """How many rows are missing and stale; `contents` fails where one stands twice."""
    stale = [one for one, row in found.items() if row != whole.get(one)]
    return {"missing": len(whole.keys() - found.keys()), "stale": len(stale)}


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.long)])
@pytest.mark.parametrize(("change", "boundary", "embedder"), CASES)
def test_a_sync_killed_at_a_boundary_is_completed_by_the_next(
    syncs: Syncs,
    prepared: Callable[[str, str], Prepared],
    tmp_path: Path,
    change: str,
    boundary: str,
    embedder: str,
    when: Any,
) -> None:
    case, home = prepared(change, embedder), tmp_path / "home"
    if case.home.exists():
        shutil.copytree(case.home, home)
    assert case.calls[boundary], f"a sync comes to no {boundary}; its boundaries are {case.calls}"
    asked = {"settings": SETTINGS, "chosen": {"embedder": embedder}}
    killed = syncs.run(home, case.folder, Stop(boundary, (case.calls[boundary] + 1) // 2, when), **asked)
    assert killed.killed
    stored = _stored(home)
    lost = [call - stored for call in _embedded(killed) if call - stored]
    assert len(lost) <= 1, "more than one batch of embeddings was lost"
    again = syncs.run(home, case.folder, **asked)
    assert (again.error, again.report["state"]) == ("", "active")
    assert not stored & set().union(*_embedded(again)), "a string was embedded whose vector was stored"
    assert _differences(case.indexed(home).contents(), case.whole) == {"missing": 0, "stale": 0}


# --- several at once --------------------------------------------------------------------------------------------------


@pytest.fixture
def indexed(tmp_path: Path) -> EmbeddedByName:
    made = EmbeddedByName(tmp_path / "home", tmp_path / "documents", settings=SETTINGS)
    made.write_numbered(12)
    return made


@pytest.mark.parametrize(
    "first_is_killed",
    [pytest.param(False, id="that ends"), pytest.param(True, id="that is killed", marks=pytest.mark.long)],
)
def test_a_second_sync_names_the_writer_and_completes_after_it(
    syncs: Syncs, indexed: EmbeddedByName, tmp_path: Path, first_is_killed: bool
) -> None:
    flag = tmp_path / "go on"
    first = syncs.start(indexed.home, indexed.folder, Stop("commit", 1, "after", str(flag)), settings=SETTINGS)
    first.wait_for("commit after")
    second = syncs.run(indexed.home, indexed.folder, settings=SETTINGS)
    assert second.error.startswith(f"StoreBusyError: index is being written by process {first.pid} on ")
    assert (second.report, second.embedded) == ({}, ())
    if first_is_killed:
        first.kill()
    flag.touch()
    assert first.wait().killed == first_is_killed
    again = syncs.run(indexed.home, indexed.folder, settings=SETTINGS)
    assert again.report["added"] == (9 if first_is_killed else 0)
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


@pytest.mark.long
def test_two_syncs_that_try_at_the_same_time_lose_and_double_nothing(
    syncs: Syncs, indexed: EmbeddedByName, tmp_path: Path
) -> None:
    indexed.sync()
    for turn in range(3):
        indexed.write_numbered(4, prefix=f"added{turn}-")
        (indexed.folder / f"{turn:02}.md").rename(indexed.folder / f"renamed{turn}.md")
        (indexed.folder / f"{turn + 6:02}.md").unlink()
        running = [syncs.start(indexed.home, indexed.folder, settings=SETTINGS) for _ in range(2)]
        ended = [one.wait() for one in running]
        refused = [one.error for one in ended if not one.report]
        assert [one for one in refused if "is being written by process" not in one] == []
        assert any(one.report for one in ended)
        embedded = [text for one in ended for texts, _ in one.embedded for text in texts]
        assert len(set(embedded)) == len(embedded) > 0, "a string was embedded twice"
    assert indexed.contents() == indexed.from_scratch(tmp_path / "other")


# --- readers meanwhile ------------------------------------------------------------------------------------------------


def _sections(revision: str) -> str:
    """Ten sections, of which every other one is the same in each revision: their chunks keep their ids."""
    names = [f"shared{n}" if n % 2 else f"{revision}{n}" for n in range(10)]
    return "\n\n".join(f"# Section {n}\n\n{name} speaks. " + f"{name} " * 40 for n, name in enumerate(names))


@pytest.mark.long
def test_a_reader_sees_whole_documents_while_syncs_are_killed(syncs: Syncs, indexed: EmbeddedByName) -> None:
    def read() -> tuple[frozenset[str], frozenset[str]]:
        rows = app.store.rows(table, "NOT deleted AND key = 'a.md'", ["kind", "revision", "text"]).to_pylist()
        revisions = frozenset(one["revision"] for one in rows if one["kind"] == "document")
        return revisions, frozenset(one["text"] for one in rows if one["text"])

    whole: set[tuple[frozenset[str], frozenset[str]]] = set()
    for revision in ("odd", "even"):
        indexed.write("a.md", _sections(revision))
        indexed.sync()
        app = indexed.app()
        table = app.index.generation.table
        whole.add(read())
    seen: Counter[tuple[frozenset[str], frozenset[str]]] = Counter()
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            seen[read()] += 1

    reader = threading.Thread(target=hammer)
    reader.start()
    try:
        for turn, (boundary, when) in enumerate([("commit", "before"), ("commit", "after"), ("report", "before")] * 2):
            indexed.write("a.md", _sections(("odd", "even")[turn % 2]))
            wait_until_stamps_are_trusted()
            assert syncs.run(indexed.home, indexed.folder, Stop(boundary, 1, when), settings=SETTINGS).killed
    finally:
        stop.set()
        reader.join()
    assert sum(seen.values()) > 20
    assert set(seen) == whole, "a document in part, a mixture, or neither"
