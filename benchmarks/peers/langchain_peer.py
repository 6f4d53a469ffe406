"""LangChain's index() with cleanup="full", a record manager in SQLite and its LanceDB vector store. See given.py.

Offsets are left out of the metadata: they are part of what is hashed, so that an edit would embed all that follows it.
"""

from collections.abc import Iterator
from pathlib import Path

import given
import lancedb
from langchain_community.indexes._sql_record_manager import SQLRecordManager
from langchain_community.vectorstores import LanceDB
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import index


class Given(Embeddings):
    """The embedding that is given."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return given.embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def chunks_in(documents: Path, chunks: Path) -> Iterator[Document]:
    for key, data in given.documents(documents):
        for chunk in given.chunks_of(data, chunks):
            yield Document(chunk["text"], metadata={"source": key, "heading": chunk["heading"]})


def sync(documents: Path, chunks: Path, state: Path) -> None:
    state.mkdir(parents=True, exist_ok=True)
    manager = SQLRecordManager("bench", db_url=f"sqlite:///{state / 'records.sqlite'}")
    manager.create_schema()
    store = LanceDB(connection=lancedb.connect(state / "lance"), embedding=Given(), table_name="chunks", mode="append")
    index(chunks_in(documents, chunks), manager, store, cleanup="full", source_id_key="source", key_encoder="sha256")


def rows(state: Path) -> given.Rows:
    found = lancedb.connect(state / "lance").open_table("chunks").to_arrow().select(["metadata", "text"])
    return [(one["metadata"]["source"], one["text"]) for one in found.to_pylist()]


def commits(state: Path) -> int:
    return given.lance_versions(state / "lance" / "chunks.lance")


if __name__ == "__main__":
    given.main(["langchain-core", "langchain-community", "lancedb"], sync, rows, commits)
