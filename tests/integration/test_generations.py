"""A changed embedder, chunker or parser: built beside what answers, cut over to at once, rolled back in one command."""

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop.corpus.index import inventory, vectors
from ragloop.corpus.index.generations import generation
from ragloop.corpus.index.generations.switches import cut_over_to, roll_back
from ragloop.corpus.index.retention import GRACE
from ragloop.errors import MismatchError, NotFoundError
from tests.support.indexed_folder import EmbeddedByName, document

WIDE = {"embedder": "wide"}


@pytest.fixture
def indexed(tmp_path: Path) -> EmbeddedByName:
    """Twelve documents, indexed by the narrow embedder."""
    made = EmbeddedByName(tmp_path / "home", tmp_path / "documents")
    made.write_numbered(12)
    made.sync()
    return made


def states(indexed: EmbeddedByName) -> list[tuple[str, str]]:
    """Embedder and state of every known generation, newest first."""
    return [(one.generation.embedder, one.state) for one in indexed.app().generations.all()]


def hashes(indexed: EmbeddedByName) -> set[str]:
    return {row["text_hash"] for row in indexed.contents().values() if row["kind"] == "chunk"}


# --- built beside, and cut over to -------------------------------------------------------------------------------


def test_another_embedder_is_built_beside_while_the_first_goes_on_answering(indexed: EmbeddedByName) -> None:
    indexed.settings = {"sync": {"batch_documents": 3}}
    indexed.chosen = WIDE
    texts = len(hashes(indexed))
    seen = []

    def ask(done: int, total: int, embedded: int) -> None:
        found = indexed.app().answering.search("Paragraph 1 of 1", 50)
        seen.append((found.generation, len(found.passages)))

    before = indexed.app().index.generation
    report = indexed.sync(progress=ask)
    assert len(seen) == 4
    assert {one[0] for one in seen} == {before.fingerprint}
    assert all(count == texts for _, count in seen), "what answers is whole while another is built"
    assert len(indexed.wide.embedded) == report.chunks_embedded == texts
    assert set(indexed.embedder.embedded) == {"Paragraph 1 of 1"}, "the old one embeds questions only"
    assert states(indexed) == [("constant-16", "active"), ("constant-8", "retired")]
    assert report.generation == indexed.app().index.generation.fingerprint
    assert (report.state, report.complete) == ("active", True)
    (notice,) = report.notices
    assert before.fingerprint in notice
    assert report.generation in notice
    assert indexed.contents() == indexed.from_scratch(indexed.home.with_name("other"))


def test_another_chunk_size_embeds_the_strings_that_are_new_and_no_other(indexed: EmbeddedByName) -> None:
    indexed.write("short.md", "# Short\n\nalpha")
    indexed.sync()
    before = hashes(indexed)
    indexed.chosen = {"embedder": "narrow", "chunk_tokens": 50}
    report = indexed.sync()
    new = hashes(indexed) - before
    assert report.chunks_embedded == len(indexed.embedder.embedded) == len(new)
    assert hashes(indexed) & before, "some string is the same in both, and was not embedded again"
    indexed.chosen = {"embedder": "narrow"}
    assert indexed.sync().chunks_embedded == 0
    assert hashes(indexed) == before


def test_what_answers_is_brought_up_to_date_while_another_is_built(indexed: EmbeddedByName) -> None:
    indexed.settings = {"sync": {"batch_documents": 1}}
    indexed.chosen = {**WIDE, "refresh_minutes": 1e-9}
    found: list[tuple[str, bool]] = []

    def edit(done: int, total: int, embedded: int) -> None:
        if total == 9:
            indexed.write("new.md", document("omega"))
        search = indexed.app().answering.search("Paragraph 1 of omega", 100)
        found.append((search.generation, any("omega" in one.text for one in search.passages)))

    report = indexed.sync(progress=edit)
    assert (report.scanned, report.added, report.unchanged) == (13, 13, 0)
    assert report.active["added"] == 1
    assert len({generation for generation, _ in found}) == 1
    assert found[-1][1], "a document that came while the build went on was found before the cut-over"
    assert indexed.app().index.generation.embedder == "constant-16"


def test_a_build_waits_for_every_source_and_goes_on_with_the_next_sync(indexed: EmbeddedByName, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "x.md").write_text(document("chi"))
    indexed.app().corpus.sync(other)
    moved = other.rename(tmp_path / "unmounted")
    indexed.chosen = WIDE
    report = indexed.sync()
    assert (report.state, report.complete, report.added) == ("building", False, 12)
    assert states(indexed) == [("constant-16", "building"), ("constant-8", "active")]
    moved.rename(other)
    report = indexed.sync()
    assert (report.state, report.added, report.unchanged) == ("active", 1, 12)
    assert indexed.app().status()["documents"] == 13


def test_a_build_that_is_no_longer_asked_for_is_dropped(
    indexed: EmbeddedByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.chosen = WIDE

    def dies(done: int, total: int, embedded: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexed.sync(progress=dies)
    assert states(indexed) == [("constant-16", "building"), ("constant-8", "active")]
    indexed.chosen = {"embedder": "narrow"}
    assert indexed.sync().unchanged == 12
    assert states(indexed) == [("constant-8", "active")]
    assert len(indexed.app().store.tables.names("index_")) == 1


def test_an_emptied_folder_keeps_a_build_from_answering_until_a_person_confirms(indexed: EmbeddedByName) -> None:
    indexed.write("kept.md", document("kept"))
    for file in indexed.folder.glob("[01]*.md"):
        file.unlink()
    indexed.chosen = WIDE
    report = indexed.sync()
    assert (report.state, report.withheld_deletes, report.complete) == ("ready", 12, False)
    assert indexed.app().status()["documents"] == 13
    assert indexed.sync(confirm_deletes=True).complete
    assert states(indexed)[0] == ("constant-16", "active")
    assert indexed.app().status()["documents"] == 1


def test_a_quarantined_document_does_not_keep_a_build_from_answering(indexed: EmbeddedByName) -> None:
    indexed.write("00.md", b"\x00\x01\x02" * 100)
    indexed.chosen = WIDE
    report = indexed.sync()
    assert (report.state, report.quarantined) == ("active", 1)
    assert "1 document is quarantined in" in report.notices[0]


def test_one_folder_that_is_named_builds_every_known_source(indexed: EmbeddedByName, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "x.md").write_text(document("chi"))
    indexed.app().corpus.sync(other)
    indexed.chosen = WIDE
    assert indexed.app().corpus.sync(other).scanned == 13
    assert indexed.app().status()["documents"] == 13


def test_a_folder_that_only_a_build_has_seen_stays_known(
    indexed: EmbeddedByName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "PARSER", "of the future")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "x.md").write_text(document("chi"))
    indexed.chosen = {"embedder": "narrow", "cutover": "manual"}
    assert indexed.app().corpus.sync(other).state == "ready"
    assert indexed.app().corpus.sync().unchanged == 13


def test_a_rebuild_that_embeds_nothing_takes_few_commits(indexed: EmbeddedByName) -> None:
    indexed.write_numbered(200, prefix="more")
    indexed.sync()
    report = indexed.sync(rebuild=True)
    assert (report.chunks_embedded, report.added) == (0, 212)
    assert report.commits <= 5


# --- the operator ------------------------------------------------------------------------------------------------


def test_a_manual_cut_over_waits_for_the_operator_and_keeps_both_up_to_date(indexed: EmbeddedByName) -> None:
    indexed.chosen = {**WIDE, "cutover": "manual"}
    assert indexed.sync().state == "ready"
    indexed.write("new.md", document("omega"))
    report = indexed.sync()
    assert (report.state, report.added, report.active["added"]) == ("ready", 1, 1)
    cut_over_to(indexed.app().generations, None)
    assert states(indexed) == [("constant-16", "active"), ("constant-8", "retired")]
    report = indexed.sync()
    assert (report.unchanged, report.documents_read, report.notices) == (13, 0, ())


def test_a_generation_that_was_rolled_back_is_refused_until_the_operator_cuts_over_again(
    indexed: EmbeddedByName,
) -> None:
    indexed.chosen = WIDE
    indexed.sync()
    roll_back(indexed.app().generations)
    assert states(indexed) == [("constant-16", "refused"), ("constant-8", "active")]
    indexed.write("new.md", document("omega"))
    report = indexed.sync()
    assert (report.added, report.state, indexed.wide.embedded) == (1, "active", [])
    assert report.complete
    assert "which was rolled back" in report.notices[0]
    assert any("omega" in text for text in indexed.found("omega"))
    with pytest.raises(NotFoundError, match="found no retired generation"):
        roll_back(indexed.app().generations)

    cut_over_to(indexed.app().generations, None)
    assert indexed.sync().added == 1
    assert states(indexed) == [("constant-16", "active"), ("constant-8", "retired")]


def test_a_state_that_this_ragloop_does_not_know_is_named_with_what_to_do(indexed: EmbeddedByName) -> None:
    indexed.write_numbered(1)
    indexed.sync()
    store = indexed.app().store
    (row,) = store.rows("generations").to_pylist()
    store.upsert_rows("generations", [{**row, "state": "live"}])
    with pytest.raises(MismatchError, match=r"state 'live', expected one of building, .*: another .*new --home"):
        indexed.sync()


def test_a_rebuild_lifts_the_refusal(indexed: EmbeddedByName) -> None:
    indexed.chosen = WIDE
    indexed.sync()
    roll_back(indexed.app().generations)
    assert indexed.sync(rebuild=True).state == "active"
    assert states(indexed) == [("constant-16", "active"), ("constant-16", "retired"), ("constant-8", "retired")]


def test_a_generation_of_an_older_parser_answers_but_is_said_not_to_be_brought_up_to_date(
    indexed: EmbeddedByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = indexed.app().index.generation
    monkeypatch.setattr(generation, "PARSER", "of the future")
    indexed.write("new.md", document("omega"))
    report = indexed.sync()
    assert (report.state, report.added) == ("active", 13)
    assert all("omega" in text for text in indexed.embedder.embedded), "equal strings keep their vectors"
    assert "is not brought up to date while" in report.notices[0]
    assert "parser of the future" in report.notices[0]

    roll_back(indexed.app().generations)
    assert indexed.app().index.generation == older
    report = indexed.sync()
    assert not report.complete
    assert "cannot be brought up to date, this ragloop has parser of the future" in report.problems[0]


# --- the embedder of what answers ----------------------------------------------------------------------------------


def test_an_embedder_that_cannot_be_opened_any_more_is_said_and_does_not_stop_a_build(
    indexed: EmbeddedByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.chosen = WIDE
    real = indexed.open_embedder

    def without_narrow(name: str, backend: str) -> object:
        return real("gone" if name == "narrow" else name, backend)

    monkeypatch.setattr(indexed, "open_embedder", without_narrow)
    with pytest.raises(NotFoundError, match=r"built by the embedder narrow \(auto\), which cannot be opened: found no"):
        indexed.found("alpha")
    report = indexed.sync()
    assert "which cannot be opened" in report.notices[0]
    assert report.state == "active"
    assert indexed.found("alpha")


def test_a_name_that_means_another_embedder_now_never_answers_from_the_old_index(
    indexed: EmbeddedByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "open_embedder", lambda name, backend: indexed.wide)
    with pytest.raises(MismatchError, match=r"built by the embedder constant-8; narrow \(auto\) is constant-16 now"):
        indexed.found("alpha")
    indexed.sync()
    assert indexed.found("alpha")


# --- under load ----------------------------------------------------------------------------------------------------


def _hammer(
    search: Callable[[], tuple[str, set[str]]], seen: list[tuple[str, set[str]]], stop: threading.Event
) -> None:
    while not stop.is_set():
        seen.append(search())


@pytest.mark.long
def test_under_load_no_query_fails_and_none_mixes_generations(indexed: EmbeddedByName) -> None:
    app = indexed.app()
    seen: list[tuple[str, set[str]]] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    def search() -> tuple[str, set[str]]:
        found = app.answering.search("Paragraph 1 of 1", 100)
        return found.generation, {one.chunk_id for one in found.passages}

    def hammer() -> None:
        try:
            _hammer(search, seen, stop)
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    chunks: dict[str, set[str]] = {}
    reader = threading.Thread(target=hammer)
    reader.start()
    try:
        for chosen in ({**WIDE, "chunk_tokens": 50}, {"embedder": "narrow"}, {**WIDE, "chunk_tokens": 80}, WIDE):
            chunks[indexed.app().index.generation.fingerprint] = set(inventory.text_hashes(indexed.app().index))
            indexed.chosen = chosen
            assert indexed.sync().state == "active"
        chunks[indexed.app().index.generation.fingerprint] = set(inventory.text_hashes(indexed.app().index))
        roll_back(indexed.app().generations)
    finally:
        stop.set()
        reader.join()
    assert not failed, failed
    assert len({answered for answered, _ in seen}) >= 3
    assert len(seen) > 20
    for answered, ids in seen:
        assert ids, "a query found nothing"
        assert ids <= chunks[answered], "a query mixed two generations"


# --- retention -------------------------------------------------------------------------------------------------------


def _backdate(indexed: EmbeddedByName, by: timedelta) -> None:
    """As if everything had happened that much earlier."""
    store = indexed.app().store
    generations = store.table("generations").to_arrow().to_pylist()
    for row in generations:
        row["ended_at"] = row["ended_at"] and row["ended_at"] - by
    store.upsert_rows("generations", generations)
    looked = store.rows("reports", "report_id = 'vectors'").to_pylist()
    store.upsert_rows("reports", [{**row, "at": row["at"] - by} for row in looked])
    for name in store.tables.names("vectors_"):
        unused = store.rows(name, "unused_since IS NOT NULL", ["unused_since"])["unused_since"].to_pylist()
        for moment in set(unused):
            at = f"unused_since = timestamp '{moment.astimezone(UTC).isoformat()}'"
            store.table(name).update(where=at, values={"unused_since": moment - by})


def test_what_answered_before_is_kept_for_its_time_and_then_dropped(indexed: EmbeddedByName) -> None:
    indexed.chosen = WIDE
    indexed.sync()
    _backdate(indexed, timedelta(days=6))
    indexed.sync()
    assert states(indexed) == [("constant-16", "active"), ("constant-8", "retired")]
    _backdate(indexed, timedelta(days=2))
    indexed.sync()
    assert states(indexed) == [("constant-16", "active")]
    assert len(indexed.app().store.tables.names("index_")) == 1


def test_of_several_that_answered_before_only_the_newest_is_kept(indexed: EmbeddedByName) -> None:
    for chosen in (WIDE, {**WIDE, "chunk_tokens": 50}):
        indexed.chosen = chosen
        indexed.sync()
    assert [state for _, state in states(indexed)] == ["active", "retired", "retired"], "a query may still read it"
    _backdate(indexed, GRACE * 1.1)
    indexed.sync()
    assert states(indexed) == [("constant-16", "active"), ("constant-16", "retired")]


def test_a_refusal_outlives_the_table_that_was_refused(indexed: EmbeddedByName) -> None:
    indexed.chosen = WIDE
    indexed.sync()
    roll_back(indexed.app().generations)
    _backdate(indexed, timedelta(days=8))
    report = indexed.sync()
    assert len(indexed.app().store.tables.names("index_")) == 1
    assert (report.state, indexed.wide.embedded) == ("active", [])
    assert "which was rolled back" in indexed.sync().notices[0]
    with pytest.raises(NotFoundError, match="found no generation"):
        cut_over_to(indexed.app().generations, None)


def test_a_table_that_no_generation_names_is_dropped(indexed: EmbeddedByName) -> None:
    store = indexed.app().store
    names = store.tables.names("index_")[0], "index_orphan"
    shutil.copytree(*(store.home / "store" / f"{name}.lance" for name in names))
    indexed.sync()
    assert "index_orphan" not in store.tables.names("index_")


def test_a_vector_is_kept_for_its_time_after_its_last_use_and_no_longer(indexed: EmbeddedByName) -> None:
    first = (indexed.folder / "00.md").read_text()
    _backdate(indexed, timedelta(days=400))
    indexed.write("00.md", document("edited"))
    indexed.sync()
    _backdate(indexed, timedelta(days=29))
    indexed.write("00.md", first)
    report = indexed.sync()
    assert report.chunks_embedded == 0, "a revert within the retention, however old the vector is"
    (change,) = report.changes
    _backdate(indexed, timedelta(days=31))
    indexed.sync()
    indexed.write("00.md", document("edited"))
    assert indexed.sync().chunks_embedded == change.chunks > 0


def test_vectors_of_a_kept_generation_are_in_use(indexed: EmbeddedByName) -> None:
    indexed.chosen = {**WIDE, "keep_days": 3000, "vector_retention_days": 0}
    for _ in range(2):
        indexed.sync()
    _backdate(indexed, timedelta(days=100))
    indexed.sync()
    indexed.chosen = {"embedder": "narrow"}
    report = indexed.sync()
    assert (report.chunks_embedded, report.state) == (0, "active")
    assert datetime.now(UTC) - indexed.app().generations.all()[-1].created_at < timedelta(days=1)


def test_the_hashes_of_many_vectors_are_indexed_and_found(
    indexed: EmbeddedByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "LARGE", 10)
    indexed.sync()
    store = indexed.app().store
    (name,) = store.tables.names("vectors_")
    assert [one.columns for one in store.table(name).list_indices()] == [["text_hash"]]
    indexed.write_numbered(14, prefix="new")
    new = indexed.sync().chunks_embedded
    assert len(vectors.VectorStore(store, indexed.embedder).find(sorted(hashes(indexed)))) == len(hashes(indexed))
    (index,) = store.table(name).list_indices()
    assert index.num_unindexed_rows == 0 < new


def test_the_time_of_embedding_is_the_embedder_s_and_not_that_of_storing(
    indexed: EmbeddedByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = vectors.VectorStore.add

    def slow(*given: object) -> None:
        time.sleep(0.5)
        add(*given)

    monkeypatch.setattr(vectors.VectorStore, "add", slow)
    indexed.write("new.md", document("omega"))
    assert indexed.sync().embed_seconds < 0.4
