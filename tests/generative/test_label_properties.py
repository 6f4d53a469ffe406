"""Whoever asks finds what an index finds that holds only the documents that they may see."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ragloop.app import App
from ragloop.corpus.index import documents, inventory
from ragloop.corpus.index.search_indexes import make_index
from ragloop.corpus.index.searching.search import Search
from ragloop.records import EVERYTHING, View
from tests.support.examples import tried
from tests.support.indexed_folder import IndexedFolder

KEYS = ("ant.md", "bee.md", "cow.md", "dog.md", "elk.md")
LABELS = st.frozensets(st.sampled_from(["hr", "ops", "it's", "HR", "hr,ops"]), max_size=3)
DOCUMENTS = st.fixed_dictionaries(dict.fromkeys(KEYS, LABELS))
QUESTIONS = ("What eats grass1?", "The bee eats", "cow elk wood")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> IndexedFolder:
    """An index of five documents of two chunks and more, whose labels are set anew for every example."""
    place = tmp_path_factory.mktemp("labels")
    made = IndexedFolder(place / "home", place / "documents")
    for number, key in enumerate(KEYS):
        name = key.removesuffix(".md")
        paragraphs = (f"The {name} eats {word}{number}. " + f"{name}{word} " * 120 for word in ("grass", "wood"))
        made.write(key, f"# {name}\n\n" + "\n\n".join(paragraphs))
    made.sync()
    return made


def label(app: App, labelled: Mapping[str, frozenset[str]]) -> None:
    """Write the chunks anew with these labels, as a sync does."""
    held = documents.chunk_rows(app.index, sorted(inventory.keys(app.index)))
    rows = [{**row, "labels": sorted(labelled[row["key"]])} for row, _ in held]
    with app.store.lease("index"):
        app.index.commit(rows, [vector for _, vector in held])


def of_keys(rows: list[dict[str, Any]], keys: list[str]) -> list[dict[str, Any]]:
    return [row for row in rows if row["uri"].rpartition("/")[2] in keys]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


@given(DOCUMENTS, LABELS, st.integers(1, 4), st.booleans())
@settings(
    max_examples=tried(6),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_a_search_finds_exactly_what_its_caller_may_see(
    indexed: IndexedFolder, labelled: dict[str, frozenset[str]], caller: frozenset[str], few: int, looked_up: bool
) -> None:
    app = indexed.app(retrieval={"top_k": 100, "candidates": 1000})
    label(app, labelled)
    if looked_up:
        with app.store.lease("index"):
            make_index(app.store, app.index.generation.table, "labels")
    permitted = [key for key, labels in labelled.items() if not labels or labels & caller]
    index, view = app.index, View(caller)
    for question in QUESTIONS:
        vector = app.embedder.embed([question])[0]
        for search in (Search(index).by_vector, lambda *rest, words=question: Search(index).by_words(words, *rest)):
            expected = ids(of_keys(search(vector, 1000, EVERYTHING), permitted))
            assert sorted(ids(search(vector, 1000, view))) == sorted(expected)
            some = ids(search(vector, few, view))
            assert set(some) <= set(expected)
            assert len(some) == min(few, len(expected)), "what is out of view takes no candidate's place"
        found = app.answering.search(question, labels=caller)
        assert {one.uri.rpartition("/")[2] for one in found.passages} == set(permitted)
        best = max((one.similarity for one in found.passages), default=None)
        assert found.top_similarity == best
