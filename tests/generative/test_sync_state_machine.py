"""Any sequence of edits, interruptions and restarts leaves the index that a build from scratch would make."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ragloop.corpus.vectors import text_hash
from ragloop.models import Vectors
from ragloop.store import Store
from tests.constant_embedder import ConstantEmbedder
from tests.indexed_folder import IndexedFolder, document

KEYS = st.sampled_from(["a.md", "b.md", "c.txt", "sub/a.md", "sub/d.rst", "sub/deep/e.html"])
TOPICS = st.sampled_from(["alpha", "beta", "gamma", "delta"])
POISON = b"\x00\x01\xff" * 50


class Interrupted(BaseException):
    """Stands for a kill: nothing catches it on its way up."""


class InterruptingEmbedder(ConstantEmbedder):
    """Dies at a chosen call, before or after its work; knows which strings were embedded, and by which call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls_left: int | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise Interrupted
        return super().embed(texts)


@contextmanager
def interrupted_store(write: int, after: bool) -> Iterator[None]:
    """Within the block the store dies at the n-th write from now on: before it, or when it has been committed."""
    left = write
    real = {name: getattr(Store, name) for name in ("upsert", "insert", "create")}

    def dying(work: Callable[..., Any]) -> Callable[..., Any]:
        def write_or_die(store: Store, *args: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0 and not after:
                raise Interrupted
            done = work(store, *args)
            if left < 0:
                raise Interrupted
            return done

        return write_or_die

    for name, work in real.items():
        setattr(Store, name, dying(work))
    try:
        yield
    finally:
        for name, work in real.items():
            setattr(Store, name, work)


class SyncMachine(RuleBasedStateMachine):
    """Files change at random; now and then a sync runs, and some of those die."""

    @initialize(batch=st.sampled_from([1, 2, 500]))
    def start(self, batch: int) -> None:
        self._place = tempfile.TemporaryDirectory()
        top = Path(self._place.name)
        self.embedder = InterruptingEmbedder()
        sync = {"batch_documents": batch, "guard_documents": 1000}
        self.indexed = IndexedFolder(top / "home", top / "documents", self.embedder, {"sync": sync})
        self.builds = 0
        self.stored: set[str] = set()
        self.dirty = True

    def teardown(self) -> None:
        if hasattr(self, "_place"):
            self._place.cleanup()

    def _file(self, key: str) -> Path:
        return self.indexed.folder / key

    @rule(key=KEYS, topic=TOPICS, paragraphs=st.integers(0, 4))
    def write(self, key: str, topic: str, paragraphs: int) -> None:
        """Add, edit or revert: there are few enough contents that they come again."""
        self.indexed.write(key, document(topic, paragraphs))
        self.dirty = True

    @rule(key=KEYS)
    def poison(self, key: str) -> None:
        self.indexed.write(key, POISON)
        self.dirty = True

    @rule(key=KEYS, paragraph=st.integers(0, 3))
    def edit_one_paragraph(self, key: str, paragraph: int) -> None:
        if self._file(key).exists():
            text = self._file(key).read_bytes().decode("utf-8", "replace")
            self.indexed.write(key, text.replace(f"Paragraph {paragraph} of", f"Part {paragraph} of"))
            self.dirty = True

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self._file(key).unlink(missing_ok=True)
        self.dirty = True

    @rule(source=KEYS, to=KEYS, keep=st.booleans())
    def rename_or_copy(self, source: str, to: str, keep: bool) -> None:
        if self._file(source).exists() and source != to:
            self.indexed.write(to, self._file(source).read_bytes())
            if not keep:
                self._file(source).unlink()
            self.dirty = True

    @rule(key=KEYS)
    def touch(self, key: str) -> None:
        if self._file(key).exists():
            self._file(key).touch()
            self.dirty = True

    @precondition(lambda self: self.dirty)
    @rule()
    def sync(self) -> None:
        before = self.indexed.contents() if self._is_indexed() else {}
        stored = self._stored_hashes()
        report = self.indexed.sync()
        self._embedded_nothing_twice(stored)
        assert report.scanned == sum(path.is_file() for path in self.indexed.folder.rglob("*"))
        self._equals_a_build_from_scratch(before)
        again = self.indexed.sync()
        assert (again.documents_read, again.chunks_embedded, again.commits) == (0, 0, 0)
        self.dirty = False

    @precondition(lambda self: self.dirty)
    @rule(embeds=st.integers(0, 2))
    def sync_that_dies_in_the_embedder(self, embeds: int) -> None:
        stored = self._stored_hashes()
        self.embedder.calls_left = embeds
        try:
            self.indexed.sync()
        except Interrupted:
            pass
        finally:
            self.embedder.calls_left = None
        self._embedded_nothing_twice(stored)

    @precondition(lambda self: self.dirty)
    @rule(write=st.integers(0, 14), after=st.booleans())
    def sync_that_dies_in_the_store(self, write: int, after: bool) -> None:
        stored = self._stored_hashes()
        try:
            with interrupted_store(write, after):
                self.indexed.sync()
        except Interrupted:
            pass
        self._embedded_nothing_twice(stored)

    @invariant()
    def tombstones_are_never_found(self) -> None:
        if not hasattr(self, "indexed") or not self._is_indexed():
            return
        living = {one for one, row in self.indexed.contents().items() if row["kind"] == "chunk"}
        found = self.indexed.app().search("Paragraph 1 of alpha", 100).passages
        assert {passage.chunk_id for passage in found} <= living
        assert all(passage.text for passage in found)

    def _is_indexed(self) -> bool:
        folder = self.indexed.home / "store"
        return folder.is_dir() and bool(Store.open(self.indexed.home).rows("generations").num_rows)

    def _stored_hashes(self) -> set[str]:
        """Hashes of every string whose vector is stored."""
        folder = self.indexed.home / "store"
        names = [one.stem for one in folder.glob("vectors_*.lance")] if folder.is_dir() else []
        store = Store.open(self.indexed.home) if names else None
        return {one for name in names if store and store.has(name) for one in store.rows(name)["text_hash"].to_pylist()}

    def _embedded_nothing_twice(self, stored: set[str]) -> None:
        hashes = [text_hash(text) for text in self.embedder.embedded]
        assert len(set(hashes)) == len(hashes), "one run embedded a string twice"
        assert not stored & set(hashes), "a string was embedded whose vector was stored"

    def _equals_a_build_from_scratch(self, before: dict[str, dict[str, Any]]) -> None:
        """Equal but for poisoned documents, whose last good revision a fresh build cannot know: it is as it was."""
        self.builds += 1
        fresh = self.indexed.from_scratch(Path(self._place.name) / f"build-{self.builds}")
        contents = self.indexed.contents()
        poisoned = {row["key"] for row in fresh.values() if row["kind"] == "document" and row["status"] != "current"}
        assert _without(poisoned, contents) == _without(poisoned, fresh)
        assert _chunks(poisoned, contents) == _chunks(poisoned, before)
        ledger = {row["key"]: row["status"] for row in contents.values() if row["kind"] == "document"}
        assert {key for key, status in ledger.items() if status != "current"} == poisoned


def _without(keys: set[str], rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one: row for one, row in rows.items() if row["key"] not in keys}


def _chunks(keys: set[str], rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one: row for one, row in rows.items() if row["key"] in keys and row["kind"] == "chunk"}


SyncMachine.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyHistoryEndsAsABuildFromScratch = SyncMachine.TestCase
