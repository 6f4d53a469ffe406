"""How often a question waits for LanceDB's thread."""

from collections.abc import Iterator

import lancedb.background_loop
import pytest
from lancedb.table import AsyncTable

from ragloop.corpus.index.searching import kept
from ragloop.corpus.index.searching.side_by_side import asynchronous, side_by_side
from tests.support.indexed_folder import IndexedFolder


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whatever LanceDB's thread was asked for."""
    loop, waits = lancedb.background_loop.LOOP, list[object]()
    run = loop.run

    def counted(read: object) -> object:
        waits.append(read)
        return run(read)

    monkeypatch.setattr(loop, "run", counted)
    return waits


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """The row ids that tables were asked to read, by query."""
    taken: list[list[int]] = []
    take = AsyncTable.take_row_ids

    def noted(table: AsyncTable, row_ids: list[int]) -> object:
        taken.append(row_ids)
        return take(table, row_ids)

    monkeypatch.setattr(AsyncTable, "take_row_ids", noted)
    return taken


def test_a_question_waits_for_lancedb_four_times(indexed: IndexedFolder, waits: list[object]) -> None:
    indexed.write_numbered(12)
    indexed.sync()
    answerer = indexed.app(retrieval={"min_similarity": -1.0}).answering.answerer
    answerer.ask("What does page 3 say?")
    waits.clear()
    answerer.ask("What does page 4 say of zebras?")
    assert len(waits) <= 4, "versions; vector and words; words that no candidate has; routes"
    answerer.ask("Which paragraph speaks?")
    waits.clear()
    answerer.ask("Which paragraph speaks?")
    assert len(waits) <= 3, "versions; vector and words; routes"


def test_a_chunk_is_read_once_for_all_questions(indexed: IndexedFolder, taken: list[list[int]]) -> None:
    indexed.write_numbered(12)
    indexed.sync()
    answering = indexed.app(retrieval={"min_similarity": -1.0}).answering
    first = answering.search("What does page 3 say?")
    read = [row for query in taken for row in query]
    assert len(taken) == 1, "those of all rankings in one query"
    assert len(set(read)) == len(read) == 24
    assert answering.search("What does page 3 say?") == first
    answering.search("What does page 4 say?")
    assert len(taken) == 1, "each was found by the first question"
    indexed.write("new.md", "Page 99 says something else.")
    indexed.sync()
    assert any(one.uri.endswith("new.md") for one in answering.search("What does page 99 say?").passages)
    assert len(taken) == 2, "another state of the index has rows of its own"


@pytest.mark.parametrize("most", [0, 10_000])
def test_places_are_the_same_whether_all_are_read_or_a_few(
    indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(kept, "_READ_WHOLE", most)
    text = "# Title\n\n" + "\n\n".join(f"Paragraph {n} says number {n}. " * 20 for n in range(6))
    indexed.write("one.md", text)
    indexed.sync()
    for passage in indexed.app().answering.search("Which number says paragraph 3?").passages:
        assert text[passage.start : passage.end].split() == passage.text.split()


def test_all_reads_end_before_the_error_of_one_is_raised(indexed: IndexedFolder) -> None:
    indexed.write_numbered(2)
    indexed.sync()
    table = asynchronous(indexed.app().index.table())
    ended = []

    async def count(where: str) -> int:
        try:
            return await table.count_rows(where)
        finally:
            ended.append(where)

    assert side_by_side([count("kind = 'document'"), count("deleted")]) == [2, 0]
    with pytest.raises(Exception, match="nothing"):
        side_by_side([count("nothing = 1"), count("kind = 'chunk'")])
    assert len(ended) == 4
