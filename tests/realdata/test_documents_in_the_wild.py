"""Documents as people have them: each case is synced, and what its own checks ask for stands in the index."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.index.searching.search import Search
from ragloop.models import Embedder

pytestmark = [pytest.mark.long, pytest.mark.realdata, pytest.mark.realmodel, pytest.mark.timeout(900)]

NAMED = "documents-in-the-wild"
FOUND_ONLY = {"What is the address of the handbook?"}
"""Questions whose passage is found first, and is less similar than retrieval.min_similarity: the answer abstains."""


@cache
def embedder() -> Embedder:
    return App(Settings()).embedder


@pytest.fixture(scope="session")
def cases(realdata: Path) -> dict[str, Path]:
    return {
        folder.name: folder for folder in sorted((realdata / NAMED).iterdir()) if (folder / "checks.json").is_file()
    }


def synced(folder: Path, home: Path) -> App:
    app = App(Settings(home=home), embedder=embedder())
    app.corpus.sync(folder / "docs")
    return app


def rows_of(app: App, kind: str) -> list[dict[str, Any]]:
    table = app.store.table(app.index.generation.table)
    return list(table.search().where(f"kind = '{kind}' and not deleted").limit(None).to_arrow().to_pylist())


def complaints(app: App, checks: dict[str, Any]) -> Iterator[str]:
    """What the checks of a case ask for and the index does not give."""
    chunks = rows_of(app, "chunk")
    texts, headings = [row["text"] for row in chunks], [row["heading"] for row in chunks]
    yield from (f"lost {one!r}" for one in checks["present"] if not any(one in text for text in texts))
    yield from (f"holds {one!r}" for one in checks["absent"] if any(one in text for text in texts + headings))
    for one in checks["headings"]:
        if not any(path == one[1:] if one.startswith("=") else one in path for path in headings):
            yield f"no heading {one!r} among {sorted(set(headings))[:9]}"
    if checks["every"]:
        of, holds = checks["every"]
        yield from (f"{text[:80]!r} lacks {holds!r}" for text in texts if of in text and holds not in text)
    if checks["readable"]:
        yield from (f"{row['key']}: {row['reason']}" for row in rows_of(app, "document") if row["reason"])
    for question, file in checks["search"]:
        first = app.answering.search(question, 1).passages[0].uri
        if not first.endswith(f"/{file}"):
            yield f"{question!r} finds {first}"
    for words, file in checks["words"]:
        hits = Search(app.index).by_words(words, embedder().embed([words])[0], 1)
        if not hits or not hits[0]["uri"].endswith(f"/{file}"):
            yield f"the words {words!r} find {[hit['uri'] for hit in hits]}"
    for question, said in checks["ask"]:
        if question in FOUND_ONLY:
            answer = app.answering.search(question, 1).passages[0].text
        else:
            answer = app.answering.answerer.ask(question).answer
        if said.lstrip("=") not in answer:
            yield f"{question!r} is answered {answer!r}"


def test_every_case_reads_as_a_person_reads_it(cases: dict[str, Path], tmp_path: Path) -> None:
    found = []
    for name, folder in cases.items():
        app = synced(folder, tmp_path / name)
        checks = json.loads((folder / "checks.json").read_text())
        found += [f"{name}: {complaint}" for complaint in complaints(app, checks)]
    assert not found, "\n".join(found)
