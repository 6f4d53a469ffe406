"""LlamaIndex's IngestionPipeline with docstore strategy UPSERTS_AND_DELETE and its LanceDB vector store. See given.py.

As shipped, LanceDBVectorStore.delete quotes the id as a column name and LanceDB refuses it, so that no changed document
can be replaced; `Repaired` quotes it as a string, and a table that does not exist yet has nothing to delete.
"""

from pathlib import Path
from typing import Any

import given
import lancedb
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import Document, TextNode, TransformComponent
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.lancedb import LanceDBVectorStore


class Given(BaseEmbedding):
    """The embedding that is given."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return given.embed([text])[0].tolist()

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return given.embed(texts).tolist()

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class Chunks(TransformComponent):
    """Documents to the chunks that are given."""

    folder: str

    def __call__(self, nodes: Any, **_: Any) -> list[TextNode]:
        return [
            TextNode(
                text=chunk["text"],
                metadata={"key": node.node_id, "heading": chunk["heading"]},
                relationships={"1": node.as_related_node_info()},
            )
            for node in nodes
            for chunk in given.chunks_of(node.text.encode(), Path(self.folder))
        ]


class Repaired(LanceDBVectorStore):
    """Deletes what it is asked to; see above."""

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        if self._table is not None:
            quoted = ref_doc_id.replace("'", "''")
            self._table.delete(f"{self.doc_id_key} = '{quoted}'")


def sync(documents: Path, chunks: Path, state: Path) -> None:
    state.mkdir(parents=True, exist_ok=True)
    kept = state / "docstore.json"
    pipeline = IngestionPipeline(
        transformations=[Chunks(folder=str(chunks)), Given(embed_batch_size=100)],
        vector_store=Repaired(uri=str(state / "lance"), table_name="chunks"),
        docstore=SimpleDocumentStore.from_persist_path(str(kept)) if kept.exists() else SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        disable_cache=True,
    )
    pipeline.run(documents=[Document(text=data.decode(), id_=key) for key, data in given.documents(documents)])
    pipeline.docstore.persist(str(kept))


def rows(state: Path) -> given.Rows:
    found = lancedb.connect(state / "lance").open_table("chunks").to_arrow().select(["doc_id", "text"])
    return list(zip(found["doc_id"].to_pylist(), found["text"].to_pylist(), strict=True))


def commits(state: Path) -> int:
    return given.lance_versions(state / "lance" / "chunks.lance")


if __name__ == "__main__":
    given.main(["llama-index-core", "llama-index-vector-stores-lancedb", "lancedb"], sync, rows, commits)
