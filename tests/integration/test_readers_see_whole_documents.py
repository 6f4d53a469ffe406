"""While syncs change a document, every reader sees one of its revisions, whole."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.app import App
from tests.support.indexed_folder import IndexedFolder

COLUMNS = ("id", "kind", "revision", "spans", "text")
Seen = list[tuple[str, frozenset[str]]]


def _text(revision: str) -> str:
    """Ten sections, of which every other one is the same in each revision: their chunks keep their ids."""
    names = [f"shared{n}" if n % 2 else f"{revision}{n}" for n in range(10)]
    return "\n\n".join(f"# Section {n}\n\n{name} speaks. " + f"{name} " * 40 for n, name in enumerate(names))


def _by_search(app: App) -> tuple[set[str], frozenset[str]]:
    """The revisions and texts of the passages that a hybrid search finds of the document."""
    vector = app.embedder.embed(["speaks"])[0]
    policy = RetrievalPolicy(top_k=100, candidates=100, rrf_k=60)
    passages = Retriever(app.index, policy).retrieve("speaks", vector).passages
    return {one.revision for one in passages}, frozenset(one.text for one in passages)


def _by_rows(app: App) -> tuple[set[str], frozenset[str]]:
    """The revisions and texts of the document's rows, ledger included, in one read."""
    rows = app.store.rows(app.index.generation.table, "NOT deleted", COLUMNS).to_pylist()
    chunks = {row["id"]: row["text"] for row in rows if row["kind"] == "chunk"}
    documents = [row for row in rows if row["kind"] == "document"]
    assert {span["chunk_id"] for row in documents for span in row["spans"]} == chunks.keys()
    return {row["revision"] for row in documents}, frozenset(chunks.values())


@contextmanager
def _reading(read: Callable[[], tuple[set[str], frozenset[str]]]) -> Iterator[list[tuple[set[str], frozenset[str]]]]:
    seen: list[tuple[set[str], frozenset[str]]] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    def hammer() -> None:
        try:
            while not stop.is_set():
                seen.append(read())
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    reader = threading.Thread(target=hammer)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()
    assert not failed, failed


@pytest.mark.parametrize("read", [_by_search, _by_rows])
def test_a_reader_sees_the_old_revision_or_the_new_one_and_never_a_mixture(
    indexed: IndexedFolder, read: Callable[[App], tuple[set[str], frozenset[str]]]
) -> None:
    whole: dict[str, frozenset[str]] = {}
    for revision in ("odd", "even"):
        indexed.write("a.md", _text(revision))
        indexed.sync()
        (name,), texts = read(indexed.app())
        whole[name] = texts
        assert len(texts) >= 10
    app = indexed.app()
    with _reading(lambda: read(app)) as seen:
        end = time.monotonic() + 4
        syncs = 0
        while syncs < 4 or time.monotonic() < end or len(seen) < 20:
            indexed.write("a.md", _text(("odd", "even")[syncs % 2]))
            assert indexed.sync().updated == 1
            syncs += 1
    assert {name for names, _ in seen for name in names} == set(whole), "both revisions were seen"
    for names, texts in seen:
        assert len(names) == 1, "a mixture of revisions, or neither"
        assert texts == whole[next(iter(names))], "a document in part"
