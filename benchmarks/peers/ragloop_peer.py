"""ragloop on given chunks: neither parses nor tokenizes, as none of the peers does here. See given.py.

An index without full-text search is not ragloop's: its indexes are made and counted, and what they took is told apart.
Chunks keep their offsets.
"""

from pathlib import Path
from typing import Any

import given

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.index.table import Index
from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.sync import preparing


class Embedder:
    """The embedding that is given."""

    fingerprint = "given-384"
    dimension = given.DIMENSION
    max_tokens = 256

    def count_tokens(self, texts: Any) -> list[int]:
        raise AssertionError("the chunks are given")

    def embed(self, texts: Any) -> Any:
        return given.embed(texts)


def sync(documents: Path, chunks: Path, state: Path) -> None:
    class Given(DocumentParser):
        def chunks(self, data: bytes, media_type: str, name: str, *_: Any) -> tuple[str, list[Chunk]]:
            return name, [Chunk(**one) for one in given.chunks_of(data, chunks)]

    preparing.DocumentParser = Given
    Index.maintain = timed(Index.maintain)
    app(state).sync(documents)


def timed(maintain: Any) -> Any:
    def maintained(index: Index) -> None:
        started = given.cpu_s()
        maintain(index)
        given.indexes_s += given.cpu_s() - started

    return maintained


def app(state: Path) -> App:
    return App(load_settings(home=state), embedder=Embedder())


def rows(state: Path) -> given.Rows:
    index = app(state).index
    found = index.store.rows(index.generation.table, "NOT deleted AND kind = 'chunk'", ["key", "text"])
    return list(zip(found["key"].to_pylist(), found["text"].to_pylist(), strict=True))


def commits(state: Path) -> int:
    return sum(map(given.lance_versions, (state / "store").glob("index_*.lance")))


if __name__ == "__main__":
    given.main(["ragloop", "lancedb"], sync, rows, commits)
