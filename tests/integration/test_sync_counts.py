"""How little a sync of a thousand documents does: strings embedded, bytes read, commits, CPU."""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ragloop.corpus.chunking.chunker import chunk
from ragloop.corpus.index.ledger import COLUMNS, COMPARED
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.store import Store
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.cpu import cpu_seconds_below
from tests.support.indexed_folder import IndexedFolder

DOCUMENTS = 1000
ONE_PERCENT = DOCUMENTS // 100
EDITS = DOCUMENTS // 20
"""More than one percent, for a p95 that means something."""
WORDS = [f"{onset}{vowel}{coda}" for onset in "bdfglmnprstv" for vowel in "aeiou" for coda in ("l", "n", "r", "st", "")]


def written(chance: random.Random, number: int) -> str:
    """Markdown of four sections with six paragraphs each, one of them after a list, some as long as a chunk."""
    parts = [f"# Document {number}"]
    for section in range(4):
        parts.append(f"## {' '.join(chance.choices(WORDS, k=3))} {section}")
        for _ in range(6):
            lengths = (chance.randrange(6, 18) for _ in range(chance.choice((1, 3, 9))))
            parts.append(". ".join(" ".join(chance.choices(WORDS, k=length)) for length in lengths) + ".")
        parts.append("\n".join(f"- {' '.join(chance.choices(WORDS, k=5))}" for _ in range(4)))
    return "\n\n".join(parts) + "\n"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> IndexedFolder:
    """A thousand documents, indexed once. Every test leaves the folder changed, and the index true to it."""
    place, chance = tmp_path_factory.mktemp("thousand"), random.Random(5)
    indexed = IndexedFolder(place / "home", place / "documents", ConstantEmbedder())
    for number in range(DOCUMENTS):
        indexed.write(f"{number // 100}/{number:04}.md", written(chance, number))
    batches: list[int] = []
    report = indexed.sync(progress=lambda done, total, embedded: batches.append(done))
    assert report.added == DOCUMENTS
    assert report.chunks_embedded == len(set(indexed.embedder.embedded)) == len(indexed.embedder.embedded) > 10_000
    assert report.commits == len({*batches} - {0}) <= 1 + DOCUMENTS / 100, (
        "batches of hundreds, and a smaller first one"
    )
    return indexed


@pytest.fixture
def files(indexed: IndexedFolder) -> list[Path]:
    return sorted(path for path in indexed.folder.rglob("*.md"))


def embedded_strings(file: Path) -> set[str]:
    """The strings that a file's chunks embed."""
    document = parse(file.read_bytes(), "text/markdown", file.name, ParseLimits())
    return {one.embedded for one in chunk(document, ConstantEmbedder().count_tokens)}


def edited(file: Path, place: str) -> None:
    """Replace a word of a paragraph by two."""
    paragraphs = file.read_text().split("\n\n")
    prose = [number for number, text in enumerate(paragraphs) if text[0] not in "#-"]
    at = prose[{"start": 0, "middle": len(prose) // 2, "end": -1}[place]]
    words = paragraphs[at].split(" ")
    paragraphs[at] = " ".join([*words[: len(words) // 2], "edited", place, *words[len(words) // 2 + 1 :]])
    file.write_text("\n\n".join(paragraphs))


@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_edited_paragraphs_embed_exactly_the_strings_that_are_new(
    indexed: IndexedFolder, files: list[Path], place: str
) -> None:
    before = {file: embedded_strings(file) for file in files[:EDITS]}
    for file in before:
        edited(file, place)
    new = [embedded_strings(file) - strings for file, strings in before.items()]
    report = indexed.sync()
    assert sorted(indexed.embedder.embedded) == sorted(set().union(*new))
    assert (report.updated, report.documents_read) == (EDITS, EDITS)
    assert report.commits <= 2, "a first batch and the rest"
    median, p95 = np.quantile([len(strings) for strings in new], (0.5, 0.95))
    assert median <= 2
    assert p95 <= 4


def test_one_percent_edited_is_one_commit_of_the_rows_that_change_and_leaves_the_indexes(
    indexed: IndexedFolder, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = indexed.app()
    table = app.store.table(app.index.generation.table)
    table.optimize()
    indexes = {one.index_uuid for one in table.list_indices()}
    before = {file: embedded_strings(file) for file in files[200 : 200 + ONE_PERCENT]}
    for file in before:
        edited(file, "middle")
    written: list[pa.Table] = []
    upsert = Store.upsert

    def noting(store: Store, name: str, rows: pa.Table) -> None:
        written.extend([rows] if name == table.name else [])
        upsert(store, name, rows)

    monkeypatch.setattr(Store, "upsert", noting)
    report = indexed.sync()
    assert (report.updated, report.commits) == (ONE_PERCENT, 1)
    (rows,) = written
    new = sum(len(embedded_strings(file) - strings) for file, strings in before.items())
    old = sum(len(strings - embedded_strings(file)) for file, strings in before.items())
    assert Counter(zip(rows["kind"].to_pylist(), rows["deleted"].to_pylist(), strict=True)) == {
        ("document", False): ONE_PERCENT,
        ("chunk", False): new,
        ("chunk", True): old,
    }
    assert report.chunks_embedded == new <= 4 * ONE_PERCENT
    assert {one.index_uuid for one in app.store.table(table.name).list_indices()} == indexes


@pytest.mark.parametrize("copy", [False, True], ids=["rename", "copy"])
def test_one_percent_renamed_or_copied_embeds_nothing(indexed: IndexedFolder, files: list[Path], copy: bool) -> None:
    for file in files[300 : 300 + ONE_PERCENT]:
        (shutil.copy if copy else shutil.move)(file, file.with_name(f"{'copied' if copy else 'moved'}-{file.name}"))
    report = indexed.sync()
    assert (report.renamed, report.added) == ((0, ONE_PERCENT) if copy else (ONE_PERCENT, 0))
    assert (indexed.embedder.embedded, report.deleted, report.commits) == ([], 0, 1)


def test_a_revert_embeds_nothing(indexed: IndexedFolder, files: list[Path]) -> None:
    before = {file: file.read_text() for file in files[400 : 400 + ONE_PERCENT]}
    for file in before:
        edited(file, "start")
    assert indexed.sync().chunks_embedded > 0
    for file, text in before.items():
        file.write_text(text)
    report = indexed.sync()
    assert (report.updated, report.chunks_embedded, report.commits) == (ONE_PERCENT, 0, 1)


def test_no_change_reads_no_byte(indexed: IndexedFolder) -> None:
    indexed.sync()
    report = indexed.sync()
    assert report.unchanged == report.scanned >= DOCUMENTS
    assert (report.documents_read, report.bytes_read, report.chunks_embedded, report.commits) == (0, 0, 0, 0)


def test_of_the_ledger_what_changes_is_read_whole_and_of_the_rest_what_a_listing_is_compared_with(
    indexed: IndexedFolder, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.sync()
    values: Counter[str] = Counter()
    read = Store.rows

    def counting(store: Store, name: str, where: str = "", columns: Sequence[str] = ()) -> pa.Table:
        rows = read(store, name, where, columns)
        values["document" if "kind = 'document'" in where else "other"] += rows.num_rows * rows.num_columns
        return rows

    monkeypatch.setattr(Store, "rows", counting)
    unchanged = indexed.sync().unchanged
    compared = len(COMPARED) + 1  # and its source: a folder inside of a known one is no source of its own
    assert values["document"] == unchanged * compared
    values.clear()
    for file in files[600 : 600 + ONE_PERCENT]:
        edited(file, "middle")
    assert indexed.sync().updated == ONE_PERCENT
    assert values["document"] == unchanged * compared + ONE_PERCENT * len(COLUMNS)


def test_edits_that_keep_size_and_mtime_are_found(indexed: IndexedFolder, files: list[Path]) -> None:
    strings = {file: embedded_strings(file) for file in files[500 : 500 + ONE_PERCENT]}
    for file in strings:
        before, data = file.stat(), file.read_bytes()
        file.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    report = indexed.sync()
    assert (report.updated, report.documents_read, report.commits) == (ONE_PERCENT, ONE_PERCENT, 1)
    assert set(indexed.embedder.embedded) == set().union(*(embedded_strings(file) - strings[file] for file in strings))


def test_touching_everything_embeds_nothing(indexed: IndexedFolder, files: list[Path]) -> None:
    for file in files:
        os.utime(file)
    report = indexed.sync()
    assert (report.documents_read, report.unchanged) == (len(files), len(files))
    assert (report.updated, indexed.embedder.embedded) == (0, [])
    assert report.commits <= 1 + len(files) / 500, "batches of 500 documents"


def test_chunks_keep_their_offsets_and_heading_paths(indexed: IndexedFolder) -> None:
    rows = indexed.contents().values()
    texts = {row["key"]: (indexed.folder / row["key"]).read_text() for row in rows if row["kind"] == "document"}
    chunks = {name: row for name, row in indexed.contents().items() if row["kind"] == "chunk"}
    spans = [(row["key"], span) for row in rows if row["kind"] == "document" for span in row["spans"]]
    assert len(spans) == len(chunks) > 10_000
    for key, span in spans:
        row = chunks[span["chunk_id"]]
        assert texts[key][span["start"] : span["end"]] == row["text"]
        title, _, section = row["heading"].partition(" > ")
        assert texts[key].startswith(f"# {title}\n")
        assert f"\n## {section}\n" in texts[key][: span["start"]]


def test_one_percent_deleted_is_one_commit_that_writes_no_row_and_leaves_the_indexes(
    indexed: IndexedFolder, files: list[Path]
) -> None:
    app = indexed.app()
    table = app.store.table(app.index.generation.table)
    table.optimize()
    indexes = {one.index_uuid for one in table.list_indices()}
    rows = table.count_rows()
    for file in files[700 : 700 + ONE_PERCENT]:
        file.unlink()
    report = indexed.sync()
    assert (report.deleted, report.commits, indexed.embedder.embedded) == (ONE_PERCENT, 1, [])
    table = app.store.table(table.name)
    assert table.count_rows() == rows - ONE_PERCENT - sum(one.chunks for one in report.changes)
    assert {one.index_uuid for one in table.list_indices()} == indexes
    assert not any(one.num_unindexed_rows for one in table.list_indices())


def test_deleting_everything_takes_two_commits_and_a_second_for_ten_thousand_chunks(indexed: IndexedFolder) -> None:
    chunks = indexed.sync().chunks_total
    for path in indexed.folder.iterdir():
        shutil.rmtree(path)
    with cpu_seconds_below(chunks / 10_000, time.process_time):
        report = indexed.sync(confirm_deletes=True)
    assert report.commits <= 2
    assert indexed.contents() == {}
