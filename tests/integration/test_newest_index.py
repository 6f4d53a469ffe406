"""The index that answers is opened once for each of its versions, and no commit or cut-over is missed."""

from ragloop.corpus.index.generations.newest import REOPENED_S, NewestIndex
from ragloop.corpus.index.generations.switches import cut_over_to, roll_back
from tests.support.indexed_folder import IndexedFolder


def texts(newest: NewestIndex) -> list[str]:
    return sorted(newest.active().index.read("NOT deleted AND kind = 'chunk'", ["text"])["text"].to_pylist())


def test_a_snapshot_serves_until_the_next_commit(indexed: IndexedFolder) -> None:
    indexed.write("a.md", "The ferry leaves at nine.\n")
    indexed.sync()
    newest = indexed.app().answering.newest
    first = newest.active()
    assert newest.active() is first, "nothing is opened for a second question"
    indexed.write("a.md", "The ferry leaves at ten.\n")
    indexed.sync()
    assert texts(newest) == ["The ferry leaves at ten."]
    assert first.index.read("NOT deleted AND kind = 'chunk'", ["text"])["text"].to_pylist() == [
        "The ferry leaves at nine."
    ], "who began before the commit goes on with what it began with"


def test_a_cut_over_and_a_roll_back_are_seen_at_once(indexed: IndexedFolder) -> None:
    indexed.write("a.md", "The ferry leaves at nine.\n")
    indexed.sync()
    app = indexed.app()
    newest = app.answering.newest
    before = newest.active().index.generation.table
    indexed.sync(rebuild=True)
    after = newest.active().index.generation.table
    assert after != before
    roll_back(app.generations)
    assert newest.active().index.generation.table == before
    cut_over_to(app.generations, after)
    assert newest.active().index.generation.table == after


def test_a_snapshot_goes_on_until_files_of_commits_were_written_anew(indexed: IndexedFolder) -> None:
    indexed.write("a.md", "The ferry leaves at nine.\n")
    indexed.sync()
    app, now = indexed.app(), [0.0]
    newest = NewestIndex(app.store, lambda: app.index, app.parts.embedder_of, lambda: now[0])
    first = newest.active()
    now[0] = REOPENED_S
    assert newest.active() is first, "nothing was committed, and what was learnt of the snapshot is kept"
    versions = indexed.home / "store" / f"{first.index.generation.table}.lance" / "_versions"
    for manifest in versions.glob("*.manifest"):
        held, new = manifest.read_bytes(), manifest.with_name("new")
        new.write_bytes(held)
        new.rename(manifest)  # as a restore in place does
    assert newest.active() is first, "it is not looked for at every question"
    now[0] = 2 * REOPENED_S
    assert newest.active() is not first


def test_answers_are_the_same_however_often_they_are_asked(indexed: IndexedFolder) -> None:
    indexed.write_numbered(12)
    indexed.sync()
    app = indexed.app(retrieval={"min_similarity": -1.0})
    questions = ["What does page 3 say?", "Which page is 7?", "page 3"]
    fresh = [indexed.app(retrieval={"min_similarity": -1.0}).answering.search(one) for one in questions]
    for _ in range(2):
        assert [app.answering.search(one) for one in questions] == fresh
    assert app.answering.newest.active() is app.answering.newest.active()
