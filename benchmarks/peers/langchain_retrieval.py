"""LangChain as its tutorials have it: a recursive splitter, a vector store, BM25, and an ensemble of both."""

import retrieval_given as given
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter


class Given(Embeddings):
    """The embedder that is given; queries are embedded at once beforehand."""

    def __init__(self, queries: list[str]) -> None:
        self._known = dict(zip(queries, given.embed(queries), strict=True))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return given.embed(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._known[text]


def rank(documents: dict[str, str], queries: dict[str, str], depth: int) -> given.Rankings:
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    whole = [Document(text, metadata={"id": name}) for name, text in documents.items()]
    chunks = splitter.split_documents(whole)
    store = InMemoryVectorStore(Given(list(queries.values())))
    store.add_documents(chunks)
    vector = store.as_retriever(search_kwargs={"k": depth})
    words = BM25Retriever.from_documents(chunks, k=depth)
    both = EnsembleRetriever(retrievers=[words, vector], weights=[0.5, 0.5])
    ways = {"vector": vector, "BM25": words, "ensemble": both}
    return {
        name: {
            query: list(dict.fromkeys(one.metadata["id"] for one in way.invoke(text)))[:depth]
            for query, text in queries.items()
        }
        for name, way in ways.items()
    }


if __name__ == "__main__":
    given.main(["langchain-core", "langchain-classic", "langchain-community"], rank)
