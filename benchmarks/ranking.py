"""How well are passages ranked? The claim: hybrid retrieval ranks above BM25 and above vector search alone.

    python benchmarks/ranking.py [--data DIR] [--language en] [--embedder NAME] [--backend auto]

Takes the folder that holds cranfield/beir (abstracts and judged queries in BEIR form) and xquad (SQuAD form: the
paragraph that a question was written for is the relevant one). Each set becomes a folder of text files, which is synced
and searched as any other; a document ranks as its best chunk. Prints one Markdown table: per set and ranking, nDCG@10
(Jarvelin and Kekalainen, TOIS 2002), recall@5 and recall@10 over all judged queries. cranfield is in English, and is
asked with `--language en` alone.
"""

import argparse
import json
import math
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index.searching.search import Search
from ragloop.models import question_vectors
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER
from ragloop.records import Passage

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parent.parent.parent / "shared" / "data"))
DEPTH = 50
"""Passages that are ranked per query: several are of one document, and ten documents are scored."""
K1, B = 0.9, 0.4
"""Parameters of BM25 as Anserini sets them, the customary lexical floor."""
WAYS = ("BM25", "full text", "vector", "hybrid")

Ranking = Sequence[str]
Gains = Mapping[str, int]


@dataclass(frozen=True)
class JudgedSet:
    """Documents and queries by id, and per query the documents that answer it with their gains."""

    name: str
    documents: Mapping[str, str]
    queries: Mapping[str, str]
    gains: Mapping[str, Gains]


def cranfield(data: Path) -> JudgedSet:
    """1,400 abstracts on aerodynamics; most texts begin with their title, the others get it as a paragraph before."""
    folder = data / "cranfield" / "beir"
    documents = {}
    for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        title, text = row["title"], row["text"]
        documents[row["_id"]] = text if text.startswith(title) else f"{title}\n\n{text}"
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    gains: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (folder / "qrels" / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, gain = line.split("\t")
        gains[query][document] = int(gain)
    return JudgedSet("cranfield dev", documents, {one: queries[one] for one in gains}, gains)


def xquad(data: Path, language: str = "en") -> JudgedSet:
    """The paragraphs of 24 articles, each with the questions that were written for it."""
    documents: dict[str, str] = {}
    queries: dict[str, str] = {}
    gains: dict[str, dict[str, int]] = {}
    file = data / "xquad" / "dev" / f"xquad.{language}.dev.json"
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            name = f"p{len(documents):03}"
            documents[name] = paragraph["context"]
            for asked in paragraph["qas"]:
                queries[asked["id"]] = asked["question"]
                gains[asked["id"]] = {name: 1}
    return JudgedSet(f"xquad {language} dev", documents, queries, gains)


def indexed(judged: JudgedSet, folder: Path, backend: str = "auto", embedder: str = DEFAULT_EMBEDDER) -> App:
    """The documents as text files under `folder`, synced into an index beside them."""
    (folder / "documents").mkdir(parents=True)
    for name, text in judged.documents.items():
        (folder / "documents" / f"{name}.txt").write_text(text, encoding="utf-8")
    wanted = f'[index]\nembedder = "{embedder}"\nembedder_backend = "{backend}"\n'
    (folder / "ragloop.toml").write_text(wanted, encoding="utf-8")
    app = App(load_settings(folder / "ragloop.toml", folder / "home"))
    app.corpus.sync(folder / "documents")
    return app


def rankings(app: App, judged: JudgedSet, chosen: Sequence[str] = WAYS) -> dict[str, dict[str, Ranking]]:
    """Per way of searching and per query, documents by descending score."""
    ids, texts = list(judged.queries), list(judged.queries.values())
    vectors = dict(zip(ids, question_vectors(app.embedder, texts), strict=True))
    policy = RetrievalPolicy.of(app.settings.retrieval, guard=app.settings.answers.guard).for_top(DEPTH)
    retriever = Retriever(app.index, policy)

    def by_vector(query: str) -> Ranking:
        rows = Search(app.index).by_vector(vectors[query], policy.candidates)[:DEPTH]
        return list(dict.fromkeys(Path(row["uri"]).stem for row in rows))

    def hybrid(query: str) -> Ranking:
        return by_document(retriever.retrieve(judged.queries[query], vectors[query]).passages)

    def by_words(query: str) -> Ranking:
        rows = Search(app.index).by_words(judged.queries[query], vectors[query], DEPTH)
        return list(dict.fromkeys(Path(row["uri"]).stem for row in rows))

    bm25 = Bm25(judged.documents)
    ways: dict[str, Callable[[str], Ranking]] = {
        "BM25": lambda query: bm25.ranking(judged.queries[query]),
        "full text": by_words,
        "vector": by_vector,
        "hybrid": hybrid,
    }
    return {way: {query: ways[way](query) for query in ids} for way in chosen}


def scores(app: App, judged: JudgedSet, chosen: Sequence[str] = WAYS) -> dict[str, dict[str, float]]:
    """Per way of searching the mean of every measure over all judged queries."""
    return {
        way: {name: mean(measure, ranked, judged) for name, measure in MEASURES.items()}
        for way, ranked in rankings(app, judged, chosen).items()
    }


def by_document(passages: Sequence[Passage]) -> Ranking:
    """Documents in the order of their best passages."""
    return list(dict.fromkeys(Path(passage.uri).stem for passage in passages))


class Bm25:
    """BM25 over lower-case words, neither stemmed nor stopped (Robertson and Zaragoza, 2009)."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self._counts = {name: Counter(_words(text)) for name, text in documents.items()}
        self._frequency = Counter(word for counts in self._counts.values() for word in counts)
        self._mean = sum(counts.total() for counts in self._counts.values()) / len(documents)

    def ranking(self, query: str, limit: int = DEPTH) -> Ranking:
        """Documents by descending score, those that share no word with the query left out."""
        scores: dict[str, float] = {}
        words = [(word, self._idf(word)) for word in _words(query) if word in self._frequency]
        for name, counts in self._counts.items():
            length = K1 * (1 - B + B * counts.total() / self._mean)
            scores[name] = sum(idf * counts[word] / (counts[word] + length) for word, idf in words)
        best = sorted(scores, key=lambda name: (-scores[name], name))[:limit]
        return [name for name in best if scores[name] > 0]

    def _idf(self, word: str) -> float:
        holding = self._frequency[word]
        return math.log(1 + (len(self._counts) - holding + 0.5) / (holding + 0.5))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def ndcg(ranking: Ranking, gains: Gains, depth: int = 10) -> float:
    """Discounted gain of the first `depth` documents over that of the best order there is."""
    best = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(sorted(gains.values())[::-1][:depth], 1))
    found = sum(gains.get(name, 0) / math.log2(rank + 1) for rank, name in enumerate(ranking[:depth], 1))
    return found / best if best else 0.0


def recall(ranking: Ranking, gains: Gains, depth: int) -> float:
    """Share of the relevant documents among the first `depth`."""
    relevant = {name for name, gain in gains.items() if gain > 0}
    return len(relevant & set(ranking[:depth])) / len(relevant) if relevant else 0.0


def mean(score: Callable[[Ranking, Gains], float], ranked: Mapping[str, Ranking], judged: JudgedSet) -> float:
    """The mean of a score over all judged queries."""
    return sum(score(ranked[query], judged.gains[query]) for query in judged.gains) / len(judged.gains)


MEASURES: Mapping[str, Callable[[Ranking, Gains], float]] = {
    "nDCG@10": ndcg,
    "recall@5": lambda ranking, gains: recall(ranking, gains, 5),
    "recall@10": lambda ranking, gains: recall(ranking, gains, 10),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds cranfield and xquad")
    parser.add_argument("--embedder", default=DEFAULT_EMBEDDER, help="index.embedder, such as bge-small-en-v1.5")
    parser.add_argument("--backend", default="auto", help="index.embedder_backend, such as onnx-int8")
    parser.add_argument("--language", default="en", help="language of xquad: en, de, zh or ar")
    given = parser.parse_args()
    if not (given.data / "cranfield").is_dir():
        print(f"found no folder cranfield in {given.data}: pass --data DIR, or set RAGLOOP_REALDATA")
        return
    print("| set | queries | ranking | " + " | ".join(MEASURES) + " |")
    print("|---|---:|---|" + "---:|" * len(MEASURES))
    abstracts = [cranfield(given.data)] if given.language == "en" else []
    for judged in (*abstracts, xquad(given.data, given.language)):
        with tempfile.TemporaryDirectory() as folder:
            for way, found in scores(indexed(judged, Path(folder), given.backend, given.embedder), judged).items():
                values = " | ".join(f"{one:.3f}" for one in found.values())
                print(f"| {judged.name} | {len(judged.gains)} | {way} | {values} |")


if __name__ == "__main__":
    main()
