"""Any sequence of edits, interruptions and restarts leaves the index that a build from scratch would make."""

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ragloop.hashes import sha256_of_text
from ragloop.models import Vectors
from ragloop.store import Store
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.dying import Dying, Killed
from tests.support.examples import tried
from tests.support.indexed_folder import IndexedFolder, document

NAMES = ("a.md", "b.md", "c.txt", "sub/a.md", "sub/d.rst", "sub/deep/e.html")
KEYS = st.sampled_from(NAMES)
KINDS = ("write", "write", "edit", "delete", "rename", "copy", "touch", "poison")
TOPICS = ("alpha", "beta", "gamma")
CHANGES = st.lists(
    st.tuples(st.sampled_from(KINDS), KEYS, KEYS, st.sampled_from(TOPICS), st.integers(0, 3)), min_size=1, max_size=4
)
"""What happens, to which file, another file, a topic, a number. So few contents make reverts and twins frequent."""
POISON = b"\x00\x01\xff" * 50


class InterruptingEmbedder(ConstantEmbedder):
    """Dies at a chosen call, before or after its work; knows which strings were embedded, and by which call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls_left: int | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Killed
        return super().embed(texts)


class SyncMachine(RuleBasedStateMachine):
    """A few files change at random, then a sync runs; some of those die. The last one of a history never does."""

    @initialize(batch=st.sampled_from([1, 2, 500]), topics=st.lists(st.sampled_from(TOPICS), min_size=3, max_size=6))
    def start(self, batch: int, topics: list[str]) -> None:
        self._place = tempfile.TemporaryDirectory()
        top = Path(self._place.name)
        self.embedder = InterruptingEmbedder()
        sync = {"batch_documents": batch, "guard_documents": 1000}
        self.indexed = IndexedFolder(top / "home", top / "documents", self.embedder, {"sync": sync})
        self.builds = 0
        for name, topic in zip(NAMES, topics, strict=False):
            self.indexed.write(name, document(topic, 2))

    def teardown(self) -> None:
        if hasattr(self, "_place"):
            try:
                self._sync_completes()
            finally:
                self._place.cleanup()

    def _change(self, kind: str, key: str, other: str, topic: str, number: int) -> None:
        file = self.indexed.folder / key
        if kind == "write":
            self.indexed.write(key, document(topic, number))
        elif kind == "poison":
            self.indexed.write(key, POISON)
        elif not file.exists():
            return
        elif kind == "edit":
            self.indexed.write(key, file.read_bytes().replace(b"Paragraph %d of" % number, b"Part %d of" % number))
        elif kind == "touch":
            file.touch()
        elif kind == "delete":
            file.unlink()
        elif key != other:
            self.indexed.write(other if number % 2 else f"new/{other}", file.read_bytes())
            if kind == "rename":
                file.unlink()

    @rule(changes=CHANGES)
    def change_and_sync(self, changes: list[tuple[str, str, str, str, int]]) -> None:
        for change in changes:
            self._change(*change)
        self._sync_completes()

    @rule(changes=CHANGES, embeds=st.integers(0, 2))
    def change_and_die_in_the_embedder(self, changes: list[tuple[str, str, str, str, int]], embeds: int) -> None:
        for change in changes:
            self._change(*change)
        stored = self._stored_hashes()
        self.embedder.calls_left = embeds
        try:
            self.indexed.sync()
        except Killed:
            pass
        finally:
            self.embedder.calls_left = None
        self._embedded_nothing_twice(stored)

    @rule(changes=CHANGES, step=st.integers(0, 12), after=st.booleans())
    def change_and_die_in_the_store(
        self, changes: list[tuple[str, str, str, str, int]], step: int, after: bool
    ) -> None:
        for change in changes:
            self._change(*change)
        stored = self._stored_hashes()
        self.indexed.boundary = Dying(step, after)
        try:
            self.indexed.sync()
        except Killed:
            pass
        finally:
            self.indexed.boundary = nullcontext
        self._embedded_nothing_twice(stored)

    def _sync_completes(self) -> None:
        before = self.indexed.contents() if self._is_indexed() else {}
        stored = self._stored_hashes()
        report = self.indexed.sync()
        self._embedded_nothing_twice(stored)
        assert report.scanned == sum(path.is_file() for path in self.indexed.folder.rglob("*"))
        self._equals_a_build_from_scratch(before)
        again = self.indexed.sync()
        assert (again.documents_read, again.chunks_embedded, again.commits) == (0, 0, 0)

    @invariant()
    def tombstones_are_never_found(self) -> None:
        if not hasattr(self, "indexed") or not self._is_indexed():
            return
        living = {one for one, row in self.indexed.contents().items() if row["kind"] == "chunk"}
        found = self.indexed.app().answering.search("Paragraph 1 of alpha", 100).passages
        assert {passage.chunk_id for passage in found} <= living
        assert all(passage.text for passage in found)

    def _is_indexed(self) -> bool:
        folder = self.indexed.home / "store"
        return folder.is_dir() and bool(Store.open(self.indexed.home).rows("generations").num_rows)

    def _stored_hashes(self) -> set[str]:
        """Hashes of every string whose vector is stored."""
        folder = self.indexed.home / "store"
        names = [one.stem for one in folder.glob("vectors_*.lance")] if folder.is_dir() else []
        if not names:
            return set()
        store = Store.open(self.indexed.home)
        held = filter(store.tables.has, names)
        return {one for name in held for one in store.rows(name)["text_hash"].to_pylist()}

    def _embedded_nothing_twice(self, stored: set[str]) -> None:
        hashes = [sha256_of_text(text) for text in self.embedder.embedded]
        assert len(set(hashes)) == len(hashes), "one run embedded a string twice"
        assert not stored & set(hashes), "a string was embedded whose vector was stored"

    def _equals_a_build_from_scratch(self, before: dict[str, dict[str, Any]]) -> None:
        """Equal but for poisoned documents, whose last good revision a fresh build cannot know: it is as it was."""
        self.builds += 1
        fresh = self.indexed.from_scratch(Path(self._place.name) / f"build-{self.builds}")
        contents = self.indexed.contents()
        poisoned = {row["key"] for row in fresh.values() if row["kind"] == "document" and row["status"] != "current"}
        assert _without(poisoned, contents) == _without(poisoned, fresh)
        self._last_good_revisions_stay(poisoned, contents, before)
        ledger = {row["key"]: row["status"] for row in contents.values() if row["kind"] == "document"}
        assert {key for key, status in ledger.items() if status != "current"} == poisoned

    def _last_good_revisions_stay(
        self, poisoned: set[str], contents: dict[str, dict[str, Any]], before: dict[str, dict[str, Any]]
    ) -> None:
        """Where they were; what had none may have that of a document which was renamed to it, and so is gone."""
        left = {row["key"] for row in contents.values()}
        gone = [_texts(key, before) for key in {row["key"] for row in before.values()} - left]
        for key in poisoned:
            if _chunks({key}, contents) != _chunks({key}, before):
                assert _chunks({key}, before) == {}
                assert _texts(key, contents) in gone


def _texts(key: str, rows: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((row["heading"], row["text"]) for row in _chunks({key}, rows).values())


def _without(keys: set[str], rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one: row for one, row in rows.items() if row["key"] not in keys}


def _chunks(keys: set[str], rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one: row for one, row in rows.items() if row["key"] in keys and row["kind"] == "chunk"}


SyncMachine.TestCase.settings = settings(
    max_examples=tried(2),
    stateful_step_count=6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a step takes half a second: shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyHistoryEndsAsABuildFromScratch = SyncMachine.TestCase
